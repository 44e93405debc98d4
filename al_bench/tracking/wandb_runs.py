"""A run directory as a run of Weights & Biases: its id, its names, and what each round logs.

The directory stays the system of record. A wandb run can be made from it again at any time, with the same id, so
whatever is logged twice is one run there.
"""

import secrets
import shutil
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np

from al_bench.files.locks import alone_in
from al_bench.files.writing import replace_text
from al_bench.records.columns import COLUMNS, IDENTITY_COLUMNS
from al_bench.records.identity import Identity
from al_bench.records.layout import WANDB_ID, offline_folders, setting_parts, setting_title, wandb_id
from al_bench.records.reading import rows_of

Mode = Literal["online", "offline"]
MAX_NAME, MAX_TAG = 128, 64  # of wandb
INIT_TIMEOUT = 30  # seconds to wait for wandb's server


def begun(identity: Identity, config: Mapping[str, Any], path: Path, folder: Path, project: str, mode: Mode) -> Any:
    """A wandb run into which the committed rounds of a run directory have been logged, each once.

    Offline, its files in `<folder>/wandb` replace those of an earlier start; online, what wandb has is kept.
    """
    import wandb

    run_id = _id(path)
    if mode == "offline":
        for earlier in offline_folders(folder, run_id):
            shutil.rmtree(earlier, ignore_errors=True)
    setting = setting_parts(identity.as_dict())
    run = wandb.init(
        project=project,
        mode=mode,
        dir=str(folder),
        id=run_id,
        resume="allow" if mode == "online" else None,
        name=identity.title[:MAX_NAME],
        group=group_of(identity.as_dict()),
        job_type=identity.strategy[:MAX_TAG],
        tags=[tag[:MAX_TAG] for tag in dict.fromkeys([*setting, identity.strategy])],
        config=dict(config) | {"run_directory": str(path), "identity": identity.as_dict()},
        settings=wandb.Settings(silent=True, console="off", init_timeout=INIT_TIMEOUT),
    )
    if run.id != run_id:  # an agent of a wandb sweep has drawn it
        with alone_in(path):
            replace_text(path / WANDB_ID, f"{run.id}\n")
    run.define_metric("num_labelled")
    run.define_metric("*", step_metric="num_labelled")
    for row in rows_of(path):
        if row["round"] >= run.step:
            log_round(run, row)
    return run


def group_of(setting: Mapping[str, object]) -> str:
    """The group of all runs of a setting."""
    return plain(setting_title(setting))[:MAX_NAME]


def plain(name: str) -> str:
    """Without symbols, such as `=`: wandb's views take them for emojis, and their filters double them."""
    return "".join(" " if unicodedata.category(letter).startswith("S") else letter for letter in name)


def log_round(run: Any, row: Mapping[str, object]) -> None:
    """Log a row of rounds.csv: its numbers, and the classes of the batch as a histogram."""
    import wandb

    known = {name: str(value) for name, value in row.items() if value not in ("", None)}
    measured = known.keys() - {*IDENTITY_COLUMNS, "round"}
    numbers = [column for column in COLUMNS if column.kind in (int, float) and column.name in measured]
    values: dict[str, Any] = {column.name: column.kind(known[column.name]) for column in numbers}
    if "epoch_limit_hit" in known:
        values["epoch_limit_hit"] = int(known["epoch_limit_hit"] == "True")
    if "class_counts" in known:
        counts = np.array(known["class_counts"].split(), dtype=int)
        values["queried_classes"] = wandb.Histogram(np_histogram=(counts, np.arange(len(counts) + 1)))
    run.log(values, step=int(str(row["round"])))


def _id(path: Path) -> str:
    """Drawn once, and kept in the run directory."""
    with alone_in(path):
        if not (run_id := wandb_id(path)):
            run_id = secrets.token_hex(4)
            replace_text(path / WANDB_ID, f"{run_id}\n")
    return run_id
