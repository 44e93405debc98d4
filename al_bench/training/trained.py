"""A trained network, and what it says: metrics on a test set, and outputs for a strategy."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from al_bench.core.data import Examples
from al_bench.core.devices import to_device
from al_bench.core.errors import StrategyError
from al_bench.core.network import Network
from al_bench.core.rounds import Metrics
from al_bench.core.strategy import Needs, Outputs
from al_bench.models.dropout import Sample
from al_bench.training.outputs import Preparation, outputs_of

NUM_CHECKED = 64  # examples whose logits are compared with what the last layer gives
HEAD_TOLERANCE = 1e-3  # of the largest logit


@dataclass(frozen=True)
class Trained:
    """A trained network in evaluation mode, and how its training went. Nothing of it goes into the next round.

    `train_accuracy` is the running accuracy of the last epoch: the one that the stopping rule saw. `samples` of the
    weights are there where a strategy needs them.
    """

    network: Network
    prepare: Preparation
    train_accuracy: float
    num_epochs: int
    epoch_limit_hit: bool
    num_steps: int
    fit_seconds: float
    fit_cpu_seconds: float
    samples: tuple[Sample, ...] = ()

    def outputs(self, inputs: Tensor, rows: Tensor, needs: Needs) -> Outputs:
        """The outputs declared in `needs` for these rows of `inputs`, in their order, in one pass."""
        return outputs_of(self.network, self.prepare, inputs, rows, needs, self.samples)

    @torch.no_grad()
    def head(self, inputs: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Weight (C, D) and bias (C,) of the last layer, float32 copies; zeros for a bias that there is not.

        Raises:
            StrategyError: if they do not give the logits of the first of these rows of `inputs`.
        """
        layer = self.network.head
        weight_CD = layer.weight.detach().float().clone()
        bias_C = torch.zeros_like(weight_CD[:, 0]) if layer.bias is None else layer.bias.detach().float().clone()
        inputs = self.prepare.inputs(inputs.index_select(0, rows[:NUM_CHECKED]))
        logits_NC = self.network(inputs)
        difference = (self.network.embed(inputs) @ weight_CD.T + bias_C - logits_NC).abs().amax()
        if difference > HEAD_TOLERANCE * logits_NC.abs().amax():
            raise StrategyError(
                f"the logits of {type(self.network).__name__} are not head(embed(inputs)), which the strategy goes by: "
                f"they differ by up to {float(difference):.2g}; let `head` be the last linear layer"
            )
        return weight_CD, bias_C

    def evaluate(self, examples: Examples) -> Metrics:
        """Accuracy, balanced accuracy and cross-entropy on labelled examples."""
        logits_NC, targets = _logits_and_targets(self.network, self.prepare, examples)
        hits = logits_NC.argmax(dim=1).eq(targets)
        num_classes = logits_NC.shape[1]
        present_C = targets.bincount(minlength=num_classes)
        recalled_C = targets[hits].bincount(minlength=num_classes)
        recalls = (recalled_C.double() / present_C)[present_C > 0]
        return Metrics(
            accuracy=hits.double().mean().item(),
            balanced_accuracy=recalls.mean().item(),
            loss=functional.cross_entropy(logits_NC.double(), targets).item(),
        )


def loss_of(network: Network, prepare: Preparation, examples: Examples) -> float:
    """The mean cross-entropy in nats; the network is in evaluation mode."""
    logits_NC, targets = _logits_and_targets(network, prepare, examples)
    return functional.cross_entropy(logits_NC.double(), targets).item()


def _logits_and_targets(network: Network, prepare: Preparation, examples: Examples) -> tuple[Tensor, Tensor]:
    rows = torch.arange(len(examples), device=examples.targets.device)
    logits_NC = outputs_of(network, prepare, examples.inputs, rows, Needs.LOGITS).logits
    assert logits_NC is not None
    return logits_NC, to_device(examples.targets, logits_NC.device)
