"""VGG (Simonyan and Zisserman, "Very Deep Convolutional Networks", ICLR 2015) for small images.

torchvision's convolutional features and one linear layer, as is usual at 32x32 pixels.
"""

from typing import Literal

from torch import Tensor, nn

from al_bench.core.network import Network
from al_bench.core.torchvision import torchvision_module
from al_bench.models.images import initialise_convolutions, num_channels

CONFIGURATIONS = {11: "A", 13: "B", 16: "D", 19: "E"}
SMALLEST = 32  # pixels: five poolings halve them


class VGG(Network):
    """Convolutional features, their mean over the pixels (D = 512; of 32x32 pixels one is left), a linear head.

    InputsError unless the inputs are images of 32x32 pixels or more.

    Args:
        input_shape: (channels, height, width).
        num_classes: C.
        depth: layers with weights, as the network is called; ours has one linear layer where the original has three.
        batch_norm: after every convolution.
    """

    def __init__(
        self,
        input_shape: tuple[int, ...],
        num_classes: int,
        depth: Literal[11, 13, 16, 19] = 11,
        batch_norm: bool = True,
    ) -> None:
        super().__init__()
        channels = num_channels(input_shape, SMALLEST)
        vgg = torchvision_module("models").vgg
        self.features = vgg.make_layers(vgg.cfgs[CONFIGURATIONS[depth]], batch_norm)
        first = self.features[0]
        self.features[0] = nn.Conv2d(channels, first.out_channels, kernel_size=3, padding=1)
        self.head = nn.Linear(512, num_classes)
        initialise_convolutions(self)

    def embed(self, inputs: Tensor) -> Tensor:
        """See `Network.embed`."""
        features_NDHW: Tensor = self.features(inputs)
        return features_NDHW.mean(dim=(2, 3))
