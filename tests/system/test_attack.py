"""The attack reaches what it should, and would see what it looks for."""

from pathlib import Path
from random import Random

import pytest
from attacks.commands import Ended, run
from attacks.files import RUN_FILES, damage
from attacks.grammar import command_line, keys
from attacks.malformed import Case, _contents, _faults

from al_bench.config.schema import CONF, RootConfig

ROUNDS = "round,num_labelled\n0,10\n1,20\n"
RUN = "outputs/kept/s0"
SCRIPTS = Path(__file__).parents[2] / "scripts"


def test_every_group_root_key_and_launcher_key_is_reached():
    known = set(keys())
    groups = {path.relative_to(CONF).as_posix() for path in CONF.rglob("*") if path.is_dir()}
    assert groups <= known | {"hydra", "setting", "experiment"}
    assert set(RootConfig.__annotations__) <= known
    assert {"hydra.launcher.n_jobs", "hydra.launcher.ray.remote.num_gpus", "hydra.launcher.timeout_min"} <= known
    drawn = " ".join(each for number in range(3000) for each in command_line(Random(f"0/{number}"), sorted(known)))
    assert all(f"{key}=" in drawn or f"~{key}" in drawn for key in known)


def test_a_case_of_a_seed_is_the_same_whatever_the_number_of_cases():
    known = keys()
    assert command_line(Random("0/7"), known) == command_line(Random("0/7"), known)
    assert command_line(Random("0/7"), known) != command_line(Random("1/7"), known)


@pytest.fixture
def folder(tmp_path):
    for root in ("template", "case"):
        (tmp_path / root / RUN).mkdir(parents=True)
        (tmp_path / root / RUN / "rounds.csv").write_text(ROUNDS)
        (tmp_path / root / RUN / "queries.csv").write_text("round,index\n" + "0,1\n" * 10 + "1,2\n" * 10)
        (tmp_path / root / "secret").write_text("mine\n")
    return tmp_path / "case"


def test_files_are_damaged_in_every_way(folder):
    path, ways = folder / RUN / "rounds.csv", set()
    for number in range(300):
        path.write_text(ROUNDS)
        ways.add(damage(Random(number), path, folder / "secret").partition(":")[0])
        if path.is_dir():
            path.rmdir()
        path.unlink(missing_ok=True)
    assert ways >= {"cut", "flipped", "twice a line", "swapped", "written", "a folder", "a fifo", "a link", "gone"}
    assert (folder / "secret").read_text() == "mine\n"
    assert "rounds.csv" in RUN_FILES


def found(folder: Path, change=lambda folder: None, *, goes_on: bool = True, **ended: object) -> list[str]:
    before = _contents(folder)
    change(folder)
    told = Ended(**({"code": 1, "seconds": 1.0, "waited": 1.0, "text": "al-bench: no"} | ended))
    case = Case("a kind", ["seed=0"], "", RUN if goes_on else "")
    return list(_faults(case, told, before, folder, folder.parent / "template"))


def test_what_is_a_fault_is_found(folder):
    assert found(folder) == []
    assert found(folder, text="Traceback (most recent call last):\n") == ["trace"]
    assert found(folder, code=99) == ["trace"]
    assert found(folder, code=-11) == ["killed"]
    assert found(folder, seconds=21.0) == ["slow"]
    assert found(folder, waited=120.0) == ["slow"]


@pytest.mark.parametrize(
    ("change", "goes_on"),
    [
        (lambda folder: (folder / "secret").write_text("theirs\n"), True),
        (lambda folder: (folder / "secret").unlink(), True),
        (lambda folder: (folder / RUN / "rounds.csv").write_text("round,num_labelled\n0,10\n"), True),
        (lambda folder: (folder / RUN / "queries.csv").write_text("round,index\n"), True),
        (lambda folder: (folder / RUN / "queries.csv").unlink(), True),
        (lambda folder: (folder / RUN / "rounds.csv").write_text(ROUNDS + "2,30\n"), False),
    ],
    ids=["changed", "removed", "a round", "queries", "all queries", "another run"],
)
def test_what_is_lost_is_found(folder, change, goes_on):
    assert found(folder, change, goes_on=goes_on) == ["lost"]


def test_a_run_that_goes_on_loses_nothing(folder):
    assert found(folder, lambda folder: (folder / RUN / "rounds.csv").write_text(ROUNDS + "2,30\n")) == []


def test_a_command_line_that_is_no_name_of_a_file_is_one_of_al_bench(folder):
    """The fork neither fails nor does at its end what its parent has to."""
    assert run([f"seed={'1' * 5000}"], folder).code == 1
    assert (folder / "secret").read_text() == "mine\n"
