"""Pre-training once for all runs of an experiment that start from it: it does not depend on the strategy or the round.

What was learned is kept in `<output_dir>/<name>/.pretrained`, in a file named after all that it depends on.
"""

import hashlib
import inspect
import json
import logging
import re
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from al_bench.config.parts import located
from al_bench.core.network import Network
from al_bench.files.locks import exclusive
from al_bench.files.npz import UNREADABLE, read_kept, remove_partial, write_kept
from al_bench.files.writing import check_link
from al_bench.job.loading import Loaded
from al_bench.job.weights import check_like
from al_bench.records.identity import flattened
from al_bench.records.run_config import RunConfig
from al_bench.training.learner import Learner, Weights, body_of
from al_bench.training.options import TrainingOptions

FOLDER = ".pretrained"
OWN = re.compile(r"[0-9a-f]+\.npz|\.[0-9a-f]+\.npz\.\w+\.partial|\.pre-training-[0-9a-f]+\.lock")  # names in it
FORMAT = 1  # of the files, and of how the parts of al_bench pre-train

log = logging.getLogger(__name__)


def pretrained(
    learner: Learner, network: Network, data: Loaded, config: RunConfig, inputs: Tensor, *, has_rounds: bool
) -> Learner:
    """One whose networks, of which `network` is one, start from what the file holds or pre-training on `inputs` gives.

    The same learner where nothing is kept: it pre-trains by itself, if its networks are pre-trained at all.

    Args:
        learner: whose networks have learned nothing yet.
        network: one of its own.
        data: what the run learns from.
        config: of the run.
        inputs: of the pool (N, ...), where they are stored.
        has_rounds: as in `kept`.
    """
    if not (network.is_pretrained and network.is_pretraining_kept):
        return learner
    path, like = kept_path(learner, network, data, config), body_of(network)
    return replace(
        learner, weights=kept(path, like, has_rounds, lambda: learner.pretrained(inputs, config.seed).weights)
    )


def kept_path(learner: Learner, network: Network, data: Loaded, config: RunConfig) -> Path:
    """Where that is of a run: the network is one of the learner's own."""
    of_training = {field.name for field in fields(TrainingOptions)} - {"channels_last"}
    of_network = {key: value for key, value in config.model.items() if key not in of_training}
    depends_on = [
        *(FORMAT, torch.__version__, torch.device(learner.device).type, *_sources(network, of_network)),
        *(data.digest, repr(learner.normalisation), config.seed, config.num_threads, of_network),
    ]
    key = hashlib.blake2b(json.dumps(depends_on, sort_keys=True).encode(), digest_size=12).hexdigest()
    return config.folder / FOLDER / f"{key}.npz"


def _sources(network: Network, node: Mapping[str, Any]) -> list[str]:
    """The files in which the classes of a network are written, and the parts in its node; PyTorch's has a version."""
    parts = [
        located("model", {"_target_": name}) for key, name in flattened(node) if key.rpartition(".")[2] == "_target_"
    ]
    names = sorted({each.__module__ for each in (*type(network).__mro__, *parts)})
    return [source_of(name) for name in names if name.partition(".")[0] not in ("builtins", "abc", "torch")]


def source_of(module: str) -> str:
    """The text of a module; its name if there is none, as of compiled modules."""
    try:
        return inspect.getsource(sys.modules[module])
    except (OSError, TypeError):
        return module


def kept(path: Path, like: Weights, has_rounds: bool, learned: Callable[[], Weights]) -> Weights:
    """What is kept there, else what `learned` gives, which is kept from then on; by one process at a time.

    Args:
        path: of the file.
        like: weights of the names, shapes and types that are wanted.
        has_rounds: the run has rounds from before; that they started from other weights is said.
        learned: pre-trains.
    """
    try:
        check_link(path.parent, lambda: all(OWN.fullmatch(each.name) for each in path.parent.iterdir()))
    except OSError as error:
        log.warning("%s is not kept (%s); the next start does that work again", path, error.strerror)
        return learned()
    if not isinstance(found := _read(path, like), str):
        return found
    with exclusive(path.parent, f"pre-training-{path.stem}") as is_alone:
        if not isinstance(found := _read(path, like), str):  # by another process in the meantime
            return found
        if found:
            log.warning("%s is damaged (%s), and made again", path, found)
        if has_rounds:
            log.warning(
                "the rounds so far started from weights that were pre-trained before and are not in %s; they are "
                "learned again, and on another machine with other bits, so the rounds to come may differ",
                path,
            )
        log.info("pre-training, once for all runs at this seed")
        start = time.perf_counter()
        weights = learned()
        log.info("pre-trained in %.1f s", time.perf_counter() - start)
        if is_alone:
            remove_partial(path)
        try:
            write_kept(path, {name: weight.cpu().numpy() for name, weight in weights.items()})
        except TypeError as error:  # a type of numbers that NumPy has not
            log.warning("%s is not kept (%s); the next start does that work again", path, error)
    return weights


def _read(path: Path, like: Weights) -> Weights | str:
    """What is kept there, or what is wrong with it, which is empty if there is nothing."""
    try:
        weights = {name: torch.from_numpy(weight) for name, weight in read_kept(path)[0].items()}
        check_like(weights, like)
    except FileNotFoundError:
        return ""
    except (*UNREADABLE, TypeError) as error:  # the last of texts and the like
        return str(error)
    if not all(weight.isfinite().all() for weight in weights.values()):
        return "its weights are not finite"
    log.info("pre-trained before: %s", path)
    return weights
