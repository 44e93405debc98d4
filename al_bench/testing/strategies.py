"""The contract of a strategy."""

from collections.abc import Callable

from al_bench.core.strategy import QueryContext, Strategy
from al_bench.testing.asking import CASES, Subject
from al_bench.testing.checks import CHECKS, declares_what_is_hidden, returns_distinct_rows


def check_strategy(
    strategy: Strategy,
    *,
    breaks_ties_by_pool_order: bool = False,
    largest_batch: Callable[[QueryContext], int] | None = None,
    max_batch_size: int = 10_000,
    num_draws: int = 400,
) -> None:
    """The contract of a strategy, on outputs that are made up: for a test of one's own.

    It returns so many distinct rows of the unlabelled examples as are asked for, be it one or all, of pools of 1 to
    3,000 examples and 2 to 1,000 classes; reads what it declares in `needs` alone, by properties that refuse values
    which are not finite; is an oracle if it sees hidden labels, and only then; takes a first batch without labels, if
    it reads no network; is a pure function of context, batch size and random numbers, which writes to neither the
    context nor the global random generators; keeps what it learns in its `state_dict`; and a permutation of the pool
    permutes its answer, or where it draws, the distribution of its first choice (chi-squared test, fixed seeds: one of
    1,000 strategies that are right fails).

    Args:
        strategy: is left as it is: copies of it are asked.
        breaks_ties_by_pool_order: what is equally good goes by its place, so that permutations are not tried.
        largest_batch: how many it can choose at once of such a pool, where that may be fewer than all; more it has to
            refuse with a StrategyError. What its `check` refuses is not asked for.
        max_batch_size: no larger batch is asked for, where that takes long.
        num_draws: of each of the two distributions; fewer see less.

    Raises:
        AssertionError: names what is wrong, and what would be right.
    """
    if not isinstance(strategy, Strategy):
        raise AssertionError(f"{strategy!r} is no al_bench.Strategy that is built: check_strategy(Mine())")
    subject = Subject(strategy, breaks_ties_by_pool_order, largest_batch, max_batch_size, num_draws)
    declares_what_is_hidden(subject)
    for case in CASES:
        returns_distinct_rows(subject, case)
    for check in CHECKS:
        check(subject)
