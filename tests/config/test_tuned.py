"""What a search has found, taken in by `tuned=FILE`."""

import math

import pytest
import yaml

from al_bench.config.tuned import as_text, taken_in
from al_bench.core.errors import ConfigError

QUICK = ("model.max_epochs=2", "num_initial=20", "budget=20")
VALUES = {"model.optimizer.lr": 0.003, "model.width": 8}


def written(tmp_path, text: str) -> str:
    (tmp_path / "tuned.yaml").write_text(text)
    return f"tuned={tmp_path / 'tuned.yaml'}"


def test_it_stands_for_its_values_before_what_is_typed(tmp_path):
    tuned = written(tmp_path, as_text(VALUES, "found"))
    values = ["model.optimizer.lr=0.003", "model.width=8"]
    assert taken_in(["-m", "seed=0,1", tuned, "model.width=16"]) == ["-m", *values, "seed=0,1", "model.width=16"]
    assert taken_in(["--config-dir", "own", tuned]) == ["--config-dir", "own", *values]
    assert taken_in(["seed=0"]) == ["seed=0"]


@pytest.mark.parametrize("value", [1e-7, 12, True, None, "it's, a \\ text", "\\'\\", "", [1, 2.5, "a"], math.inf])
def test_hydra_reads_every_value_as_it_was(value, tmp_path):
    from hydra.core.override_parser.overrides_parser import OverridesParser

    (override,) = taken_in([written(tmp_path, as_text({"model.some_key": value}, "found"))])
    assert OverridesParser.create().parse_override(override).value() == value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- 1", "must hold keys and their values, such as model.optimizer.lr: 0.001"),
        ("", "must hold keys and their values"),
        ("a: [", "cannot be read: "),
        ("a: !!python/object/apply:os.getcwd []", "cannot be read: could not determine a constructor"),
        ("model._target_: os.system", "'model._target_' is no key of a configuration"),
        ("hydra/launcher: joblib", "'hydra/launcher' is no key of a configuration"),
        ("1: 2", "1 is no key of a configuration"),
        ("model: {width: 8}", "model: must be a plain value, or a list of such"),
    ],
)
def test_other_files_are_refused(text, message, tmp_path):
    tuned = written(tmp_path, text)
    with pytest.raises(ConfigError) as error:
        taken_in([tuned])
    assert str(error.value).startswith(tuned)
    assert message in str(error.value)


def test_there_has_to_be_a_file(tmp_path, cli):
    refused = cli(f"tuned={tmp_path / 'none.yaml'}")
    assert refused.code == 1
    assert refused.err.startswith(f"al-bench: tuned={tmp_path / 'none.yaml'}: cannot be read: [Errno 2] No such file")


@pytest.mark.slow
def test_a_run_is_called_by_the_values_and_not_by_the_file(tmp_path, cli):
    one = written(tmp_path, as_text(VALUES, "found"))
    assert cli(one, *QUICK, "model.width=4").code == 0
    (path,) = (tmp_path / "outputs" / "default").rglob("config.yaml")
    model = yaml.safe_load(path.read_text())["model"]
    assert (model["optimizer"]["lr"], model["width"]) == (0.003, 4)
    assert "optimizer.lr=0.003,width=4" in str(path)
    assert "tuned" not in path.read_text()
