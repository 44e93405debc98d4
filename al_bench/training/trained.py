"""A trained network, and what it says: metrics on a test set, and outputs for a strategy."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from al_bench.core.data import Examples, Normalisation
from al_bench.core.devices import to_device
from al_bench.core.network import Network
from al_bench.core.rounds import Metrics
from al_bench.core.strategy import Needs, Outputs

FORWARD_SIZE = {"cpu": 64, "cuda": 1024}  # examples per forward pass; on the CPU as many as fit its caches


@dataclass(frozen=True)
class Preparation:
    """Stored inputs to what the network takes: float32, normalised, on its device.

    uint8 inputs x become x * scale + shift; float32 inputs are taken as they are. `channels_last` is the order in
    memory of images (N, C, H, W).
    """

    device: str
    scale: Tensor
    shift: Tensor
    channels_last: bool = False

    @classmethod
    def to_device(
        cls, device: str, normalisation: Normalisation | None, *, channels_last: bool = False
    ) -> "Preparation":
        """Scaling to 0 .. 1, then (x - mean) / std, as one multiplication and one addition."""
        mean, std = torch.zeros(()), torch.ones(())
        if normalisation is not None:
            mean, std = (torch.tensor(c).reshape(-1, 1, 1) for c in (normalisation.mean, normalisation.std))
        return cls(device, (1 / (255 * std)).to(device), (-mean / std).to(device), channels_last)

    def inputs(self, inputs: Tensor) -> Tensor:
        """Inputs (N, ...) as stored -> (N, ...), float32."""
        inputs = to_device(inputs, self.device)
        if self.channels_last and inputs.dim() == 4:
            inputs = inputs.contiguous(memory_format=torch.channels_last)
        if inputs.dtype == torch.uint8:
            return inputs.to(torch.float32).mul_(self.scale).add_(self.shift)
        return inputs


@dataclass(frozen=True)
class Trained:
    """A trained network in evaluation mode, and how its training went. Nothing of it goes into the next round.

    `train_accuracy` is the running accuracy of the last epoch: the one that the stopping rule saw.
    """

    network: Network
    prepare: Preparation
    train_accuracy: float
    num_epochs: int
    epoch_limit_hit: bool
    num_steps: int
    fit_seconds: float
    fit_cpu_seconds: float

    def outputs(self, inputs: Tensor, rows: Tensor, needs: Needs) -> Outputs:
        """The outputs declared in `needs` for these rows of `inputs`, in their order, in one pass."""
        return outputs_of(self.network, self.prepare, inputs, rows, needs)

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


@torch.no_grad()
def outputs_of(network: Network, prepare: Preparation, inputs: Tensor, rows: Tensor, needs: Needs) -> Outputs:
    """See `Trained.outputs`; the network is in evaluation mode. Computed in float32, however it was trained."""
    kept: dict[str, list[Tensor]] = {"logits": [], "embedding": []}
    if not needs & (Needs.LOGITS | Needs.EMBEDDING):
        return Outputs()
    for chunk in rows.split(FORWARD_SIZE[torch.device(prepare.device).type]):
        embedding_ND = network.embed(prepare.inputs(inputs.index_select(0, chunk)))
        if Needs.EMBEDDING in needs:
            kept["embedding"].append(embedding_ND)
        if Needs.LOGITS in needs:
            kept["logits"].append(network.head(embedding_ND))
    return Outputs(**{name: torch.cat(chunks) for name, chunks in kept.items() if chunks})


def loss_of(network: Network, prepare: Preparation, examples: Examples) -> float:
    """The mean cross-entropy in nats; the network is in evaluation mode."""
    logits_NC, targets = _logits_and_targets(network, prepare, examples)
    return functional.cross_entropy(logits_NC.double(), targets).item()


def _logits_and_targets(network: Network, prepare: Preparation, examples: Examples) -> tuple[Tensor, Tensor]:
    rows = torch.arange(len(examples), device=examples.targets.device)
    logits_NC = outputs_of(network, prepare, examples.inputs, rows, Needs.LOGITS).logits
    assert logits_NC is not None
    return logits_NC, to_device(examples.targets, logits_NC.device)
