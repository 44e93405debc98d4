"""What a strategy would see, made up.

Shapes: N examples, U unlabelled, L labelled, C classes, D dimensions of the embedding.
"""

from functools import partial

import torch

from al_bench.core.seeding import Stream, torch_seeded
from al_bench.core.strategy import Known, Needs, Outputs, QueryContext
from al_bench.models.mlp import MLP
from al_bench.training.outputs import PRODUCERS, ForwardPass, Passes

DRAWN = ("logits", "embedding")  # of each other, unless the head is declared; other outputs are the network's
UNCHANGED = Passes.of("cpu", None)


def made_context(
    needs: Needs,
    num_unlabelled: int = 40,
    num_classes: int = 3,
    num_dimensions: int = 4,
    seed: int = 0,
    spread: float = 1.0,
    num_labelled: int = 7,
) -> QueryContext:
    """Random outputs of round 0, of `needs` alone; the same ones for the same arguments.

    The i-th example of a set is of class i modulo `num_classes` (C). There are as many features as `num_dimensions` of
    the embedding (D). `spread` is the standard deviation of both and, unless the head is needed, of the logits.
    """
    generator = torch.Generator().manual_seed(seed)
    with torch_seeded(seed, Stream.WEIGHTS, 0):
        network = MLP((num_dimensions,), num_classes, num_dimensions)
    draw = partial(torch.randn, generator=generator)
    weight_CD, bias_C = network.head.weight.detach(), draw(num_classes)

    def outputs(size: int) -> Outputs:
        logits, embedding = draw(size, num_classes) * spread, draw(size, num_dimensions) * spread
        if Needs.HEAD in needs:
            logits = embedding @ weight_CD.T + bias_C
        forward = ForwardPass(network, UNCHANGED, embedding, samples=(network, lambda inputs: 2 * network(inputs)))
        others = {name: producer(forward).detach() for name, producer in PRODUCERS.items() if name not in DRAWN}
        return Outputs(logits, embedding, **others)

    def known(size: int) -> Known:
        return Known(outputs(size), torch.arange(size) % num_classes)

    return QueryContext(
        outputs(num_unlabelled),
        outputs(num_labelled),
        torch.arange(num_labelled) % num_classes,
        num_unlabelled,
        num_classes,
        round=0,
        head=(weight_CD, bias_C),
        validation=known(5),
        pool_targets=torch.arange(num_unlabelled) % num_classes,
        test=known(6),
        indices=torch.arange(num_unlabelled),
    ).declared(needs)
