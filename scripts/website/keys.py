"""Keys on the site, a page for each group of conf/: what they mean stands in docstrings, defaults are as composed."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from annotated_types import Ge, Gt, Le, Lt
from hydra import compose, initialize_config_dir
from hydra.utils import get_object
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from omegaconf import DictConfig, OmegaConf
from torch import Tensor

from al_bench.config.parts import is_plain
from al_bench.config.reading.meanings import Key, documented, keys_of, typed
from al_bench.config.schema import CONF

FOLDER = "reference/keys"
OF_OTHERS = {  # groups whose options set keys of others
    "experiment": "what is swept over, with values for keys of other groups.",
    "setting": "a data set with a model, as papers pair them.",
}
TRAINING = "training"  # options of a model, chosen as `training@model=NAME`; some are for probes alone
PROBE = "al_bench.models.linear.Linear"
ELSEWHERE = re.compile(r"\$\{oc\.select:([\w.]+),(.+)\}")  # a value that is taken from another key, if there is one
SIGNS = {Gt: (">", "gt"), Ge: ("≥", "ge"), Lt: ("<", "lt"), Le: ("≤", "le")}
NAMES = {str: "text", NoneType: "null", Tensor: "", Any: ""}
MACHINE = (2**31 - 1, 2**63 - 1)  # bounds that nobody meets


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """With a page for each group."""
    with initialize_config_dir(str(CONF), version_base="1.3"):
        for group in groups():
            files.append(File.generated(config, f"{FOLDER}/{group}.md", content=page_of(group)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001
    """With the keys that are in no group, and a line for each group."""
    if "<!-- root keys -->" not in markdown:
        return markdown
    lines = "\n".join(f"* [`{group}`](keys/{group}.md): {meaning_of(group)}" for group in groups())
    with initialize_config_dir(str(CONF), version_base="1.3"):
        root = plain(compose("config"))
    keys = keys_of({name: value for name, value in root.items() if name not in groups()})
    return markdown.replace("<!-- root keys -->", listed(map(said, keys))).replace("<!-- groups -->", lines)


def groups() -> list[str]:
    """Those of ours."""
    return sorted(path.name for path in CONF.iterdir() if path.is_dir() and path.name != "hydra")


def meaning_of(group: str) -> str:
    """Of its option, whichever it is."""
    meanings = documented("al_bench.records.run_config.RunConfig").meanings
    return OF_OTHERS.get(group) or meanings.get(group, "how a network is trained.")


def page_of(group: str) -> str:
    """A section for each option."""
    folder, meaning = CONF / group, meaning_of(group)
    options = sorted(path.relative_to(folder).with_suffix("").as_posix() for path in folder.rglob("*.yaml"))
    if group in OF_OTHERS:
        sections = [f"## {name}\n\n```yaml\n{(folder / f'{name}.yaml').read_text()}```" for name in options]
    else:
        sections = [*sections_of({name: keys_of_option(group, name) for name in options}, group)]
    return "\n\n".join([f"# {group}", f"{meaning[:1].upper()}{meaning[1:]}", *sections])


def sections_of(options: Mapping[str, Sequence[Key]], group: str) -> Iterator[str]:
    """What is the same in all options, and what is not; the first key of each is that of its node."""
    rows = {name: [said(key) for key in keys] for name, (_, *keys) in options.items()}
    shared = [row for row in next(iter(rows.values())) if len(rows) > 1 and all(row in each for each in rows.values())]
    if shared:
        yield f"## The same in every option\n\n{listed(shared)}"
    for name, (part, *_) in options.items():
        yield f"## {name}\n\n`al-bench {choice(group, name)}`"
        target = part.value.get("_target_", "") if group != TRAINING else ""
        if target:
            yield f"`{target}`: {documented(target).summary}"
        yield listed(row for row in rows[name] if row not in shared)


def choice(group: str, name: str) -> str:
    """As it is typed."""
    return f"{group}@model={name}" if group == TRAINING else f"{group}={name}"


def keys_of_option(group: str, name: str) -> list[Key]:
    """That of the node of an option, and those within it."""
    if group == TRAINING:
        options = plain(compose(f"{group}/{name}"))[group]
        return [*keys_of({"model": {"_target_": PROBE, **options}})]
    node = plain(compose("config", [choice(group, name)]))[group]
    return [*keys_of({group: node})]


def plain(composed: DictConfig) -> dict[str, Any]:
    """With values that are not resolved."""
    return OmegaConf.to_container(composed, resolve=False)  # type: ignore[return-value]


def listed(rows: Iterable[str]) -> str:
    """As definitions."""
    return "\n\n".join(rows) or "No keys of its own."


def said(key: Key) -> str:
    """The key with its type, its default and its meaning."""
    words = [f"`{key.path}`", type_of(key), default_of(key.value)]
    meaning = key.meaning or (f"see `{key.source}`." if key.source else "")
    return f"{' · '.join(filter(None, words))}\n:   {meaning}"


def default_of(value: Any) -> str:
    """What it is where nobody says it."""
    if isinstance(value, Mapping):
        return f"`{value['_target_']}`" if "_target_" in value else ""
    if value == "???":
        return "to be said"
    if found := ELSEWHERE.fullmatch(str(value)):
        return f"default: that of `{found[1]}`, else `{found[2]}`"
    return f"default `{typed(value)}`"


def type_of(key: Key) -> str:
    """As the annotation of the argument or of the field has it."""
    return written(hints_of(key.source).get(key.path.rpartition(".")[2], Any))


@cache
def hints_of(source: str) -> dict[str, Any]:
    """The annotations of a class and of its constructor, or of a function."""
    try:
        found = get_object(source)
        return get_type_hints(found, include_extras=True) | get_type_hints(found.__init__, include_extras=True)
    except (NameError, TypeError, ValueError):  # names that exist for type checkers only; no source
        return {}


def written(hint: Any) -> str:
    """A type for people."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        bounds = [(*SIGNS[type(each)], each) for each in arguments[1:] if type(each) in SIGNS]
        limits = [
            f"{sign} {getattr(each, name):g}" for sign, name, each in bounds if getattr(each, name) not in MACHINE
        ]
        return f"{written(arguments[0])} {', '.join(limits)}".rstrip()
    if origin in (Union, UnionType):
        return " or ".join(filter(None, map(written, arguments)))
    if origin is Literal:
        return " or ".join(f"`{each}`" for each in arguments)
    if origin in (list, tuple, Sequence):
        return f"list of {' or '.join(dict.fromkeys(written(each) for each in arguments if each is not ...))}"
    return NAMES.get(hint, hint.__name__ if is_plain(hint) and origin is None else "part")
