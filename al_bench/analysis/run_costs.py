"""What runs cost, in steps, seconds and bytes, and what others will cost."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from al_bench.analysis.results import IDENTITY, SETTING, SPENT, load_results
from al_bench.core.errors import ResultsError
from al_bench.records.identity import Identity
from al_bench.records.layout import offline_folders, wandb_id
from al_bench.records.run_config import Wanted
from al_bench.records.state import done_of

TWIN = [*SETTING, "strategy"]
KIN = ([*SETTING], ["dataset", "model"])  # what a run without a twin is taken for, the nearest first
COSTS = [*TWIN, "seed", "to_labels", *SPENT, "pool_size", "num_bytes"]
PUBLISHED = Path(__file__).with_name("published_costs.csv")  # by scripts/papers/costs.py


@dataclass(frozen=True)
class Estimate:
    """Mean seconds and bytes of the runs that are most like one, up to its budget.

    Seconds are of the processor; of the clock if `is_by_clock`, as a run has no others. `is_least` if none of them
    goes so far; `device` if they were published; `is_of_others` if they are of another strategy.
    """

    seconds: float
    num_bytes: float
    is_least: bool = False
    is_by_clock: bool = False
    device: str = ""
    is_of_others: bool = False


def estimates(runs: Sequence[tuple[Identity, Wanted]], folder: Path) -> list[Estimate | None]:
    """Costs of each run up to the labels it wants: from finished runs below a folder of its setting and strategy, else
    from published ones, else from those of its setting, of its data set and model: the first that go as far as it, or
    the first; None without any.
    """
    measured, published = _measured(folder), _published()
    sources = [
        (keys, dict(iter(table.groupby(keys))))
        for table, keys in ((measured, TWIN), (published, TWIN), *((measured, keys) for keys in KIN))
    ]
    known: dict[tuple[object, ...], Estimate | None] = {}
    asked = [(identity.as_dict(), wanted) for identity, wanted in runs]
    keys_of_runs = [(*(own[name] for name in TWIN), wanted) for own, wanted in asked]  # all but the seed
    for key, (own, wanted) in zip(keys_of_runs, asked, strict=True):
        if key not in known:
            alike = [(keys, rows.get(tuple(own[name] for name in keys))) for keys, rows in sources]
            made = [
                replace(_estimate(rows, wanted), is_of_others=keys != TWIN) for keys, rows in alike if rows is not None
            ]
            known[key] = next((each for each in made if not each.is_least), made[0] if made else None)
    return [known[key] for key in keys_of_runs]


def costs_so_far(rounds: pd.DataFrame, folder: Path) -> pd.DataFrame:
    """The columns `COSTS` of finished runs: of each round, up to its labels, the steps and seconds of the run so far
    (NaN where it does not say), and of the bytes of its directory the share of its labels.

    Args:
        rounds: as `al_bench.analysis.results.load_results` gives them.
        folder: of the runs.
    """
    rounds = rounds[rounds["is_finished"]]
    rounds = rounds.assign(to_labels=rounds["num_labelled"], **{name: rounds.get(name, np.nan) for name in SPENT})
    frames = []
    for _, of_run in rounds.groupby(IDENTITY, sort=False):
        identity = dict(zip(IDENTITY, of_run[IDENTITY].to_numpy()[0].tolist(), strict=True))
        path = folder / Identity(**identity).path
        done = done_of(path)
        labels = of_run["to_labels"]
        frames.append(
            of_run[[*TWIN, "seed", "to_labels"]].assign(
                **{name: of_run[name].cumsum() for name in SPENT},
                pool_size=labels.max() if done is None else done.pool_size,
                num_bytes=_num_bytes(folder, path) * labels / labels.max(),
            )
        )
    return pd.concat(frames) if frames else pd.DataFrame(columns=COSTS)


def _estimate(rows: pd.DataFrame, wanted: Wanted) -> Estimate:
    """Of some rows of `costs_so_far`."""
    asked = wanted.within(int(rows["pool_size"].max()))
    ends = rows.groupby([*TWIN, "seed"])["to_labels"].transform("max")
    rows = rows[ends >= min(asked, ends.max())]
    up_to = rows[rows["to_labels"] <= max(asked, rows["to_labels"].min())]
    at_end = up_to.groupby([*TWIN, "seed"]).last()
    cpu = at_end["fit_cpu_seconds"] + at_end["query_cpu_seconds"]
    return Estimate(
        seconds=cpu.fillna(at_end["fit_seconds"] + at_end["query_seconds"]).mean(),
        num_bytes=at_end["num_bytes"].mean(),
        is_least=bool(ends.max() < asked),
        is_by_clock=bool(cpu.isna().any()),
        device=", ".join(dict.fromkeys(at_end["device"])),
    )


def _measured(folder: Path) -> pd.DataFrame:
    """Of the finished runs."""
    try:
        return costs_so_far(load_results(folder).rounds, folder).assign(device="")
    except ResultsError:
        return pd.DataFrame(columns=[*COSTS, "device"])


def _published() -> pd.DataFrame:
    """Of the runs that are published: the costs.csv files of docs/results, one after another."""
    table = pd.read_csv(PUBLISHED, keep_default_na=False, na_values={name: [""] for name in SPENT})
    return table.assign(seed=0)


def _num_bytes(folder: Path, path: Path) -> int:
    """Of a run directory, and of what wandb keeps of the run."""
    files = list(path.rglob("*"))
    if run_id := wandb_id(path):
        files += [file for tracked in offline_folders(folder.parent, run_id) for file in tracked.rglob("*")]
    return sum(file.stat().st_size for file in files if file.is_file())
