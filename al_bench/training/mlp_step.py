"""The steps of an `MLP` written out, which prove themselves against autograd's."""

import logging
from collections.abc import Hashable
from typing import Any, TypeGuard

import torch
from torch import Tensor, nn
from torch.optim import Adam, AdamW, Optimizer

from al_bench.core.network import Network, Objective, cross_entropy
from al_bench.models.mlp import MLP
from al_bench.training.fitting.class_weights import BalancedCrossEntropy
from al_bench.training.fitting.hooks import has_hooks
from al_bench.training.options import TrainingOptions
from al_bench.training.steps import AutogradStep, Step
from al_bench.training.unlabelled_term import Term

METHODS = {"__call__": MLP.__call__, "forward": MLP.forward, "embed": MLP.embed}  # what is written out
PARAMETERS = ["hidden.weight", "hidden.bias", "head.weight"]
OTHER_OPTIONS = ("amsgrad", "maximize", "capturable", "differentiable")  # of Adam
OF_ANY_MODULE = frozenset(vars(nn.Module()))

MEAN, NO_CLASS = 1, -100  # what the operators of the loss call them

aten: Any = torch.ops.aten
log = logging.getLogger(__name__)

_is_right: dict[Hashable, bool] = {}  # what this process has found, by `MLPStep.key`


class MLPStep:
    """A step of an `MLP`, written out: cross-entropy, plain or balanced, and Adam or AdamW in float32 on the CPU.

    These steps are so small that autograd and the optimizer take longer to find out what to do than to do it. Here the
    operators that they would call are called at once, on memory that is allocated once: the same weights to the bit.
    `fast_step` holds them to it. Of equal `key`s, all are or none.

    Args:
        network: `is_for` says whether it, and the others, can be taken.
        objective: for the weights of the classes, if it has any.
        optimizer: for its options alone.
        gradient_clamp: every element of the gradient is clamped to +- this.
        shape: of the inputs of the largest mini-batch (n, ...).
    """

    def __init__(
        self,
        network: MLP,
        objective: Objective,
        optimizer: Optimizer,
        gradient_clamp: float | None,
        shape: tuple[int, ...],
    ) -> None:
        self._options = optimizer.param_groups[0]
        self._clamp = gradient_clamp
        of_classes = objective if isinstance(objective, BalancedCrossEntropy) else None
        self._class_weights = of_classes and of_classes.weights_C(network.head.out_features)
        self._parameters = [parameter.detach() for parameter in network.parameters()]
        self._gradients, self._means, self._mean_squares = (
            [torch.zeros_like(parameter) for parameter in self._parameters] for _ in range(3)
        )
        self._num_steps = [torch.zeros(()) for _ in self._parameters]
        self._hidden, self._hidden_gradient = (torch.empty(shape[0], network.hidden.out_features) for _ in range(2))
        options = {name: value for name, value in self._options.items() if name != "params"}
        arguments = (of_classes is None, gradient_clamp, shape, torch.get_num_threads())
        self.key: Hashable = (type(network), _settings(network), repr(options), *arguments)

    @staticmethod
    def is_for(
        network: Network, objective: Objective, optimizer: Optimizer, training: TrainingOptions
    ) -> TypeGuard[MLP]:
        """Whether these steps are written out here: nothing of them is overridden, hooked, replaced or frozen."""
        is_known = objective is cross_entropy or type(objective) is BalancedCrossEntropy
        if not _is_plain(network) or not is_known or type(optimizer) not in (Adam, AdamW):
            return False
        options, *other_groups = optimizer.param_groups
        if other_groups or not options["fused"] or any(options.get(name) for name in OTHER_OPTIONS):
            return False
        is_of_all = [*map(id, options["params"])] == [*map(id, network.parameters())]
        is_on_cpu = network.hidden.weight.device.type == "cpu"
        is_matrix = network.head.in_features > 1  # products with vectors are summed in another order
        is_exact = training.precision == "float32"
        return is_of_all and is_on_cpu and is_matrix and is_exact and not has_hooks(network, optimizer)

    def __call__(self, inputs: Tensor, targets: Tensor, term: Term | None) -> tuple[Tensor, Tensor]:
        """See `Step`; there is no term."""
        assert term is None
        inputs = inputs.flatten(start_dim=1)
        hidden, hidden_gradient = self._hidden[: len(inputs)], self._hidden_gradient[: len(inputs)]
        hidden_weight, hidden_bias, head_weight = self._parameters

        torch.addmm(hidden_bias, inputs, hidden_weight.t(), out=hidden).clamp_min_(0)
        logits_NC = hidden.mm(head_weight.t())
        log_probabilities = logits_NC.log_softmax(dim=1)
        reduction = (self._class_weights, MEAN, NO_CLASS)  # how losses are summed up, the class to ignore
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
        beta1, beta2 = self._options["betas"]  # schedules may change all of these
        fused = aten._fused_adamw_ if self._options["decoupled_weight_decay"] else aten._fused_adam_
        fused(
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

    def results(self, logits_NC: Tensor, loss: Tensor) -> dict[str, list[Tensor | None]]:
        """All that a step has made, by what it is; the weights as they are now."""
        return {
            "logits": [logits_NC],
            "loss": [loss],
            "gradients": [*self._gradients],
            "Adam's state": [*self._means, *self._mean_squares, *self._num_steps],
            "weights": [parameter.clone() for parameter in self._parameters],
            "random numbers": [torch.get_rng_state()],
        }


def fast_step(autograd: AutogradStep, training: TrainingOptions, shape: tuple[int, ...]) -> Step:
    """The same steps written out, if they are known and are autograd's to the bit; else `autograd`.

    The first mini-batch that this process takes of a `MLPStep.key` is done both ways; what comes of it is autograd's in
    any case. `shape` is that of the largest mini-batch; there are no terms of unlabelled examples.
    """
    network, optimizer = autograd.network, autograd.optimizer
    if not MLPStep.is_for(network, autograd.objective, optimizer, training):
        return autograd
    written_out = MLPStep(network, autograd.objective, optimizer, training.gradient_clamp, shape)
    is_right = _is_right.get(written_out.key)
    if is_right is None:
        return _Proof(written_out, autograd)
    return written_out if is_right else autograd


class _Proof:
    """The first step both ways; then those that are written out if it was the same, else autograd's.

    After Adam's first step, about lr times the sign of the gradient, weights alone would be nearly blind: gradients and
    Adam's state are compared too. A network that draws random numbers is found out even if they changed nothing yet.
    """

    def __init__(self, written_out: MLPStep, autograd: AutogradStep) -> None:
        self._written_out = written_out
        self._autograd = autograd
        self._step: Step = self._both_ways

    def __call__(self, inputs: Tensor, targets: Tensor, term: Term | None) -> tuple[Tensor, Tensor]:
        """See `Step`."""
        return self._step(inputs, targets, term)

    @torch.enable_grad()  # the steps that are written out need none
    def _both_ways(self, inputs: Tensor, targets: Tensor, term: Term | None) -> tuple[Tensor, Tensor]:
        network, optimizer = self._autograd.network, self._autograd.optimizer
        parameters = [parameter.detach() for parameter in network.parameters()]
        weights, random_numbers = [parameter.clone() for parameter in parameters], torch.get_rng_state()
        found = self._written_out.results(*self._written_out(inputs.clone(), targets.clone(), term))
        for parameter, weight in zip(parameters, weights, strict=True):
            parameter.copy_(weight)
        torch.set_rng_state(random_numbers)
        logits_NC, loss = self._autograd(inputs, targets, term)
        expected = _results(self._autograd, logits_NC, loss)
        wrong = [name for name in found if not all(map(_is_same, found[name], expected[name]))]
        _is_right[self._written_out.key] = not wrong
        if wrong:
            self._step = self._autograd
            log.warning(
                "%s: training goes on by autograd, which is slower: the steps that are written out for this network "
                "in al_bench/training/mlp_step.py would give other %s",
                *(type(network).__name__, ", ".join(wrong)),
            )
        else:
            self._step = self._written_out
            optimizer.zero_grad(set_to_none=True)
            optimizer.state.clear()  # it is not used any more
        return logits_NC, loss


def _results(step: AutogradStep, logits_NC: Tensor, loss: Tensor) -> dict[str, list[Tensor | None]]:
    """See `MLPStep.results`; None is what there is not."""
    parameters, state = [*step.network.parameters()], step.optimizer.state
    names = ("exp_avg", "exp_avg_sq", "step")
    return {
        "logits": [logits_NC],
        "loss": [loss],
        "gradients": [parameter.grad for parameter in parameters],
        "Adam's state": [state[parameter].get(name) for name in names for parameter in parameters],
        "weights": [parameter.detach() for parameter in parameters],
        "random numbers": [torch.get_rng_state()],
    }


def _is_same(one: Tensor | None, other: Tensor | None) -> bool:
    """To the bit, in which NaN equals itself and 0 is not -0."""
    if one is None or other is None or one.dtype != other.dtype:
        return False
    return torch.equal(one.view(torch.int32), other.view(torch.int32))


def _is_plain(network: Network) -> TypeGuard[MLP]:
    """Whether it does what models/mlp.py says, as subclasses do that override nothing of it."""
    methods = {name: getattr(getattr(network, name), "__func__", None) for name in METHODS}
    if not isinstance(network, MLP) or methods != METHODS:
        return False
    layers, names = (network.hidden, network.head), [name for name, _ in network.named_parameters()]
    return (
        all(type(layer) is nn.Linear and "forward" not in vars(layer) for layer in layers)  # parametrised: another type
        and names == PARAMETERS
        and network.dropout is None
        and all(parameter.requires_grad for parameter in network.parameters())
    )


def _settings(network: Network) -> str:
    """What else than its class makes a network: sizes of the layers, and all that its modules have been given."""
    return repr(
        [
            (type(module), {name: value for name, value in vars(module).items() if name not in OF_ANY_MODULE})
            for module in network.modules()
        ]
    )
