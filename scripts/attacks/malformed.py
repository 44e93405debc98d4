"""`attack.py malformed`: command lines and files that nobody should write, and what became of each."""

import shlex
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
from rich.console import Console
from rich.table import Table

from attacks.commands import MAX_WAIT, Ended, run
from attacks.files import RUN_FILES, damage
from attacks.grammar import TINY, command_line, keys

MAX_SECONDS = 20.0  # of a processor, or of waiting for nothing
FAULTS = ("trace", "killed", "slow", "lost")
KEPT = ("name=kept", *TINY, "tracker=none")
STRATEGIES = ("badge", "albl")
ARFF = "@relation r\n@attribute a numeric\n@attribute b {'x y',1,01}\n@attribute class {0,0.5,1}\n@data\n" + "".join(
    f"{number / 7},{('1', '01', chr(39) + 'x y' + chr(39))[number % 3]},{('0', '0.5', '1')[number % 3]}\n"
    for number in range(90)
)
OTHER_FILES = {
    "data.npz": [*TINY, "name=case", "tracker=none"],
    "data/openml/7.arff": ["dataset=openml", "dataset.id=7", *TINY[2:], "name=case", "tracker=none"],
    "own/strategy/mine.yaml": ["--config-dir", "own", "strategy=mine", *TINY, "name=case", "tracker=none"],
    "own/experiment/mine.yaml": ["--config-dir", "own", "experiment=mine", *TINY, "name=case", "tracker=none"],
}


@dataclass(frozen=True)
class Case:
    """What is run in a folder, after a file of it was damaged; `may_change`: the run that it goes on with."""

    kind: str
    command: list[str]
    told: str
    may_change: str = ""


def malformed(numbers: Sequence[int], seed: int) -> int:
    """How many cases have a fault; a table says which."""
    console = Console(soft_wrap=True)
    counts: dict[str, Counter[str]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        template = _prepared(Path(scratch))
        known, faults = keys(), 0
        for number in numbers:
            rng = Random(f"{seed}/{number}")
            folder = Path(scratch, "case")
            shutil.copytree(template, folder, symlinks=True)
            case = _drawn(rng, folder, known)
            before = _contents(folder)
            ended = run(case.command, folder, as_process=number % 50 == 49)
            found = list(_faults(case, ended, before, folder, template))
            of_kind = counts.setdefault(case.kind, Counter())
            of_kind.update(["cases", "refused" if ended.code else "done", *found])
            if found:
                faults += 1
                console.print(f"case {number}: {', '.join(found)}: {case.told}\n  {shlex.join(case.command)[:600]}")
                console.print("  " + "\n  ".join(ended.text.strip().splitlines()[-3:])[:600], markup=False)
            shutil.rmtree(folder)
    columns = ("cases", "done", "refused", *FAULTS)
    table = Table("kind", *columns, title=f"malformed, seed {seed}")
    for kind, of_kind in sorted(counts.items()):
        table.add_row(kind, *(str(of_kind[column]) for column in columns))
    table.add_row("all", *(str(sum(of_kind[column] for of_kind in counts.values())) for column in columns))
    console.print(table)
    return faults


def _prepared(scratch: Path) -> Path:
    """A folder with data, runs (one finished, one half done) and an archive."""
    folder = scratch / "template"
    for part in ("data/openml", "own/strategy", "own/experiment"):
        (folder / part).mkdir(parents=True)
    rng = np.random.default_rng(0)
    targets = np.arange(75) % 3
    np.savez(folder / "data.npz", inputs=rng.normal(size=(75, 4)) + targets[:, None], targets=targets)
    (folder / "data/openml/7.arff").write_text(ARFF)
    (folder / "own/strategy/mine.yaml").write_text("_target_: al_bench.strategies.random.Random\n")
    (folder / "own/experiment/mine.yaml").write_text(
        "# @package _global_\ndefaults:\n  - override /strategy: margin\nseed: 3\n"
    )
    (folder / "secret").write_text("nobody's but mine\n")
    for strategy, budget in zip(STRATEGIES, (30, 20), strict=True):
        ended = run([*KEPT, f"strategy={strategy}", f"budget={budget}"], folder)
        assert ended.code == 0, ended.text
    ended = run(["archive", "pack", "outputs/kept", "packed"], folder)
    assert ended.code == 0, ended.text
    return folder


def _drawn(rng: Random, folder: Path, known: list[str]) -> Case:
    kind = rng.choice(("command line", "command line", "command line", "file of a run", "file of a run", "other file"))
    if kind == "command line":
        arguments = command_line(rng, known)
        return Case(kind, arguments, "as typed")
    if kind == "file of a run":
        strategy = rng.choice(STRATEGIES)
        run = next(
            path.parent for path in (folder / "outputs/kept").rglob("config.yaml") if f"/{strategy}/" in str(path)
        )
        name = rng.choice(RUN_FILES)
        told = f"{strategy}/{name}: {damage(rng, run / name, folder / 'secret')}"
        goes_on = [*KEPT, f"strategy={strategy}", f"budget={rng.choice((20, 30, 40))}"]
        command = rng.choice(
            (
                goes_on,
                goes_on,
                [*goes_on, "-m"],
                ["status", "outputs/kept"],
                ["archive", "pack", "outputs/kept", "packed"],
            )
        )
        return Case(kind, command, told, str(run.relative_to(folder)))
    archive = next((folder / "packed").iterdir()).relative_to(folder).as_posix()
    commands = {**OTHER_FILES, archive: ["archive", "restore", "packed", "outputs/kept"]}
    name = rng.choice(list(commands))
    told = f"{name}: {damage(rng, folder / name, folder / 'secret')}"
    return Case(f"other file: {Path(name).suffix}", commands[name], told)


def _contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): _content(path)
        for path in folder.rglob("*")
        if path.is_symlink() or path.is_file()
    }


def _content(path: Path) -> bytes:
    return str(path.readlink()).encode() if path.is_symlink() else path.read_bytes()


def _faults(case: Case, ended: Ended, before: dict[str, bytes], folder: Path, template: Path) -> Iterator[str]:
    if "Traceback (most recent call last)" in ended.text or ended.code == 99:
        yield "trace"
    if ended.code < 0:
        yield "killed"
    if ended.seconds > MAX_SECONDS or ended.waited >= MAX_WAIT:
        yield "slow"
    after = _contents(folder)
    if any(after.get(name) != content for name, content in before.items() if not _is_free(name, case)) or (
        case.may_change and not _is_kept(case.may_change, before, after, template)
    ):
        yield "lost"


def _is_free(name: str, case: Case) -> bool:
    """Whether the command may write there: to the run that it goes on with, and to the archive if it packs."""
    is_run = bool(case.may_change) and name.startswith(f"{case.may_change}/")
    return is_run or name.endswith("/.lock") or (case.command[:2] == ["archive", "pack"] and name.startswith("packed/"))


def _is_kept(run: str, before: dict[str, bytes], after: dict[str, bytes], template: Path) -> bool:
    """Whether the committed rounds that the damage has left, and their queries, are still there."""
    numbers: dict[str, int] = {}
    for name in ("rounds.csv", "queries.csv"):
        original = (template / run / name).read_bytes().splitlines(keepends=True)
        damaged, now = (each.get(f"{run}/{name}", b"").splitlines(keepends=True) for each in (before, after))
        common = next(
            (n for n, (a, b) in enumerate(zip(original, damaged, strict=False)) if a != b),
            min(len(original), len(damaged)),
        )
        numbers[name] = common if name == "rounds.csv" else min(common, 1 + 10 * max(0, numbers["rounds.csv"] - 1))
        if now[: numbers[name]] != original[: numbers[name]]:
            return False
    return True
