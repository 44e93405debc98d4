"""What a network says of examples, in one pass: each output that a strategy can declare has its producer here."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from al_bench.core.data import Normalisation
from al_bench.core.devices import Precision, autocast, to_device
from al_bench.core.network import Network
from al_bench.core.strategy import Needs, Outputs
from al_bench.models.dropout import Sample
from al_bench.models.mlp import MLP

FORWARD_SIZE = {"cpu": 64, "cuda": 1024}  # examples per forward pass; on the CPU as many as fit its caches
MLP_SIZE = 256  # of an MLP on a CPU, where that gives the same bits

_is_same: dict[Hashable, bool] = {}  # what this process has found, by the MLP's shape and how it passes


@dataclass(frozen=True)
class ForwardPass:
    """A network and some inputs (N, ...) for it, prepared; they go through it, and its samples, once if at all."""

    network: Network
    passes: "Passes"
    inputs: Tensor
    samples: Sequence[Sample] = ()

    @cached_property
    def embedding_ND(self) -> Tensor:
        """The input of the last layer."""
        return self.passes.embedding(self.network, self.inputs)


Producer = Callable[[ForwardPass], Tensor]
"""A forward pass -> the output for each of its examples (N, ...)."""

PRODUCERS: Mapping[str, Producer] = {  # by the field of `Outputs`, which is called as the flag of `Needs`
    "embedding": lambda forward: forward.embedding_ND,
    "logits": lambda forward: forward.passes.head(forward.network, forward.embedding_ND),
    "features": lambda forward: forward.inputs.flatten(start_dim=1),
    "samples": lambda forward: torch.stack([sample(forward.inputs) for sample in forward.samples], dim=1),
}


@dataclass(frozen=True)
class Passes:
    """How inputs pass: what is stored becomes what the network takes, float32, normalised, on its device.

    uint8 inputs x become x * scale + shift; float32 inputs are taken as they are. `channels_last` is the order in
    memory of images (N, C, H, W). `precision` is that of the layers before the last one, whose input and output are
    float32 whatever it is.
    """

    device: str
    scale: Tensor
    shift: Tensor
    channels_last: bool = False
    precision: Precision = "float32"

    @classmethod
    def of(
        cls,
        device: str,
        normalisation: Normalisation | None,
        *,
        channels_last: bool = False,
        precision: Precision = "float32",
    ) -> "Passes":
        """Scaling to 0 .. 1, then (x - mean) / std, as one multiplication and one addition."""
        mean, std = torch.zeros(()), torch.ones(())
        if normalisation is not None:
            mean, std = (torch.tensor(c).reshape(-1, 1, 1) for c in (normalisation.mean, normalisation.std))
        return cls(device, (1 / (255 * std)).to(device), (-mean / std).to(device), channels_last, precision)

    def inputs(self, inputs: Tensor) -> Tensor:
        """Inputs (N, ...) as stored -> (N, ...), float32."""
        inputs = to_device(inputs, self.device)
        if self.channels_last and inputs.dim() == 4:
            inputs = inputs.contiguous(memory_format=torch.channels_last)
        if inputs.dtype == torch.uint8:
            return inputs.to(torch.float32).mul_(self.scale).add_(self.shift)
        return inputs

    def autocast(self) -> AbstractContextManager[object]:
        """Within, weights are rounded to the precision once, and not by each pass."""
        return autocast(self.precision, self.device)

    def embedding(self, network: Network, inputs: Tensor) -> Tensor:
        """Prepared inputs (N, ...) -> the input of the last layer (N, D)."""
        if self.precision == "float32":
            return network.embed(inputs)
        with self.autocast():
            return network.embed(inputs).float()

    def head(self, network: Network, embedding_ND: Tensor) -> Tensor:
        """The last layer: (N, D) -> logits (N, C)."""
        with nullcontext() if self.precision == "float32" else torch.autocast(embedding_ND.device.type, enabled=False):
            logits_NC: Tensor = network.head(embedding_ND)
        return logits_NC

    def logits(self, network: Network, inputs: Tensor) -> Tensor:
        """Prepared inputs (N, ...) -> logits (N, C); in float32 by whatever the network's own `forward` is."""
        if self.precision == "float32":
            logits_NC: Tensor = network(inputs)
            return logits_NC
        return self.head(network, self.embedding(network, inputs))


@torch.no_grad()
def outputs_of(
    network: Network,
    passes: Passes,
    inputs: Tensor,
    rows: Tensor,
    needs: Needs,
    samples: Sequence[Sample] = (),
) -> Outputs:
    """See `Trained.outputs`; the network is in evaluation mode, and passes are of the precision of `passes`."""
    wanted = {name: producer for name, producer in PRODUCERS.items() if Needs[name.upper()] in needs}
    outputs: dict[str, Tensor] = {}
    if not wanted:
        return Outputs()
    start = 0
    with passes.autocast():
        for chunk in _chunks(network, passes, inputs, rows):
            forward = ForwardPass(network, passes, passes.inputs(inputs.index_select(0, chunk)), samples)
            for name, producer in wanted.items():
                output = producer(forward)
                if name not in outputs:
                    outputs[name] = output.new_empty(len(rows), *output.shape[1:])
                outputs[name][start : start + len(chunk)] = output
            start += len(chunk)
    return Outputs(**outputs)


def _chunks(network: Network, passes: Passes, inputs: Tensor, rows: Tensor) -> Sequence[Tensor]:
    """Rows that pass together. Those of an MLP on a CPU are more, unless that changes the rounding of its products."""
    device = torch.device(passes.device).type
    size, num_large = FORWARD_SIZE[device], len(rows) // MLP_SIZE
    if device != "cpu" or type(network) is not MLP or num_large < 2:
        chunks: Sequence[Tensor] = rows.split(size)
        return chunks
    shapes = (network.hidden.weight.shape, network.head.weight.shape)
    key: Hashable = (*shapes, passes.precision, size, torch.get_num_threads())
    if key not in _is_same:
        some = passes.inputs(inputs.index_select(0, rows[:MLP_SIZE]))
        whole, *parts = (ForwardPass(network, passes, each) for each in (some, *some.split(size)))
        _is_same[key] = all(
            torch.equal(output(whole), torch.cat([output(part) for part in parts]))
            for output in (PRODUCERS["embedding"], PRODUCERS["logits"])
        )
    num_whole = num_large * MLP_SIZE if _is_same[key] else 0
    chunks = *rows[:num_whole].split(MLP_SIZE), *rows[num_whole:].split(size)
    return [chunk for chunk in chunks if len(chunk)]
