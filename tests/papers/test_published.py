"""Published runs: today's configurations find them finished, whatever keys have come since."""

from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from al_bench.analysis.run_costs import PUBLISHED as COSTS
from al_bench.config.schema import CONF
from al_bench.core.errors import RunDirectoryError
from al_bench.records.archive.moving import UNFINISHED, restore
from al_bench.records.identity import GROUPS, identity_of
from al_bench.records.reading import run_directories
from al_bench.records.state import is_finished

PUBLISHED = CONF.parent / "docs" / "results"
NUM_RUNS = {"badge": 140, "convolutional": 8, "joint": 858}  # at least
NEW = {"features": {"_target_": "al_bench.features.None_"}, "dropout": 0.0}  # keys as later versions may add them


@cache
def composed(choices: tuple[str, ...]) -> dict[str, Any]:
    """What choices alone give today."""
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return OmegaConf.to_container(compose("config", list(choices)), resolve=True)  # type: ignore[return-value]


def choices_of(path: Path, root: Path) -> dict[str, str]:
    """Options of the groups, by the names in the path of a run directory."""
    names = dict(zip(GROUPS, path.relative_to(root).parts, strict=False))
    return {group: name.partition(",")[0] for group, name in names.items()}


def rule_of(path: Path, root: Path) -> str:
    """The nested choice of a query rule in the name of the strategy, if there is one."""
    parts = path.relative_to(root).parts[2].split(",")
    return next((part.removeprefix("query=") for part in parts if part.startswith("query=")), "")


def todays(stored: dict[str, Any], default: dict[str, Any]) -> dict[str, Any]:
    """The stored configuration, with today's default for keys that it lacks."""
    lacking = {key: value for key, value in default.items() if key not in stored}
    inner = {
        key: todays(value, default[key])
        for key, value in stored.items()
        if isinstance(value, dict) and isinstance(default.get(key), dict)
    }
    return lacking | stored | inner


@pytest.mark.slow
@pytest.mark.parametrize("name", NUM_RUNS)
def test_published_runs_are_finished_runs_of_todays_configurations(tmp_path, name):
    for archive in sorted((PUBLISHED / name).glob("*.tar.xz")):
        if archive.name != UNFINISHED:
            restore(archive, tmp_path / archive.name.partition(".")[0])
    finished = 0
    for path, _, _ in run_directories(tmp_path):
        root = tmp_path / path.relative_to(tmp_path).parts[0]
        stored: dict[str, Any] = yaml.load((path / "config.yaml").read_text(), yaml.CSafeLoader)
        choices = choices_of(path, root)
        given = [f"{group}={option}" for group, option in choices.items()]
        nested = {"strategy.query": rule} if (rule := rule_of(path, root)) else {}
        given += [f"strategy@strategy.query={rule}"] if rule else []
        default = composed(tuple(given))
        config = todays(stored, default)
        assert identity_of(config, default, choices, nested).path == path.relative_to(root)
        newer, usual = (each | NEW | {"model": each["model"] | NEW} for each in (config, default))
        finished += is_finished(path, newer, usual)
        if finished == 1:
            assert is_finished(path, config, default)
            with pytest.raises(RunDirectoryError, match="model.dropout: absent there, 0.5 asked for"):
                is_finished(path, newer | {"model": newer["model"] | {"dropout": 0.5}}, usual)
    assert finished == sum(1 for _ in run_directories(tmp_path))
    assert finished >= NUM_RUNS[name]


def test_dry_runs_estimate_from_the_costs_of_all_published_runs():
    """`papers.costs` writes the package's file anew."""
    tables = [path.read_text().splitlines() for path in sorted(PUBLISHED.glob("*/costs.csv"))]
    assert len(tables) >= 2
    assert COSTS.read_text().splitlines() == [*tables[0][:1], *(line for table in tables for line in table[1:])]


@pytest.mark.slow
def test_a_sweep_finds_the_published_runs_finished(cli, tmp_path):
    restore(PUBLISHED / "badge", tmp_path / "outputs" / "badge_small")
    assert "140 runs, 105 of them finished" in cli("experiment=badge/small", "dry_run=true").out
