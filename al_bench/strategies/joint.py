"""Joint: Ranganathan, Venkateswara, Chakraborty and Panchanathan, "Deep Active Learning for Image Classification"
(ICIP 2017): the entropy of the unlabelled examples is a part of the training loss.

    loss = (1/n_l) sum_l cross-entropy + (lambda/n_u) sum_u H(p_u)

The network is made certain of what it can be certain of; the examples of largest entropy that remain are queried.
"""

from typing import Any, Literal

import numpy as np
from torch import Tensor

from al_bench.core.network import TrainedWith, UnlabelledTerm
from al_bench.core.ranges import NonNegativeFloat, NonNegativeInt, PositiveInt
from al_bench.core.strategy import Needs, QueryContext, Strategy, trained_with
from al_bench.strategies.uncertainty import Entropy


class Joint(Strategy):
    """Joint training, and any rule to query by: the paper's is Entropy.

    Args:
        query: the strategy that chooses the batches.
        entropy_weight: lambda, of the mean entropy of unlabelled examples; at 0 training is that of `query` alone.
        unlabelled_minibatch_size: unlabelled examples in each training step, or `all`: every epoch spreads the whole
            pool over its steps, as in the paper.
        ramp_epochs: the weight grows linearly over this many epochs; 0: it is whole from the first one.
        measured: `joint`: the network that chooses; `labelled`: another one, trained on the labels alone, to tell what
            the choices of joint training are worth without it.
    """

    family = "both"

    def __init__(
        self,
        query: Strategy,
        entropy_weight: NonNegativeFloat = 0.03,
        unlabelled_minibatch_size: PositiveInt | Literal["all"] = 128,
        ramp_epochs: NonNegativeInt = 0,
        measured: Literal["joint", "labelled"] = "joint",
    ) -> None:
        if not isinstance(query, Strategy):
            raise ValueError(f"query={query}: must be a strategy; say strategy@strategy.query=...")
        of_rule = trained_with(query)
        if entropy_weight > 0 and of_rule.unlabelled_term is not None:
            raise ValueError(
                "query: has a term on unlabelled examples itself; say entropy_weight=0 or another query rule"
            )
        self._rule = query
        self._entropy_weight = entropy_weight
        self._ramp_epochs = ramp_epochs
        self.needs = query.needs | Needs.LOGITS
        self.samples = query.samples
        self.is_oracle = query.is_oracle
        term = of_rule.unlabelled_term
        if entropy_weight > 0:
            term = UnlabelledTerm(Entropy.score, self.weight, unlabelled_minibatch_size)
        self.trained_with = TrainedWith(
            of_rule.objective, term, measures_pool=True, measures_without_term=measured == "labelled"
        )

    def weight(self, epoch: int) -> float:
        """The weight of the entropy in epoch 1, 2, ...: it rises to its value over the ramp."""
        return self._entropy_weight * min(1.0, epoch / max(1, self._ramp_epochs))

    def check(self, *, pool_size: int, batch_size: int, num_classes: int, num_dimensions: int) -> None:
        """See `Strategy.check`."""
        self._rule.check(
            pool_size=pool_size, batch_size=batch_size, num_classes=num_classes, num_dimensions=num_dimensions
        )

    def cost_of_query(self, batch_size: int) -> str:
        """See `Strategy.cost_of_query`."""
        return self._rule.cost_of_query(batch_size)

    def query(self, context: QueryContext, batch_size: int, rng: np.random.Generator) -> Tensor:
        """See `Strategy.query`; the rule is shown what it declares alone."""
        return self._rule.query(context.declared(self._rule.needs), batch_size, rng)

    def state_dict(self) -> dict[str, Any] | None:
        """See `Strategy.state_dict`."""
        return self._rule.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """See `Strategy.load_state_dict`."""
        self._rule.load_state_dict(state)
