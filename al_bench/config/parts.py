"""Parts of the configuration (nodes with a `_target_`): checked against their constructors, then built.

A part's arguments come from its node, except for the facts that al_bench passes in itself, by name: `data_dir` and
`rng` to a data set, `input_shape`, `num_classes` and `modalities` (the number of columns of each, by name) to a model,
`bought_by` to a strategy, `strategy` to who chooses the first batch; so too to parts within these, at any depth.
"""

import collections.abc
import inspect
import json
import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from enum import Enum
from functools import cache, partial
from numbers import Complex, Integral, Number, Rational, Real
from pathlib import Path, PurePath
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from hydra.utils import instantiate

from al_bench.core.errors import ConfigError, nearest
from al_bench.records.identity import canonical

PLAIN: tuple[Any, ...] = (
    *(None, NoneType, bool, int, float, complex, Number, Complex, Real, Rational, Integral),
    *(str, bytes, Path, PurePath, os.PathLike),
)
COLLECTIONS = (list, tuple, set, frozenset, dict, Sequence, Collection, Iterable, Mapping, Set)
BESIDE = {"strategy": {"subset_size"}, "dataset": {"num_classes"}}  # of every part of a group, not of its constructor
VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def checked_part(path: str, node: Any, facts: Set[str] = frozenset(), *, is_partial: bool = False) -> "partial[Any]":
    """The constructor that `_target_` names, with the arguments of the node; call it with the facts.

    Args:
        path: of the node in the configuration, for messages.
        node: plain values.
        facts: names of the arguments that are passed in later.
        is_partial: whoever calls it adds what is lacking.

    Raises:
        ConfigError: for a target that cannot be imported, and for arguments that the constructor does not have, has
            with another type or range, or has without a default and the node leaves out.
    """
    target = located(path, node)
    arguments = {key: value for key, value in node.items() if key != "_target_"}
    for key in BESIDE.get(path.partition(".")[0], set()) & arguments.keys() - _signature(target)[0].keys():
        if arguments.pop(key) is not None and "." in path:
            raise ConfigError(
                f"{path}.{key}={canonical(node[key])}: say it of the whole, as {path.partition('.')[0]}.{key}"
            )
    later = _signature(target)[1] - arguments.keys() if is_partial else frozenset()
    return partial(target, **checked_arguments(path, [target], arguments, facts, later))


def checked_arguments(
    path: str,
    constructors: list[Callable[..., Any]],
    arguments: Mapping[str, Any],
    facts: Set[str] = frozenset(),
    later: Set[str] = frozenset(),
) -> dict[str, Any]:
    """The arguments, checked and converted for constructors that share them between each other (no name twice).

    `later` are those that whoever calls a partial one adds.
    """
    hints: dict[str, Any] = {}
    required: set[str] = set()
    for constructor in constructors:
        own_hints, own_required = _signature(constructor)
        clash = sorted(own_hints.keys() & hints.keys())
        if clash:
            raise ConfigError(f"{path}.{clash[0]}: two constructors have this argument; rename it in {constructor}")
        hints |= own_hints
        required |= own_required
    known = hints.keys() - facts - later
    for key, value in arguments.items():
        if key not in known:
            raise ConfigError(f"{path}.{key}={canonical(value)}: there is no such key; {nearest(key, known)}")
    lacking = sorted(required - facts - later - arguments.keys())
    if lacking:
        raise ConfigError(f"{path}.{lacking[0]} is missing; say +{path}.{lacking[0]}=...")
    return {key: checked_value(f"{path}.{key}", hints[key], value, facts) for key, value in arguments.items()}


@dataclass(frozen=True)
class _Waiting:
    """A part among the arguments of another that waits for facts, which `called` brings."""

    path: str
    part: Callable[..., Any]
    is_partial: bool

    def built(self, facts: Mapping[str, Any]) -> Any:
        """The part; one that is partial is still to be called."""
        return _with(self.part, facts) if self.is_partial else called(self.path, self.part, **facts)


def checked_value(path: str, hint: Any, value: Any, facts: Set[str] = frozenset()) -> Any:
    """The value as its type hint wants it, or ConfigError. A part that asks for facts is built later: see `called`."""
    if _is_node(value) and not is_plain(hint):
        return _nested(path, hint, value, facts - value.keys())
    if isinstance(value, list) and any(map(_is_node, value)) and not is_plain(hint):
        return [checked_value(f"{path}[{place}]", Any, each, facts) for place, each in enumerate(value)]
    if hint is inspect.Parameter.empty or hint is Any:
        return value
    from pydantic import PydanticUserError, ValidationError  # a tenth of a second, which --help need not wait

    try:
        return _adapter(hint).validate_json(json.dumps(value))
    except PydanticUserError:
        return value
    except ValidationError as error:
        problem = error.errors()[0]
        if problem["type"] == "callable_type":
            problem["msg"] = "must be {_target_: module.name, _partial_: true, ...}"
        elif problem["type"] == "needs_python_object":
            problem["msg"] = f"is a part itself; choose it as {path.partition('.')[0]}@{path}=..."
        inner = "".join(f"[{place}]" for place in problem["loc"] if isinstance(place, int))
        texts = [each["msg"].removeprefix("Value error, ") for each in (problem, *error.errors()[1:])]
        messages = [f"{text[0].lower()}{text[1:]}" for text in texts]
        raise ConfigError(f"{path}{inner}={_shown(value)}: {', or '.join(dict.fromkeys(messages))}") from None


def _adapter(hint: Any) -> Any:
    """Of pydantic; equal hints may be spelled in another order, in which messages say what would be right."""
    try:
        return _made(hint, repr(hint))
    except TypeError:  # it cannot be a key
        return _made.__wrapped__(hint, "")


@cache
def _made(hint: Any, _spelled: str) -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(hint, config={"strict": True, "allow_inf_nan": False, "arbitrary_types_allowed": True})


def _nested(path: str, hint: Any, value: Mapping[str, Any], facts: Set[str]) -> Any:
    is_partial = bool(value.get("_partial_"))
    if not is_partial and _is_callable(hint):
        raise ConfigError(f"{path}: it is called later, with more arguments; add _partial_: true")
    node = {key: argument for key, argument in value.items() if key != "_partial_"}
    part = checked_part(path, node, facts, is_partial=is_partial)
    if facts & _signature(located(path, node))[0].keys() or any(map(_waits, part.keywords.values())):
        return _Waiting(path, part, is_partial)
    return part if is_partial else called(path, part)


def _is_node(value: Any) -> bool:
    return isinstance(value, dict) and "_target_" in value


def _waits(value: Any) -> bool:
    return isinstance(value, _Waiting) or (isinstance(value, list) and any(map(_waits, value)))


def _built(value: Any, facts: Mapping[str, Any]) -> Any:
    """An argument, whose parts need not wait any more."""
    if isinstance(value, _Waiting):
        return value.built(facts)
    return [_built(each, facts) for each in value] if _waits(value) else value


def _with(part: Callable[..., Any], facts: Mapping[str, Any]) -> "partial[Any]":
    """A part with those of the facts that it takes, and with its own parts."""
    known: Mapping[str, Any] = getattr(part, "keywords", {})
    parameters = inspect.signature(part).parameters.keys() - known.keys()
    own = {name: _built(value, facts) for name, value in known.items() if _waits(value)}
    return partial(part, **{name: value for name, value in facts.items() if name in parameters}, **own)


def called(path: str, part: Callable[..., Any], **facts: Any) -> Any:
    """Call a part with those of the facts that it takes; what its arguments make impossible is the user's to mend."""
    part = _with(part, facts)
    try:
        return part()
    except (ValueError, RuntimeError, MemoryError) as error:  # torch says RuntimeError where memory is short
        raise ConfigError(f"{path}: {str(error).splitlines()[0] if str(error) else 'not enough memory'}") from error


def located(path: str, node: Any) -> Callable[..., Any]:
    """The callable that the `_target_` of a node names; ConfigError if it cannot be imported."""
    if not isinstance(node, Mapping) or not isinstance(node.get("_target_"), str):
        raise ConfigError(
            f"{path}={canonical(node)}: must be one of the options of the group {path!r} (see al-bench --help)"
        )
    try:
        target: Callable[..., Any] = _target(node["_target_"])
    except Exception as error:
        cause = error.__cause__ or error
        raise ConfigError(
            f"{path}._target_={node['_target_']}: cannot be imported ({' '.join(str(cause).split())}); it must be "
            "module.name, of this package or found from the working directory"
        ) from error
    try:
        inspect.signature(target)
    except (ValueError, TypeError) as error:
        raise ConfigError(f"{path}._target_={node['_target_']}: {error}; its arguments cannot be checked") from error
    return target


@cache
def _target(name: str) -> Any:
    return instantiate({"_target_": name, "_partial_": True}).func


def is_plain(hint: Any) -> bool:
    """Whether a type hint is of plain values alone (numbers, texts, paths, collections of them), so of no part."""
    hint = getattr(hint, "__supertype__", hint)  # of a NewType
    hint = getattr(hint, "__value__", hint)  # of a `type` statement
    origin, arguments = get_origin(hint), [each for each in get_args(hint) if each is not ...]
    if origin is Literal:
        return True
    if origin is Annotated:
        return is_plain(arguments[0])
    if origin is not None:
        is_known = origin in (Union, UnionType, *PLAIN, *COLLECTIONS)
        return is_known and bool(arguments) and all(is_plain(each) for each in arguments)
    return hint in PLAIN or (isinstance(hint, type) and issubclass(hint, Enum))


def _is_callable(hint: Any) -> bool:
    """Whether a type hint is Callable[...], or that or None."""
    return any(get_origin(each) is collections.abc.Callable for each in (hint, *get_args(hint)))


def _shown(value: Any) -> str:
    """As typed, as far as it is known: 1e3 is 1000.0, which tells it from 1000."""
    return str(value) if isinstance(value, float) else canonical(value)


def _signature(constructor: Callable[..., Any]) -> tuple[dict[str, Any], set[str]]:
    """The type hints of the parameters, and the names of those without a default."""
    parameters = {
        name: parameter
        for name, parameter in inspect.signature(constructor).parameters.items()
        if parameter.kind not in VARIADIC
    }
    annotated = constructor.__init__ if inspect.isclass(constructor) else constructor
    try:
        hints = get_type_hints(annotated, include_extras=True)
    except (NameError, TypeError):  # names that exist for type checkers only
        hints = {}
    required = {name for name, parameter in parameters.items() if parameter.default is parameter.empty}
    return {name: hints.get(name, inspect.Parameter.empty) for name in parameters}, required
