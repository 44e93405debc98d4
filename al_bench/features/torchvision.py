"""Any classification network of torchvision with its published weights, without its head."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

from annotated_types import Ge
from torch import nn

from al_bench.core.data import Normalisation
from al_bench.core.errors import ConfigError, DataError, nearest
from al_bench.core.features import KeptType
from al_bench.core.torchvision import torchvision_module
from al_bench.features.networks.images import ImageExtractor, Preprocessing


class Torchvision(ImageExtractor):
    """What goes into the last linear layer.

    Args:
        name: of the network, as torchvision has it: `resnet18`.
        weights: the name of published weights: `IMAGENET1K_V1`, or `DEFAULT`, the best.
        resolution: to which images are scaled; None: that of the weights.
        dtype: of the features that are kept.

    Raises:
        ConfigError: for a name that torchvision does not have.
    """

    def __init__(
        self,
        name: str = "resnet18",
        weights: str = "DEFAULT",
        resolution: Annotated[int, Ge(1)] | None = None,
        dtype: KeptType = "float16",
    ) -> None:
        super().__init__(dtype)
        models = torchvision_module("models")
        known = models.list_models(module=models)  # no detectors, which have no single head
        if name not in known:
            raise ConfigError(f"features.name={name}: torchvision has no such network; {nearest(name, known)}")
        names = [*models.get_model_weights(name).__members__]
        if weights not in names:
            raise ConfigError(f"features.weights={weights}: {name} has no such weights; {nearest(weights, names)}")
        self.name, self.resolution = name, resolution
        self.published: Any = models.get_model_weights(name)[weights]

    def load(self) -> tuple[nn.Module, Preprocessing]:
        """See `ImageExtractor`; DataError if the weights cannot be fetched."""
        with _fetching(self.published.url):
            network = torchvision_module("models").get_model(self.name, weights=self.published)
        _take_head_off(self.name, network)
        preset = self.published.transforms()
        return network, Preprocessing(
            self.resolution or preset.crop_size[0],
            normalisation=Normalisation(tuple(preset.mean), tuple(preset.std)),
        )


@contextmanager
def _fetching(url: str) -> Iterator[None]:
    try:
        yield
    except (OSError, RuntimeError) as error:  # the latter of a download of another checksum
        raise DataError(
            f"the weights of the features cannot be had from {url}: {error}; put that file into "
            "$TORCH_HOME/hub/checkpoints"
        ) from error


def _take_head_off(name: str, network: nn.Module) -> None:
    """The last linear layer lets through what comes in."""
    layers = [path for path, layer in network.named_modules() if isinstance(layer, nn.Linear)]
    if not layers:
        raise ConfigError(f"features.name={name}: its head is no linear layer, and cannot be taken off; try resnet18")
    parent, _, last = layers[-1].rpartition(".")
    setattr(network.get_submodule(parent), last, nn.Identity())
