"""Pre-training once for all runs of an experiment that start from it: it does not depend on the strategy or the round.

What was learned is kept in `<output_dir>/<name>/.pretrained`, in a file named after all that it depends on.
"""

import hashlib
import inspect
import json
import logging
import time
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from al_bench.datasets.fetching import exclusive
from al_bench.datasets.files import UNREADABLE, read_npz, remove_partial, write_npz
from al_bench.datasets.loading import Loaded
from al_bench.interfaces import Network
from al_bench.learner import Learner
from al_bench.training import Training

FOLDER = ".pretrained"
FORMAT = 1  # of the files, and of how the parts of al_bench pre-train

log = logging.getLogger(__name__)


def pretrained(learner: Learner, network: Network, data: Loaded, config: Mapping[str, Any], folder: Path) -> Learner:
    """As `Learner.pretrained`, from a file if another run has done it.

    Args:
        learner: before that.
        network: one of its own.
        data: the data set.
        config: of the run: its seed, model and number of threads.
        folder: of the experiment.
    """
    if not network.is_pretrained:
        return learner
    key = _key(learner, network, data, config)
    path = folder / FOLDER / f"{key}.npz"
    if (weights := _kept(path)) is not None:
        return replace(learner, weights=weights)
    with exclusive(path.parent, key) as is_alone:
        if (weights := _kept(path)) is not None:  # by another process in the meantime
            return replace(learner, weights=weights)
        start = time.perf_counter()
        learner = learner.pretrained(data.dataset.train.inputs, config["seed"])
        log.info("pre-trained on %s inputs in %.1f s", f"{len(data.dataset.train):,}", time.perf_counter() - start)
        if is_alone:
            remove_partial(path)
            write_npz(path, {name: weight.cpu().numpy() for name, weight in learner.weights.items()})
    return learner


def _kept(path: Path) -> dict[str, Tensor] | None:
    try:
        return {name: torch.from_numpy(weight) for name, weight in read_npz(path).items()}
    except UNREADABLE:
        return None


def _key(learner: Learner, network: Network, data: Loaded, config: Mapping[str, Any]) -> str:
    of_training = {field.name for field in fields(Training)}
    depends_on = [
        *(FORMAT, torch.__version__, inspect.getsource(inspect.getmodule(type(network)) or type(network))),
        *(data.digest, repr(learner.normalisation), config["seed"], config["num_threads"]),
        torch.device(learner.device).type,
        {key: value for key, value in config["model"].items() if key not in of_training},
    ]
    return hashlib.blake2b(json.dumps(depends_on, sort_keys=True).encode(), digest_size=12).hexdigest()
