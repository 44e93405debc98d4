"""The files of a new strategy: NAME is that of its module, CLASS that of its class."""

STRATEGY = '''"""A query strategy: the smallest margins. Say here what yours goes by, and the paper that it is from."""

import numpy as np
from al_bench import Needs, QueryContext, Strategy
from al_bench.core.ranges import PositiveFloat
from torch import Tensor


class CLASS(Strategy):
    """The examples whose two most probable classes are nearly as probable.

    Args:
        temperature: logits are divided by it. Options stand in conf/strategy/NAME.yaml, too.
    """

    needs = Needs.LOGITS  # what query reads; for more, Needs.LOGITS | Needs.EMBEDDING | Needs.LABELLED, ...

    def __init__(self, temperature: PositiveFloat = 1.0) -> None:
        self.temperature = temperature

    def query(self, context: QueryContext, batch_size: int, rng: np.random.Generator) -> Tensor:
        """Rows (batch_size,) of the unlabelled examples, the best first; draw from `rng` alone."""
        logits_NC = context.unlabelled.logits_NC.double() / self.temperature
        probability_NC = logits_NC.softmax(dim=1)
        top_N2 = probability_NC.topk(2, dim=1).values
        score_N = top_N2[:, 1] - top_N2[:, 0]  # change here: the larger, the sooner it is labelled
        return score_N.argsort(descending=True, stable=True)[:batch_size]
'''

YAML = """_target_: NAME.CLASS
temperature: 1.0
subset_size: null # of the unlabelled examples, drawn anew in each round; null: all of them
"""

TEST = '''"""CLASS keeps the contract of a strategy, and chooses what it says."""

import numpy as np
from al_bench.testing import check_strategy, made_context

from NAME import CLASS


def test_it_keeps_the_contract_of_a_strategy() -> None:
    check_strategy(CLASS())


# This one says what `query` of CLASS chooses: rewrite it together with that.
def test_it_takes_the_smallest_margins_first() -> None:
    context = made_context(CLASS.needs)
    ordered = context.unlabelled.logits_NC.double().softmax(dim=1).sort(dim=1).values.tolist()
    margins = [probabilities[-1] - probabilities[-2] for probabilities in ordered]
    expected = sorted(range(len(margins)), key=lambda row: margins[row])
    assert CLASS().query(context, 10, np.random.default_rng(0)).tolist() == expected[:10]
'''
