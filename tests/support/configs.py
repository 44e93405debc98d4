"""Checked configurations, for tests that need only some of their keys."""

from typing import Any

from omegaconf import OmegaConf

from al_bench.config.schema import CONF
from al_bench.records.run_config import KEYS, RunConfig

PLAIN: dict[str, Any] = OmegaConf.to_container(OmegaConf.load(CONF / "config.yaml"))  # type: ignore[assignment]
GROUPS: dict[str, Any] = {each.name: {} for each in KEYS if each.metadata.get("schema") is Any}


def run_config(**changed: Any) -> RunConfig:
    values = {"batch_size": {"size": 10}, "data_dir": "data", "device": "cpu", "save": []}
    return RunConfig.of(PLAIN | GROUPS | values | changed)
