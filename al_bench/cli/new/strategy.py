"""`al-bench new strategy NAME`: a strategy of one's own, its options and its test, which run at once."""

import keyword
import os
import re
import sys
from argparse import ArgumentTypeError
from collections.abc import Mapping, Sequence
from importlib.machinery import PathFinder
from importlib.util import find_spec
from pathlib import Path

from al_bench.cli.new.templates import STRATEGY, TEST, YAML
from al_bench.cli.parsing import Called, CommandParser
from al_bench.config.reading.families import shipped
from al_bench.config.reading.sources import CONF
from al_bench.core.errors import ConfigError, UserError

DESCRIPTION = """A strategy of your own: NAME.py, conf/strategy/NAME.yaml, and test_NAME.py,
which holds it against the contract of strategies. They run at once, in their
folder:

    {command} strategy mine
    al-bench strategy=mine
    python -m pytest test_mine.py

Nothing is overwritten: all three files are written, or none."""
OF_HYDRA = ("null", "true", "false", "inf", "nan")  # which it reads as other than words


def parser(called: Called) -> CommandParser:
    """The command's options, not parsed yet."""
    parser = CommandParser(called, DESCRIPTION)
    parser.add_argument(
        "kind", type=_kind, choices=("strategy",), metavar="strategy", help="what is to be written: nothing else is"
    )
    parser.add_argument("name", metavar="NAME", help="of the module and of the option: strategy=NAME")
    parser.add_argument("--folder", type=Path, default=Path(), metavar="DIR", help="to write to (the current one)")
    return parser


def _kind(text: str) -> str:
    if text != "strategy":
        raise ArgumentTypeError(
            f"{text}: only strategies are written; of models, data sets and measures docs/your_own.md has examples to "
            "copy"
        )
    return text


def main(arguments: Sequence[str], called: Called) -> None:
    """Write them, and say what can be done with them."""
    options = parser(called).read(arguments)
    try:
        check_name(options.name, options.folder)
        written(files(options.name), options.folder)
    except UserError as error:
        sys.exit(f"{called.name}: {error}")
    except OSError as error:
        sys.exit(f"{called.name}: {error.filename or options.folder}: {error.strerror}; nothing was written")
    name, where = options.name, options.folder
    meanings = ("the strategy; change it in query", "its options", "its test")
    for path, meaning in zip(files(name), meanings, strict=True):
        called.say(f"{where / path}: {meaning}")
    called.say("\nTry next:")
    if where != Path():
        called.say(f"  cd {where}")
    called.say(f"  al-bench strategy={name}  # a learning curve, on digits")
    called.say(f"  python -m pytest test_{name}.py  # after pip install pytest")
    called.say(f"  al-bench -m strategy={name},badge seed='range(5)'  # against BADGE")


def check_name(name: str, folder: Path) -> None:
    """ConfigError unless it can be that of a module and of an option, and is that of neither yet."""
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name) or keyword.iskeyword(name) or name.lower() in OF_HYDRA:
        raise ConfigError(f"{name}: is no name for a module of Python; letters, digits and _, as in my_margin")
    taken = shipped() | {path.name for path in (CONF / "strategy").iterdir() if path.is_dir()}
    if name.lower() in taken:
        raise ConfigError(f"{name}: al_bench has a strategy of this name; take another, as my_{name}")
    found = find_spec(name) or PathFinder.find_spec(name, [str(folder.absolute())])
    if found is not None and found.origin != str(folder.absolute() / f"{name}.py"):  # of which `written` tells
        where = found.origin or next(iter(found.submodule_search_locations or ()), "Python")
        raise ConfigError(f"{name}: there is a module of this name ({where}); take another, as my_{name}")


def class_of(name: str) -> str:
    """What the class of a module is called: MyMargin, of my_margin."""
    return "".join(f"{word[0].upper()}{word[1:]}" for word in name.split("_") if word)


def files(name: str) -> dict[str, str]:
    """The texts of the new files, by their paths in the folder."""
    texts = {f"{name}.py": STRATEGY, f"conf/strategy/{name}.yaml": YAML, f"test_{name}.py": TEST}
    names = {"NAME": name, "CLASS": class_of(name)}
    return {path: re.sub("NAME|CLASS", lambda each: names[each[0]], text) for path, text in texts.items()}


def written(texts: Mapping[str, str], folder: Path) -> None:
    """Write all of the files, or none.

    Raises:
        ConfigError: if there is one of them already, or a link in its place.
        OSError: if one cannot be written.
    """
    there = [path for path in texts if os.path.lexists(folder / path)]
    if there:
        raise ConfigError(f"{folder / there[0]} is there already; nothing was written")
    begun: list[Path] = []
    try:
        for path, text in texts.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            with (folder / path).open("x", encoding="utf-8") as file:
                begun.append(folder / path)
                file.write(text)
    except BaseException:  # an interrupt, too
        for each in begun:
            each.unlink()
        raise
