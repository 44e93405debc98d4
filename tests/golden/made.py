"""`python -m tests.golden.made [first] [second] [third] [fourth]`: golden runs, anew.

They are short ones of every strategy, model, training and initial set of conf/, on digits and on made images,
modalities and a table. None is on a GPU, in bfloat16, on the published data sets other than digits or on features of a
pretrained network; of the options of a strategy or of training, few are set to another value than the default.

They hold for one processor and one build of PyTorch, which machine.json names, with the commits that made them: the
first ones by the oldest commit that knew their commands, the others by later ones.
"""

import csv
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

GOLDEN = Path(__file__).parent
ROOT = GOLDEN.parents[1]
SHORT = ("num_initial=30", "batch_size.size=30", "budget=120", "name=golden", "tracker=none", "output_dir=.")
STRATEGIES = "albl,badge,confidence,coreset,entropy,kdpp,kmeans,margin,random"  # those that there were at first
MLP = (*SHORT, "model.width=16", "model.max_epochs=40")
IMAGES = (*SHORT, "dataset=arrays", "dataset.path=images.npz", "model.max_epochs=3")
VIEWS = ("dataset=modalities", "dataset.path=views.npz", "model.pretraining.num_epochs=2", "model.max_epochs=3")
JOINT = ("strategy=joint", "strategy.unlabelled_minibatch_size=32")
FIRST = (
    ("-m", *MLP, f"strategy={STRATEGIES}"),
    ("-m", *MLP, "strategy=albl", "strategy.variant=original", "training@model=reference", "seed=1"),
    (*MLP, *JOINT, "strategy@strategy.query=badge", "strategy.ramp_epochs=10"),
    (*MLP, *JOINT, "strategy.measured=labelled", "num_validation=20", "model.patience=5"),
    (*MLP, "strategy=badge", "num_validation=20", "budget=60"),
    (*MLP, "strategy=badge", "num_validation=20"),  # goes on where the one before ended
    (*IMAGES, "model=resnet", "model.width=8", "model.augmentation=crop_flip", "strategy=badge"),
    (*IMAGES, "model=vgg", "training@model=reference", "strategy=coreset", "budget=60"),
    (*SHORT, *VIEWS, "model=dbn", "model.widths=[8,8,8]", *JOINT, "strategy.unlabelled_minibatch_size=all"),
    (
        *MLP,
        *VIEWS[:2],
        "model=fusion",
        "strategy=kmeans",
        "model.optimizer.weight_decay=1e-3",
        "model.gradient_clamp=0.1",
    ),
    (*MLP, "dataset=openml", "dataset.id=7", "data_dir=data", "strategy=entropy"),
)
THREE = (*MLP, "budget=90")
SECOND = (
    ("-m", *THREE, "strategy=typiclust,maxherding,bait,bald,lcmd,epig"),  # of kinds that there were not
    ("-m", *THREE, "strategy=margin", "model.start=warm,shrink_perturb"),
    (*SHORT, "budget=90", "model=linear", "features=pca", "features.num_components=16", "strategy=badge"),
    (*THREE, "strategy=margin", "dataset.long_tail.ratio=0.1", "dataset.label_noise.rate=0.2"),
)
SAMPLED = (*THREE, "strategy=bald", "strategy.num_samples=5")
THIRD = (  # of streams that none above draws from: subsets, dropout in training, masks, later members of an ensemble
    (*SAMPLED, "strategy.subset_size=200"),
    (*SAMPLED, "strategy.samples=network", "model.dropout=0.5"),
    (*SAMPLED, "strategy.samples=ensemble", "strategy.num_members=2"),
    (*THREE, "initial=strategy", "strategy=coreset", "strategy.space=features", "strategy.subset_size=300"),
    (*THREE, "initial=centroids", "training@model=regularised", "strategy=margin"),
)
FEW = (*MLP, "batch_size.size=10", "budget=50")
MARGIN = (*FEW, "strategy=margin")
PROBE = (*SHORT, "batch_size.size=10", "budget=50", "model=linear", "strategy=margin")
ALFAMIX = "golden/digits/mlp,max_epochs=40,width=16/alfamix/b10/num_initial=30"
FOURTH = (  # the strategies and trainings that none above has, and options that change what every epoch does
    (
        "-m",
        *FEW,
        "strategy=alfamix,cal,clue,dropquery,facility_location,falcun,power_bald,power_confidence,power_entropy,"
        "power_margin,probcover,uherding,oracle/balanced_oracle",
    ),
    (*FEW, "strategy=refine", "strategy.num_rounds=2", "strategy.num_batches=9"),
    (*FEW, "strategy=oracle/boss", "strategy.num_batches=10"),
    (*FEW, "strategy=oracle/greedy_oracle", "strategy.num_candidates=2"),
    (*PROBE[:-1], "strategy=replay", f"strategy.of='{ALFAMIX}'"),
    (*FEW, "strategy=joint_random", "training@model=fixed", "model.max_epochs=5"),
    (*MARGIN, "initial=balanced", "model.class_weights=balanced"),
    (*MARGIN, "model.minibatches=equal", "model.minibatch_size=16"),
    (*MARGIN, "model.widths=[8,4]"),
    (*PROBE, "training@model=probe_sgd", "model.max_epochs=20"),
    (*PROBE, "training@model=probe_adamw", "model.max_epochs=20"),
)
COMMANDS = {"first": FIRST, "second": SECOND, "third": THIRD, "fourth": FOURTH}


def write_data(folder: Path) -> None:
    """Images, two modalities and a table, of two and three classes."""
    rng = np.random.default_rng(0)
    np.savez(
        folder / "images.npz",
        inputs=rng.integers(256, size=(200, 3, 32, 32), dtype=np.uint8),
        targets=np.arange(200) % 2,
    )
    targets = np.arange(240) % 3
    views = {name: rng.normal(size=(240, size)) + targets[:, None] for name, size in (("a", 5), ("b", 7))}
    np.savez(folder / "views.npz", targets=targets, **views)
    rows = [",".join([*map(str, (rng.normal(size=4) + row % 2).round(3)), "ab"[row % 2]]) for row in range(200)]
    header = [*(f"@attribute x{column} numeric" for column in range(4)), "@attribute class {a,b}", "@data"]
    (folder / "data" / "openml").mkdir(parents=True)
    (folder / "data" / "openml" / "7.arff").write_text("\n".join(["@relation made", *header, *rows]) + "\n")


def machine() -> dict[str, str]:
    """What the last bits of a network depend on."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    known = dict(line.partition(":")[::2] for line in reversed(lines))
    names = {key.strip(): value.strip() for key, value in known.items()}
    processor = " ".join(names.get(key, "") for key in ("model name", "cpu family", "model"))
    return {
        "processor": processor.strip() or platform.processor(),
        "capability": torch.backends.cpu.get_cpu_capability(),
        "torch": torch.__version__,
        "numpy": np.__version__,
    }


def results_of(folder: Path) -> dict[str, list[list[str]]]:
    """Rows of rounds.csv without seconds and of queries.csv, by the path of the file."""
    found = {}
    for name in ("rounds.csv", "queries.csv"):
        for path in sorted((folder / "golden").rglob(name)):
            header, *rows = csv.reader(path.read_text().splitlines())
            kept = [position for position, column in enumerate(header) if not column.endswith("_seconds")]
            found[str(path.relative_to(folder / "golden"))] = [[row[each] for each in kept] for row in (header, *rows)]
    return found


def made(folder: Path, source: Path, commands: Sequence[Sequence[str]]) -> dict[str, list[list[str]]]:
    """The results of some commands as a source checkout does them, in an empty folder."""
    write_data(folder)
    environment = {**os.environ, "PYTHONPATH": str(source)}
    for command in commands:
        called = [sys.executable, "-m", "al_bench.run", *command]
        subprocess.run(called, cwd=folder, env=environment, check=True, capture_output=True)
    return results_of(folder)


def main(names: Sequence[str]) -> None:
    """Make those of these names, by the commit that is checked out."""
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    commits = json.loads((GOLDEN / "machine.json").read_text())["commits"]
    if {*names} == COMMANDS.keys():
        shutil.rmtree(GOLDEN / "runs", ignore_errors=True)
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            results = made(Path(folder), ROOT, COMMANDS[name])
        for file, rows in results.items():
            (GOLDEN / "runs" / file).parent.mkdir(parents=True, exist_ok=True)
            with (GOLDEN / "runs" / file).open("w", newline="") as stream:
                csv.writer(stream, lineterminator="\n").writerows(rows)
    made_by = {**commits, **dict.fromkeys(names, head.strip())}
    (GOLDEN / "machine.json").write_text(json.dumps({**machine(), "commits": made_by}, indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:] or [*COMMANDS])
