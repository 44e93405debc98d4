"""What is saved of the network of each round, if asked to: its predictions for the test set, its weights."""

import logging
from collections.abc import Sequence
from io import BytesIO

import torch

from al_bench.core.network import Network
from al_bench.loop.measuring import MeasuredRound
from al_bench.records.directory import RunDirectory
from al_bench.records.saved import LAST_WEIGHTS, PREDICTIONS, Predictions, saved_rounds

log = logging.getLogger(__name__)


def save_round(directory: RunDirectory, kinds: Sequence[str], measured: MeasuredRound) -> None:
    """Save what `al_bench.records.saved` calls by these names, of a round that is about to be committed."""
    for kind in kinds:
        predictions = Predictions(measured.logits_NC.float().cpu().numpy(), measured.targets_N.cpu().numpy())
        content = predictions.as_bytes() if kind == PREDICTIONS else weights_as_bytes(measured.network)
        directory.save(kind, measured.record.round, content)


def warn_of_lacking(directory: RunDirectory, kinds: Sequence[str]) -> None:
    """Say of which kinds the rounds that are done already have no file."""
    rounds = range(len(directory.committed.batches))
    for kind in kinds:
        wanted = rounds[-1:] if kind == LAST_WEIGHTS else rounds
        if lacking := sorted(set(wanted) - saved_rounds(directory.path, kind)):
            log.warning(
                "save=%s: %d of the rounds that are done have no file (the first is round %d), and get none; there is "
                "one from round %d on",
                *(kind, len(lacking), lacking[0], len(rounds)),
            )


def weights_as_bytes(network: Network) -> bytes:
    """The network's state_dict, of tensors on the CPU, as `torch.load(path, weights_only=True)` reads it."""
    content = BytesIO()
    torch.save({name: value.detach().cpu().clone() for name, value in network.state_dict().items()}, content)
    return content.getvalue()
