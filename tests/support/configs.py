"""Checked configurations, for tests that need only some of their keys."""

from typing import Any

from omegaconf import OmegaConf

from al_bench.config.schema import CONF
from al_bench.records.run_config import RunConfig

PLAIN: dict[str, Any] = OmegaConf.to_container(OmegaConf.load(CONF / "config.yaml"))  # type: ignore[assignment]
GROUPS: dict[str, Any] = {
    "dataset": {},
    "features": {},
    "model": {},
    "strategy": {},
    "batch_size": {"size": 10},
    "tracker": {},
}


def run_config(**changed: Any) -> RunConfig:
    return RunConfig.of(PLAIN | GROUPS | {"data_dir": "data", "device": "cpu"} | changed)
