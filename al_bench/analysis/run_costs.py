"""What runs cost, in seconds and bytes, and what others will cost."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from al_bench.analysis.results import IDENTITY, SETTING, load_results
from al_bench.core.errors import ResultsError
from al_bench.records.identity import Identity
from al_bench.records.layout import offline_folders, wandb_id
from al_bench.records.state import done_of

TWIN = [*SETTING, "strategy"]
KIN = ([*SETTING], ["dataset", "model"])  # what a run without a twin is taken for, the nearest first
COSTS = [*TWIN, "seed", "num_labelled", "pool_size", "seconds", "num_bytes"]
PUBLISHED = Path(__file__).with_name("published_costs.csv")  # by scripts/published_costs.py


@dataclass(frozen=True)
class Estimate:
    """Mean seconds and bytes of the runs that are most like one, up to its budget.

    `is_least` if none of them goes so far; `device` if they were published.
    """

    seconds: float
    num_bytes: float
    is_least: bool = False
    device: str = ""


def estimates(runs: Sequence[tuple[Identity, int | None]], folder: Path) -> list[Estimate | None]:
    """Of each run up to a budget, from finished runs below a folder of its setting and strategy, else from published
    ones, else from those of its setting, of its data set and model: the first that go as far as it, or the first; None
    without any.
    """
    measured, published = _measured(folder), _published()
    sources = [
        (keys, dict(iter(table.groupby(keys))))
        for table, keys in ((measured, TWIN), (published, TWIN), *((measured, keys) for keys in KIN))
    ]
    known: dict[tuple[object, ...], Estimate | None] = {}
    wanted = [(identity.as_dict(), budget) for identity, budget in runs]
    keys_of_runs = [(*(own[name] for name in TWIN), budget) for own, budget in wanted]  # all but the seed
    for key, (own, budget) in zip(keys_of_runs, wanted, strict=True):
        if key not in known:
            alike = [rows.get(tuple(own[name] for name in keys)) for keys, rows in sources]
            made = [_estimate(rows, budget) for rows in alike if rows is not None]
            known[key] = next((each for each in made if not each.is_least), made[0] if made else None)
    return [known[key] for key in keys_of_runs]


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


def _estimate(rows: pd.DataFrame, budget: int | None) -> Estimate:
    """Of some rows of `costs`."""
    asked = rows["pool_size"].max() if budget is None else budget
    ends = rows.groupby([*TWIN, "seed"])["num_labelled"].transform("max")
    rows = rows[ends >= min(asked, ends.max())]
    up_to = rows[rows["num_labelled"] <= max(asked, rows["num_labelled"].min())]
    at_end = up_to.groupby([*TWIN, "seed"]).last()
    device = ", ".join(dict.fromkeys(at_end["device"]))
    return Estimate(at_end["seconds"].mean(), at_end["num_bytes"].mean(), bool(ends.max() < asked), device)


def _measured(folder: Path) -> pd.DataFrame:
    """Of the finished runs."""
    try:
        return costs(load_results(folder).rounds, folder).assign(device="")
    except ResultsError:
        return pd.DataFrame(columns=[*COSTS, "device"])


def _published() -> pd.DataFrame:
    """Of the runs that are published: the cost.csv files of docs/results, one after another."""
    return pd.read_csv(PUBLISHED, keep_default_na=False)


def _num_bytes(folder: Path, path: Path) -> int:
    """Of a run directory, and of what wandb keeps of the run."""
    files = list(path.glob("*"))
    if run_id := wandb_id(path):
        files += [file for tracked in offline_folders(folder.parent, run_id) for file in tracked.rglob("*")]
    return sum(file.stat().st_size for file in files if file.is_file())
