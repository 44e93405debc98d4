"""ALBL: Hsu and Lin, "Active Learning by Learning" (AAAI 2015): a bandit chooses between strategies.

The bandit is EXP4.P (Beygelzimer et al., 2011). Its arms are Confidence and Coreset, and its reward estimates the
accuracy of the network from the examples that were queried, weighted by how probable it was to query them.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import numpy as np
import torch
from annotated_types import Gt, Lt
from numpy.typing import NDArray
from torch import Tensor

from al_bench.core.ranges import PositiveInt
from al_bench.core.strategy import Needs, QueryContext, Strategy
from al_bench.strategies.coreset import Coreset
from al_bench.strategies.uncertainty import Confidence

Floats = NDArray[np.float64]


class Albl(Strategy):
    """Confidence or Coreset, whichever has led to better networks.

    Args:
        variant: `reference`, as Ash et al. (2020) ran it: an arm is drawn and picks the whole batch. `original`, as
            Hsu and Lin describe it: a third arm is uniform, and the batch is drawn from the mixture of the arms.
        horizon: number of queries planned; `original` learns the faster, the fewer they are.
        delta: probability with which the regret bound of EXP4.P may fail.
    """

    needs = Needs.LOGITS | Needs.EMBEDDING | Needs.LABELLED
    family = "both"

    def __init__(
        self,
        variant: Literal["reference", "original"] = "reference",
        horizon: PositiveInt = 100,
        delta: Annotated[float, Gt(0), Lt(1)] = 0.1,
    ) -> None:
        self._bandit: Bandit = ReferenceBandit(delta) if variant == "reference" else OriginalBandit(delta, horizon)

    def query(self, context: QueryContext, batch_size: int, rng: np.random.Generator) -> Tensor:
        """See `Strategy.query`."""
        return self._bandit.query(context, batch_size, rng)

    def state_dict(self) -> dict[str, Any]:
        """The last query: `num_labelled` before it, `log_weights` and `probabilities` of the arms, the `arm`, the
        `reward` of the queries before (None at the first), and what the next update needs.
        """
        return self._bandit.history[-1] if self._bandit.history else {"log_weights": [0.0] * len(self._bandit.arms)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """See `Strategy.load_state_dict`; ValueError if it is no state of this bandit."""
        if "probabilities" in state:  # not from before the first query
            self._bandit.check(state)
            self._bandit.history.append(state)


class Bandit(ABC):
    """EXP4.P over strategies; `history` holds what each query left (see `Albl.state_dict`)."""

    def __init__(self, arms: tuple[str, ...], least_probability: float) -> None:
        self.arms = arms
        self.least_probability = least_probability
        self.history: list[dict[str, Any]] = []

    def query(self, context: QueryContext, batch_size: int, rng: np.random.Generator) -> Tensor:
        """The rows of a batch; a function of the queries before it, so that it can be repeated."""
        num_labelled = len(context.labelled_targets)
        self.history = [state for state in self.history if state["num_labelled"] < num_labelled]
        log_weights, reward = np.zeros(len(self.arms)), None
        if self.history:
            last = self.history[-1]
            is_right_L = context.labelled.logits_NC.argmax(dim=1).eq(context.labelled_targets).cpu().numpy()
            reward = self._reward(is_right_L, context.num_unlabelled)
            log_weights = np.array(last["log_weights"]) + self.least_probability / 2 * self._gains(reward, last)
        weights = np.exp(log_weights - log_weights.max())
        num_arms = len(self.arms)
        probabilities = (1 - num_arms * self.least_probability) * weights / weights.sum() + self.least_probability
        rows, chosen = self._choose(probabilities, context, batch_size, rng)
        state = {
            "num_labelled": num_labelled,
            "log_weights": log_weights.tolist(),
            "probabilities": probabilities.tolist(),
            "reward": reward,
            **chosen,
        }
        self.history.append(state)
        return rows

    def check(self, state: Mapping[str, Any]) -> None:
        """ValueError if a query cannot have left this state."""
        num_arms = len(self.arms)
        _check(state, "num_labelled", 1, least=1)
        _check(state, "log_weights", num_arms, least=-math.inf)
        _check(state, "probabilities", num_arms, least=0, most=1)
        if state.get("reward") is not None:
            _check(state, "reward", 1, least=0)
        if isinstance(state.get("arm"), str) and state["arm"] not in self.arms:
            raise ValueError(f"arm={state['arm']!r} is none of {', '.join(self.arms)}")

    @abstractmethod
    def _reward(self, is_right_L: NDArray[np.bool_], num_unlabelled: int) -> float:
        """The importance-weighted accuracy on the labelled examples, of which the last ones were queried."""

    @abstractmethod
    def _gains(self, reward: float, last: dict[str, Any]) -> Floats:
        """What the last query earned each arm (K,): its share of the reward, and a bonus for being rarely pulled."""

    @abstractmethod
    def _choose(
        self, probabilities: Floats, context: QueryContext, batch_size: int, rng: np.random.Generator
    ) -> tuple[Tensor, dict[str, Any]]:
        """Rows (batch_size,), and what to keep of how they were chosen."""


class ReferenceBandit(Bandit):
    """As the code of Ash et al. (2020) runs it: the importance of an example is its arm's probability, that of an
    initial label 1.
    """

    def __init__(self, delta: float) -> None:
        super().__init__(("confidence", "coreset"), least_probability=1 / 20)
        self.bonus = math.sqrt(math.log(2 / delta) / 2)

    def check(self, state: Mapping[str, Any]) -> None:
        """See `Bandit.check`."""
        super().check(state)
        if not isinstance(state.get("arm"), str):
            raise ValueError(f"arm={state.get('arm')!r} is no name of an arm")
        _check(state, "batch_size", 1, least=1)

    def _reward(self, is_right_L: NDArray[np.bool_], num_unlabelled: int) -> float:  # noqa: ARG002
        importances = [state["probabilities"][self.arms.index(state["arm"])] for state in self.history]
        importance_Q = np.repeat(importances, [state["batch_size"] for state in self.history])
        importance_L = np.concatenate([np.ones(len(is_right_L) - len(importance_Q)), importance_Q])
        return float(np.mean(is_right_L / importance_L))

    def _gains(self, reward: float, last: dict[str, Any]) -> Floats:
        pulled = self.arms.index(last["arm"])
        gains = np.zeros(len(self.arms))
        gains[pulled] = reward + self.bonus / last["probabilities"][pulled]
        return gains

    def _choose(
        self, probabilities: Floats, context: QueryContext, batch_size: int, rng: np.random.Generator
    ) -> tuple[Tensor, dict[str, Any]]:
        arm = self.arms[int(rng.random() >= probabilities[0])]
        strategy = Confidence() if arm == "confidence" else Coreset()
        return strategy.query(context, batch_size, rng), {"arm": arm, "batch_size": batch_size}


class OriginalBandit(Bandit):
    """As in the paper, with batches: an arm advises the uniform distribution on the batch that it would pick.

    The batch is drawn without replacement from the mixture q of the arms' advice, one example after another, each with
    probability proportional to its q among those not drawn yet. Every example counts as a B-th of a query: it weighs
    1 / (B q) in the reward, and an arm is credited with the mean of its advice / q over the batch. With B = 1 this is
    the paper's algorithm. The state's `arm` counts those of the batch that each arm advised; for `uniform`, those that
    no other arm did.
    """

    def __init__(self, delta: float, horizon: int) -> None:
        arms = ("confidence", "coreset", "uniform")
        num_arms = len(arms)
        super().__init__(arms, min(math.sqrt(math.log(num_arms) / (num_arms * horizon)), 1 / num_arms))
        self.horizon = horizon
        self.bonus = math.sqrt(math.log(num_arms / delta) / (num_arms * horizon))

    def check(self, state: Mapping[str, Any]) -> None:
        """See `Bandit.check`."""
        super().check(state)
        _check(state, "credits", len(self.arms), least=0)
        _check(state, "importances", None, least=0)

    def _reward(self, is_right_L: NDArray[np.bool_], num_unlabelled: int) -> float:
        importance_Q = np.concatenate([state["importances"] for state in self.history])
        is_right_Q = is_right_L[len(is_right_L) - len(importance_Q) :]
        num_examples = len(is_right_L) + num_unlabelled
        return float(np.sum(is_right_Q / importance_Q)) / (num_examples * self.horizon)

    def _gains(self, reward: float, last: dict[str, Any]) -> Floats:
        return reward * np.array(last["credits"]) + self.bonus / np.array(last["probabilities"])

    def _choose(
        self, probabilities: Floats, context: QueryContext, batch_size: int, rng: np.random.Generator
    ) -> tuple[Tensor, dict[str, Any]]:
        num_unlabelled = context.num_unlabelled
        advice_KU = np.zeros((len(self.arms), num_unlabelled))
        for position, strategy in enumerate((Confidence(), Coreset())):
            advice_KU[position, strategy.query(context, batch_size, rng).cpu().numpy()] = 1 / batch_size
        advice_KU[-1] = 1 / num_unlabelled
        mixture_U = probabilities @ advice_KU
        # The smallest of exponential variables with rates q are a successive sample without replacement (Efraimidis
        # and Spirakis, 2006).
        rows = np.argsort(rng.exponential(size=num_unlabelled) / mixture_U, kind="stable")[:batch_size]
        advice_KB, mixture_B = advice_KU[:, rows], mixture_U[rows]
        is_advised_KB = advice_KB[:-1] > 0
        num_advised = [*is_advised_KB.sum(axis=1).tolist(), int((~is_advised_KB.any(axis=0)).sum())]
        chosen = {
            "arm": dict(zip(self.arms, num_advised, strict=True)),
            "credits": (advice_KB / mixture_B).mean(axis=1).tolist(),
            "importances": (batch_size * mixture_B).tolist(),
        }
        return torch.from_numpy(rows).to(context.unlabelled.logits_NC.device), chosen


def _check(state: Mapping[str, Any], key: str, num: int | None, least: float, most: float = math.inf) -> None:
    """ValueError unless there are so many finite numbers (one by itself, others in a list) in this range."""
    value = state.get(key)
    numbers = [value] if num == 1 else value
    is_right = isinstance(numbers, list) and (num is None or len(numbers) == num)
    if not is_right or not all(
        isinstance(each, int | float) and math.isfinite(each) and least <= each <= most for each in numbers or ()
    ):
        raise ValueError(f"{key}={value!s:.60} is not what a query leaves")
