"""yaml files are parsed once, until they change."""

from collections import Counter

import pytest
import yaml
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from al_bench.config.schema import CONF


def composed(folder, *overrides):
    with initialize_config_dir(str(folder), version_base="1.3"):
        return compose("own", list(overrides))


def test_a_file_that_changes_is_read_again(tmp_path):
    (tmp_path / "own.yaml").write_text("a: {b: 1}\n")
    first = composed(tmp_path)
    first.a.b = 7  # is nobody else's
    assert composed(tmp_path) == {"a": {"b": 1}}
    (tmp_path / "own.yaml").write_text("a: {b: 2}\n")
    assert composed(tmp_path) == {"a": {"b": 2}}
    (tmp_path / "new.yaml").write_text("a: {b: 3}\n")
    (tmp_path / "new.yaml").replace(tmp_path / "own.yaml")
    assert composed(tmp_path) == {"a": {"b": 3}}


@pytest.mark.moderate
def test_a_file_is_parsed_once(monkeypatch):
    parsed, load = Counter(), yaml.load

    def counted(stream, *arguments, **options):
        parsed[getattr(stream, "name", "")] += 1
        return load(stream, *arguments, **options)

    with initialize_config_dir(str(CONF), version_base="1.3"):
        before = [OmegaConf.to_yaml(compose("config", [f"strategy={name}"])) for name in ("badge", "joint", "badge")]
        monkeypatch.setattr(yaml, "load", counted)
        again = [OmegaConf.to_yaml(compose("config", [f"strategy={name}"])) for name in ("badge", "joint", "badge")]
    assert before == again
    assert not [name for name in parsed if str(name).startswith(str(CONF))]
