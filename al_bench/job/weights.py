"""Weights that the next round starts from, in the run directory: those of the last two rounds.

A round's are written before the row that commits it, in the place of those of two rounds before: whichever round is the
last one committed, its weights are there. With `model.start=scratch` there are none.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from io import BytesIO
from typing import Any

import torch
from torch import Tensor

from al_bench.core.errors import RunDirectoryError, described
from al_bench.core.network import Network
from al_bench.core.rounds import Committed, RoundRecord
from al_bench.files.writing import read_bytes
from al_bench.records.directory import RunDirectory
from al_bench.records.layout import weights_name

DIGEST = hashlib.sha256().digest_size


def keep_weights(directory: RunDirectory, record: RoundRecord) -> None:
    """Write those of a round that is about to be committed, if the next one starts from them."""
    if record.weights is None:
        return
    buffer = BytesIO()
    weights = {part: {name: each.cpu() for name, each in of.items()} for part, of in record.weights.items()}
    torch.save({"round": record.round, "weights": weights}, buffer)
    content = buffer.getvalue()
    directory.replace(weights_name(record.round), hashlib.sha256(content).digest() + content)


def with_weights(directory: RunDirectory, network: Network) -> Committed:
    """What the directory has committed, with the weights of the last round; `network` is like those that they are of.

    Raises:
        RunDirectoryError: if they are not there, or are not as they were written.
    """
    committed = directory.committed
    if not committed.batches:
        return committed
    round = len(committed.batches) - 1
    path = directory.path / weights_name(round)
    try:
        return replace(committed, weights=_read(read_bytes(path), round, network))
    except FileNotFoundError:
        problem = "is missing"
    except Exception as error:  # whatever a foreign file makes PyTorch raise
        problem = f"cannot be used ({str(error) if isinstance(error, ValueError) else described(error)})"
    raise RunDirectoryError(
        f"{path} {problem}: round {round + 1} would start from its weights (model.start); put it back, or delete the "
        "folder to start again, or give the run another name"
    )


def check_like(weights: Mapping[str, Tensor], like: Mapping[str, Tensor]) -> None:
    """ValueError for other names, shapes or types of numbers."""
    kinds, wanted = ({name: (each.shape, each.dtype) for name, each in of.items()} for of in (weights, like))
    if kinds != wanted:
        raise ValueError("its weights are not those of the network")


def _read(content: bytes, round: int, network: Network) -> Mapping[str, Any]:
    digest, content = content[:DIGEST], content[DIGEST:]
    if hashlib.sha256(content).digest() != digest:
        raise ValueError("it is damaged")
    kept = torch.load(BytesIO(content), map_location="cpu", weights_only=True)
    if kept["round"] != round:
        raise ValueError(f"it is of round {kept['round']}")
    for weights in kept["weights"].values():
        check_like(weights, network.state_dict())
    found: Mapping[str, Any] = kept["weights"]
    return found
