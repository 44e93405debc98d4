"""The contract of every option of conf/features: a fixed function of each example's inputs."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf

from al_bench.config.parts import called, checked_part
from al_bench.config.schema import CONF
from al_bench.core.errors import ConfigError, InputsError
from al_bench.core.features import INSTEAD, Extractor, FittedExtractor, Rows
from al_bench.features.minilm import MiniLM
from tests.support.extractors import put_into_hub, timm_in

OPTIONS = sorted(path.stem for path in (CONF / "features").glob("*.yaml"))
DRAW = torch.Generator().manual_seed(0)
INPUTS = {
    "tables": torch.rand(12, 70, generator=DRAW),
    "images": torch.rand(12, 3, 32, 32, generator=DRAW),
    "texts": tuple(f"{'a card ' * (1 + place % 4)}that {place} did not arrive" for place in range(12)),
}
SMALL = {"pca": {"num_components": 3}}
LOCAL = {  # weights of our own for what would be downloaded
    "torchvision": lambda folder: {"name": "shufflenet_v2_x0_5", "resolution": 64},
    "timm": lambda folder: {"name": timm_in(folder)[0], "resolution": 64},
    "sentence_transformers": lambda folder: {"name": MiniLM().name},
}


@pytest.fixture
def part_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    """What the yaml of an option makes; a test is skipped where a package is missing."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    put_into_hub(tmp_path, "shufflenet_v2_x0_5", seed=0)

    def made(option: str) -> Any:
        node = OmegaConf.to_container(OmegaConf.load(CONF / "features" / f"{option}.yaml"))
        try:
            changed = LOCAL[option](tmp_path / "own") if option in LOCAL else SMALL.get(option, {})
            return called("features", checked_part("features", node | changed))
        except ConfigError as error:
            if "not installed" not in str(error):
                raise
            pytest.skip(f"PACKAGE MISSING: {error}")

    return made


def function_of(part: Any, pool: Rows) -> Callable[[Any], torch.Tensor]:
    if isinstance(part, FittedExtractor):
        return part.fitted(pool)
    if not isinstance(part, Extractor):
        return part
    assert [*part.weights()]

    def function(rows: Any) -> torch.Tensor:
        with torch.inference_mode():
            return part(rows, "cpu")

    return function


def refusal(part: Any, inputs: Rows) -> str:
    """Why it cannot be made of these, as it says itself, or nothing; what has no `check` is made of numbers."""
    if not hasattr(part, "check"):
        return "texts" * isinstance(inputs, tuple)
    try:
        part.check(inputs)
    except InputsError as error:
        return str(error)
    return ""


@pytest.mark.slow  # to import what some of them come with
@pytest.mark.parametrize("option", OPTIONS)
def test_it_takes_a_kind_of_data_or_says_what_to_do_instead(option, part_of):
    part = part_of(option)
    refused = {kind: told for kind, inputs in INPUTS.items() if (told := refusal(part, inputs))}
    assert len(refused) < len(INPUTS)
    assert not hasattr(part, "check") or all(INSTEAD[kind] in told for kind, told in refused.items())


@pytest.mark.slow
@pytest.mark.parametrize("option", OPTIONS)
def test_an_example_has_the_same_whatever_is_beside_it(option, part_of):
    part = part_of(option)
    for inputs in (each for each in INPUTS.values() if not refusal(part, each)):
        function = function_of(part, inputs)
        features = function(inputs)
        assert features.dtype == torch.float32
        assert len(features) == 12
        assert features.isfinite().all()
        torch.rand(3)
        assert torch.allclose(function(inputs[4:7]), features[4:7], rtol=1e-4, atol=1e-5)
        assert torch.equal(function(inputs), features)
