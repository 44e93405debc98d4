"""The arguments of a command: its help, and one message for what is typed wrongly."""

import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace, RawDescriptionHelpFormatter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from al_bench.core.errors import nearest

FOR_RUNS = "key=value is for runs, as in `al-bench seed=1`"


@dataclass(frozen=True)
class Called:
    """How a command was called, before its arguments.

    Attributes:
        name: what its messages begin with: `al-bench report`, or `report` for the script.
        form: how it is called: `al-bench report`, or `python scripts/report.py`.
        typed: the words as they were typed.
    """

    name: str
    form: str
    typed: tuple[str, ...]

    @staticmethod
    def as_command(word: str) -> "Called":
        """What `al-bench WORD` is called."""
        return Called(f"al-bench {word}", f"al-bench {word}", ("al-bench", word))

    @staticmethod
    def as_script(path: str) -> "Called":
        """As a script of scripts/, by any path."""
        name = Path(path).stem
        return Called(name, f"python scripts/{name}.py", ("python", path))

    def say(self, line: str) -> None:
        """A line of what the command is asked for."""
        sys.stdout.write(f"{line}\n")

    def warn(self, line: str) -> None:
        """A line beside it, on standard error."""
        sys.stderr.write(f"{self.name}: {line}\n")


class CommandParser(ArgumentParser):
    """The options of a command.

    Args:
        called: how it was called.
        description: for its help, lines of at most 80 columns; `{command}` is replaced by how it was called.

    Attributes:
        groups: of conf/, whose options some of its arguments are, by the names of these.
    """

    def __init__(self, called: Called, description: str) -> None:
        super().__init__(
            called.form, description=description.format(command=called.form), formatter_class=_FullDescription
        )
        self.called = called
        self.groups: Mapping[str, str] = {}

    def read(self, arguments: Sequence[str]) -> Namespace:
        """The arguments; exits with 2, and one message, if they are not understood.

        A command that takes key=value has them as `overrides`, wherever they stand.
        """
        known, unknown = self.parse_known_args(arguments)
        for word in unknown:
            if word.startswith("-"):
                self.error(f"{word}: there is no such option; {nearest(word, self.option_words())}")
            if "=" in word and "overrides" in known:
                known.overrides = [*known.overrides, word]
                continue
            self.error(f"{word}: {FOR_RUNS}" if "=" in word else f"{word}: one word too many")
        return known

    def option_words(self) -> list[str]:
        """All long options that can be typed: `--help` and the like."""
        return [name for action in self._actions for name in action.option_strings if name.startswith("--")]

    def form(self) -> str:
        """What it is called by at least: `al-bench report FOLDER`."""
        due = [action for action in self._actions if action.required]
        words = [" ".join([*action.option_strings[:1], str(action.metavar)]) for action in due]
        return " ".join([self.called.form, *sorted(words, key=lambda word: word.startswith("-"))])

    def error(self, message: str) -> NoReturn:
        """One message; argparse would say the whole usage."""
        self.exit(2, f"{self.called.name}: {message}; it is called as {self.form()}, and --help says more\n")


def folder_parser(called: Called, description: str) -> CommandParser:
    """One whose first argument is `folder`, of results."""
    parser = CommandParser(called, description)
    parser.add_argument("folder", type=results_folder, metavar="FOLDER", help="with run directories, at any depth")
    return parser


def add_shown(parser: CommandParser) -> None:
    """The options `strategies`, `order` and `labels`, as `al_bench.analysis.shown.Shown` takes them."""
    for option, meaning in (("--strategies", "to show (all)"), ("--order", "strategies that stand first")):
        parser.add_argument(option, type=_words, default=(), metavar="NAME,...", help=meaning)
    parser.add_argument("--labels", metavar="NAME=LABEL,...", default="", help="what strategies are called")


def _words(text: str) -> list[str]:
    return [word for word in text.split(",") if word]


def add_measure(parser: CommandParser) -> None:
    """The option that says by what strategies are compared."""
    parser.add_argument(
        "--measure",
        default="test_accuracy",
        metavar="NAME",
        help="compare by balanced_accuracy, loss, macro_f1, brier, ece, auroc, validation_loss and so on, or a measure "
        "of your own, NAME:lower if lower values are better (test_accuracy)",
    )


class _FullDescription(RawDescriptionHelpFormatter):
    """What argparse wraps, it wraps at 80 columns, however wide the terminal is."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=26, width=78)


def results_folder(text: str) -> Path:
    """The type of an argument that is a folder with run directories.

    Raises:
        ArgumentTypeError: if a key=value stands where the folder is due.
    """
    path = Path(text)
    if "=" in text and not path.exists():  # a folder may be called num_initial=20
        raise ArgumentTypeError(f"{text} is no folder; {FOR_RUNS}")
    return path
