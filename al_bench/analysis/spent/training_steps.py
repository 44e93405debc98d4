"""The training steps of a run: what its training cost, whatever else the machine had to do; and runs that it slowed."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from al_bench.analysis.results import IDENTITY, SETTING
from al_bench.analysis.runs import Run
from al_bench.records.layout import CONFIG, run_title

# Of a config.yaml as al_bench writes it; read so, as a foreign one may be made to take a YAML reader hours.
MODEL = re.compile(r"^model:\n((?:[ #].*\n|\n)*)", re.MULTILINE)
SIZE = re.compile(r"^ +minibatch_size: (\d{1,9})\s*$", re.MULTILINE)
MAX_CLOCK = 1.2  # seconds by the clock for each of the processor, of a run that the machine had time for
MAX_STEP = 1.5  # of the lower quartile of its setting
BUSY_CAPTION = (
    f"training and querying took above {MAX_CLOCK:g} times their CPU seconds by the clock, or a step above "
    f"{MAX_STEP:g} times the lower quartile of its setting: compare no seconds with theirs; a strategy that trains "
    "otherwise, such as Joint, has longer steps on an idle machine, too"
)


def with_steps(rounds: pd.DataFrame, runs: Sequence[Run]) -> pd.DataFrame:
    """With the column num_steps: the mini-batches of labelled examples that the measured network was trained on.

    Older runs have not counted them: there they are num_epochs times the mini-batches of num_labelled - num_validation,
    by the config.yaml of the run; NaN where that does not say how large they were.
    """
    known = rounds["num_steps"] if "num_steps" in rounds else pd.Series(np.nan, rounds.index)
    is_lacking = known.isna()
    if "num_epochs" not in rounds or not is_lacking.any():
        return rounds.assign(num_steps=known)
    older = rounds[is_lacking]
    keys = pd.MultiIndex.from_frame(older[IDENTITY])
    paths = {tuple(run.identity[key] for key in IDENTITY): run.path for run in runs if run.identity}
    sizes = {key: minibatch_size(paths.get(key)) for key in keys.unique()}
    num_kept = older["num_validation"].fillna(0) if "num_validation" in older else 0
    num_minibatches = np.ceil((older["num_labelled"] - num_kept) / keys.map(sizes).to_numpy(dtype=float))
    return rounds.assign(num_steps=known.astype(float).fillna(older["num_epochs"] * num_minibatches))


def minibatch_size(path: Path | None) -> float:
    """By the config.yaml of a run directory; NaN if it does not say."""
    try:
        text = "" if path is None else (path / CONFIG).read_text(encoding="utf-8")
    except (OSError, ValueError):
        return np.nan
    model = MODEL.search(text if text.endswith("\n") else f"{text}\n")
    lines = [] if model is None else model[1].splitlines(keepends=True)
    indent = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
    own = "".join(line for line in lines if len(line) - len(line.lstrip()) == indent)
    size = SIZE.search(own)
    return float(size[1]) if size else np.nan


def microseconds_per_step(seconds: pd.Series, num_steps: pd.Series) -> pd.Series:
    """NaN where there are no steps."""
    return 1e6 * seconds / num_steps.where(num_steps > 0)


def busy_runs(rounds: pd.DataFrame) -> pd.DataFrame:
    """The runs that were trained on a busy machine, as far as their seconds tell, the slowest first.

    Args:
        rounds: as `with_steps` gives them.

    Returns:
        The columns of a setting, strategy, seed, clock (seconds of training and querying by the clock over those of the
        processor, above `MAX_CLOCK` or not; NaN without CPU seconds), microseconds_per_step, is_by_clock (whether these
        are of the clock, for want of CPU seconds), step (their ratio to the lower quartile over the runs of the
        setting, above `MAX_STEP` or not).
    """
    names = ["fit_seconds", "fit_cpu_seconds", "query_seconds", "query_cpu_seconds", "num_steps"]
    told = rounds.assign(**{name: rounds.get(name, np.nan) for name in names})
    sums = told.groupby(IDENTITY, sort=True)[names].sum(min_count=1)
    cpu, all_cpu = sums["fit_cpu_seconds"], sums["fit_cpu_seconds"] + sums["query_cpu_seconds"]
    per_step = microseconds_per_step(cpu.fillna(sums["fit_seconds"]), sums["num_steps"])
    quartile = per_step.groupby(level=SETTING, dropna=False).transform(lambda values: values.quantile(0.25))
    table = pd.DataFrame(
        {
            "clock": (sums["fit_seconds"] + sums["query_seconds"]) / all_cpu.where(all_cpu > 0),
            "microseconds_per_step": per_step,
            "is_by_clock": cpu.isna(),
            "step": per_step / quartile.where(quartile > 0),
        }
    )
    table = table[(table["clock"] > MAX_CLOCK) | (table["step"] > MAX_STEP)]
    slowness = pd.concat([table["clock"] / MAX_CLOCK, table["step"] / MAX_STEP], axis=1).max(axis=1)
    return table.loc[slowness.sort_values(ascending=False, kind="stable").index].reset_index()


def busy_lines(busy: pd.DataFrame) -> Iterator[str]:
    """For people, a line for each of `busy_runs`, with its two numbers and which of them is too large."""
    for run in busy.to_dict("records"):
        parts = []
        if not np.isnan(run["clock"]):
            above = f" (above {MAX_CLOCK:g})" if run["clock"] > MAX_CLOCK else ""
            parts.append(f"training and querying took {run['clock']:.2f} times their CPU seconds by the clock{above}")
        if not np.isnan(run["step"]):
            above = f" (above {MAX_STEP:g})" if run["step"] > MAX_STEP else ""
            of_what = "by the clock" if run["is_by_clock"] else "of CPU"
            step = f"{run['microseconds_per_step']:,.0f} microseconds {of_what}"
            parts.append(f"a step {step}, {run['step']:.2f} times the lower quartile of its setting{above}")
        identity = {key: run[key] for key in IDENTITY}
        yield f"{run_title(identity)}: {'; '.join(parts)}"
