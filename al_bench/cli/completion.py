"""What the TAB key completes of a command's word and options; of runs, Hydra does, and of files, the shell."""

import re
from argparse import Action
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from al_bench.cli.commands import COMMANDS
from al_bench.cli.parsing import CommandParser
from al_bench.records.run_config import SAVED

TRAINING = "training@model="  # the one group whose options are chosen for a part of another
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


def completed(words: Sequence[str], conf: Path) -> list[str]:
    """What the last of the words may become that Hydra does not tell; nothing where a folder is due.

    That is commands, their options, and options in a folder of their group in `conf`.
    """
    *before, last = words
    if before and before[0] in COMMANDS:
        found = _following(COMMANDS[before[0]].parser(), before[1:], last, conf)
    else:
        of_folders = _of_folders(last, conf) if last or not before else ()
        trainings = ["", *(path.stem for path in sorted((conf / "training").glob("*.yaml")))]
        of_training = (f"{TRAINING}{each}" for each in (trainings[1:] if "=" in last else trainings[:1]) if "@" in last)
        of_save = (f"save={each}" for each in SAVED if "=" in last)
        found = [*(() if before else COMMANDS), *of_folders, *of_save, *of_training]
    return [word for word in found if word.startswith(last)]


def leading_on(offered: Sequence[str], before: Sequence[str]) -> list[str]:
    """What Hydra offers after some words, without dead ends: it takes lists, and what is null, for mappings."""
    has_schedule = any(word.startswith("schedule=") for word in before)
    instead = {"save.": "save=", "training=": TRAINING}
    words = (instead.get(word, word) for word in offered)
    return [word for word in words if word != "schedule." or has_schedule]


def _of_folders(last: str, conf: Path) -> Iterator[str]:
    """Of a group that has options of its own and in folders: `strategy=`, then `strategy=oracle/boss`."""
    folders: dict[str, list[str]] = {}
    for path in sorted(conf.glob("*/*/**/*.yaml")):
        group, inner = path.relative_to(conf).parts[0], path.relative_to(conf).with_suffix("").parts[1:]
        if any((conf / group).glob("*.yaml")):
            folders.setdefault(f"{group}=", []).append("/".join(inner))
    for group, options in folders.items():
        yield group
        if last.startswith(group):
            yield from (f"{group}{option}" for option in options)


def _following(parser: CommandParser, before: Sequence[str], last: str, conf: Path) -> Sequence[str]:
    options = {name: action for action in parser._actions for name in action.option_strings}
    previous = options.get(before[-1]) if before else None
    if previous is not None and previous.nargs != 0:
        return _choices(previous)
    if last.startswith("-"):
        return parser.option_words()
    operands = [action for action in parser._actions if not action.option_strings]
    num_given = sum(not word.startswith("-") for word in before)
    if num_given >= len(operands):
        return ()
    due = operands[num_given]
    if due.dest in parser.groups:
        return [path.stem for path in sorted((conf / parser.groups[due.dest]).glob("*.yaml"))]
    return _choices(due)


def _choices(action: Action) -> Sequence[str]:
    return list(map(str, action.choices or ()))
