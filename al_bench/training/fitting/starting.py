"""What the network of a round begins with, if not with random weights: what the one of the round before has learned."""

from collections.abc import Mapping

import torch
from torch import Tensor

from al_bench.core.network import Network
from al_bench.training.options import TrainingOptions


@torch.no_grad()
def start_from(network: Network, earlier: Mapping[str, Tensor], training: TrainingOptions) -> None:
    """Change a new network to start from the state of the one of the round before, its parameters and buffers.

    `warm`: it is that one. `shrink_perturb` (Ash and Adams, "On Warm-Starting Neural Network Training", 2020): its
    parameters are `shrink` times those of that one plus `perturb` times its own, which are as large as it draws them;
    its buffers are new.
    """
    if training.start == "warm":
        network.load_state_dict(earlier)
        return
    for name, parameter in network.named_parameters():
        parameter.mul_(training.perturb).add_(training.shrink * earlier[name].to(parameter.device))
