"""A run directory as a run of Weights & Biases: its id, its names, and what each round logs.

The directory stays the system of record. A wandb run can be made from it again at any time, with the same id, so
whatever is logged twice is one run there.
"""

import re
import secrets
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np

from al_bench.files import replace_text
from al_bench.identity import Identity
from al_bench.tables import ROUND_COLUMNS, Table

ID_FILE = "wandb_id"
MAX_NAME, MAX_TAG = 128, 64  # of wandb
WHOLE = ("num_labelled", "num_epochs", "num_validation")
REAL = (
    "train_accuracy",
    "test_accuracy",
    "test_balanced_accuracy",
    "test_loss",
    "fit_seconds",
    "query_seconds",
    "validation_accuracy",
    "validation_loss",
    "unlabelled_entropy",
)


def begun(
    identity: Identity, config: Mapping[str, Any], path: Path, project: str, mode: Literal["online", "offline"]
) -> Any:
    """A wandb run into which the committed rounds of a run directory have been logged, each once.

    Offline, its files in `<output_dir>/wandb` replace those of an earlier start; online, what wandb has is kept.
    """
    import wandb

    folder, run_id = Path(config["output_dir"]), _id(path)
    if mode == "offline":
        for earlier in (folder / "wandb").glob(f"offline-run-*-{run_id}*"):
            shutil.rmtree(earlier, ignore_errors=True)
    setting = [identity.dataset, identity.model, f"b{identity.batch_size}", identity.variant]
    run = wandb.init(
        project=project,
        mode=mode,
        dir=str(folder),
        id=run_id,
        resume="allow" if mode == "online" else None,
        name=identity.title[:MAX_NAME],
        group=" · ".join(filter(None, setting))[:MAX_NAME],
        job_type=identity.strategy[:MAX_TAG],
        tags=[tag[:MAX_TAG] for tag in dict.fromkeys(filter(None, [*setting, identity.strategy]))],
        config=dict(config) | {"run_directory": str(path), "identity": identity.as_dict()},
        settings=wandb.Settings(silent=True, console="off"),
    )
    run.define_metric("num_labelled")
    run.define_metric("*", step_metric="num_labelled")
    for row in rounds_of(path):
        if int(row["round"]) >= run.step:
            log_round(run, row)
    return run


def log_round(run: Any, row: Mapping[str, object]) -> None:
    """Log a row of rounds.csv: its numbers, and the classes of the batch as a histogram."""
    import wandb

    values: dict[str, Any] = {name: int(str(row[name])) for name in WHOLE}
    values |= {name: float(str(row[name])) for name in REAL if row[name] not in ("", None)}
    values["epoch_limit_hit"] = int(str(row["epoch_limit_hit"]) == "True")
    counts = np.array(str(row["class_counts"]).split(), dtype=int)
    values["queried_classes"] = wandb.Histogram(np_histogram=(counts, np.arange(len(counts) + 1)))
    run.log(values, step=int(str(row["round"])))


def rounds_of(path: Path) -> Iterator[dict[str, str]]:
    """The committed rounds of a run directory."""
    if (path / "rounds.csv").exists():
        yield from Table(path / "rounds.csv", ROUND_COLUMNS).read()


def _id(path: Path) -> str:
    """Drawn once, and kept in the run directory."""
    file = path / ID_FILE
    known = file.read_text().strip() if file.exists() else ""
    if re.fullmatch(r"[0-9a-f]{8}", known):
        return known
    drawn = secrets.token_hex(4)
    replace_text(file, f"{drawn}\n")
    return drawn
