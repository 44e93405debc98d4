"""What a sweep would run, and an estimate of hours and disk from runs that were measured before."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table

from al_bench.analysis.results import SETTING, load_results
from al_bench.analysis.settings import setting_name
from al_bench.console import duration
from al_bench.errors import ResultsError
from al_bench.identity import Identity
from al_bench.wandb_runs import ID_FILE

TWIN = [*SETTING, "strategy"]
KIN = (TWIN, [*SETTING], ["dataset", "model"])  # what a run is taken for, from the nearest kin to the farthest
PUBLISHED = Path(__file__).parents[1] / "docs" / "results"  # in a source checkout
MEGABYTE = 1e6


@dataclass(frozen=True)
class Estimate:
    """Mean seconds and bytes of the finished runs that are most like one; `device` if they were published."""

    seconds: float
    num_bytes: float
    device: str = ""


def estimates(identities: Sequence[Identity], folder: Path) -> list[Estimate | None]:
    """Of each run, from the finished runs below a folder: of its setting and strategy if there are any, else of its
    setting, else of its data set and model; else from published runs of its setting and strategy; None without such
    runs.
    """
    measured, published = _measured(folder), _published()
    found: list[Estimate | None] = []
    for identity in identities:
        own = identity.as_dict()
        alike = (measured[(measured[keys] == [own[key] for key in keys]).all(axis=1)] for keys in KIN)
        twins = published[(published[TWIN] == [own[key] for key in TWIN]).all(axis=1)]
        rows = next((rows for rows in (*alike, twins) if len(rows)), None)
        if rows is None:
            found.append(None)
        else:
            device = ", ".join(twins["device"].unique()) if rows is twins else ""
            found.append(Estimate(rows["seconds"].mean(), rows["num_bytes"].mean(), device))
    return found


def show(to_do: Sequence[Identity], finished: Sequence[Identity], folder: Path, console: Console) -> None:
    """A row per setting and strategy, with the seeds that are finished and to do, and the sum."""
    known = dict(zip(to_do, estimates(to_do, folder), strict=True))
    title = f"{len(to_do) + len(finished)} runs, {len(finished)} of them finished: by seeds"
    table = Table(box=box.SIMPLE_HEAD, title=title)
    for name in ("setting", "strategy", "finished", "to do", "time", "disk"):
        table.add_column(name, justify="right" if name in ("time", "disk") else "left")
    rows: dict[tuple[str, str], tuple[list[Identity], list[Identity]]] = {}
    for place, identities in enumerate((finished, to_do)):
        for identity in identities:
            rows.setdefault((setting_name(identity.as_dict()), identity.strategy), ([], []))[place].append(identity)
    shown = ""
    for (setting, strategy), (done, others) in sorted(rows.items()):
        cost = _cost([known[identity] for identity in others])
        table.add_row("" if setting == shown else setting, strategy, _seeds(done), _seeds(others), *cost)
        shown = setting
    console.print(table)
    time, disk = _cost(list(known.values()))
    unknown = list(known.values()).count(None)
    if to_do:
        console.print(f"{len(to_do)} runs to do: {time} one after another, {disk}")
    if devices := sorted({estimate.device for estimate in known.values() if estimate and estimate.device}):
        console.print(f"~ as in docs/results: measured on {', '.join(devices)}, not here")
    if unknown:
        console.print(f"of {unknown} runs nothing is known: finish one of their data set and model for an estimate")


def _seeds(identities: Sequence[Identity]) -> str:
    """`0-4, 7`."""
    seeds = sorted({identity.seed for identity in identities})
    runs = [[seed for _, seed in run] for _, run in groupby(enumerate(seeds), key=lambda pair: pair[1] - pair[0])]
    return ", ".join(f"{run[0]}" if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)


def _cost(estimates: Sequence[Estimate | None]) -> tuple[str, str]:
    known = [estimate for estimate in estimates if estimate is not None]
    if not known:
        return ("?", "?") if estimates else ("", "")
    more = "+" if len(known) < len(estimates) else ""
    about = "~" if any(estimate.device for estimate in known) else ""
    num_bytes = sum(estimate.num_bytes for estimate in known)
    return f"{about}{duration(sum(e.seconds for e in known))}{more}", f"{num_bytes / MEGABYTE:.1f} MB{more}"


def _measured(folder: Path) -> pd.DataFrame:
    """Identity, seconds and bytes of the finished runs."""
    try:
        rounds = load_results(folder).rounds
    except ResultsError:
        return pd.DataFrame(columns=[*SETTING, "strategy", "seed", "seconds", "num_bytes"])
    rounds = rounds[rounds["is_finished"]]
    rounds = rounds.assign(seconds=rounds["fit_seconds"] + rounds["query_seconds"])
    keys = [*SETTING, "strategy", "seed"]
    runs: pd.DataFrame = rounds.groupby(keys)["seconds"].sum().reset_index()
    identities = [Identity(**dict(zip(keys, row, strict=True))) for row in runs[keys].itertuples(index=False)]
    return runs.assign(num_bytes=[_num_bytes(folder, folder / identity.path) for identity in identities])


def _published() -> pd.DataFrame:
    """As `_measured`, with the device, of the runs whose cost is published with the source."""
    tables = [pd.read_csv(path, keep_default_na=False) for path in sorted(PUBLISHED.glob("*/cost.csv"))]
    return pd.concat([pd.DataFrame(columns=[*TWIN, "seed", "seconds", "num_bytes", "device"]), *tables])


def _num_bytes(folder: Path, path: Path) -> int:
    """Of a run directory, and of what wandb keeps of the run."""
    files = list(path.glob("*"))
    if (path / ID_FILE).exists():
        files += folder.parent.glob(f"wandb/offline-run-*-{(path / ID_FILE).read_text().strip()}/**/*")
    return sum(file.stat().st_size for file in files if file.is_file())
