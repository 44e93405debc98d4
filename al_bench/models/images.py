"""What the convolutional networks share: the images that they take, and how their weights are drawn."""

from torch import nn

from al_bench.core.errors import InputsError


def num_channels(input_shape: tuple[int, ...], smallest: int = 1) -> int:
    """The channels of images (channels, height, width); InputsError for other inputs and for images too small."""
    if len(input_shape) == 3:
        first, second, last = input_shape
        if (last == 3 and first > 4) or (last == 1 and first == second > 1):
            raise InputsError(f"inputs of shape {input_shape}: the channels must come first, {(last, first, second)}")
    if len(input_shape) != 3 or min(input_shape[1:]) < smallest:
        size = f" of {smallest} x {smallest} pixels or more" if smallest > 1 else ""
        raise InputsError(f"inputs of shape {input_shape}: images (channels, height, width){size} are needed")
    return input_shape[0]


def initialise_convolutions(network: nn.Module) -> None:
    """Weights normal with variance 2 / fan-out (He et al., 2015), biases 0, as in torchvision's ResNet and VGG."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
