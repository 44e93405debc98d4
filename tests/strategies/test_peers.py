"""Choices of other packages, where they are those of the papers; what they do otherwise is in
docs/strategies/differences.md.
"""

from typing import Any

import numpy as np
import pytest
import torch
from sklearn.cluster import KMeans as Clustering
from torch import Tensor

from al_bench.core.strategy import Needs, QueryContext
from al_bench.strategies.clue import Clue
from al_bench.strategies.coreset import Coreset
from al_bench.strategies.maths.samples import mutual_information
from al_bench.strategies.maxherding import MaxHerding
from tests.contracts.test_strategies import context, query

pytestmark = pytest.mark.moderate
SEEDS = range(10)
SETS = Needs.EMBEDDING | Needs.LABELLED
pool: Any = pytest.importorskip("skactiveml.pool", reason="NO SCIKIT-ACTIVEML: pip install 'al-bench[dev]'")


def given(of: QueryContext) -> tuple[np.ndarray, np.ndarray]:
    """As scikit-activeml takes them: the unlabelled rows first, whose targets are missing."""
    both = torch.cat([of.unlabelled.embedding_ND, of.labelled.embedding_ND]).double().numpy()
    return both, np.r_[np.full(of.num_unlabelled, np.nan), of.labelled_targets.double().numpy()]


def fixed(sampled_SNC: np.ndarray, embedding_ND: np.ndarray | None = None) -> Any:
    """A classifier of theirs that says this, whatever it is asked."""
    from skactiveml.base import SkactivemlClassifier

    class Fixed(SkactivemlClassifier):
        def fit(self, X, y, sample_weight=None) -> "Fixed":
            self.is_fitted_ = True
            return self

        def predict_proba(self, X) -> Any:
            return sampled_SNC[0] if embedding_ND is None else (sampled_SNC[0], embedding_ND)

        def sampled(self, X) -> np.ndarray:
            return sampled_SNC

    return Fixed(classes=list(range(sampled_SNC.shape[2]))).fit([], [])


def first_difference(ours: list[int], theirs: np.ndarray) -> int | None:
    return next((place for place, (one, other) in enumerate(zip(ours, theirs, strict=True)) if one != other), None)


@pytest.mark.parametrize("has_labels", [True, False])
@pytest.mark.parametrize("sigma", [1.0, 0.5])
def test_maxherding(sigma, has_labels):
    theirs, num_ties = pool.MaxHerding(metric_dict={"gamma": sigma**-2}, random_state=0), 0
    for seed in SEEDS:
        of = context(SETS, num_unlabelled=200, num_dimensions=6, seed=seed)
        if not has_labels:
            of = QueryContext(of.unlabelled, of.unlabelled.take(torch.arange(0)), of.labelled_targets[:0], 200, 3, 0)
        ours = query(MaxHerding(sigma), of, 30).tolist()
        chosen, gains = theirs.query(*given(of), batch_size=30, return_utilities=True)
        if (place := first_difference(ours, chosen)) is not None:  # theirs draws where gains are equal
            assert gains[place][ours[place]] == pytest.approx(gains[place][chosen[place]], rel=1e-14)
            assert ours[place] < chosen[place]
            num_ties += 1
    assert num_ties <= 1


def test_coreset():
    for seed in SEEDS:
        of = context(SETS, num_unlabelled=200, num_dimensions=6, seed=seed)
        assert (
            query(Coreset(), of, 30).tolist() == pool.CoreSet(random_state=0).query(*given(of), batch_size=30).tolist()
        )


def test_clue():
    for seed in SEEDS:
        of = context(Needs.LOGITS | Needs.EMBEDDING, num_unlabelled=200, num_dimensions=6, seed=seed)
        embedding_ND = of.unlabelled.embedding_ND.numpy()
        said = fixed(of.unlabelled.logits_NC.double().softmax(1).numpy()[None], embedding_ND)
        drawn = int(np.random.default_rng(seed).integers(2**31))
        options = {"n_init": 1, "max_iter": 100, "random_state": drawn}
        theirs = pool.Clue(cluster_algo=Clustering, cluster_algo_dict=options, random_state=0)
        chosen = theirs.query(embedding_ND, np.full(200, np.nan), said, fit_estimator=False, batch_size=30)
        assert query(Clue(), of, 30, seed).tolist() == chosen.tolist()


def sampled(seed: int) -> Tensor:
    """Probabilities (200, 8, 4) of 200 examples under 8 samples of the weights."""
    return (3 * torch.randn(200, 8, 4, generator=torch.Generator().manual_seed(seed)).double()).softmax(dim=2)


def test_bald():
    """They add 1e-7 to what they take the logarithm of."""
    for seed in SEEDS:
        probabilities_NSC = sampled(seed)
        said = fixed(probabilities_NSC.movedim(1, 0).numpy())
        theirs = pool.GreedyBALD(sample_predictions_method_name="sampled", random_state=0)
        _, scores = theirs.query(
            np.zeros((200, 1)), np.full(200, np.nan), said, fit_ensemble=False, return_utilities=True
        )
        assert mutual_information(probabilities_NSC.log()).tolist() == pytest.approx(scores[0].tolist(), abs=1e-6)


@pytest.mark.slow
def test_bald_as_its_authors_compute_it():
    redux: Any = pytest.importorskip(
        "batchbald_redux.batchbald", reason="NO BATCHBALD_REDUX: pip install 'al-bench[peers]'"
    )
    for seed in SEEDS:
        logs_NSC = sampled(seed).log()
        scores = mutual_information(logs_NSC)
        theirs = redux.get_bald_batch(logs_NSC, batch_size=30, dtype=torch.double)
        assert theirs.scores == pytest.approx(scores.sort(descending=True).values[:30].tolist(), abs=1e-12)
        assert theirs.indices == scores.argsort(descending=True)[:30].tolist()


def test_they_are_told_apart_from_other_choices():
    """A package that chose by pool order, or at random, would not agree with ours by accident."""
    of = context(SETS, num_unlabelled=200, num_dimensions=6)
    theirs = pool.MaxHerding(random_state=0)  # sigma is sqrt(D), by default
    assert query(MaxHerding(), of, 30).tolist() != theirs.query(*given(of), batch_size=30).tolist()
