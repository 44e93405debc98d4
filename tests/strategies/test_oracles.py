"""Oracles: lines of reference, which see what is hidden from strategies."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.stats import chisquare
from sklearn.linear_model import LogisticRegression

from al_bench.core.errors import StrategyError, TrainingError
from al_bench.core.strategy import Known, Needs, Outputs, QueryContext
from al_bench.strategies.balanced_oracle import BalancedOracle
from al_bench.strategies.greedy_oracle import GreedyOracle
from al_bench.strategies.maths.linear_fit import fitted_head, num_hits


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def problem(num_unlabelled: int = 12, num_labelled: int = 4, seed: int = 0) -> QueryContext:
    """Three classes around three points, not well apart."""
    generator = torch.Generator().manual_seed(seed)
    centres = 1.2 * torch.randn(3, 2, generator=generator)

    def known(size: int) -> Known:
        targets = torch.randint(3, (size,), generator=generator)
        embedding = centres[targets] + torch.randn(size, 2, generator=generator)
        return Known(Outputs(torch.randn(size, 3, generator=generator), embedding), targets)

    unlabelled, labelled, test = known(num_unlabelled), known(num_labelled), known(40)
    return QueryContext(
        *(unlabelled.outputs, labelled.outputs, labelled.targets, num_unlabelled, 3, 0),
        pool_targets=unlabelled.targets,
        test=test,
    )


class TestTheFittedHead:
    @pytest.mark.parametrize("seed", range(4))
    def test_it_is_that_of_scikit_learn(self, seed):
        of = problem(30, seed=seed).unlabelled.embedding_ND.double()
        targets = torch.arange(30) % 3
        ours = fitted_head(of, targets, 3)
        theirs = LogisticRegression(C=1 / (30 * 1e-2), fit_intercept=False, tol=1e-10, max_iter=10_000).fit(of, targets)
        assert ours.numpy() == pytest.approx(theirs.coef_, abs=1e-2)
        logits = of @ ours.T
        gradient = (logits.softmax(1) - torch.eye(3)[targets]).T @ of / 30 + 1e-2 * ours
        assert gradient.abs().max() <= 1e-4

    def test_classes_without_labels_and_a_single_class(self):
        embedding = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
        assert num_hits(embedding, torch.tensor([3, 1]), fitted_head(embedding, torch.tensor([3, 1]), 5)) == 2
        assert num_hits(embedding, torch.tensor([2, 2]), fitted_head(embedding, torch.tensor([2, 2]), 5)) == 2

    def test_a_fit_that_does_not_end_is_an_error(self):
        with pytest.raises(TrainingError, match="a gradient of .* after .* evaluations"):
            fitted_head(1e9 * torch.randn(30, 4, generator=torch.Generator().manual_seed(0)), torch.arange(30) % 3, 3)


class TestBalancedOracle:
    def test_each_pick_is_of_a_class_with_the_fewest_labels_that_has_examples(self):
        targets = torch.tensor([0] * 6 + [1] * 2 + [2] * 4)
        of = QueryContext(Outputs(), Outputs(), torch.tensor([0, 0, 2]), 12, 4, 0, pool_targets=targets)
        for seed in range(20):
            rows = BalancedOracle().query(of, 12, rng(seed)).tolist()
            assert sorted(rows) == list(range(12))
            counts, left = [2, 0, 1, 0], [6, 2, 4, 0]
            for target in targets[rows].tolist():
                assert counts[target] == min(count for count, num in zip(counts, left, strict=True) if num)
                counts[target] += 1
                left[target] -= 1

    def test_classes_and_examples_are_uniform(self):
        """Chi-squared over both; false alarms: 1 in 1,000."""
        targets = torch.tensor([0, 0, 1, 1, 1])
        of = QueryContext(Outputs(), Outputs(), torch.empty(0, dtype=torch.int64), 5, 2, 0, pool_targets=targets)
        firsts = np.bincount([int(BalancedOracle().query(of, 1, rng(seed))) for seed in range(3000)], minlength=5)
        assert chisquare(firsts, 3000 * np.array([1 / 4, 1 / 4, 1 / 6, 1 / 6, 1 / 6])).pvalue > 1e-3


class TestGreedyOracle:
    @pytest.mark.parametrize("seed", range(6))
    def test_it_takes_what_helps_most_on_the_test_set(self, seed):
        """All candidates at every step, by scikit-learn's fit."""
        of = problem(seed=seed)
        test = of.test
        rows = GreedyOracle(num_candidates=12).query(of, 3, rng(seed)).tolist()

        def hits(chosen: list[int]) -> int:
            embedding = torch.cat([of.labelled.embedding_ND, of.unlabelled.embedding_ND[chosen]])
            targets = torch.cat([of.labelled_targets, of.unlabelled_targets[chosen]])
            return num_hits(test.outputs.embedding_ND, test.targets, fitted_head(embedding, targets, 3))

        top2 = of.unlabelled.logits_NC.double().softmax(1).topk(2, dim=1).values
        by_margin = (top2[:, 0] - top2[:, 1]).argsort(stable=True).tolist()
        for number, row in enumerate(rows):
            before = rows[:number]
            found = {each: hits([*before, each]) for each in range(12) if each not in before}
            if max(found.values()) > hits(before):
                assert found[row] == max(found.values())
            else:
                assert row == next(each for each in by_margin if each not in before)

    def test_ties_go_by_the_order_drawn_and_without_candidates_that_help_by_margin(self):
        of = problem()
        same = replace(of, unlabelled=Outputs(of.unlabelled.logits_NC, of.unlabelled.embedding_ND * 0))
        margins = of.unlabelled.logits_NC.double().softmax(1).topk(2, dim=1).values
        first = int((margins[:, 0] - margins[:, 1]).argmin())
        assert GreedyOracle(5).query(same, 1, rng()).tolist() == [first], "a row of zeros changes no head"

    def test_it_declares_what_it_sees(self):
        hidden = Needs.POOL_TARGETS | Needs.TEST
        assert GreedyOracle().needs & hidden == hidden
        assert GreedyOracle().is_oracle
        with pytest.raises(StrategyError, match="POOL_TARGETS"):
            BalancedOracle().query(replace(problem(), pool_targets=None), 2, rng())
