"""A linear head fitted to its optimum: nothing is drawn, tuned or stopped early."""

import torch

from al_bench.core.data import Examples
from al_bench.core.devices import to_device
from al_bench.core.network import Network, Objective
from al_bench.core.strategy import Needs
from al_bench.strategies.maths.linear_fit import linear_fit
from al_bench.training.fitting.class_weights import BalancedCrossEntropy
from al_bench.training.fitting.course import Course
from al_bench.training.outputs import Passes, outputs_of


@torch.no_grad()
def fit_probe(network: Network, passes: Passes, labelled: Examples, objective: Objective, ridge: float) -> Course:
    """Give the network the head that `linear_fit` finds; an epoch is an iteration of it, a step an evaluation.

    The objective is the cross-entropy, plain or balanced.

    Raises:
        TrainingError: if it finds none.
    """
    rows = torch.arange(len(labelled), device=labelled.targets.device)
    embedding_ND = outputs_of(network.eval(), passes, labelled.inputs, rows, Needs.EMBEDDING).embedding_ND
    targets = to_device(labelled.targets, passes.device)
    head = network.head
    weights_C = objective.weights_C(head.out_features) if isinstance(objective, BalancedCrossEntropy) else None
    found = linear_fit(
        embedding_ND, targets, head.out_features, ridge, has_bias=head.bias is not None, class_weights_C=weights_C
    )
    head.weight.copy_(found.weight_CD)
    if head.bias is not None:
        head.bias.copy_(found.bias_C)
    accuracy = head(embedding_ND).argmax(dim=1).eq(targets).double().mean().item()
    return Course(accuracy, max(1, found.num_iterations), epoch_limit_hit=False, num_steps=found.num_evaluations)
