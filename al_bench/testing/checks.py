"""What a strategy is held to, one by one: an AssertionError says what is wrong and what would be right."""

import json
import random
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from scipy.stats import chi2_contingency
from torch import Tensor

from al_bench.core.errors import ConfigError, StrategyError, TrainingError, described
from al_bench.core.strategy import OF_ORACLES, QueryContext, trained_with
from al_bench.loop import querying
from al_bench.loop.initial import OF_NETWORKS
from al_bench.testing.asking import Case, Subject, asked_for
from al_bench.training.outputs import PRODUCERS

FALSE_ALARMS = 1e-3  # of the test of those that draw


def declares_what_is_hidden(subject: Subject) -> None:
    """What no annotator could tell before asking is shown to oracles alone, and samples are described."""
    strategy = subject.strategy
    try:
        querying.check_can_be_asked(strategy, batch_size=1)
    except ConfigError as error:
        raise AssertionError(str(error)) from error
    if strategy.is_oracle and not strategy.needs & OF_ORACLES:
        raise subject.failure(
            "is_oracle = True keeps it out of all comparisons, and it declares nothing that is hidden; leave is_oracle "
            "out, or declare Needs.POOL_TARGETS or Needs.TEST"
        )


def returns_distinct_rows(subject: Subject, case: Case) -> None:
    """Int64 rows of the unlabelled examples, as many as are asked for; what it cannot choose it refuses."""
    of, batch_size = subject.context(case), min(case.batch_size, subject.max_batch_size)
    if subject.largest_batch is not None and batch_size > (largest := subject.largest_batch(of)):
        try:
            subject.asked(of, batch_size)
        except AssertionError as error:
            if isinstance(error.__cause__, StrategyError):
                return
            raise
        raise subject.failure(
            f"{asked_for(of, batch_size)} it answered, and largest_batch says {largest}; it has to raise StrategyError"
        )
    if not refuses(subject, case):
        subject.asked(of, batch_size)


def refuses(subject: Subject, case: Case) -> bool:
    """Whether a run of this size would not begin: see `Strategy.check`."""
    num_examples = case.num_unlabelled + case.num_labelled
    sizes = {"num_classes": case.num_classes, "num_dimensions": case.num_dimensions}
    try:
        subject.new().check(pool_size=num_examples, batch_size=min(case.batch_size, subject.max_batch_size), **sizes)
    except ConfigError:
        return True
    return False


def takes_a_first_batch_without_labels(subject: Subject) -> None:
    """In round -1, if it reads no network: else a run refuses `num_initial=0` by itself."""
    if not subject.strategy.needs & OF_NETWORKS:
        subject.asked(without_labels(subject.context()), 10)


def without_labels(of: QueryContext) -> QueryContext:
    """The same context as it is before anything is labelled."""
    return replace(of, round=-1, labelled=of.labelled.take(torch.arange(0)), labelled_targets=of.labelled_targets[:0])


def is_a_pure_function(subject: Subject) -> None:
    """The same answer to the same question, by the one that was asked and by a new one; nothing is written to."""
    of, strategy = subject.context(), subject.new()
    first = subject.asked(of, 10, 3, strategy)
    for which, other in (("the same one", strategy), ("a new one", None)):
        if not torch.equal(first, subject.asked(subject.context(), 10, 3, other)):
            raise subject.failure(
                f"asked twice with the same random numbers, {which} answers otherwise; draw from the rng that query is "
                "given alone, and keep what is learned in state_dict"
            )
    for ours, theirs in zip(_tensors(of), _tensors(subject.context()), strict=True):
        if not torch.equal(ours, theirs):
            raise subject.failure("query writes to the context, which others read; change a clone()")


def touches_no_global_generator(subject: Subject) -> None:
    """Those of PyTorch, NumPy and Python stay as they are: others draw from them, so that runs would not be paired."""

    def states() -> dict[str, object]:
        numpy_state = np.random.get_state()[1:3]  # type: ignore[index]  # noqa: NPY002
        return {"torch": torch.get_rng_state().tolist(), "numpy": str(numpy_state), "random": random.getstate()}

    before = states()
    subject.asked(subject.context(), 10)
    for name, state in states().items():
        if state != before[name]:
            raise subject.failure(f"query draws from the global generator of {name}; draw from the rng it is given")


def refuses_outputs_that_are_not_finite(subject: Subject) -> None:
    """A TrainingError, which the properties raise, of what it reads; what it does not read changes nothing."""
    of = subject.context()
    declared = [name for name in PRODUCERS if getattr(of.unlabelled, name) is not None]
    is_read = not declared or trained_with(subject.strategy).measures_pool  # the loop reads the logits
    for names in (*([name] for name in declared), declared):
        broken = {name: getattr(of.unlabelled, name).clone() for name in names}
        for output in broken.values():
            output[3] = torch.nan
        for seed in range(3):
            try:
                rows = subject.asked(replace(of, unlabelled=replace(of.unlabelled, **broken)), 10, seed)
            except AssertionError as error:
                if not isinstance(error.__cause__, TrainingError):
                    raise
                is_read = True
                continue
            if not torch.equal(rows, subject.asked(of, 10, seed)):
                raise subject.failure(
                    f"it takes {' and '.join(names)} that are not finite for numbers; read what is declared by its "
                    "property (logits_NC, embedding_ND, ...), which refuses them"
                )
    if not is_read:
        raise subject.failure(f"it reads nothing of what it declares: {', '.join(declared)}; leave it out of needs")


def keeps_what_it_learns_in_its_state(subject: Subject) -> None:
    """One that is given the state of another goes on as it does: so does a run after a kill."""
    ours, theirs, later = subject.new(), subject.new(), subject.context(Case(num_unlabelled=30, num_labelled=17))
    subject.asked(subject.context(), 10, 0, ours)
    try:
        if (state := ours.state_dict()) is not None:
            theirs.load_state_dict(json.loads(json.dumps(state)))
    except Exception as error:  # of JSON, or its own
        raise subject.failure(f"its state_dict does not go to JSON and back: {described(error)}") from error
    if not torch.equal(subject.asked(later, 10, 1, ours), subject.asked(later, 10, 1, theirs)):
        raise subject.failure(
            "after a query it answers otherwise than a new one with its state: what it learns belongs in state_dict "
            "and load_state_dict, which a killed run goes on from"
        )


def follows_a_permutation_of_the_pool(subject: Subject) -> None:
    """Where it draws, in the distribution of the first choice; chi-squared, false alarms: `FALSE_ALARMS`."""
    if subject.breaks_ties_by_pool_order:
        return
    of, num = subject.context(), subject.num_draws
    order = torch.randperm(40, generator=torch.Generator().manual_seed(1))
    shuffled = of.restricted(order)

    def choices(each: QueryContext, seeds: range) -> Tensor:
        return torch.stack([subject.asked(each, 3, seed) for seed in seeds])

    ours, theirs = choices(of, range(10)), order[choices(shuffled, range(10))]
    if torch.equal(ours, theirs):
        return
    if len(ours.unique(dim=0)) == 1:
        raise subject.failure(
            "it draws nothing, and yet it answers otherwise to the same examples in another order; go by what is said "
            "of examples, or say breaks_ties_by_pool_order=True if equal ones alone go by their place"
        )
    firsts = [choices(of, range(100, 100 + num)), order[choices(shuffled, range(500, 500 + num))]]
    counts = torch.stack([first[:, 0].bincount(minlength=40) for first in firsts]).numpy()
    is_rare = counts.sum(0) < 10
    pooled = np.column_stack([counts[:, ~is_rare], counts[:, is_rare].sum(1)])
    if chi2_contingency(pooled[:, pooled.sum(0) > 0]).pvalue <= FALSE_ALARMS:
        raise subject.failure(
            f"in {num} draws each, its first choices of the same examples in another order have another distribution; "
            "go by what is said of examples, not by their place in the pool"
        )


CHECKS: tuple[Callable[[Subject], None], ...] = (
    takes_a_first_batch_without_labels,
    is_a_pure_function,
    touches_no_global_generator,
    refuses_outputs_that_are_not_finite,
    keeps_what_it_learns_in_its_state,
    follows_a_permutation_of_the_pool,
)


def _tensors(of: QueryContext) -> list[Tensor]:
    """All that a strategy is shown."""
    sets = (of.unlabelled, of.labelled, of.validation.outputs, of.test.outputs)
    shown = [*(value for each in sets for value in vars(each).values()), *(of.head or ())]
    shown += [of.labelled_targets, of.pool_targets, of.indices, of.validation.targets, of.test.targets]
    return [each for each in shown if isinstance(each, Tensor)]
