"""The contract of every option of conf/features: a fixed function of each example's inputs."""

import pytest
import torch
from omegaconf import OmegaConf

from al_bench.config.parts import called, checked_part
from al_bench.config.schema import CONF

OPTIONS = sorted(path.stem for path in (CONF / "features").glob("*.yaml"))


@pytest.mark.parametrize("option", OPTIONS)
class TestEveryOne:
    def of(self, option: str, inputs: torch.Tensor) -> torch.Tensor:
        node = OmegaConf.to_container(OmegaConf.load(CONF / "features" / f"{option}.yaml"))
        return called("features", checked_part("features", node))(inputs)

    @pytest.mark.parametrize("shape", [(5,), (3, 32, 32)])
    def test_an_example_has_the_same_whatever_is_beside_it(self, option, shape):
        inputs = torch.rand(12, *shape, generator=torch.Generator().manual_seed(0))
        features = self.of(option, inputs)
        assert features.dtype == torch.float32
        assert len(features) == 12
        assert features.isfinite().all()
        torch.rand(3)
        assert torch.allclose(self.of(option, inputs[4:7]), features[4:7], rtol=1e-4, atol=1e-6)
        assert torch.equal(self.of(option, inputs), features)
