"""`check_strategy`: what is right passes, and each way to be wrong is told by its name."""

import random
from threading import Lock

import numpy as np
import pytest
import torch

from al_bench import Needs, Samples, Strategy
from al_bench.core.errors import ConfigError, StrategyError
from al_bench.testing import check_strategy, made_context


class Right(Strategy):
    """The smallest margins."""

    needs = Needs.LOGITS

    def query(self, context, batch_size, rng):
        top = context.unlabelled.logits_NC.softmax(1).topk(2).values
        return (top[:, 0] - top[:, 1]).argsort(stable=True)[:batch_size]


class Drawn(Strategy):
    def query(self, context, batch_size, rng):
        return torch.from_numpy(rng.permutation(context.num_unlabelled)[:batch_size])


class Counting(Right):
    """Every other query is of the largest margins, and it says how many there were."""

    num_queries = 0

    def query(self, context, batch_size, rng):
        num_before = len(context.labelled_targets) > 7 and self.num_queries
        self.num_queries = 1
        rows = super().query(context, context.num_unlabelled, rng)
        return (rows.flip(0) if num_before else rows)[:batch_size]

    def state_dict(self):
        return {"num_queries": self.num_queries}

    def load_state_dict(self, state):
        self.num_queries = state["num_queries"]


class Refusing(Right):
    """No more than five at once."""

    def query(self, context, batch_size, rng):
        if batch_size > 5 and batch_size != 10:
            raise StrategyError("five at most")
        return super().query(context, batch_size, rng)


class RefusingEarly(Refusing):
    def check(self, *, pool_size, batch_size, num_classes, num_dimensions):
        if batch_size > 5:
            raise ConfigError("batch_size: five at most")


@pytest.mark.parametrize(
    ("strategy", "options"),
    [
        (Right(), {}),
        (Drawn(), {"num_draws": 100}),
        (Counting(), {}),
        (RefusingEarly(), {}),
        (Refusing(), {"largest_batch": lambda of: min(of.num_unlabelled, 10)}),
        (Refusing(), {"max_batch_size": 5}),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Strategy) else "",
)
def test_what_is_right_passes_and_is_left_as_it_was(strategy, options):
    before = dict(vars(strategy))
    check_strategy(strategy, **options)
    assert vars(strategy) == before


def of_query(query, **members):
    """A strategy of another query."""
    return type("Wrong", (Right,), {"query": query, **members})()


def right(context, batch_size, rng):
    return Right().query(context, batch_size, rng)


class Learning(Right):
    """Without a state_dict: all queries but the first, after more labels, are of the largest margins."""

    seen = 0

    def query(self, context, batch_size, rng):
        seen, self.seen = self.seen, len(context.labelled_targets)
        rows = super().query(context, context.num_unlabelled, rng)
        return (rows.flip(0) if 0 < seen < self.seen else rows)[:batch_size]


def by_place(context, batch_size, rng):
    weights = np.arange(1.0, context.num_unlabelled + 1)
    return torch.from_numpy(rng.choice(context.num_unlabelled, batch_size, replace=False, p=weights / weights.sum()))


def written(context, batch_size, rng):
    rows = right(context, batch_size, rng)
    context.labelled_targets.zero_()
    return rows


WRONG = [
    (of_query(lambda s, c, b, r: right(c, b, r).tolist()), "returned a list where a tensor of rows"),
    (of_query(lambda s, c, b, r: right(c, b, r).int()), "returned torch.int32 rows of shape"),
    (of_query(lambda s, c, b, r: right(c, min(b, 20), r)), r"returned torch.int64 rows of shape \(20,\)"),
    (
        of_query(lambda s, c, b, r: torch.zeros(b, dtype=torch.int64)),
        "rows that are not distinct or not within 0 .. 39",
    ),
    (of_query(lambda s, c, b, r: right(c, b, r) + 1), "not within 0 .. 39"),
    (of_query(lambda s, c, b, r: c.unlabelled.embedding_ND.norm(dim=1).argsort()[:b]), r"add Needs.EMBEDDING to its"),
    (of_query(lambda s, c, b, r: 1 / 0), "asked for 10 of 40 unlabelled examples.* it raised ZeroDivisionError"),
    (of_query(lambda s, c, b, r: right(c, b, r), needs=Needs.LOGITS | Needs.POOL_TARGETS), "say is_oracle = True"),
    (of_query(lambda s, c, b, r: right(c, b, r), is_oracle=True), "leave is_oracle out"),
    (of_query(lambda s, c, b, r: right(c, b, r), needs=Needs.LOGITS | Needs.SAMPLES), "not how many of which kind"),
    (
        of_query(lambda s, c, b, r: c.labelled.features_ND[0].argsort()[:1].expand(b), needs=Needs.NONE),
        "reads FEATURES without declaring it",
    ),
    (
        of_query(
            lambda s, c, b, r: torch.cdist(c.unlabelled.features_ND, c.labelled.features_ND).amin(1).argsort()[:b],
            needs=Needs.FEATURES | Needs.LABELLED,
        ),
        "with 0 labels of 3 classes, it raised",
    ),
    (
        of_query(lambda s, c, b, r: torch.from_numpy(np.random.default_rng().permutation(c.num_unlabelled)[:b])),
        "draw from the rng that query is given",
    ),
    (of_query(lambda s, c, b, r: written(c, b, r)), "query writes to the context"),
    (of_query(lambda s, c, b, r: (torch.rand(1), right(c, b, r))[1]), "global generator of torch"),
    (of_query(lambda s, c, b, r: (np.random.rand(), right(c, b, r))[1]), "global generator of numpy"),  # noqa: NPY002
    (of_query(lambda s, c, b, r: (random.random(), right(c, b, r))[1]), "global generator of random"),
    (of_query(lambda s, c, b, r: c.unlabelled.logits[:, 0].argsort()[:b]), "by its property"),
    (of_query(lambda s, c, b, r: torch.from_numpy(r.permutation(c.num_unlabelled)[:b])), "it reads nothing of what it"),
    (Learning(), "what it learns belongs in state_dict"),
    (type("Unloaded", (Counting,), {"load_state_dict": Strategy.load_state_dict})(), "has a state_dict but no"),
    (
        type("Odd", (Counting,), {"state_dict": lambda self: {"num_queries": 1, "set": {1}}})(),
        "does not go to JSON and back",
    ),
    (
        of_query(lambda s, c, b, r: (c.unlabelled.logits_NC, torch.arange(b))[1]),
        "to the same examples in another order",
    ),
    (of_query(lambda s, c, b, r: (c.unlabelled.logits_NC, by_place(c, b, r))[1]), "have another distribution"),
    (Refusing(), "it raised StrategyError: five at most"),
]


@pytest.mark.parametrize(("strategy", "message"), WRONG, ids=[message[:30] for _, message in WRONG])
def test_what_is_wrong_is_told(strategy, message):
    with pytest.raises(AssertionError, match=message):
        check_strategy(strategy)


def test_it_has_to_be_one_that_is_built_and_can_be_copied():
    with pytest.raises(AssertionError, match=r"Right'> is no al_bench.Strategy that is built"):
        check_strategy(Right)
    with pytest.raises(AssertionError, match="it cannot be copied, so that each check has a new one: TypeError"):
        check_strategy(type("Locked", (Right,), {"__init__": lambda self: setattr(self, "lock", Lock())})())


def test_more_than_the_largest_batch_has_to_be_refused():
    with pytest.raises(AssertionError, match="it answered, and largest_batch says 5; it has to raise StrategyError"):
        check_strategy(Right(), largest_batch=lambda of: 5)


def test_ties_by_pool_order_are_let_be_where_that_is_said():
    by_order = of_query(lambda s, c, b, r: (c.unlabelled.logits_NC, torch.arange(b))[1])
    check_strategy(by_order, breaks_ties_by_pool_order=True, max_batch_size=20)


def test_a_made_context_shows_what_is_needed_alone():
    class Sampled(Strategy):
        needs, samples = Needs.SAMPLES, Samples(2, "network")

        def query(self, context, batch_size, rng):
            return context.unlabelled.samples_SNC.var(0).sum(1).argsort(descending=True, stable=True)[:batch_size]

    check_strategy(Sampled())
    of = made_context(Needs.EMBEDDING, num_unlabelled=9, num_dimensions=5)
    assert of.unlabelled.embedding_ND.shape == (9, 5)
    with pytest.raises(StrategyError, match=r"Needs.LOGITS"):
        _ = of.unlabelled.logits_NC
