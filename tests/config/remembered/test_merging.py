"""What is put together of parts that were merged once is what Hydra merges."""

from dataclasses import dataclass, field
from itertools import product
from random import Random

import pytest
from hydra import compose, initialize_config_dir
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig, ListConfig

from al_bench.config.remembered.merging import merged_once
from al_bench.config.schema import CONF


def options(group):
    return [str(path.relative_to(CONF / group).with_suffix("")) for path in sorted((CONF / group).rglob("*.yaml"))]


OURS = {
    **{group: options(group) for group in ("dataset", "model", "strategy", "batch_size", "features", "initial")},
    "setting": ["null", *options("setting")],
    "experiment": ["null", *options("experiment")],
    "schedule": ["null", *options("schedule")],
    "training@model": options("training"),
    "strategy@strategy.query": ["badge", "margin"],
    "tracker": ["none"],
    "hydra/launcher": ["basic", "joblib"],
    "model.width": ["8", "${seed}"],
    "++dataset.hyperparameters.width": ["9"],
    "seed": ["1", "2"],
    "+nothing": ["1"],
}
OWN = {
    "own.yaml": "defaults: [typed, {a: x}, {b: x}, {optional for: '${a}_${b}'}, _self_, {c: x}, {after: null}, "
    "{experiment: null}]\n"
    "root: 1\ntext: '${root}'\nnode: '${a.inner}'\nlist: [1]\n",
    "a/x.yaml": "inner: {p: 1}\nother: 1\nlist: [1, 2]\n",
    "a/y.yaml": "inner: 7\nother: '${b.inner}'\n",
    "a/z.yaml": "inner: {q: '???'}\nother: {r: '${..inner}'}\n",
    "a/nested.yaml": "defaults: [x, {sub: s}, _self_]\nother: 2\n",
    "a/below.yaml": "defaults: [_self_, {sub: t}, y]\nother: 3\n",
    "a/sub/s.yaml": "deep: 1\n",
    "a/sub/t.yaml": "deep: '${b.inner}'\n",
    "a/global.yaml": "# @package _global_\ndefaults: [x@a, _self_]\na: {other: 5}\nb: {inner: 5}\nnew: 1\n",
    "b/x.yaml": "inner: 1\nseen: '${a.inner}'\n",
    "b/y.yaml": "seen: {p: 3}\ninner: {p: '${a.other}'}\n",
    "b/z.yaml": "inner: ???\nseen: ???\n",
    "c/x.yaml": "of: x\n",
    "c/y.yaml": "# @package root_of_c\nof: y\n",
    "c/z.yaml": "defaults: [/a@_here_: x, _self_]\nof: z\n",
    "c/first.yaml": "# @package _global_\ndefaults: [/for/x_x@c, /for/y_y@c]\n",
    "c/second.yaml": "# @package _global_\ndefaults: [/for/y_y@c, /for/x_x@c]\n",
    "c/lists.yaml": "of: ['${root}', {k: 1}]\n",
    "c/wrong.yaml": "# @package _global_\nroot: {not: a number}\n",
    **{f"for/{a}_{b}.yaml": f"of: {a}_{b}\n" for a in "xy" for b in "xy"},
    "after/mapping.yaml": "# @package _global_\nnode: {p: 2, s: 1}\nb: {seen: {s: 2}}\na: {other: {t: 1}}\n",
    "after/text.yaml": "# @package _global_\nnode: 3\nroot: 4\nb: {seen: text}\nlist: [3]\n",
    "after/missing.yaml": "# @package _global_\nnode: ???\nb: {seen: '???'}\ntext: ???\n",
    "after/none.yaml": "# @package _global_\nnode: null\nb: null\n",
    "after/places.yaml": "# @package typed\nplace: '${a.inner}'\nplaces: {k: '${a.inner}'}\n",
    "experiment/one.yaml": "# @package _global_\ndefaults: [{override /a: y}, {override /b: y}]\na: {other: 6}\n",
    "experiment/two.yaml": "# @package _global_\ndefaults: [{override /after: text}, _self_]\n"
    "typed: {place: 3, places: {k: 3}}\n",
    "experiment/wide.yaml": "# @package _global_\na: {inner: {x: '${root}'}}\nb: {seen: {x: 1}}\nz: 1\n",
}
OWN_CHOICES = {
    "a": ["x", "y", "z", "nested", "below", "global"],
    "b": ["x", "y", "z"],
    "c": ["x", "y", "z", "lists", "wrong", "first", "second"],
    "after": ["mapping", "text", "missing", "none", "places"],
    "experiment": ["one", "two", "wide"],
    "a/sub": ["s", "t"],
    "+a@more": ["x", "y"],
    "root": ["2", "${a.other}"],
    "typed.place": ["5", "no"],
}
OWN_PRODUCTS = (
    *(("a", "b", "after"), ("a", "c", "experiment"), ("a", "+a@more", "b"), ("typed.place", "experiment", "after")),
    *(("a", "experiment", "after"), ("a", "a/sub", "b"), ("root", "c", "after")),
)


@dataclass
class Typed:
    """Of places for numbers alone."""

    place: int = 1
    places: dict[str, int] = field(default_factory=lambda: {"k": 1})


def drawn(random, choices, at_most):
    keys = random.sample(sorted(choices), random.randint(1, at_most))
    return [f"{key}={random.choice(choices[key])}" for key in keys]


def product_of(choices, keys):
    """Jobs in which each option stands beside every other, as in a sweep: what was kept of one is used in another."""
    return [list(job) for job in product(*([f"{key}={each}" for each in choices[key]] for key in keys))]


def loader():
    return GlobalHydra.instance().config_loader()


def whole(node, parent=None):
    """All that a configuration is."""
    assert node._get_parent() is parent
    content = node._content if isinstance(node, DictConfig | ListConfig) else None
    inner = content
    if isinstance(content, dict):
        inner = [(key, whole(value, node)) for key, value in content.items()]
    elif isinstance(content, list):
        inner = [whole(value, node) for value in content]
    known = {key: value for key, value in vars(node._metadata).items() if key != "resolver_cache"}  # the time, resolved
    return type(node), repr(known), node._value() if content is None else inner


def told(name, overrides):
    try:
        return whole(compose(name, overrides, return_hydra_config=True))
    except Exception as error:
        return type(error), str(error)


def compared(folder, name, jobs, monkeypatch):
    """How many of the jobs Hydra merged, and how many there are without a mistake."""
    merged = []
    merge = ConfigLoaderImpl._compose_config_from_defaults_list
    with initialize_config_dir(str(folder), version_base="1.3"):
        by_hydra = [told(name, job) for job in jobs]
        monkeypatch.setattr(
            ConfigLoaderImpl,
            "_compose_config_from_defaults_list",
            lambda self, *given: (merged.append(1), merge(self, *given))[1],
        )
        with merged_once(loader()):
            for job, expected in zip(jobs, by_hydra, strict=True):
                assert told(name, job) == expected, job
    return len(merged), sum(isinstance(each[0], type) and len(each) == 3 for each in by_hydra)


@pytest.mark.slow
def test_of_our_options(monkeypatch):
    random = Random(0)
    jobs = [drawn(random, OURS, 4) for _ in range(60)]
    merged, right = compared(CONF, "config", jobs, monkeypatch)
    assert right > 30
    assert merged < right


@pytest.mark.slow
def test_of_options_that_bring_others(tmp_path, monkeypatch):
    for path, text in OWN.items():
        (tmp_path / path).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / path).write_text(text)
    ConfigStore.instance().store("typed", Typed, package="typed")
    jobs = [job for keys in OWN_PRODUCTS for job in product_of(OWN_CHOICES, keys)]
    Random(0).shuffle(jobs)
    merged, right = compared(tmp_path, "own", jobs, monkeypatch)
    assert right > 150
    assert merged < right


@pytest.mark.slow
def test_a_product_takes_a_merge_for_each_option(monkeypatch):
    options = ("strategy", ("badge", "margin", "joint", "oracle/boss")), ("dataset", ("digits", "mnist", "openml_6"))
    jobs = [
        [f"strategy={strategy}", f"dataset={dataset}", f"batch_size={size}", "experiment=strategies"]
        for strategy in options[0][1]
        for dataset in options[1][1]
        for size in ("b10", "b100")
    ]
    merged, right = compared(CONF, "config", jobs, monkeypatch)
    assert right == 24
    assert merged == 1 + 3 + 2 + 1


@pytest.mark.moderate
def test_a_file_that_changes_is_merged_again(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "own.yaml").write_text("defaults: [{a: x}, _self_]\nroot: 1\n")
    (tmp_path / "a" / "x.yaml").write_text("b: 1\n")
    with initialize_config_dir(str(tmp_path), version_base="1.3"), merged_once(loader()):
        for _ in range(2):
            first = compose("own")
            first.a.b = 7  # is nobody else's
        assert compose("own") == {"a": {"b": 1}, "root": 1}
        (tmp_path / "a" / "x.yaml").write_text("b: 2\nc: 3\n")
        assert compose("own") == {"a": {"b": 2, "c": 3}, "root": 1}
