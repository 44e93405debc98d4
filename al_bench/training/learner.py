"""Training a network, from scratch unless it is asked to go on."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import torch
from torch import Tensor

from al_bench.core.data import Examples, Normalisation
from al_bench.core.devices import Stopwatch, to_device
from al_bench.core.errors import ConfigError, InputsError, TrainingError
from al_bench.core.network import Network, Objective
from al_bench.core.seeding import Stream, torch_seeded
from al_bench.core.strategy import Needs, Strategy
from al_bench.models.dropout import check_dropout
from al_bench.training.fitting.checks import check_linear, check_passes, check_wanted
from al_bench.training.fitting.class_weights import BalancedCrossEntropy
from al_bench.training.fitting.minibatch_fit import MinibatchFit
from al_bench.training.fitting.probe import fit_probe
from al_bench.training.fitting.starting import start_from
from al_bench.training.options import TrainingOptions
from al_bench.training.outputs import Passes, outputs_of
from al_bench.training.trained import Trained
from al_bench.training.unlabelled_term import Unlabelled

Weights = Mapping[str, Tensor]
MEMORY = "can't allocate memory"  # what PyTorch says of it on the CPU


def body_of(network: Network) -> Weights:
    """The weights that pre-training is for: all but those of the head."""
    return {name: weight for name, weight in network.state_dict().items() if not name.startswith("head.")}


@dataclass(frozen=True)
class Learner:
    """Trains a new network each time it is asked.

    Args:
        build: a new network on the CPU.
        training: how to train it.
        device: where to train it.
        normalisation: of uint8 inputs.
        weights: by name, those that every new network starts from; the others are random.
        learned_from: the inputs and the seed that `pretrained` has learned the weights from.
    """

    build: Callable[[], Network]
    training: TrainingOptions
    device: str = "cpu"
    normalisation: Normalisation | None = None
    weights: Weights = field(default_factory=dict)
    learned_from: tuple[Tensor, int] | None = field(default=None, compare=False, repr=False)

    def pretrained(self, inputs: Tensor, seed: int) -> "Learner":
        """One whose networks start from what pre-training on the pool's inputs (N, ...) has learned, all but the head.

        It does nothing for networks that are not pre-trained, nor if that was done before from equal inputs at this
        seed, nor if its weights are from elsewhere.

        Raises:
            TrainingError: if a weight is not finite.
        """
        if self.weights and self.learned_from is None:
            return self
        if self.learned_from is not None:
            inputs_before, seed_before = self.learned_from
            if seed == seed_before and inputs.device == inputs_before.device and torch.equal(inputs, inputs_before):
                return self
        network = replace(self, weights={})._new_network(seed, 0)
        if not network.is_pretrained:
            return self
        with torch_seeded(seed, Stream.PRETRAIN, 0, self.device):
            network.pretrain(self._passes.inputs(inputs).clone())  # which is not the pool's, whatever it does
        return replace(self, weights=body_of(network), learned_from=(inputs, seed))

    def fit(
        self,
        labelled: Examples,
        objective: Objective,
        *,
        seed: int,
        round: int,
        validation: Examples | None = None,
        unlabelled: Unlabelled | None = None,
        member: int = 0,
        earlier: Weights | None = None,
    ) -> Trained:
        """A new network, trained; with the `earlier` state of the round before, as `training.start` makes of it.

        The optimizer is new in any case.
        All random numbers depend on the seed and the round alone, and on which member of an ensemble it is. An epoch
        has as many steps as the labelled examples make, with or without unlabelled ones.

        Raises:
            ConfigError: if `training.patience` is set without validation examples.
            TrainingError: if a loss is not finite, or the learning-rate schedule or the fit of a probe does not go on.
        """
        stopwatch = Stopwatch(self.device)
        network = self._new_network(seed, round, member)
        if earlier is not None:
            start_from(network, earlier, self.training)
        if self.training.class_weights == "balanced":
            objective = BalancedCrossEntropy(to_device(labelled.targets, self.device))
        try:
            if self.training.ridge is not None:
                course = fit_probe(network, self._passes, labelled, objective, self.training.ridge)
            else:
                fit = MinibatchFit(self.training, self._passes, labelled, validation, (seed, round, member))
                course = fit.train(network, objective, unlabelled)
        except TrainingError as error:
            raise TrainingError(f"round {round}, {error}") from error
        taken = stopwatch.seconds()
        return Trained(
            network=network.eval(),
            passes=self._passes,
            course=course,
            fit_seconds=taken.wall,
            fit_cpu_seconds=taken.cpu,
        )

    def restored(self, weights: Weights) -> Trained:
        """The network of an earlier fit, by its state; of its training nothing is known."""
        network = self._new_network(0, 0)
        network.load_state_dict(weights)
        return Trained(network.eval(), self._passes)

    def tried(self, inputs: Tensor) -> tuple[Network, int]:
        """A network that has taken some inputs (N, ...), to know before training that it can, and its dimensions D.

        Raises:
            ConfigError: if the training cannot take them or such a network, or the network not the precision of passes.
            InputsError: if the network cannot.
        """
        shape = tuple(inputs.shape[1:])
        if self.training.augments(shape) and len(shape) != 3:
            raise ConfigError(
                f"model.augmentation={self.training.augmentation}: the inputs have shape {shape}, but images "
                "(channels, height, width) are needed; say model.augmentation=none"
            )
        learner, rows = replace(self, device="cpu"), torch.arange(len(inputs), device=inputs.device)
        try:
            network = learner._new_network(0, 0).eval()
            outputs = outputs_of(network, learner._passes, inputs, rows, Needs.LOGITS | Needs.EMBEDDING)
            num_dimensions = outputs.embedding_ND.shape[1]
        except InputsError:
            raise
        except Exception as error:  # whatever a user's own network raises
            cause = error.__cause__ if isinstance(error, ConfigError) else error
            if isinstance(cause, MemoryError) or MEMORY in str(cause):
                raise
            problem = " ".join(str(cause).split()) or type(cause).__name__
            if self.training.pass_precision != "float32":
                plain, _ = replace(self, training=replace(self.training, pass_precision="float32")).tried(inputs)
                raise ConfigError(
                    f"model.pass_precision={self.training.pass_precision}: {type(plain).__name__} cannot: {problem}; "
                    "say model.pass_precision=float32"
                ) from error
            raise InputsError(f"inputs of shape {shape}: {problem}") from error
        name = type(network).__name__
        check_linear(self.training, name, is_linear=network.is_linear)
        check_passes(self.training, name, is_linear=network.is_linear)
        return network, num_dimensions

    def check(self, strategy: Strategy) -> None:
        """ConfigError if networks that are trained so cannot be what the strategy wants, or cannot be sampled so."""
        check_wanted(self.training, strategy)
        samples = strategy.samples
        if Needs.SAMPLES in strategy.needs and samples is not None and samples.kind == "network":
            check_dropout(replace(self, device="cpu")._new_network(0, 0))

    def _new_network(self, seed: int, round: int, member: int = 0) -> Network:
        with torch_seeded(seed, Stream.WEIGHTS, round, member=member):
            network = self.build()
        if self.weights:
            network.load_state_dict({**network.state_dict(), **self.weights})
        network.to(self.device)
        if self.training.channels_last:
            network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return network

    @cached_property
    def _passes(self) -> Passes:
        return Passes.of(
            self.device,
            self.normalisation,
            channels_last=self.training.channels_last,
            precision=self.training.pass_precision,
        )
