"""The first batch, before there is a network: drawn uniformly, or chosen by a strategy that can do without one.

Whatever is named here or is an `al_bench.Strategy` can stand in a yaml of the group `initial`.
"""

from torch import Tensor

from al_bench.core.errors import ConfigError
from al_bench.core.network import Network
from al_bench.core.strategy import Needs, Strategy
from al_bench.loop.querying import check_can_be_asked
from al_bench.training.learner import Learner
from al_bench.training.outputs import Passes
from al_bench.training.trained import Trained

OF_NETWORKS = Needs.LOGITS | Needs.EMBEDDING | Needs.HEAD | Needs.SAMPLES


def uniform() -> None:
    """`initial=random`: none chooses, and the loop draws."""


def by_strategy(strategy: Strategy) -> Strategy:
    """`initial=strategy`: the one of the run."""
    return strategy


def check_first(chooser: Strategy, strategy: Strategy, num_initial: int, batch_size: int) -> None:
    """ConfigError if `chooser` cannot choose the first batch of a run, whose strategy it may be."""
    if num_initial == 0 and chooser is not strategy:
        raise ConfigError(
            "num_initial=0: the strategy chooses the first batch, and nothing is left for another initial=... to "
            "choose; say num_initial=... above 0, or leave initial out"
        )
    check_can_be_asked(chooser, num_initial or batch_size)
    if not (read := chooser.needs & OF_NETWORKS):
        return
    said = "num_initial=0" if num_initial == 0 else "initial=strategy" if chooser is strategy else "initial"
    names = ", ".join(str(need.name).lower() for need in read)
    raise ConfigError(
        f"{said}: {type(chooser).__name__} reads {names} of a network, and before the first labels there is none; "
        "say initial=random, balanced or centroids, with num_initial=..., or a strategy that reads none: some with "
        "strategy.space=features (docs/budgets.md)"
    )


def untrained(learner: Learner) -> Trained:
    """What can be said of examples without a network: their features."""
    channels_last = learner.training.channels_last
    passes = Passes.of(learner.device, learner.normalisation, channels_last=channels_last)
    return Trained(_NoNetwork(), passes)


class _NoNetwork(Network):
    def embed(self, inputs: Tensor) -> Tensor:
        raise NotImplementedError("there is no network before the first labels")
