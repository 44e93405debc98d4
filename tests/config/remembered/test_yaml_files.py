"""yaml files are parsed once, until they change."""

import json
import subprocess
import sys
from collections import Counter
from itertools import pairwise

import pytest
import yaml
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from al_bench.config.schema import CONF
from al_bench.core.errors import ConfigError


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


def test_aliases_that_multiply_are_refused_before_anything_is_made_of_them(tmp_path, cli):
    lines = [f"{one}: &{one} [{','.join([f'*{other}'] * 9)}]" for other, one in pairwise("abcdefgh")]
    bomb = "\n".join(["a: &a [x]", *lines]) + "\n"  # 9 ** 7 nodes
    (tmp_path / "own.yaml").write_text(bomb)
    with pytest.raises(ConfigError, match=r"own.yaml: it has more than 20,000 nodes"):
        composed(tmp_path)
    (tmp_path / "strategy").mkdir()
    (tmp_path / "strategy/own.yaml").write_text(bomb)
    assert "own.yaml: it has more than 20,000 nodes" in cli("--config-dir", str(tmp_path), "strategy=own").err
    assert "own.yaml: cannot be read: it has more than 20,000" in cli(f"tuned={tmp_path / 'own.yaml'}").err


def test_a_default_is_the_option_that_another_choice_says(tmp_path):
    (tmp_path / "own.yaml").write_text("defaults: [{a: x}, {b: '${a}'}]\n")
    for path in ("a/x", "a/y", "b/x", "b/y"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / f"{path}.yaml").write_text(f"of: {path}\n")
    assert composed(tmp_path) == {"a": {"of": "a/x"}, "b": {"of": "b/x"}}
    assert composed(tmp_path, "a=y") == {"a": {"of": "a/y"}, "b": {"of": "b/y"}}


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


ALIKE = (
    ["strategy=joint", "strategy@strategy.query=badge", "model.width=7"],
    ["setting=openml_6_mlp", "batch_size=b10", "training@model=probe"],
    ["experiment=badge/paper", "setting=mnist_mlp"],
    ["schedule=low", "strategy=random", "num_initial=${seed}"],
    ["model=resnet", "model.optimizer.lr=${dataset.test_fraction}", "hydra/launcher=joblib"],
    ["strategy=nothing"],
    ["model.optimizer.lr=${nowhere}"],
    ["num_initial=${nowhere:1}"],
    ["num_initial='${'"],
    ["model.width=${model}"],
    ["model.width=???"],
    ["+seed=1"],
)
COMPOSED = """
import json, sys
from al_bench.config.remembered import yaml_files
if sys.argv[1] == "hydra":
    yaml_files.parse_once = lambda: None
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from al_bench.config.schema import CONF, checked_root

def told_by(overrides):
    try:
        composed = compose("config", overrides, return_hydra_config=True)
        own = OmegaConf.masked_copy(composed, [key for key in composed if key != "hydra"])
        return [OmegaConf.to_yaml(composed), repr(checked_root(own).plain)]
    except Exception as error:
        return [type(error).__name__, str(error)]

with initialize_config_dir(str(CONF), version_base="1.3"):
    json.dump([told_by(each) for _ in range(int(sys.argv[2])) for each in json.loads(sys.argv[3])], sys.stdout)
"""


@pytest.mark.slow
def test_what_is_composed_is_what_hydra_composes_by_itself():
    by_hydra, ours = (
        json.loads(subprocess.check_output([sys.executable, "-c", COMPOSED, how, times, json.dumps(ALIKE)]))
        for how, times in (("hydra", "1"), ("ours", "2"))
    )
    assert ours == 2 * by_hydra
    assert sum("job_logging:" in first for first, _ in by_hydra) == 5
