"""UHerding: Bae, Oliveira and Sutherland, "Uncertainty Herding: One Active Learning Method for All Label Budgets" (ICLR
2025).

MaxHerding, in which an example counts by how uncertain its class is.
"""

from collections.abc import Callable, Mapping
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from al_bench.core.errors import StrategyError
from al_bench.core.ranges import PositiveFloat
from al_bench.core.strategy import Known, Needs, QueryContext, Strategy
from al_bench.strategies.maths.calibration import calibration_error
from al_bench.strategies.maths.coverage.greedy import greedily_covering
from al_bench.strategies.maths.coverage.grid import Points, on_grid
from al_bench.strategies.maths.coverage.similarity import Gaussian
from al_bench.strategies.maths.distances import CHUNK
from al_bench.strategies.maths.spaces import NEEDS, Space, vectors
from al_bench.strategies.uncertainty import Confidence, Entropy, Margin

UNCERTAINTY: Mapping[str, Callable[[Tensor], Tensor]] = {
    "margin": lambda logits_NC: 1 + Margin.score(logits_NC),
    "entropy": Entropy.score,
    "confidence": lambda logits_NC: 1 + Confidence.score(logits_NC),
}
TEMPERATURES = [number / 10 for number in range(10, 200)]


class UHerding(Strategy):
    """Greedily the largest rise of sum_i u_i max_c exp(-|x_i - x_c|^2 / sigma^2), c labelled and chosen examples.

    Without labelled examples all u_i are 1.

    Args:
        uncertainty: u, of softmax(logits / temperature): 1 - (p(1) - p(2)), the entropy, or 1 - p(1).
        temperature: or `validation`: that of least calibration error on the validation examples.
        sigma: of the kernel; `adaptive`: the smallest distance above 0 between labelled examples, 1 without any.
        space: what x is.
        normalise: whether x is scaled to length 1.
    """

    family = "both"

    def __init__(
        self,
        uncertainty: Literal["margin", "entropy", "confidence"] = "margin",
        temperature: Literal["validation"] | PositiveFloat = 1.0,
        sigma: Literal["adaptive"] | PositiveFloat = "adaptive",
        space: Space = "embedding",
        normalise: bool = True,
    ) -> None:
        self.uncertainty, self.temperature, self.sigma = uncertainty, temperature, sigma
        self.space, self.normalise = space, normalise
        self.needs = Needs.LOGITS | Needs.LABELLED | NEEDS[space]
        if temperature == "validation":
            self.needs |= Needs.VALIDATION

    def query(self, context: QueryContext, batch_size: int, rng: np.random.Generator) -> Tensor:  # noqa: ARG002
        """See `Strategy.query`; StrategyError without the validation examples that it was to take."""
        both = (context.unlabelled, context.labelled)
        points, labelled = on_grid(*(vectors(each, self.space, normalise=self.normalise) for each in both))
        sigma = smallest_distance(labelled) if self.sigma == "adaptive" else self.sigma
        weight_N = self._weights(context) if len(labelled) else None
        return greedily_covering(points, Gaussian(sigma), labelled, batch_size, weight_N)

    def _weights(self, context: QueryContext) -> Tensor:
        if self.temperature == "validation":
            temperature = calibrated_temperature(context.validation, context.num_classes)
        else:
            temperature = self.temperature
        uncertainty = UNCERTAINTY[self.uncertainty]
        # float64, as float32 knows no difference between probabilities of 1 - 1e-8 and 1
        chunks = context.unlabelled.logits_NC.split(CHUNK)
        return torch.cat([uncertainty(chunk.double() / temperature) for chunk in chunks]).clamp_(min=0.0)


def smallest_distance(points: Points) -> float:
    """Between two different ones; 1 if there are no two."""
    smallest = torch.inf
    for some in points.split(CHUNK):
        for others in points.split(CHUNK):
            squares = some.squared_distances(others)
            smallest = min(smallest, float(squares.masked_fill_(squares <= 0, torch.inf).amin()))
    return smallest**0.5 if smallest < torch.inf else 1.0


def calibrated_temperature(known: Known, num_bins: int) -> float:
    """The first of 1.0, 1.1, .. 19.9 by which the logits are to be divided for the least calibration error."""
    if len(known.targets) == 0:
        raise StrategyError(
            "uherding: strategy.temperature=validation: there are no validation examples; say num_validation=..., or "
            "strategy.temperature=1"
        )
    logits_NC = known.outputs.logits_NC.double()
    is_right_N = (logits_NC.argmax(dim=1) == known.targets).cpu().numpy()
    confidences = ((logits_NC / each).softmax(dim=1).amax(dim=1).cpu().numpy() for each in TEMPERATURES)
    errors = [calibration_error(confidence_N, is_right_N, num_bins) for confidence_N in confidences]
    return TEMPERATURES[int(torch.tensor(errors).argmin())]
