"""The commands beside runs, by their first word: `al-bench report FOLDER`."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module

from al_bench.cli.parsing import Called, CommandParser
from al_bench.core.errors import nearest


@dataclass(frozen=True)
class Command:
    """A command that is no run.

    Attributes:
        word: the first of the command line.
        module: in al_bench.cli, with `parser(called)` and `main(arguments, called)`.
        operands: what is due after the word.
        summary: one line for `al-bench --help`.
        script: of the same, in scripts/, if there is one.
    """

    word: str
    module: str
    operands: str
    summary: str
    script: str | None = None

    @property
    def form(self) -> str:
        """How it is called: `al-bench report FOLDER`."""
        return f"al-bench {self.word} {self.operands}"

    def main(self, arguments: Sequence[str]) -> None:
        """Do it; exits with 1 if that is not possible, and with 2 if the arguments are not understood."""
        import_module(self.module).main(arguments, Called.as_command(self.word))

    def parser(self) -> CommandParser:
        """The parser of its options, of which the reference is made."""
        parser: CommandParser = import_module(self.module).parser(Called.as_command(self.word))
        return parser


COMMANDS = {
    command.word: command
    for command in (
        Command("new", "al_bench.cli.new.strategy", "strategy NAME", "a strategy of your own, and its test"),
        Command("status", "al_bench.cli.status", "FOLDER", "how its runs stand, and why", "status"),
        Command("report", "al_bench.cli.report", "FOLDER", "everything in one HTML file", "report"),
        Command(
            "penalty-matrix", "al_bench.cli.penalty_matrix", "FOLDER", "who beats whom, and how often", "penalty_matrix"
        ),
        Command(
            "archive", "al_bench.cli.archive", "pack|restore SOURCE TARGET", "runs as small files, and back", "archive"
        ),
        Command("features", "al_bench.cli.features", "DATASET EXTRACTOR", "by a network, ahead of runs"),
        Command(
            "evaluate",
            "al_bench.cli.evaluate",
            "FOLDER --measure MODULE:FN",
            "a measure of your own, from predictions",
        ),
        Command(
            "leaderboard", "al_bench.cli.leaderboard.submissions", "check|add FOLDER", "a submission to the leaderboard"
        ),
        Command("upload", "al_bench.cli.upload", "FOLDER", "runs to Weights & Biases", "upload_wandb"),
        Command(
            "dashboard", "al_bench.cli.dashboard", "FOLDER --entity TEAM", "views of them there", "wandb_dashboard"
        ),
    )
}


def no_run(word: str, first: str) -> str:
    """The message for a word that is neither an option nor a key=value, where a run was to be said.

    Args:
        word: that was typed.
        first: of the command line.
    """
    command = COMMANDS.get(word)
    if command is not None:
        return f"{word}: a command comes first: {command.form}"
    right = "a run is said by key=value, as in `al-bench seed=1`"
    if word != first:
        return f"{word}: is no key=value; {right}"
    return f"{word}: there is no such command; {nearest(word, COMMANDS)}; {right}"
