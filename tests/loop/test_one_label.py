"""The first rounds of few labels: most classes have not been seen, and everything works."""

import math

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, log_loss

from al_bench.core.network import cross_entropy
from al_bench.loop.rounds_of import ActiveLearning
from tests.conftest import blobs, small_learner
from tests.contracts.test_strategies import CHEAPER, OPTIONS, checked, node

DATASET = blobs(num_classes=6)


@pytest.mark.moderate
@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("seed", [0, 1])
def test_every_strategy_goes_on_from_one_label(option, seed):
    strategy = checked(node(option) | CHEAPER.get(option, {}), batch_size=3)
    loop = ActiveLearning(
        DATASET, small_learner(DATASET), strategy, seed=seed, num_initial=1, batch_size=3, budget=12, num_validation=2
    )
    records = list(loop.rounds())
    assert [record.num_labelled for record in records] == [3, 6, 9, 12]
    assert np.count_nonzero(records[0].class_counts) == 1
    for record in records:
        for measured in (record.test, record.validation):
            assert all(math.isfinite(each) for each in vars(measured).values() if each is not None)


def test_what_is_measured_of_classes_never_seen_is_what_scikit_learn_says():
    labelled = DATASET.train.take((DATASET.train.targets == 2).nonzero().squeeze(1)[:1])
    trained = small_learner(DATASET).fit(labelled, cross_entropy, seed=0, round=0)
    logits_NC = trained.network(DATASET.test.inputs).detach().double()
    metrics, targets = trained.evaluate(DATASET.test), DATASET.test.targets.numpy()
    predicted = logits_NC.argmax(dim=1).numpy()
    assert metrics.balanced_accuracy == pytest.approx(balanced_accuracy_score(targets, predicted))
    assert metrics.loss == pytest.approx(log_loss(targets, logits_NC.softmax(dim=1).numpy(), labels=range(6)), rel=1e-5)
