"""Steps of training: a mini-batch into new weights."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from al_bench.core.network import Network, Objective, cross_entropy
from al_bench.models.mlp import MLP
from al_bench.training.options import TrainingOptions
from al_bench.training.unlabelled_term import Term

OTHER_OPTIONS = ("amsgrad", "maximize", "capturable", "differentiable", "decoupled_weight_decay")  # of Adam

MEAN, NO_CLASS = 1, -100  # what the operators of the loss call them

aten: Any = torch.ops.aten

Step = Callable[[Tensor, Tensor, Term | None], tuple[Tensor, Tensor]]
"""(inputs (n, ...), targets (n,), term of the unlabelled or None) -> logits (n, C) before the step, its loss ()."""


@dataclass(frozen=True)
class AutogradStep:
    """Of any network, objective and optimizer."""

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


class MLPStep:
    """Of an `MLP` under the cross-entropy and Adam in float32 on the CPU, written out.

    These steps are so small that autograd and the optimizer take longer to find out what to do than to do it. Here the
    operators that they would call are called at once, on memory that is allocated once: the same weights to the bit.

    Args:
        network: `is_for` says whether it, and the others, can be taken.
        optimizer: for its options alone.
        gradient_clamp: every element of the gradient is clamped to +- this.
        size: of the largest mini-batch.
    """

    def __init__(self, network: MLP, optimizer: Optimizer, gradient_clamp: float | None, size: int) -> None:
        self._options = optimizer.param_groups[0]
        self._clamp = gradient_clamp
        self._parameters = [p.detach() for p in (network.hidden.weight, network.hidden.bias, network.head.weight)]
        self._gradients, self._means, self._mean_squares = (
            [torch.zeros_like(parameter) for parameter in self._parameters] for _ in range(3)
        )
        self._num_steps = [torch.zeros(()) for _ in self._parameters]
        self._hidden, self._hidden_gradient = (torch.empty(size, network.hidden.out_features) for _ in range(2))

    @staticmethod
    def is_for(network: Network, objective: Objective, optimizer: Optimizer, training: TrainingOptions) -> bool:
        """Whether these steps are written out here."""
        if type(network) is not MLP or objective is not cross_entropy or type(optimizer) is not Adam:
            return False
        options, *other_groups = optimizer.param_groups
        is_plain = options["fused"] and not any(options.get(name) for name in OTHER_OPTIONS) and not other_groups
        is_on_cpu = network.hidden.weight.device.type == "cpu"
        return is_plain and is_on_cpu and training.precision == "float32" and training.lr_schedule is None

    def __call__(self, inputs: Tensor, targets: Tensor, term: Term | None) -> tuple[Tensor, Tensor]:
        """See `Step`; there is no term."""
        assert term is None
        inputs = inputs.flatten(start_dim=1)
        hidden, hidden_gradient = self._hidden[: len(inputs)], self._hidden_gradient[: len(inputs)]
        hidden_weight, hidden_bias, head_weight = self._parameters

        torch.addmm(hidden_bias, inputs, hidden_weight.t(), out=hidden).clamp_min_(0)
        logits_NC = hidden.mm(head_weight.t())
        log_probabilities = logits_NC.log_softmax(dim=1)
        reduction = (None, MEAN, NO_CLASS)  # weights of the classes, how losses are summed up, the class to ignore
        loss, num_targets = aten.nll_loss_forward(log_probabilities, targets, *reduction)

        one = torch.ones(())
        gradient = aten.nll_loss_backward(one, log_probabilities, targets, *reduction, num_targets)
        gradient = aten._log_softmax_backward_data(gradient, log_probabilities, 1, torch.float32)
        torch.mm(gradient, head_weight, out=hidden_gradient)
        aten.threshold_backward.grad_input(hidden_gradient, hidden, 0, grad_input=hidden_gradient)
        torch.mm(hidden_gradient.t(), inputs, out=self._gradients[0])
        torch.sum(hidden_gradient, dim=0, out=self._gradients[1])
        torch.mm(gradient.t(), hidden, out=self._gradients[2])
        self._update()
        return logits_NC, loss

    def _update(self) -> None:
        if self._clamp is not None:
            torch._foreach_clamp_min_(self._gradients, -self._clamp)
            torch._foreach_clamp_max_(self._gradients, self._clamp)
        torch._foreach_add_(self._num_steps, 1)
        beta1, beta2 = self._options["betas"]
        aten._fused_adam_(
            self._parameters,
            self._gradients,
            self._means,
            self._mean_squares,
            [],
            self._num_steps,
            lr=self._options["lr"],
            beta1=beta1,
            beta2=beta2,
            weight_decay=self._options["weight_decay"],
            eps=self._options["eps"],
            amsgrad=False,
            maximize=False,
        )
