"""How a network is trained: the options of a model's yaml that are not the network's own."""

import warnings
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass, fields
from typing import Annotated, Literal

import torch
from annotated_types import Ge, Gt, Le
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from al_bench.core.devices import Precision, autocast
from al_bench.core.ranges import NonNegativeFloat, PositiveFloat, PositiveInt

SHRINK, PERTURB = 0.4, 0.1
OPTIONS_OF_PROBES = ("ridge", "class_weights")  # options that a probe has


@dataclass(frozen=True)
class TrainingOptions:
    """How a network is trained. ValueError if the optimizer or the schedule refuses its arguments.

    Args:
        optimizer: parameters -> optimizer.
        ridge: instead of an optimizer, a linear head is fitted to the optimum of the mean cross-entropy + ridge/2 |W|^2
            (`al_bench.strategies.maths.linear_fit`), which the options of steps and epochs say nothing of.
        start: what the network of a round begins with: `scratch`: with random weights; `warm` and `shrink_perturb`: see
            `al_bench.training.fitting.starting`. The first one begins with random weights, and the optimizer is new.
        shrink: of the weights of the round before, with `shrink_perturb`.
        perturb: of the random ones.
        class_weights: in the cross-entropy that is minimised; see `al_bench.training.fitting.class_weights`.
        minibatch_size: examples per step; under batch norm a last mini-batch of one joins the one before it.
        minibatches: of an epoch: `rest`, as in data loaders of PyTorch, full ones and a last one of what is left, whose
            step is as large as the others'; or `equal`, as many whose sizes differ by at most one.
        lr_schedule: optimizer -> schedule of its learning rate, which takes a step after every epoch.
        gradient_clamp: every element of the gradient is clamped to +- this.
        stop_at_train_accuracy: stop after the first epoch whose running accuracy (each mini-batch is scored
            before the step on it) is at least this; None to train for `max_epochs`.
        patience: stop once a loss has not been lower for this many epochs, and take the weights of the lowest; instead
            of `stop_at_train_accuracy`.
        patience_on: that of the validation examples, or the running loss of training, a mean over the epoch's steps.
        min_delta: how much lower it has to be than the one that counted last, to count.
        max_epochs: stop then anyway.
        recompute_batch_norm: in evaluation mode batch norm uses the statistics of the labelled set under the weights
            that training ended with; false for PyTorch's running averages, which after few steps are still near those
            of the initial network.
        precision: of training; bfloat16 is PyTorch's autocast. Weights and losses are float32.
        pass_precision: of what the network says of the pool, the test set and validation examples; the last layer, the
            statistics of batch norm and all that is made of its outputs are float32.
        channels_last: how images and the weights of convolutions lie in memory; the same network, often faster.
        augmentation: of images in training; see `al_bench.training.augmentation`. `auto` is `crop_flip` for images, and
            `none` for other inputs.
    """

    optimizer: Callable[[Iterable[Tensor]], Optimizer] | None = None
    minibatch_size: PositiveInt = 64
    minibatches: Literal["rest", "equal"] = "rest"
    lr_schedule: Callable[[Optimizer], LRScheduler] | None = None
    gradient_clamp: PositiveFloat | None = None
    stop_at_train_accuracy: Annotated[float, Gt(0), Le(1)] | None = 0.99
    patience: PositiveInt | None = None
    patience_on: Literal["validation", "training"] = "validation"
    min_delta: NonNegativeFloat = 0.0
    max_epochs: PositiveInt = 3000
    recompute_batch_norm: bool = True
    precision: Precision = "float32"
    pass_precision: Precision = "float32"
    channels_last: bool = False
    augmentation: Literal["none", "crop_flip", "auto"] = "none"
    ridge: PositiveFloat | None = None
    class_weights: Literal["none", "balanced"] = "none"
    start: Literal["scratch", "warm", "shrink_perturb"] = "scratch"
    shrink: Annotated[float, Ge(0), Le(1)] = SHRINK
    perturb: NonNegativeFloat = PERTURB

    def __post_init__(self) -> None:
        if self.ridge is not None:
            self._check_probe()
            return
        if self.optimizer is None:
            raise ValueError("optimizer is missing; say which, or training@model=paper, or ridge=0.01 to fit a probe")
        if self.patience is None and (self.patience_on, self.min_delta) != ("validation", 0):
            key = "min_delta" if self.min_delta else "patience_on"
            raise ValueError(f"{key}={getattr(self, key)}: goes with patience, which is not set; say model.patience=20")
        if self.start != "shrink_perturb" and (self.shrink, self.perturb) != (SHRINK, PERTURB):
            key = "shrink" if self.shrink != SHRINK else "perturb"
            raise ValueError(f"{key}={getattr(self, key)}: goes with start=shrink_perturb, and start is {self.start}")
        lr = getattr(self.optimizer, "keywords", {}).get("lr")
        if lr is not None and not lr > 0:
            raise ValueError(f"optimizer.lr={lr}: must be above 0")
        try:
            optimizer = self.optimizer([torch.zeros(1, requires_grad=True)])
        except (ValueError, TypeError, RuntimeError) as error:
            raise ValueError(f"optimizer: {error}") from error
        if self.lr_schedule is None:
            return
        try:
            with warnings.catch_warnings(action="ignore"):  # no step of the optimizer comes before this one
                self.lr_schedule(optimizer).step()
        except (ValueError, TypeError, RuntimeError, AttributeError, ArithmeticError) as error:
            raise ValueError(f"lr_schedule: {error} (it takes a step after every epoch, without arguments)") from error

    def _check_probe(self) -> None:
        """ValueError for options of steps and epochs, and of layers before the last."""
        if self.pass_precision != "float32":
            raise ValueError(
                f"pass_precision={self.pass_precision}: a probe (ridge={self.ridge}) is a last layer alone, which "
                "stays float32; leave it out"
            )
        for each in fields(self):
            value = getattr(self, each.name)
            if each.name not in OPTIONS_OF_PROBES and value != each.default:
                raise ValueError(
                    f"{each.name}={value}: a probe (ridge={self.ridge}) is fitted to its optimum, without steps or "
                    "epochs; leave it out, or choose another training@model=..."
                )

    @property
    def accuracy_to_stop_at(self) -> float | None:
        """The training accuracy that ends training; None if another rule does."""
        is_rule = self.patience is None and self.ridge is None
        return self.stop_at_train_accuracy if is_rule else None

    @property
    def needs_validation(self) -> bool:
        """Whether validation examples decide when training ends."""
        return self.patience is not None and self.patience_on == "validation"

    def augments(self, input_shape: tuple[int, ...]) -> bool:
        """Whether inputs of this shape are cropped and flipped."""
        return self.augmentation == "crop_flip" or (self.augmentation == "auto" and len(input_shape) == 3)

    def optimizer_of(self, network: nn.Module) -> Optimizer:
        """A new optimizer of all parameters of a network."""
        assert self.optimizer is not None  # as it is no probe
        return self.optimizer(network.parameters())

    def autocast(self, device: str) -> AbstractContextManager[object]:
        """Within, forward passes are of the precision of training."""
        return autocast(self.precision, device)
