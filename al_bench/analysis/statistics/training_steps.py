"""The training steps of a run: what its training cost, whatever else the machine had to do."""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from al_bench.analysis.results import IDENTITY
from al_bench.analysis.runs import Run

# Of a config.yaml as al_bench writes it; read so, as a foreign one may be made to take a YAML reader hours.
MODEL = re.compile(r"^model:\n((?:[ #].*\n|\n)*)", re.MULTILINE)
SIZE = re.compile(r"^ +minibatch_size: (\d{1,9})\s*$", re.MULTILINE)


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
        text = "" if path is None else (path / "config.yaml").read_text(encoding="utf-8")
    except (OSError, ValueError):
        return np.nan
    model = MODEL.search(text if text.endswith("\n") else f"{text}\n")
    lines = [] if model is None else model[1].splitlines(keepends=True)
    indent = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
    own = "".join(line for line in lines if len(line) - len(line.lstrip()) == indent)
    size = SIZE.search(own)
    return float(size[1]) if size else np.nan
