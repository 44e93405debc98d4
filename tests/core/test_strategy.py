"""What a strategy sees, and a part of it."""

from functools import reduce
from operator import attrgetter, or_

import pytest
import torch

from al_bench.core.errors import StrategyError
from al_bench.core.network import TrainedWith, cross_entropy
from al_bench.core.strategy import Needs, Outputs, QueryContext, Strategy, trained_with
from al_bench.strategies.joint import Joint
from al_bench.strategies.random import Random
from al_bench.testing import made_context

LOGITS, EMBEDDING = torch.arange(12.0).reshape(4, 3), torch.arange(8.0).reshape(4, 2)
CONTEXT = QueryContext(Outputs(LOGITS, EMBEDDING), Outputs(), torch.tensor([0, 1]), 4, 3, round=2)


def test_outputs_are_restricted_to_what_is_declared():
    logits = Outputs(LOGITS, EMBEDDING).restricted(Needs.LOGITS | Needs.LABELLED)
    assert logits.logits_NC is LOGITS
    with pytest.raises(StrategyError, match="reads EMBEDDING without declaring it"):
        logits.embedding_ND  # noqa: B018
    embedding = Outputs(LOGITS, EMBEDDING).restricted(Needs.EMBEDDING)
    assert embedding.embedding_ND is EMBEDDING
    with pytest.raises(StrategyError, match="reads LOGITS without declaring it"):
        embedding.logits_NC  # noqa: B018


@pytest.mark.parametrize(
    ("needs", "part", "lacking"),
    [
        ("LOGITS EMBEDDING", "labelled", "add Needs.LABELLED to its needs, beside Needs.EMBEDDING"),
        ("LOGITS LABELLED", "labelled", "add Needs.EMBEDDING to its needs"),
        ("EMBEDDING LABELLED", "validation.outputs", "add Needs.VALIDATION to its needs, beside Needs.EMBEDDING"),
        ("VALIDATION", "validation.outputs", "add Needs.EMBEDDING to its needs"),
        ("EMBEDDING LABELLED", "test.outputs", "add Needs.TEST to its needs, beside Needs.EMBEDDING"),
        ("TEST", "test.outputs", "add Needs.EMBEDDING to its needs"),
        ("LABELLED", "unlabelled", "add Needs.EMBEDDING to its needs"),
    ],
)
def test_the_flag_that_is_missing_is_named_whatever_part_is_read(needs, part, lacking):
    declared = reduce(or_, (Needs[each] for each in needs.split()))
    shown = made_context(declared)
    for outputs in (attrgetter(part)(shown), attrgetter(part)(shown).take(torch.tensor([], dtype=torch.int64))):
        with pytest.raises(StrategyError, match=f"{lacking}$"):
            outputs.embedding_ND  # noqa: B018
    assert attrgetter(part)(made_context(~Needs.NONE)).embedding_ND.shape[1] == 4


def test_a_context_of_some_rows_is_of_these_rows_in_their_order():
    part = CONTEXT.restricted(torch.tensor([3, 1]))
    assert part.num_unlabelled == 2
    assert torch.equal(part.unlabelled.logits_NC, LOGITS[[3, 1]])
    assert torch.equal(part.unlabelled.embedding_ND, EMBEDDING[[3, 1]])
    assert torch.equal(part.labelled_targets, CONTEXT.labelled_targets)
    assert (part.num_classes, part.round) == (3, 2)


def test_a_rule_within_joint_sees_what_it_declares_alone():
    class Greedy(Random):
        def query(self, context, batch_size, rng):
            return context.unlabelled.logits_NC

    with pytest.raises(StrategyError, match="reads LOGITS without declaring it"):
        Joint(Greedy()).query(CONTEXT, 1, None)


class TestTrainedWith:
    def test_by_default_is_the_cross_entropy_alone(self):
        assert trained_with(Random()) == TrainedWith(cross_entropy, None, False, False)

    def test_takes_members_of_a_strategy_of_before_with_a_warning(self):
        class Old(Random):
            measures_pool = True

            def __init__(self):
                self.unlabelled_term = "a term"

            @staticmethod
            def objective(logits_NC, targets):
                return 0

        with pytest.warns(FutureWarning, match=r"Old: objective, unlabelled_term, measures_pool: say trained_with ="):
            found = trained_with(Old())
        assert found == TrainedWith(Old.objective, "a term", True, False)

    def test_does_not_look_at_them_where_there_are_none(self):
        class New(Strategy):
            trained_with = TrainedWith(measures_pool=True)

            def query(self, context, batch_size, rng):
                return torch.arange(batch_size)

        assert trained_with(New()) is New.trained_with
