"""Frozen networks: one of a few numbers, which tells how often it is called, and random ones for published ones."""

from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from al_bench.core.features import Extractor, KeptType, Rows
from al_bench.core.torchvision import torchvision_module
from al_bench.features.networks.packages import require


class Tiny(Extractor):
    """tanh(W x), for rows of 5 numbers; of a text, for its first letters. `called` is told of the rows of each call."""

    batch_size = 8

    def __init__(
        self, seed: int = 0, dtype: KeptType = "float16", called: Callable[[int], object] = lambda number: None
    ) -> None:
        self.dtype, self.called = dtype, called
        self.weight_DE = torch.randn(5, 3, generator=torch.Generator().manual_seed(seed))

    def check(self, inputs: Rows) -> None:
        """Anything."""

    def weights(self) -> list[tuple[str, torch.Tensor]]:
        """One tensor."""
        return [("weight", self.weight_DE)]

    def __call__(self, rows: Rows, device: str) -> torch.Tensor:
        """(N, 5) -> (N, 3)."""
        self.called(len(rows))
        if isinstance(rows, tuple):
            rows = torch.tensor([[ord(letter) / 100 for letter in text.ljust(5)[:5]] for text in rows])
        return (rows @ self.weight_DE).tanh()


def put_into_hub(folder: Path, name: str, seed: int) -> nn.Module:
    """A random network as torchvision's published weights of that name, where TORCH_HOME is the folder."""
    models = torchvision_module("models")
    torch.manual_seed(seed)
    network = models.get_model(name, weights=None)
    checkpoints = folder / "hub" / "checkpoints"
    checkpoints.mkdir(parents=True, exist_ok=True)
    torch.save(network.state_dict(), checkpoints / Path(models.get_model_weights(name).DEFAULT.url).name)
    return network.eval()


def timm_in(folder: Path) -> tuple[str, nn.Module]:
    """A random network of timm in a folder, and the name by which timm finds it there."""
    require("timm", "timm")
    torchvision_module("transforms")
    import timm

    torch.manual_seed(0)
    network = timm.create_model("test_resnet.r160_in1k", pretrained=False).eval()
    timm.models.save_for_hf(network, str(folder), safe_serialization=False)
    return f"local-dir:{folder}", network
