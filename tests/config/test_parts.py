"""Nodes against the signatures of what they name."""

import inspect
import os
from collections.abc import Callable
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, NewType, Optional, TypeVar, Union

import pytest
import torch
from annotated_types import Gt

from al_bench.config.parts import called, checked_arguments, checked_part, checked_value
from al_bench.core.data import Dataset
from al_bench.core.errors import ConfigError
from al_bench.core.ranges import Fraction, NonNegativeInt, PositiveFloat, PositiveInt
from al_bench.core.strategy import Strategy
from al_bench.job.loading import checked_node, loaded
from al_bench.strategies.random import Random
from tests.conftest import blobs


class Part:
    def __init__(
        self,
        fact: object,
        size: Annotated[int, Gt(0)],
        rate: float = 0.5,
        kind: Literal["a", "b"] = "a",
        inner: object = None,
        names: list[str] | None = None,
        untyped=None,
    ) -> None:
        if kind == "b" and size > 5:
            raise ValueError("kind=b: size must be at most 5")
        self.arguments = {"size": size, "rate": rate, "kind": kind, "inner": inner, "names": names, "untyped": untyped}


PART = "tests.config.test_parts.Part"


def built(**arguments: object) -> Part:
    part = checked_part("part", {"_target_": PART, **arguments}, facts={"fact"})
    return called("part", part, fact=1, unused=2)


def test_arguments_reach_the_constructor_with_the_types_of_its_hints():
    arguments = built(size=3, rate=1, names=["x"], untyped={"y": 1}).arguments
    assert arguments == {"size": 3, "rate": 1.0, "kind": "a", "inner": None, "names": ["x"], "untyped": {"y": 1}}
    assert type(arguments["rate"]) is float


def test_a_nested_part_is_built_and_a_partial_one_left_open():
    inner = {"_target_": "torch.optim.Adam", "_partial_": True, "lr": 1, "betas": [0.8, 0.9]}
    optimizer = built(size=1, inner=inner).arguments["inner"]
    assert isinstance(optimizer, partial)
    assert optimizer([torch.zeros(1, requires_grad=True)]).defaults["betas"] == (0.8, 0.9)
    nested = built(size=1, inner={"_target_": "collections.Counter"}).arguments["inner"]
    assert nested == {}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, r"^part.size is missing; say \+part.size=...$"),
        ({"size": 0}, "^part.size=0: input should be greater than 0$"),
        ({"size": "3"}, '^part.size="3": input should be a valid integer$'),
        ({"size": 2.5}, "^part.size=2.5: input should be a valid integer$"),
        ({"size": True}, "^part.size=true: input should be a valid integer$"),
        ({"size": 1, "rate": "fast"}, "^part.rate=fast: input should be a valid number$"),
        ({"size": 1, "rate": float("nan")}, "^part.rate=nan: input should be a finite number$"),
        ({"size": 1, "kind": "c"}, "^part.kind=c: input should be 'a' or 'b'$"),
        ({"size": 1, "names": ["x", 2]}, r"^part.names\[1\]="),
        ({"siez": 1}, "^part.siez=1: there is no such key; did you mean 'size'"),
        ({"size": 1, "fact": 2}, "^part.fact=2: there is no such key"),
        ({"size": 9, "kind": "b"}, "^part: kind=b: size must be at most 5$"),
        ({"size": 1, "inner": {"_target_": PART, "zise": 1}}, "^part.inner.zise=1: there is no such key"),
        ({"size": 1, "inner": {"_target_": "torch.optim.Adam", "_partial_": True, "rl": 1}}, "did you mean 'lr'"),
    ],
    ids=str,
)
def test_a_wrong_argument_is_one_message_with_key_value_and_what_is_right(arguments, message):
    with pytest.raises(ConfigError, match=message):
        built(**arguments)


@pytest.mark.parametrize("target", ["nowhere.Part", "al_bench.nothing", "json", "", 3, None])
def test_a_target_that_cannot_be_called_is_named(target):
    with pytest.raises(ConfigError, match="^part"):
        checked_part("part", {"_target_": target})


def test_two_constructors_of_one_node_must_not_share_a_name():
    def network(size: int) -> None: ...

    with pytest.raises(ConfigError, match=r"model.size: two constructors have this argument"):
        checked_arguments("model", [network, Part], {})


class Colour(Enum):
    RED = "red"


class Size(int):
    """A user's own class, which is a part."""


CALLED: list[str] = []


def called_by_mistake() -> str:
    CALLED.append("called")
    return "a"


@pytest.mark.parametrize("is_partial", [False, True])
@pytest.mark.parametrize(
    "hint",
    [
        *(int, float, bool, str, Path, os.PathLike[str], bytes, complex, None, Colour),
        *(PositiveInt, PositiveFloat, NonNegativeInt, Fraction, Literal["a", "b"], Annotated[Literal[1], "x"]),
        *(int | None, str | Path, Optional[float], Union[int, str], PositiveInt | Literal["auto"] | None),  # noqa: UP007, UP045
        *(NewType("Rows", int), list[str], tuple[float, float], tuple[int, ...], dict[str, int], list[int] | None),
    ],
    ids=str,
)
def test_no_part_stands_where_a_plain_value_belongs(hint, is_partial):
    CALLED.clear()
    node = {"_target_": f"{__name__}.called_by_mistake"} | ({"_partial_": True} if is_partial else {})
    with pytest.raises(ConfigError, match=r"^model.size.*="):
        checked_value("model.size", hint, node)
    assert CALLED == []


@pytest.mark.parametrize(
    "hint",
    [
        *(
            Any,
            object,
            inspect.Parameter.empty,
            Size,
            Strategy,
            torch.Tensor,
            float | torch.Tensor,
            dict,
            list,
            list[Any],
        ),
        *(
            Callable[..., str],
            Callable[[int], float] | None,
            "str",
            str | Strategy,
            dict[str, Any],
            type[int],
            TypeVar("T"),
        ),
    ],
    ids=str,
)
def test_a_part_stands_where_anything_else_may(hint):
    node = {"_target_": "al_bench.strategies.random.Random", "_partial_": True}
    assert checked_value("model.size", hint, node).func is Random


@pytest.mark.parametrize(
    "key",
    [
        *(
            "dataset.scale",
            "dataset.test_fraction",
            "dataset.md5",
            "model.precision",
            "model.minibatch_size",
            "model.width",
        ),
        *(
            "tracker.mode",
            "tracker.project",
            "strategy.size",
            "dataset.hyperparameters.lr",
            "seed",
            "name",
            "num_threads",
        ),
    ],
)
def test_from_the_command_line_nothing_is_called(cli, tmp_path, key):
    """In a folder where `made` is what a call would leave."""
    part = f"{{_target_: os.mkdir, path: {tmp_path / 'made'}, mode: 511, dir_fd: null}}"
    options = ("dataset=openml", "dataset.id=6", "strategy=badge", "tracker=wandb")
    result = cli(*options, f"++{key}={part}", "name=x" if key != "name" else "seed=1")
    assert result.code == 1
    assert key in result.err
    assert "Traceback" not in result.err
    assert not (tmp_path / "made").exists()


class Inner:
    def __init__(self, fact: object, deeper: object = None, name: str = "inner") -> None:
        if fact == "bad":
            raise ValueError("no such fact")
        self.fact, self.deeper, self.name = fact, deeper, name


INNER = "tests.config.test_parts.Inner"


class TestPartsWithinParts:
    """They get the facts that their outer part gets, when that does."""

    def test_at_any_depth(self):
        inner = built(size=1, inner={"_target_": INNER, "deeper": {"_target_": INNER, "name": "deep"}}).arguments[
            "inner"
        ]
        assert (inner.fact, inner.deeper.fact, inner.deeper.name) == (1, 1, "deep")

    def test_in_a_list(self):
        outer = built(size=1, untyped=[{"_target_": INNER}, {"_target_": INNER, "name": "second"}, 3])
        first, second, number = outer.arguments["untyped"]
        assert (first.fact, second.fact, second.name, number) == (1, 1, "second", 3)

    def test_unless_they_are_given_another(self):
        assert built(size=1, inner={"_target_": INNER, "fact": 7}).arguments["inner"].fact == 7

    def test_partial_ones_are_still_to_be_called(self):
        inner = built(size=1, inner={"_target_": INNER, "_partial_": True}).arguments["inner"]
        assert isinstance(inner, partial)
        assert inner(name="called").fact == 1

    def test_are_checked_before_anything_is_called(self):
        with pytest.raises(ConfigError, match=r"^part.inner.deeper.nmae=x: there is no such key; did you mean 'name'"):
            built(size=1, inner={"_target_": INNER, "deeper": {"_target_": INNER, "nmae": "x"}})
        with pytest.raises(ConfigError, match=r"^part.untyped\[1\].nmae=x: there is no such key"):
            built(size=1, untyped=[3, {"_target_": INNER, "nmae": "x"}])

    def test_what_is_wrong_with_one_is_told_by_its_own_path(self):
        part = checked_part("part", {"_target_": PART, "size": 1, "inner": {"_target_": INNER}}, facts={"fact"})
        with pytest.raises(ConfigError, match="^part.inner: no such fact$"):
            called("part", part, fact="bad")

    def test_of_a_data_set_they_know_where_data_lies(self, tmp_path):
        node = {"_target_": "tests.config.test_parts.data_of", "source": {"_target_": "tests.config.test_parts.Source"}}
        data = loaded(checked_node(node), tmp_path, seed=3)
        assert data.dataset.test.inputs[0, 0] == len(str(tmp_path))


class Source:
    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir


def data_of(source: Source) -> Dataset:
    made = blobs()
    made.test.inputs[0, 0] = len(str(source.data_dir))
    return made
