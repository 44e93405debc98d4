"""The memory of a query, measured in a process of its own."""

import pytest

from tests.support.forks import python

NUM_UNLABELLED, NUM_CLASSES, NUM_DIMENSIONS = 200_000, 10, 64
NUM_TRIES = 3

MEASURED = f"""
import resource, sys
import numpy as np, torch
from al_bench.core.strategy import Outputs, QueryContext
from tests.contracts.test_strategies import strategy

torch.set_num_threads(1)
chosen = strategy(sys.argv[1])
generator = torch.Generator().manual_seed(0)
draw = lambda *shape: torch.randn(*shape, generator=generator)
unlabelled = Outputs(draw({NUM_UNLABELLED}, {NUM_CLASSES}), draw({NUM_UNLABELLED}, {NUM_DIMENSIONS}).relu_())
labelled = Outputs(draw(500, {NUM_CLASSES}), draw(500, {NUM_DIMENSIONS}).relu_())
of = QueryContext(unlabelled, labelled, torch.zeros(500, dtype=torch.int64), {NUM_UNLABELLED}, {NUM_CLASSES}, 0)
small = QueryContext(*(Outputs(e.logits[:200], e.embedding[:200]) for e in (unlabelled, labelled)),
                     torch.zeros(200, dtype=torch.int64), 200, {NUM_CLASSES}, 0)
chosen.query(small, 10, np.random.default_rng(0))  # what is loaded once
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
chosen.query(of, 50 if sys.argv[1] == "kdpp" else 200, np.random.default_rng(0))
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * (1 if sys.platform == "darwin" else 1024))
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("option", "num_copies"),
    [("random", 1), ("entropy", 1), ("badge", 2), ("coreset", 1), ("albl", 1), ("kmeans", 3), ("kdpp", 5)],
)
def test_a_query_takes_few_copies_of_the_outputs(option, num_copies):
    """As many as N x B or N x L distances would take five or more. What the allocator had free before differs."""
    outputs = 4 * NUM_UNLABELLED * (NUM_CLASSES + NUM_DIMENSIONS)
    taken = []
    while len(taken) < NUM_TRIES and not any(each <= num_copies * outputs for each in taken):
        taken.append(int(python("-c", MEASURED, option, check=True).stdout))
    assert min(taken) <= num_copies * outputs
