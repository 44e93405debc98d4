"""What a sweep would run, and an estimate of hours and disk from runs that were measured before."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table

from al_bench.analysis.results import IDENTITY, SETTING, load_results
from al_bench.config.planning import Planned
from al_bench.core.clock import duration
from al_bench.core.errors import ResultsError
from al_bench.records.identity import Identity
from al_bench.records.layout import setting_title
from al_bench.records.state import done_of
from al_bench.tracking.wandb_runs import known_id, offline_folders

TWIN = [*SETTING, "strategy"]
KIN = ([*SETTING], ["dataset", "model"])  # what a run without a twin is taken for, the nearest first
COSTS = [*TWIN, "seed", "num_labelled", "pool_size", "seconds", "num_bytes"]
PUBLISHED = Path(__file__).parents[2] / "docs" / "results"  # in a source checkout
MEGABYTE = 1e6


@dataclass(frozen=True)
class Estimate:
    """Mean seconds and bytes of the runs that are most like one, up to its budget.

    `is_least` if none of them goes so far; `device` if they were published.
    """

    seconds: float
    num_bytes: float
    is_least: bool = False
    device: str = ""


def estimates(runs: Sequence[Planned], folder: Path) -> list[Estimate | None]:
    """Of each run, from finished runs below a folder of its setting and strategy, else from published ones, else from
    those of its setting, of its data set and model: the first that go as far as it, or the first; None without any.
    """
    measured, published = _measured(folder), _published()
    sources = [
        (keys, dict(iter(table.groupby(keys))))
        for table, keys in ((measured, TWIN), (published, TWIN), *((measured, keys) for keys in KIN))
    ]
    known: dict[tuple[object, ...], Estimate | None] = {}
    for run in runs:
        if (key := _wanted(run)) not in known:
            own = run.identity.as_dict()
            alike = [rows.get(tuple(own[name] for name in keys)) for keys, rows in sources]
            made = [_estimate(rows, run.config.budget) for rows in alike if rows is not None]
            known[key] = next((each for each in made if not each.is_least), made[0] if made else None)
    return [known[_wanted(run)] for run in runs]


def costs(rounds: pd.DataFrame, folder: Path) -> pd.DataFrame:
    """The columns `COSTS` of finished runs: of each round, the seconds of the run so far, and of the bytes of its
    directory the share of its labels.

    Args:
        rounds: as `al_bench.analysis.results.load_results` gives them.
        folder: of the runs.
    """
    rounds = rounds[rounds["is_finished"]]
    rounds = rounds.assign(seconds=rounds["fit_seconds"] + rounds["query_seconds"])
    frames = []
    for _, of_run in rounds.groupby(IDENTITY, sort=False):
        identity = dict(zip(IDENTITY, of_run[IDENTITY].to_numpy()[0].tolist(), strict=True))
        path = folder / Identity(**identity).path
        done = done_of(path)
        labels = of_run["num_labelled"]
        frames.append(
            of_run[[*TWIN, "seed", "num_labelled"]].assign(
                pool_size=labels.max() if done is None else done.pool_size,
                seconds=of_run["seconds"].cumsum(),
                num_bytes=_num_bytes(folder, path) * labels / labels.max(),
            )
        )
    return pd.concat(frames) if frames else pd.DataFrame(columns=COSTS)


def show(to_do: Sequence[Planned], finished: Sequence[Planned], folder: Path, console: Console) -> None:
    """A row per setting and strategy, with the seeds that are finished and to do, and the sum."""
    known = estimates(to_do, folder)
    title = f"{len(to_do) + len(finished)} runs, {len(finished)} of them finished: by seeds"
    table = Table(box=box.SIMPLE_HEAD, title=title)
    for name in ("setting", "strategy", "finished", "to do", "time", "disk"):
        table.add_column(name, justify="right" if name in ("time", "disk") else "left")
    rows: dict[tuple[str, str], tuple[list[int], list[int], list[Estimate | None]]] = {}
    for position, run in enumerate((*to_do, *finished)):
        key = setting_title(run.identity.as_dict()), run.identity.strategy
        done, others, costs_of_others = rows.setdefault(key, ([], [], []))
        if position < len(to_do):
            others.append(run.identity.seed)
            costs_of_others.append(known[position])
        else:
            done.append(run.identity.seed)
    shown = ""
    for (setting, strategy), (done, others, costs_of_others) in sorted(rows.items()):
        cells = (_seeds(done), _seeds(others), *_cost(costs_of_others))
        table.add_row("" if setting == shown else setting, strategy, *cells)
        shown = setting
    console.print(table)
    time, disk = _cost(known)
    if to_do:
        console.print(f"{len(to_do)} runs to do: {time} one after another, {disk}")
    if devices := sorted({estimate.device for estimate in known if estimate and estimate.device}):
        console.print(f"~ as in docs/results: measured on {', '.join(devices)}, not here")
    if any(estimate.is_least for estimate in known if estimate):
        console.print("+ at least: no run that was measured has so many labels")
    if unknown := known.count(None):
        console.print(f"of {unknown} runs nothing is known: finish one of their data set and model for an estimate")


def _seeds(known: Sequence[int]) -> str:
    """`0-4, 7`."""
    seeds = sorted(set(known))
    runs = [[seed for _, seed in run] for _, run in groupby(enumerate(seeds), key=lambda pair: pair[1] - pair[0])]
    return ", ".join(f"{run[0]}" if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)


def _wanted(run: Planned) -> tuple[object, ...]:
    """What an estimate depends on: all but the seed."""
    own = run.identity.as_dict()
    return *(own[name] for name in TWIN), run.config.budget


def _estimate(rows: pd.DataFrame, budget: int | None) -> Estimate:
    """Of some rows of `costs`."""
    asked = rows["pool_size"].max() if budget is None else budget
    ends = rows.groupby([*TWIN, "seed"])["num_labelled"].transform("max")
    rows = rows[ends >= min(asked, ends.max())]
    up_to = rows[rows["num_labelled"] <= max(asked, rows["num_labelled"].min())]
    at_end = up_to.groupby([*TWIN, "seed"]).last()
    device = ", ".join(dict.fromkeys(at_end["device"]))
    return Estimate(at_end["seconds"].mean(), at_end["num_bytes"].mean(), bool(ends.max() < asked), device)


def _cost(estimates: Sequence[Estimate | None]) -> tuple[str, str]:
    known = [estimate for estimate in estimates if estimate is not None]
    if not known:
        return ("?", "?") if estimates else ("", "")
    more = "+" if len(known) < len(estimates) or any(estimate.is_least for estimate in known) else ""
    about = "~" if any(estimate.device for estimate in known) else ""
    num_bytes = sum(estimate.num_bytes for estimate in known)
    return f"{about}{duration(sum(e.seconds for e in known))}{more}", f"{num_bytes / MEGABYTE:.1f} MB{more}"


def _measured(folder: Path) -> pd.DataFrame:
    """Of the finished runs."""
    try:
        return costs(load_results(folder).rounds, folder).assign(device="")
    except ResultsError:
        return pd.DataFrame(columns=[*COSTS, "device"])


def _published() -> pd.DataFrame:
    """Of the runs that are published with the source."""
    tables = [pd.read_csv(path, keep_default_na=False) for path in sorted(PUBLISHED.glob("*/cost.csv"))]
    return pd.concat(tables) if tables else pd.DataFrame(columns=[*COSTS, "device"])


def _num_bytes(folder: Path, path: Path) -> int:
    """Of a run directory, and of what wandb keeps of the run."""
    files = list(path.glob("*"))
    if run_id := known_id(path):
        files += [file for tracked in offline_folders(folder.parent, run_id) for file in tracked.rglob("*")]
    return sum(file.stat().st_size for file in files if file.is_file())
