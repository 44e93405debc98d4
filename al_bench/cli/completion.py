"""What the TAB key completes of a command's word and options; of runs, Hydra does, and of files, the shell."""

import re
from argparse import Action
from collections.abc import Iterator, Mapping, Sequence

from al_bench.cli.commands import COMMANDS
from al_bench.cli.parsing import CommandParser
from al_bench.config.schema import CONF

QUERY = re.compile(r"(-sc|--shell-completion) query=\w+")


def asked_for(arguments: Sequence[str], environment: Mapping[str, str]) -> list[str] | None:
    """The words of the line that a shell asks to have completed, the program left out; None if none asks.

    The last is the one that the cursor is in, and may be empty.
    """
    if "COMP_LINE" not in environment or not QUERY.fullmatch(" ".join(arguments)):
        return None
    line = environment["COMP_LINE"]
    point = environment.get("COMP_POINT", "")  # fish ends the line at the cursor
    line = line.encode()[: int(point)].decode(errors="ignore") if point.isdecimal() else line
    words = line.split()[1:]
    return words if words and not line[-1].isspace() else [*words, ""]


def is_of_a_command(words: Sequence[str]) -> bool:
    """Whether what is being completed follows the word of a command."""
    return len(words) > 1 and words[0] in COMMANDS


def completed(words: Sequence[str]) -> list[str]:
    """What of the commands the last of the words may become; nothing where a folder is due, or a run is said."""
    *before, last = words
    if before and before[0] in COMMANDS:
        found = _following(COMMANDS[before[0]].parser(), before[1:], last)
    else:
        found = [*(() if before else COMMANDS), *_of_folders(last)]
    return [word for word in found if word.startswith(last)]


def _of_folders(last: str) -> Iterator[str]:
    """What Hydra does not tell of a group that has options in folders of its own: `strategy=`, and what is in these."""
    for folder in sorted(path for path in CONF.rglob("*") if path.is_dir() and any(path.glob("*.yaml"))):
        group, _, inner = folder.relative_to(CONF).as_posix().partition("/")
        if inner and any((CONF / group).glob("*.yaml")):
            yield f"{group}="
            if last.startswith(f"{group}="):
                yield from (f"{group}={inner}/{option.stem}" for option in sorted(folder.glob("*.yaml")))


def _following(parser: CommandParser, before: Sequence[str], last: str) -> Sequence[str]:
    options = {name: action for action in parser._actions for name in action.option_strings}
    previous = options.get(before[-1]) if before else None
    if previous is not None and previous.nargs != 0:
        return _choices(previous)
    if last.startswith("-"):
        return parser.option_words()
    due = next(action for action in parser._actions if not action.option_strings)
    return _choices(due) if all(word.startswith("-") for word in before) else ()


def _choices(action: Action) -> Sequence[str]:
    return list(map(str, action.choices or ()))
