"""Any network of timm with its published weights, without its head."""

from typing import Annotated, Any

from annotated_types import Ge
from torch import nn

from al_bench.core.data import Normalisation
from al_bench.core.errors import ConfigError, DataError, first_line
from al_bench.core.features import KeptType
from al_bench.core.torchvision import torchvision_module
from al_bench.features.networks.images import ImageExtractor, Preprocessing
from al_bench.features.networks.packages import require


class Timm(ImageExtractor):
    """What goes into the head.

    Args:
        name: as `timm.create_model` takes it: `resnet18.a1_in1k`, or `local-dir:FOLDER`, of your own.
        resolution: to which images are scaled; None: that of the weights.
        pooling: `avg`, `max`, or another that the network knows; None: its own.
        dtype: of the features that are kept.
    """

    packages = ("timm",)

    def __init__(
        self,
        name: str = "resnet18.a1_in1k",
        resolution: Annotated[int, Ge(1)] | None = None,
        pooling: str | None = None,
        dtype: KeptType = "float16",
    ) -> None:
        super().__init__(dtype)
        require("timm", "timm")
        self.name, self.resolution, self.pooling = name, resolution, pooling

    def load(self) -> tuple[nn.Module, Preprocessing]:
        """See `ImageExtractor`; ConfigError for a name that timm does not have, DataError without its weights."""
        torchvision_module("transforms")  # which timm imports
        import timm

        pooling = {} if self.pooling is None else {"global_pool": self.pooling}
        try:
            network = timm.create_model(self.name, pretrained=True, num_classes=0, **pooling)
        except (OSError, RuntimeError) as error:
            if "Unknown model" in str(error):
                raise ConfigError(f"features.name={self.name}: timm has no such network") from error
            raise DataError(f"the weights of features.name={self.name} cannot be had: {first_line(error)}") from error
        trained: dict[str, Any] = timm.data.resolve_model_data_config(network)
        return network, Preprocessing(
            self.resolution or trained["input_size"][-1],
            "bicubic" if trained["interpolation"] == "bicubic" else "bilinear",
            Normalisation(tuple(trained["mean"]), tuple(trained["std"])),
        )
