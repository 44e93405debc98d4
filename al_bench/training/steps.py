"""Steps of training: a mini-batch into new weights."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from torch import Tensor, nn
from torch.optim import Optimizer

from al_bench.core.network import Network, Objective
from al_bench.training.unlabelled_term import Term

Step = Callable[[Tensor, Tensor, Term | None], tuple[Tensor, Tensor]]
"""(inputs (n, ...), targets (n,), term of the unlabelled or None) -> logits (n, C) before the step, its loss ()."""


@dataclass(frozen=True)
class AutogradStep:
    """Training steps of any network, objective and optimizer, by autograd."""

    network: Network
    objective: Objective
    optimizer: Optimizer
    gradient_clamp: float | None
    precision: Callable[[], AbstractContextManager[object]]

    def __call__(self, inputs: Tensor, targets: Tensor, term: Term | None) -> tuple[Tensor, Tensor]:
        """See `Step`."""
        self.optimizer.zero_grad(set_to_none=True)
        with self.precision():
            logits_NC = self.network(inputs)
        loss = self.objective(logits_NC.float(), targets)
        loss.backward()
        loss = loss.detach()
        if term is not None:
            loss = loss + term(inputs)
        if self.gradient_clamp is not None:
            nn.utils.clip_grad_value_(self.network.parameters(), self.gradient_clamp)
        self.optimizer.step()
        return logits_NC.detach(), loss
