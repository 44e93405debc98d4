"""Checked configurations, for tests that need only some of their keys."""

from typing import Any

from al_bench.config.run_config import RunConfig

PLAIN: dict[str, Any] = {
    "seed": 0,
    "num_initial": 10,
    "num_validation": 0,
    "budget": None,
    "name": "default",
    "output_dir": "outputs",
    "data_dir": "data",
    "device": "cpu",
    "storage_device": "auto",
    "dry_run": False,
    "num_threads": 1,
    "dataset": {},
    "model": {},
    "strategy": {},
    "batch_size": {"size": 10},
    "tracker": {},
}


def run_config(**changed: Any) -> RunConfig:
    return RunConfig.of(PLAIN | changed)
