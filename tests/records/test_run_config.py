"""config.yaml is read as OmegaConf reads it, which takes 15 times as long."""

import random
from io import StringIO

import pytest
import yaml
from omegaconf import OmegaConf

from al_bench.files.writing import read_text
from al_bench.records import run_config
from al_bench.records.run_config import read_config

WRITTEN = {
    "seed": 3,
    "budget": None,
    "dry_run": False,
    "save": [],
    "name": "1.0",
    "data_dir": "/some where/été",
    "model": {"_target_": "al_bench.models.mlp.MLP", "lr": 1e-05, "widths": [256, [1, 2.5], {"a": {}}], "switch": "on"},
}
BY_HAND = (
    "seed: 3",
    "seed: 0x1F\nlr: 1e-3\nt: 1_000\no: 010\nb: 0b11\nbig: 123456789012345678901234567890",
    "a: .5\nb: +.inf\nc: 1e999\nd: .nan\ne: 1.\nf: 1e5\ng: -1.5e+3",
    "a: 2001-01-01\nb: 12:30:45\nc: yes\nd: Off\ne: ~\nf: NULL\ng: True",
    "a: 1\na: 2",
    "yes: 1",
    "null: 1",
    "1: 2",
    "1.5: 2",
    "a.b: 1\n_target_: x",
    "a: ${seed}\nseed: 1",
    "a: '${seed'",
    "a: ???\nb: '???'",
    "a: !!python/tuple [1]",
    "a: !!binary aGk=",
    "a: !!set {x}",
    "a: !!float 1",
    "a: !mine 1",
    "a: &x [1]\nb: *x\nc: {<<: {d: 1}}",
    "a: |\n  text\n  more",
    "a: >-\n  text\n  more",
    "a: one\n  two\n  three: 4",
    "a: b\n  - c",
    "a:\n- 1\n- - 2\n  - 3\n- b: 4\n  c: 5",
    "- 1\n- 2",
    "- - - 1",
    "a: -\nb: --\nc: -x",
    "a: ---\nb: ...",
    "---\na: 1\n...",
    "---\na: 1\n---\na: 2",
    "%YAML 1.1\n---\na: 1",
    "# nothing",
    "",
    "text",
    "12",
    "a: 'it''s'\nb: \"x\\ty\"\nc: 'two\n  lines'",
    "a:\t1",
    "\ta: 1",
    "a:\n\tb: 1",
    "a: 1 # one",
    "a: x\x07",
    "a: 'x\x7f'",
    "a: x\u2028y",
    "a: 1\r\nb: 2\r",
    "a : 1",
    "? a\n: 1",
    "a: {b: 1, c: [2]}",
    "a: 1\n b: 2",
    "  a: 1\nb: 2",
    "a: @x",
    "a: `x",
    "a:1",
    "a: 1__2\nb: _1\nc: 1_",
    f"a: {'9' * 5000}",
)
CHARACTERS = "ab1.:-_'\"#{}[],&*!|>%@`~? \t\n$\\éx/+e0=<"


def told_by(read):
    """What was read, or why it was not; NaN by its name, and numbers with their types."""
    try:
        return repr(read())
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def by_omegaconf(path):
    text = read_text(path)
    run_config.check_nodes(text)
    return OmegaConf.to_container(OmegaConf.load(StringIO(text)))


def changed(text, rng):
    """With a few characters more, less, or other ones, as a hand or a disk may leave it."""
    for _ in range(rng.randint(1, 3)):
        place = rng.randrange(len(text))
        text = text[:place] + rng.choice(CHARACTERS) * rng.randint(0, 2) + text[place + rng.randint(0, 2) :]
    return text


@pytest.fixture
def written(tmp_path):
    (tmp_path / "config.yaml").write_text(OmegaConf.to_yaml(OmegaConf.create(WRITTEN)))
    return tmp_path / "config.yaml"


def test_what_a_run_writes_is_read_without_omegaconf(written, monkeypatch):
    written.write_text(written.read_text().replace("été", "there"))
    monkeypatch.setattr(OmegaConf, "load", None)
    assert read_config(written) == WRITTEN | {"data_dir": "/some where/there"}


@pytest.mark.parametrize("text", BY_HAND)
@pytest.mark.parametrize("end", ["", "\n"], ids=["open", "closed"])
def test_what_a_hand_wrote_is_read_or_refused_as_omegaconf_does(tmp_path, text, end):
    path = tmp_path / "config.yaml"
    path.write_bytes(f"{text}{end}".encode())
    assert told_by(lambda: read_config(path)) == told_by(lambda: by_omegaconf(path))


def test_what_was_changed_anywhere_is_read_or_refused_as_omegaconf_does(written):
    text, rng, num_read = written.read_text(), random.Random(0), 0
    for _ in range(150):
        written.write_text(changed(text, rng))
        told = told_by(lambda: read_config(written))
        assert told == told_by(lambda: by_omegaconf(written)), written.read_text()
        num_read += told.startswith("{")
    assert 20 < num_read < 130


def test_without_libyaml_it_is_read_the_same(written, monkeypatch):
    monkeypatch.setattr(run_config, "LOADER", yaml.SafeLoader)
    run_config._loader.cache_clear()
    assert read_config(written) == WRITTEN
    run_config._loader.cache_clear()
