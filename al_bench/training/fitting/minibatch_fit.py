"""Training by an optimizer, one mini-batch after another."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from itertools import repeat

import numpy as np
from torch import Tensor

from al_bench.core.data import Examples
from al_bench.core.network import Network, Objective
from al_bench.core.seeding import Stream, generator, torch_seeded
from al_bench.training.augmentation import crop_flip
from al_bench.training.batch_norm import batch_norm_layers, recompute_statistics
from al_bench.training.epochs import Epochs
from al_bench.training.fitting.checks import check_patience
from al_bench.training.fitting.course import Course
from al_bench.training.minibatches import Minibatches, minibatch_sizes
from al_bench.training.mlp_step import fast_step
from al_bench.training.options import TrainingOptions
from al_bench.training.outputs import Passes
from al_bench.training.steps import AutogradStep
from al_bench.training.stopping import LowestLoss, StoppingRule, TrainAccuracy
from al_bench.training.trained import loss_of
from al_bench.training.unlabelled_term import PART_SIZE, Term, Unlabelled, UnlabelledSteps


@dataclass(frozen=True)
class MinibatchFit:
    """The fit of a network to labelled examples, by mini-batches.

    Args:
        training: how.
        passes: how inputs pass, on the device of the network.
        labelled: what it is trained on.
        validation: what `training.patience` goes by.
        key: seed, round and member of an ensemble, which all random numbers depend on.
    """

    training: TrainingOptions
    passes: Passes
    labelled: Examples
    validation: Examples | None
    key: tuple[int, int, int]

    def train(self, network: Network, objective: Objective, unlabelled: Unlabelled | None) -> Course:
        """Change the network; an epoch has as many steps as the labelled examples make, with or without others.

        Raises:
            ConfigError: if `training.patience` is set without validation examples.
            TrainingError: see `Epochs.train`.
        """
        rule = self._stopping_rule()
        minibatches = self._minibatches(network)
        num_steps = len(minibatches.sizes)
        added_terms = None if unlabelled is None else self._unlabelled_steps(unlabelled).terms(network, num_steps)
        seed, round, member = self.key
        with torch_seeded(seed, Stream.LAYERS, round, self.passes.device, member):
            accuracy, num_epochs, is_limit_hit = self._epochs(network, minibatches, objective, rule, added_terms).train(
                network
            )
        self._recompute_batch_norm(network)
        return Course(accuracy, num_epochs, is_limit_hit, num_epochs * num_steps)

    def _epochs(
        self,
        network: Network,
        minibatches: Minibatches,
        objective: Objective,
        rule: StoppingRule,
        added_terms: Iterator[Iterator[Term]] | None,
    ) -> Epochs:
        training = self.training
        optimizer = training.optimizer_of(network)
        schedule = training.lr_schedule(optimizer) if training.lr_schedule is not None else None
        autograd = AutogradStep(network, objective, optimizer, training.gradient_clamp, self._precision)
        no_terms: Iterator[Term | None] = repeat(None)
        return Epochs(
            minibatches=minibatches,
            step=autograd if added_terms is not None else fast_step(autograd, training, minibatches.shape),
            terms=added_terms if added_terms is not None else repeat(no_terms),
            rule=rule,
            schedule=schedule,
            limit=training.max_epochs,
        )

    def _precision(self) -> AbstractContextManager[object]:
        return self.training.autocast(self.passes.device)

    def _minibatches(self, network: Network) -> Minibatches:
        seed, *of_fit = self.key
        return Minibatches(
            examples=self.labelled,
            sizes=minibatch_sizes(
                len(self.labelled),
                self.training.minibatch_size,
                is_one_too_few=bool(batch_norm_layers(network)),
                are_equal=self.training.minibatches == "equal",
            ),
            prepare=self.passes.inputs,
            order_rng=generator(seed, Stream.MINIBATCH, *of_fit),
            device=self.passes.device,
            augment=self._augmentation(generator(seed, Stream.AUGMENT, *of_fit)),
        )

    def _augmentation(self, rng: np.random.Generator) -> Callable[[Tensor], Tensor] | None:
        return partial(crop_flip, rng=rng) if self.training.augments(self.labelled.inputs.shape[1:]) else None

    def _unlabelled_steps(self, unlabelled: Unlabelled) -> UnlabelledSteps:
        seed, *of_fit = self.key
        rng = generator(seed, Stream.UNLABELLED, *of_fit)
        return UnlabelledSteps(
            unlabelled=unlabelled,
            rng=rng,
            passes=self.passes,
            augment=self._augmentation(rng),
            precision=self._precision,
            part_size=max(self.training.minibatch_size, PART_SIZE),
        )

    def _stopping_rule(self) -> StoppingRule:
        training, validation = self.training, self.validation
        if training.patience is None:
            return TrainAccuracy(training.stop_at_train_accuracy)
        if not training.needs_validation:
            return LowestLoss(training.patience, lambda _, loss: loss, training.min_delta)
        check_patience(training, has_validation=validation is not None)
        assert validation is not None

        def validation_loss(network: Network, _: float) -> float:
            self._recompute_batch_norm(network)
            return loss_of(network.eval(), self.passes, validation)

        return LowestLoss(training.patience, validation_loss, training.min_delta)

    def _recompute_batch_norm(self, network: Network) -> None:
        if self.training.recompute_batch_norm:
            recompute_statistics(network, self.labelled.inputs, self.training.minibatch_size, self.passes.inputs)
