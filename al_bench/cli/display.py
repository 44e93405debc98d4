"""What people see: a display in a terminal, log lines elsewhere and in sweeps."""

import logging
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from rich.console import Console
from rich.logging import RichHandler
from rich.progress import track
from rich.table import Table
from rich.text import Text

from al_bench.core.clock import Clock, duration
from al_bench.core.rounds import RoundRecord
from al_bench.job.observer import Plan
from al_bench.records.identity import Identity
from al_bench.records.layout import ROUNDS
from al_bench.records.reading import rows_of

SUMMARY_ROWS = 10
COLUMNS = ("round", "labels", "epochs", "seconds", "test accuracy", "time left")
LIMIT_HIT = "* stopped by model.max_epochs, not by the stopping rule"
MOST_EPOCHS = 9999  # of a round, in the lines of which the names of runs are cut alike
LEAST_NAME = 9  # but for lines that would be too long
LINE_WIDTH = 80 - len("00:00:00 ")  # of a log line, after the time
# whose lines a terminal shows, too, though they are no warnings
WORDS_BETWEEN_ROUNDS = ("al_bench.loop.heartbeat", "al_bench.strategies.kdpp", "al_bench.job.features.files")

Item = TypeVar("Item")

log = logging.getLogger(__name__)
console = Console(highlight=False, markup=False)  # a name may hold [brackets]


def log_to_stdout(is_sweep: bool) -> None:
    """Log lines of al_bench go to stdout; to a terminal that shows a single run, warnings alone."""
    logger = logging.getLogger("al_bench")
    if any(handler.get_name() == "al_bench" for handler in logger.handlers):
        return
    with suppress(AttributeError):  # of a stream that is none of Python's own
        sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # an error may say anything
    handler: logging.Handler
    if console.is_terminal and not is_sweep:
        handler = RichHandler(logging.INFO, console, show_time=False, show_path=False)
        handler.addFilter(lambda record: record.levelno >= logging.WARNING or record.name in WORDS_BETWEEN_ROUNDS)
    else:
        handler = logging.StreamHandler(sys.stdout)
        handler.setFormatter(_Short("%(asctime)s %(message)s", "%H:%M:%S"))
    handler.set_name("al_bench")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False


class _Short(logging.Formatter):
    """A line as it fits a terminal, where it says how; run.log has all of it."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        """See `logging.Formatter`."""
        record.message = getattr(record, "short", record.message)
        return super().formatMessage(record)


def with_bar(items: Iterable[Item], what: str, total: int) -> Iterable[Item]:
    """The items, and in a terminal a bar of how many are done while they are made; it is gone at the end."""
    return track(items, what, total, console=console, transient=True, disable=not console.is_terminal)


def display_for(is_sweep: bool) -> "RunDisplay":
    """For a single run in a terminal one that is looked at; else log lines."""
    return TerminalDisplay() if console.is_terminal and not is_sweep else RunDisplay()


class RunDisplay:
    """An observer: one log line per round; the lines are in run.log too, whatever the display."""

    plan: Plan

    def start(self, plan: Plan) -> None:
        """A run starts or goes on."""
        self.plan = plan
        self.clock = Clock(plan.budget, plan.identity.batch_size)
        self._limits_hit = 0
        num_rounds = -(-(plan.budget - plan.num_initial) // plan.identity.batch_size)
        longest = _told(num_rounds, plan.budget, f"{MOST_EPOCHS} epochs*", 0, 99 * 60)
        self._width = max(LEAST_NAME, LINE_WIDTH - max(len(longest), len(LIMIT_HIT)) - 2)  # for all lines of the run
        how = f"goes on after {plan.num_done} labels" if plan.num_done else "starts"
        log.info("%s: %s, %s", plan.identity.title, how, plan.path)

    def round(self, record: RoundRecord) -> None:
        """Show the row of a round that has ended."""
        self.clock.lap(record.num_labelled)
        self._limits_hit += record.epoch_limit_hit
        epochs = f"{record.num_epochs} epochs{'*' * record.epoch_limit_hit}"
        seconds = self.clock.seconds_left
        self._say(_told(record.round, record.num_labelled, epochs, record.test.accuracy, seconds))

    def finish(self, exit_code: int) -> None:  # noqa: ARG002
        """The rounds ended, well or not."""
        if self._limits_hit:
            self._say(LIMIT_HIT)

    def _say(self, told: str) -> None:
        """With what tells the run from others, in a terminal as far as there is room for that."""
        run = self.plan.identity
        parts = (f"s{run.seed}", run.strategy, run.dataset, f"b{run.batch_size}", run.model, run.variant)
        name = " ".join(part for part in parts if part)
        width = min(self._width, LINE_WIDTH - len(told) - 2)  # should numbers be longer still
        short = name if len(name) <= width else f"{name[: max(width - 1, 0)]}…"
        log.info("%s: %s", name, told, extra={"short": f"{short}: {told}"})

    def skip(self, identity: Identity, path: Path, picture: Path | None) -> None:
        """The run was complete before."""
        log.info("%s: finished before, skipped (%s)", identity.title, picture or path)

    def done(self, picture: Path | None) -> None:
        """The run is complete; a single run has a picture of its curve."""
        log.info("%s: finished, %s", self.plan.identity.title, picture or self.plan.path)


class TerminalDisplay(RunDisplay):
    """What runs, a line per round, a live line for the one that is on, and the curve at the end."""

    def start(self, plan: Plan) -> None:
        """See `RunDisplay`."""
        super().start(plan)
        run = plan.identity
        shape = " x ".join(map(str, plan.input_shape))
        rows = {
            "data set": f"{run.dataset}: pool {plan.pool_size:,}, test set {plan.test_size:,}, inputs {shape}, "
            f"{plan.num_classes} classes",
            "model": f"{run.model}: {plan.num_parameters:,} parameters",
            "strategy": f"{run.strategy}: {plan.num_initial:,} initial labels, {run.batch_size:,} a round, "
            f"up to {plan.budget:,}" + f", {plan.num_validation:,} of them for validation" * (plan.num_validation > 0),
            "device": f"{plan.device}, {plan.num_threads} thread" + "s" * (plan.num_threads > 1),
            "seed": str(run.seed),
        }
        facts = Table.grid(padding=(0, 2))
        facts.add_column(style="bold cyan")
        facts.add_column(overflow="fold")
        for name, value in rows.items():
            facts.add_row(name, value)
        console.print(facts)
        console.print(Text.assemble(("directory", "bold cyan"), f"  {plan.path}"), soft_wrap=True)
        if plan.num_done:
            console.print(f"\ngoes on after {plan.num_done:,} labels")
        console.print("\n" + _line(COLUMNS), style="bold")
        self._status = console.status("training")
        self._status.start()

    def round(self, record: RoundRecord) -> None:
        """See `RunDisplay`."""
        super().round(record)
        cells = (
            str(record.round),
            f"{record.num_labelled:,}",
            f"{record.num_epochs:,}{'*' * record.epoch_limit_hit}",
            f"{self.clock.seconds:.2f}",
            f"{record.test.accuracy:.4f}",
            duration(self.clock.seconds_left),
        )
        console.print(_line(cells))
        if record.num_labelled < self.plan.budget:
            self._status.update(f"round {record.round + 1}: querying and training")

    def finish(self, exit_code: int) -> None:
        """See `RunDisplay`."""
        super().finish(exit_code)
        self._status.stop()
        if self._limits_hit:
            console.print(LIMIT_HIT)

    def done(self, picture: Path | None) -> None:
        """See `RunDisplay`."""
        super().done(picture)
        console.print()
        self._show(self.plan.path, picture)

    def skip(self, identity: Identity, path: Path, picture: Path | None) -> None:
        """See `RunDisplay`; the curve is shown again."""
        super().skip(identity, path, picture)
        console.print(f"{identity.title}: finished before")
        self._show(path, picture)

    @staticmethod
    def _show(path: Path, picture: Path | None) -> None:
        console.print(_summary(path))
        console.print(f"results  {path}", soft_wrap=True)
        if picture is not None:
            console.print(f"picture  {picture}", soft_wrap=True)


def draw_curve(path: Path) -> Path | None:
    """The learning curve as `curve.png` in the run directory, drawn unless it is there and newer than the rounds.

    None, with a warning, if it cannot be drawn.
    """
    rounds, picture = path / ROUNDS, path / "curve.png"
    if picture.exists() and picture.stat().st_mtime > rounds.stat().st_mtime:
        return picture
    from al_bench.analysis.pictures.run_curve import draw_learning_curve  # matplotlib, a second

    try:
        return draw_learning_curve(rows_of(path), picture)
    except Exception as error:  # a picture is not worth a failed run
        log.warning("no picture of the learning curve: %s", error)
        return None


def _told(round: int, num_labelled: int, epochs: str, accuracy: float, seconds_left: float) -> str:
    return f"round {round}, {num_labelled} labels, {epochs}, {accuracy:.4f}, {duration(seconds_left)} left"


def _line(cells: tuple[str, ...]) -> str:
    return "".join(f"{cell:>{max(len(column), 7) + 3}}" for cell, column in zip(cells, COLUMNS, strict=True))


def _summary(path: Path) -> Table:
    """Some ten points of the learning curve, the last among them."""
    rounds = rows_of(path)
    step = -(-len(rounds) // SUMMARY_ROWS)
    table = Table()
    for column in ("labels", "test accuracy", "balanced", "test loss"):
        table.add_column(column, justify="right")
    measured = ("test_accuracy", "test_balanced_accuracy", "test_loss")
    for row in rounds[::-1][::step][::-1]:
        table.add_row(f"{row['num_labelled']:,}", *(f"{row[name]:.4f}" if name in row else "" for name in measured))
    return table
