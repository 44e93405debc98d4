"""Images for networks that were trained on ImageNet: of any size, grey or coloured, to that of the network."""

from abc import abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from al_bench.core.data import Normalisation
from al_bench.core.errors import InputsError
from al_bench.core.features import Extractor, KeptType, Rows, kind_of, wrong_kind

IMAGENET = Normalisation(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
Interpolation = Literal["bilinear", "bicubic"]


@dataclass(frozen=True)
class Preprocessing:
    """How images are made those that a network was trained on.

    Args:
        resolution: of both sides, in pixels; the whole image is scaled, nothing is cut off.
        interpolation: for that; smaller images are made of larger ones with anti-aliasing.
        normalisation: of inputs in 0 .. 1.
    """

    resolution: int
    interpolation: Interpolation = "bilinear"
    normalisation: Normalisation = IMAGENET

    def __call__(self, images: Tensor) -> Tensor:
        """uint8, or float32 in 0 .. 1, (N, 1 or 3, H, W) -> float32 (N, 3, R, R)."""
        scaled = images.float() / 255 if images.dtype == torch.uint8 else images
        scaled = interpolate(scaled, size=(self.resolution,) * 2, mode=self.interpolation, antialias=True)
        moments = (self.normalisation.mean, self.normalisation.std)
        mean, std = (scaled.new_tensor(each).view(3, 1, 1) for each in moments)
        return ((scaled.expand(-1, 3, -1, -1) - mean) / std).contiguous(memory_format=torch.channels_last)


class ImageExtractor(Extractor):
    """A convolutional network or a transformer, without its head."""

    def __init__(self, dtype: KeptType = "float16") -> None:
        self.dtype = dtype

    def check(self, inputs: Rows) -> None:
        """Images of one or three channels, uint8, or float32 in 0 .. 1."""
        if isinstance(inputs, tuple) or kind_of(inputs) != "images":
            raise wrong_kind("images (N, 1 or 3, height, width)", inputs)
        if inputs.dtype != torch.uint8 and not (inputs.min() >= 0 and inputs.max() <= 1):
            raise InputsError(
                f"they are made of images in uint8, or in float32 from 0 to 1; these go from {inputs.min():g} to "
                f"{inputs.max():g}"
            )

    def weights(self) -> Iterable[tuple[str, Tensor | Path]]:
        """The tensors of the network by name, batch norm's statistics among them."""
        return self._loaded[0].state_dict().items()

    def __call__(self, rows: Rows, device: str) -> Tensor:
        """Images (N, C, H, W) -> (N, D)."""
        assert isinstance(rows, Tensor)
        network, preprocessing = self._loaded
        return self.embedded(network.to(device), preprocessing(rows.to(device)))

    def embedded(self, network: Any, images: Tensor) -> Tensor:
        """What the network gives for preprocessed images."""
        features: Tensor = network(images)
        return features

    @abstractmethod
    def load(self) -> tuple[nn.Module, Preprocessing]:
        """The network, without its head, and what its images must be like."""

    @cached_property
    def _loaded(self) -> tuple[nn.Module, Preprocessing]:
        network, preprocessing = self.load()
        network.eval().requires_grad_(False).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return network, preprocessing  # a third faster on a processor than with channels first
