"""What is attacked with kills: small runs of every kind, and the data that they need."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

TINY = ("model.max_epochs=2", "num_initial=20", "batch_size.size=15", "budget=50", "name=attacked")
QUICK = (*TINY, "model.width=8", "tracker=none")
SAVING = "save=[predictions,weights,last_weights]"
SEARCH = (
    *("experiment=tune", "hydra.sweeper.n_trials=3", "hydra.sweeper.sampler.seed=0", "num_validation=10"),
    "hydra.sweeper.params={model.width: 'choice(4,8,16)'}",
)
DBN = ("model=dbn", "model.widths=[8,8,8]", "model.pretraining.num_epochs=1")

BOUGHT = "outputs/attacked/digits/mlp,max_epochs=2,width=8/margin/b15/num_initial=20"
EXTRACTOR = """
import time
import torch
from al_bench import Extractor


class Own(Extractor):
    batch_size = 32

    def check(self, inputs):
        pass

    def weights(self):
        return [("weights", torch.arange(64 * 8).reshape(64, 8) / 512)]

    def __call__(self, rows, device):
        time.sleep(0.005)  # as if it were work
        return rows @ dict(self.weights())["weights"]
"""


def write_extractor(folder: Path) -> None:
    """`own.py`, whose features a run computes and keeps."""
    (folder / "own.py").write_text(EXTRACTOR)


def write_images(folder: Path) -> None:
    """`images.npz`: 100 images of 32 x 32 pixels in two classes."""
    rng = np.random.default_rng(0)
    inputs = rng.integers(256, size=(100, 3, 32, 32), dtype=np.uint8)
    np.savez(folder / "images.npz", inputs=inputs, targets=np.arange(100) % 2)


def write_arff(folder: Path) -> None:
    """A table that is kept as .npz after it has been read."""
    rng = np.random.default_rng(0)
    rows = [",".join([*map(str, rng.normal(size=4).round(3)), "ab"[row % 2]]) for row in range(100)]
    header = [*(f"@attribute x{column} numeric" for column in range(4)), "@attribute class {a,b}", "@data"]
    (folder / "data" / "openml").mkdir(parents=True)
    (folder / "data" / "openml" / "7.arff").write_text("\n".join(["@relation made", *header, *rows]) + "\n")


@dataclass(frozen=True)
class Configuration:
    """What is attacked: commands, one after another in one folder.

    A command is the arguments of al-bench, or `pack` or `restore`; `prepare` makes the data in an empty folder.
    """

    name: str
    commands: tuple[tuple[str, ...], ...]
    prepare: Callable[[Path], None] = lambda _: None


CONFIGURATIONS = (
    Configuration("albl", ((*QUICK, SAVING, "strategy=albl", "strategy.variant=original"),)),
    Configuration(
        "joint with a dbn",
        ((*TINY, "tracker=none", *DBN, "strategy=joint", "strategy.unlabelled_minibatch_size=32"),),
    ),
    Configuration("num_validation", ((*QUICK, "strategy=badge", "num_validation=10"),)),
    Configuration(
        "resnet",
        ((*TINY, "tracker=none", "dataset=arrays", "dataset.path=images.npz", "model=resnet", "model.width=8"),),
        write_images,
    ),
    Configuration("a table being kept", ((*QUICK, "dataset=openml", "dataset.id=7", "data_dir=data"),), write_arff),
    Configuration("wandb offline", ((*QUICK[:-1], "tracker=wandb", "tracker.mode=offline"),)),
    Configuration(
        "joblib sweep",
        (("-m", *QUICK, "strategy=random,margin", "seed=0,1", "hydra/launcher=joblib", "hydra.launcher.n_jobs=2"),),
    ),
    Configuration("search", ((*TINY, "tracker=none", *SEARCH),)),
    Configuration("pack and restore", (("-m", *QUICK, "seed=0,1", "save=predictions"), ("pack",), ("restore",))),
    Configuration("raised budget", ((*QUICK, SAVING, "budget=35"), (*QUICK, SAVING))),
    Configuration(
        "features", ((*QUICK, "features._target_=own.Own", "data_dir=data", "strategy=coreset"),), write_extractor
    ),
    Configuration("warm start", ((*QUICK, SAVING, "model.start=shrink_perturb", "initial=centroids"),)),
    Configuration("wrong labels", ((*QUICK, "dataset.label_noise.rate=0.2", "dataset.long_tail.ratio=0.5"),)),
    Configuration("replay", ((*QUICK, "strategy=margin"), (*QUICK, "strategy=replay", f"strategy.of='{BOUGHT}'"))),
)
