"""Restricted Boltzmann machines, trained by contrastive divergence (Hinton, "Training Products of Experts by Minimizing
Contrastive Divergence", 2002; "A Practical Guide to Training Restricted Boltzmann Machines", 2010).

Binary hidden units h and visible units v, which are real-valued with variance 1 or binary:

    E(v, h) = |v - b|^2 / 2 - c.h - h.W v    real-valued
    E(v, h) = -b.v - c.h - h.W v             binary
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import SGD

from al_bench.core.errors import TrainingError
from al_bench.core.ranges import NonNegativeFloat, PositiveFloat, PositiveInt

FIRST_MOMENTUM, MOMENTUM = 0.5, 0.9  # in the first epochs and after them, as Hinton (2010) advises
NUM_FIRST_EPOCHS = 5
WEIGHT_STD = 0.01  # of initial weights


@dataclass(frozen=True)
class Pretraining:
    """How restricted Boltzmann machines are trained. The defaults are ours, near to what Hinton (2010) advises.

    Args:
        num_epochs: passes over the pool, of each layer.
        lr: of layers whose visible units are binary.
        real_lr: of layers whose visible units are real-valued; they need a smaller one.
        minibatch_size: examples per step.
        num_gibbs_steps: k of CD-k.
        weight_decay: of the weights, not of the biases.
    """

    num_epochs: PositiveInt
    lr: PositiveFloat = 0.05
    real_lr: PositiveFloat = 0.01
    minibatch_size: PositiveInt = 100
    num_gibbs_steps: PositiveInt = 1
    weight_decay: NonNegativeFloat = 2e-4


def trained_on(visible_NV: Tensor, layer: nn.Linear, pretraining: Pretraining, *, is_real: bool) -> Tensor:
    """Train a layer on visible units (N, V); what it then says of them: P(h = 1 | v) (N, H)."""
    machine = RBM(layer, is_real=is_real)
    machine.fit(visible_NV, pretraining)
    return machine.hidden(visible_NV)


class RBM:
    """The restricted Boltzmann machine whose weights W (H, V) and hidden biases c (H,) are those of a linear layer.

    Args:
        layer: visible units to what hidden units are turned on by; its weights and biases are replaced by initial ones.
        is_real: whether the visible units are real-valued, with variance 1, or binary.
    """

    def __init__(self, layer: nn.Linear, *, is_real: bool) -> None:
        self.layer = layer
        self.is_real = is_real
        nn.init.normal_(layer.weight, std=WEIGHT_STD)
        nn.init.zeros_(layer.bias)
        self.visible_bias = nn.Parameter(torch.zeros(layer.in_features, device=layer.weight.device))

    def hidden(self, visible_NV: Tensor) -> Tensor:
        """P(h = 1 | v) (N, H)."""
        logits_NH: Tensor = self.layer(visible_NV)
        return logits_NH.sigmoid_()

    def visible(self, hidden_NH: Tensor) -> Tensor:
        """E(v | h) (N, V)."""
        mean_NV = functional.linear(hidden_NH, self.layer.weight.t(), self.visible_bias)
        return mean_NV if self.is_real else mean_NV.sigmoid_()

    @torch.no_grad()
    def set_gradients(self, visible_NV: Tensor, num_gibbs_steps: int) -> None:
        """The gradient of what contrastive divergence minimises: statistics of the model less those of the data.

        Hidden units are drawn, visible ones take their mean, which is less noisy and as good (Hinton, 2010).
        """
        model_NV, first_NH = visible_NV, self.hidden(visible_NV)
        hidden_NH = first_NH
        for _ in range(num_gibbs_steps):
            model_NV = self.visible(torch.rand_like(hidden_NH).lt(hidden_NH).float())
            hidden_NH = self.hidden(model_NV)
        weight, bias = self.layer.weight, self.layer.bias
        weight.grad = (hidden_NH.t() @ model_NV - first_NH.t() @ visible_NV) / len(visible_NV)
        bias.grad = (hidden_NH - first_NH).mean(dim=0)
        self.visible_bias.grad = (model_NV - visible_NV).mean(dim=0)

    def fit(self, visible_NV: Tensor, pretraining: Pretraining) -> None:
        """Stochastic gradient descent from new weights; random numbers are torch's.

        Raises:
            TrainingError: if a weight is not finite.
        """
        lr = pretraining.real_lr if self.is_real else pretraining.lr
        weights: dict[str, Any] = {"params": [self.layer.weight], "weight_decay": pretraining.weight_decay}
        optimizer = SGD([weights, {"params": [self.layer.bias, self.visible_bias]}], lr=lr)
        for epoch in range(pretraining.num_epochs):
            for group in optimizer.param_groups:
                group["momentum"] = FIRST_MOMENTUM if epoch < NUM_FIRST_EPOCHS else MOMENTUM
            for rows in torch.randperm(len(visible_NV)).to(visible_NV.device).split(pretraining.minibatch_size):
                self.set_gradients(visible_NV.index_select(0, rows), pretraining.num_gibbs_steps)
                optimizer.step()
            if not all(p.isfinite().all() for p in (self.layer.weight, self.layer.bias, self.visible_bias)):
                key = "real_lr" if self.is_real else "lr"
                raise TrainingError(
                    f"pre-training: the weights are not finite after epoch {epoch + 1}; say a smaller "
                    f"model.pretraining.{key} than {lr}"
                )
        for parameter in self.layer.parameters():
            parameter.grad = None
