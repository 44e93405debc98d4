"""ResNet-18 (He, Zhang, Ren and Sun, "Deep Residual Learning for Image Recognition", CVPR 2016) for small images.

torchvision's blocks behind a stem of one 3x3 convolution of stride 1 without pooling, as is usual at 32x32 pixels.
"""

from itertools import pairwise

from torch import Tensor, nn

from al_bench.core.network import Network
from al_bench.core.ranges import PositiveInt
from al_bench.core.torchvision import torchvision_module
from al_bench.models.images import initialise_convolutions, num_channels


class ResNet(Network):
    """Four stages of two basic blocks each, of once, twice, four and eight times the width; the mean over the pixels.

    InputsError unless the inputs are images.

    Args:
        input_shape: (channels, height, width).
        num_classes: C.
        width: of the first stage: 64 is ResNet-18 (D = 512), 16 the narrow one in the code of Ash et al. (2020).
    """

    def __init__(self, input_shape: tuple[int, ...], num_classes: int, width: PositiveInt = 64) -> None:
        super().__init__()
        block = torchvision_module("models").resnet.BasicBlock
        widths = [width, width, 2 * width, 4 * width, 8 * width]
        self.stem = nn.Sequential(
            nn.Conv2d(num_channels(input_shape), width, kernel_size=3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
        )
        stages = []
        for before, after in pairwise(widths):
            stride = 1 if before == after else 2
            shortcut = nn.Sequential(nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after))
            stages += [block(before, after, stride, shortcut if stride > 1 else None), block(after, after)]
        self.stages = nn.Sequential(*stages)
        self.head = nn.Linear(widths[-1], num_classes)
        initialise_convolutions(self)

    def embed(self, inputs: Tensor) -> Tensor:
        """See `Network.embed`."""
        features_NDHW: Tensor = self.stages(self.stem(inputs))
        return features_NDHW.mean(dim=(2, 3))
