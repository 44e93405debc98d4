"""Training from scratch, and what the trained network says."""

import math
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
from annotated_types import Gt, Le
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import Optimizer

from al_bench.errors import TrainingError
from al_bench.interfaces import Examples, Metrics, Needs, Network, Normalisation, Objective, Outputs
from al_bench.ranges import PositiveInt
from al_bench.seeding import Stream, generator, torch_seeded

FORWARD_SIZE = 1024  # examples per forward pass in evaluation mode
GATHERED_MINIBATCHES = 16
DIVERGED = "a smaller model.optimizer.lr or scaled inputs may help"


@dataclass(frozen=True)
class Training:
    """How a network is trained. ValueError if the optimizer refuses its arguments.

    Args:
        optimizer: parameters -> optimizer.
        minibatch_size: examples per step.
        stop_at_train_accuracy: stop after the first epoch whose running accuracy (each mini-batch is scored
            before the step on it) is at least this.
        max_epochs: stop then anyway.
    """

    optimizer: Callable[[Iterable[Tensor]], Optimizer]
    minibatch_size: PositiveInt = 64
    stop_at_train_accuracy: Annotated[float, Gt(0), Le(1)] = 0.99
    max_epochs: PositiveInt = 3000

    def __post_init__(self) -> None:
        lr = getattr(self.optimizer, "keywords", {}).get("lr")
        if lr is not None and not lr > 0:
            raise ValueError(f"optimizer.lr={lr}: must be above 0")
        try:
            self.optimizer([torch.zeros(1, requires_grad=True)])
        except (ValueError, TypeError, RuntimeError) as error:
            raise ValueError(f"optimizer: {error}") from error


@dataclass(frozen=True)
class Learner:
    """Trains a new network each time it is asked.

    Args:
        build: a new network on the CPU.
        training: how to train it.
        device: where to train it.
        normalisation: of uint8 inputs.
    """

    build: Callable[[], Network]
    training: Training
    device: str = "cpu"
    normalisation: Normalisation | None = None

    def fit(self, labelled: Examples, objective: Objective, *, seed: int, round: int) -> "Trained":
        """A network trained from scratch: parameters, buffers and optimizer are new.

        Weights and the order of the mini-batches depend on the seed and the round alone.

        Raises:
            TrainingError: if a loss is not finite.
        """
        start = time.perf_counter()
        with torch_seeded(seed, Stream.WEIGHTS, round):
            network = self.build()
        network.to(self.device).train()
        rng = generator(seed, Stream.MINIBATCH, round)
        prepare = Preparation.to_device(self.device, self.normalisation)
        with torch_seeded(seed, Stream.LAYERS, round, self.device):
            accuracy, num_epochs = self._train(network, labelled, objective, prepare, rng, round)
        is_limit_hit = accuracy < self.training.stop_at_train_accuracy
        return Trained(network.eval(), prepare, accuracy, num_epochs, is_limit_hit, time.perf_counter() - start)

    def _train(
        self,
        network: Network,
        labelled: Examples,
        objective: Objective,
        prepare: "Preparation",
        rng: np.random.Generator,
        round: int,
    ) -> tuple[float, int]:
        """Train until the stopping rule says so: running accuracy of the last epoch, and number of epochs."""
        training, accuracy = self.training, 0.0
        optimizer = training.optimizer(network.parameters())
        for epoch in range(1, training.max_epochs + 1):
            order = torch.from_numpy(rng.permutation(len(labelled))).to(labelled.targets.device)
            minibatches = _minibatches(labelled, order, training.minibatch_size, prepare)
            accuracy, loss = _epoch(network, optimizer, objective, minibatches)
            if not math.isfinite(loss):
                raise TrainingError(f"round {round}, epoch {epoch}: the training loss is {loss}; {DIVERGED}")
            if accuracy >= training.stop_at_train_accuracy:
                break
        return accuracy, epoch


def _minibatches(
    labelled: Examples, order: Tensor, size: int, prepare: "Preparation"
) -> Iterator[tuple[Tensor, Tensor]]:
    """Inputs and targets in this order; several mini-batches are gathered at once, which is cheaper than one by one."""
    for rows in order.split(size * GATHERED_MINIBATCHES):
        gathered = prepare.examples(labelled.take(rows))
        yield from zip(gathered.inputs.split(size), gathered.targets.split(size), strict=True)


def _epoch(
    network: nn.Module, optimizer: Optimizer, objective: Objective, minibatches: Iterator[tuple[Tensor, Tensor]]
) -> tuple[float, float]:
    """One pass in training mode: running accuracy and the sum of the losses, fetched from the device at its end."""
    losses, predictions, all_targets = [], [], []
    for inputs, targets in minibatches:
        optimizer.zero_grad(set_to_none=True)
        logits_NC = network(inputs)
        loss = objective(logits_NC, targets)
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
        predictions.append(logits_NC.detach().argmax(dim=1))
        all_targets.append(targets)
    is_right_N = torch.cat(predictions).eq(torch.cat(all_targets))
    return is_right_N.sum().item() / len(is_right_N), torch.stack(losses).sum().item()


@dataclass(frozen=True)
class Preparation:
    """Stored inputs to what the network takes: float32, normalised, on its device.

    uint8 inputs x become x * scale + shift; float32 inputs are taken as they are.
    """

    device: str
    scale: Tensor
    shift: Tensor

    @classmethod
    def to_device(cls, device: str, normalisation: Normalisation | None) -> "Preparation":
        """Scaling to 0 .. 1, then (x - mean) / std, as one multiplication and one addition."""
        mean, std = torch.zeros(()), torch.ones(())
        if normalisation is not None:
            mean, std = (torch.tensor(c).reshape(-1, 1, 1) for c in (normalisation.mean, normalisation.std))
        return cls(device, (1 / (255 * std)).to(device), (-mean / std).to(device))

    def examples(self, minibatch: Examples) -> Examples:
        """Prepared inputs, and the targets on the device."""
        return Examples(self.inputs(minibatch.inputs), minibatch.targets.to(self.device))

    def inputs(self, inputs: Tensor) -> Tensor:
        """Inputs (N, ...) as stored -> (N, ...), float32."""
        inputs = inputs.to(self.device)
        if inputs.dtype == torch.uint8:
            return torch.addcmul(self.shift, inputs.to(torch.float32), self.scale)
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
    fit_seconds: float

    @torch.no_grad()
    def outputs(self, inputs: Tensor, rows: Tensor, needs: Needs) -> Outputs:
        """The outputs declared in `needs` for these rows of `inputs`, in their order, in one pass."""
        kept: dict[str, list[Tensor]] = {"logits": [], "embedding": []}
        for chunk in rows.split(FORWARD_SIZE):
            embedding_ND = self.network.embed(self.prepare.inputs(inputs[chunk]))
            if Needs.EMBEDDING in needs:
                kept["embedding"].append(embedding_ND.float())
            if Needs.LOGITS in needs:
                kept["logits"].append(self.network.head(embedding_ND).float())
        return Outputs(**{name: torch.cat(chunks) for name, chunks in kept.items() if chunks})

    def evaluate(self, examples: Examples) -> Metrics:
        """Accuracy, balanced accuracy and cross-entropy on labelled examples."""
        rows = torch.arange(len(examples), device=examples.targets.device)
        logits_NC = self.outputs(examples.inputs, rows, Needs.LOGITS).logits_NC
        targets = examples.targets.to(logits_NC.device)
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
