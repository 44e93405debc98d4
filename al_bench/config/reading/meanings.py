"""What each key means: read from the docstring of the class behind its node, whose module is not imported for that."""

import ast
import re
import textwrap
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from inspect import cleandoc
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from al_bench.config.reading.sources import bases, definition

SCHEMA = "al_bench.config.schema"
BESIDE = {  # by path of a node: whose docstring has the keys that the one behind `_target_` does not know
    "": ["al_bench.records.run_config.RunConfig"],
    "dataset": [f"{SCHEMA}.EveryDataset"],
    "dataset.hyperparameters": [f"{SCHEMA}.Hyperparameters"],
    "dataset.long_tail": ["al_bench.datasets.wrappers.long_tail.LongTail"],
    "dataset.duplicates": ["al_bench.datasets.wrappers.duplicates.Duplicates"],
    "dataset.label_noise": ["al_bench.datasets.wrappers.label_noise.LabelNoise"],
    "strategy": ["al_bench.core.strategy.Strategy"],
    "model": ["al_bench.training.options.TrainingOptions"],
    "batch_size": ["al_bench.records.run_config.BatchSize"],
    "schedule": ["al_bench.records.run_config.Schedule"],
}
NO_KEYS = ("_target_", "_partial_")


@dataclass(frozen=True)
class Documented:
    """A class or a function, as its docstring has it: its first paragraph, and what stands under `Args`, by name."""

    summary: str = ""
    meanings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Key:
    """A key of a configuration.

    Args:
        path: as one types it.
        value: plain, as the files have it, before it is resolved.
        meaning: of it; empty where nobody says it.
        source: the class or function, `module.name`, whose argument it is.
    """

    path: str
    value: Any
    meaning: str
    source: str


def keys_of(node: Mapping[str, Any], path: str = "") -> Iterator[Key]:
    """The keys of a plain node and of all nodes within it, in their order; Hydra's own are left out."""
    target = node.get("_target_")
    beside = BESIDE["strategy"] if path.startswith("strategy.") else BESIDE.get(path, [])
    sources = [*([target] if isinstance(target, str) else []), *beside]
    for name, value in node.items():
        if name in NO_KEYS or (name == "hydra" and not path):
            continue
        inner = f"{path}.{name}" if path else name
        known = [source for source in sources if name in documented(source).meanings]
        source = known[0] if known else next(iter(sources), "")
        yield Key(inner, value, documented(source).meanings.get(name, ""), source)
        if isinstance(value, Mapping):
            yield from keys_of(value, inner)


def shown(config: DictConfig, width: int) -> str:
    """Every key with its value, as one types it, and with its meaning; of a part, which one it is."""
    plain: dict[str, Any] = OmegaConf.to_container(config, resolve=False)  # type: ignore[assignment]
    lines = _swept(plain, width)
    for key in keys_of(plain):
        meaning = key.meaning
        if isinstance(key.value, Mapping):
            target = key.value.get("_target_", "")
            lines.append(f"{key.path}: {target}".rstrip(" :"))
            meaning = documented(target).summary or meaning if target else meaning
        else:
            lines.append(f"{key.path}={_typed(config, key)}")
        lines += textwrap.wrap(meaning, width, initial_indent="    ", subsequent_indent="    ", break_on_hyphens=False)
    return "\n".join(lines)


def _swept(plain: Mapping[str, Any], width: int) -> list[str]:
    """What the file of an experiment sweeps over."""
    params = ((plain.get("hydra") or {}).get("sweeper") or {}).get("params") or {}
    lines = ["This is a sweep, over all combinations of"] if params else []
    for name, values in params.items():
        told = f"{name}={', '.join(value.strip() for value in str(values).split(','))}"
        lines += textwrap.wrap(told, width, initial_indent="  ", subsequent_indent="    ", break_on_hyphens=False)
    return [*lines, ""] if lines else []


def _typed(config: DictConfig, key: Key) -> str:
    """The value of a key, resolved if it can be."""
    value = key.value
    with suppress(OmegaConfBaseException):  # of one that is made of what is still to be said
        value = OmegaConf.select(config, key.path, default=value)
    return typed(value)


def typed(value: Any) -> str:
    """A value as one types it."""
    plain = OmegaConf.to_container(value) if OmegaConf.is_config(value) else value
    if isinstance(plain, list):
        return f"[{','.join(map(typed, plain))}]"
    return {"None": "null", "True": "true", "False": "false"}.get(str(plain), str(plain))


@cache
def documented(target: str) -> Documented:
    """What `module.name` says of itself, and of arguments what the classes say that it derives from.

    Nothing is known of what has no source that is found from the working directory or among the installed packages.
    """
    found = definition(target)
    if found is None:
        return Documented()
    texts = [ast.get_docstring(found) or ""]
    meanings: dict[str, str] = {}
    if isinstance(found, ast.ClassDef):
        for base in reversed(bases(target)):
            meanings |= documented(base).meanings
        functions = [each for each in found.body if isinstance(each, ast.FunctionDef)]
        for constructor in (each for each in functions if each.name == "__init__"):
            names = {each.arg for each in (*constructor.args.args, *constructor.args.kwonlyargs)}
            meanings = {name: meaning for name, meaning in meanings.items() if name in names}
            texts.append(ast.get_docstring(constructor) or "")
    for text in texts:
        meanings |= _arguments(text)
    return Documented(" ".join(texts[0].partition("\n\n")[0].split()), meanings)


def _arguments(docstring: str) -> dict[str, str]:
    """What stands under `Args`, each in one line; YAML's null for None."""
    found = re.search(r"^Args:\n((?:[ ]+\S.*\n?|\n)+)", docstring, flags=re.MULTILINE)
    told = re.split(r"^(\w+):", cleandoc(f"\n{found[1]}"), flags=re.MULTILINE)[1:] if found else []
    texts = (re.sub(r"\bNone\b", "null", " ".join(text.split())) for text in told[1::2])
    return dict(zip(told[::2], texts, strict=True))
