"""Every command of the docs, and so of the site, means something; the tutorials are done in test_tutorials.py."""

import csv
import re
import shlex
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml

from al_bench.cli.commands import COMMANDS
from al_bench.config.schema import CONF
from al_bench.core.seeding import Stream, generator
from tests.conftest import run_directory
from tests.system.test_pages import prose

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
CONSOLE = [
    command
    for page in PAGES
    for block in re.findall(r"^```console\n(.*?)^```", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    for command in block.replace("\\\n", " ").splitlines()
]
RUN = re.compile(r"al-bench(?: -m)?(?: [\w@/.+]+=\S+)+")  # all of it key=value, so a run and no form of one
WITHIN_LINES = [
    command
    for page in PAGES
    for code in re.findall(r"`([^`]+)`", prose(page))
    if RUN.fullmatch(command := " ".join(code.split()))
]
NEEDED = {"submitit_slurm": "hydra_submitit_launcher", "ray": "hydra_ray_launcher", "joblib": "hydra_joblib_launcher"}


OURS = {
    shlex.join(shlex.split(command, comments=True))
    for command in (*CONSOLE, *WITHIN_LINES)
    if command.startswith("al-bench ")
}


@pytest.mark.slow
@pytest.mark.parametrize("command", sorted(OURS))
def test_a_command_of_ours_is_one(cli, command, tmp_path):
    """Nothing is run: a sweep is planned; of a search, which Optuna does as it goes, the configuration is shown."""
    arguments = shlex.split(command)[1:]
    if arguments and arguments[0] in COMMANDS:
        COMMANDS[arguments[0]].parser().read(arguments[1:])
        return
    if "--config-dir" in arguments or "strategy=replay" in arguments:
        pytest.skip(f"with a folder of the reader's: {command}")
    for launcher, plugin in NEEDED.items():
        if f"hydra/launcher={launcher}" in arguments and find_spec(f"hydra_plugins.{plugin}") is None:
            pytest.skip(f"NOT INSTALLED: {plugin}")
    if not any(argument.startswith("--") for argument in arguments):
        arguments = ["--cfg", "job", *arguments] if "experiment=tune" in arguments else [*arguments, "dry_run=true"]
    if "tuned=outputs/tune/tuned.yaml" in arguments:  # what the command before it has written
        (tmp_path / "outputs" / "tune").mkdir(parents=True)
        (tmp_path / "outputs" / "tune" / "tuned.yaml").write_text("model.width: 8\n")
    for name in ("norm", "mine"):  # those of the reader
        if any(argument.startswith("strategy=") and name in argument for argument in arguments):
            assert cli("new", "strategy", name).code == 0
    result = cli(*arguments)
    assert result.code == 0, result.err


def test_files_that_the_docs_name_are_there():
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name}: {target}"
    for script in re.findall(r"python (scripts/\w+\.py)", "\n".join(CONSOLE)):
        assert (ROOT / script).exists(), script


def test_strategies_are_as_many_as_the_docs_say():
    folder = CONF / "strategy"
    options = [*folder.rglob("*.yaml")]
    swept = [file for file in folder.glob("*.yaml") if "???" not in file.read_text()]  # by glob(*)
    board = yaml.safe_load((CONF / "experiment" / "leaderboard" / "low.yaml").read_text())["hydra"]["sweeper"]["params"]
    competing = [each for each in board["strategy"].split(",") if not each.strip().startswith("oracle/")]
    for page, pattern, expected in (
        ("README.md", r"^\| \[`strategy`\].*\| (\d+) in families", options),
        ("README.md", r"`experiment=leaderboard/low`, compares (\d+) strategies", competing),
        ("docs/sweeps.md", r"experiment=strategies dataset=mnist .*# (\d+) strategies, five seeds", swept),
    ):
        said = re.findall(pattern, (ROOT / page).read_text(), flags=re.MULTILINE)
        assert said == [str(len(expected))], page


@pytest.mark.slow
def test_validation_examples_and_the_labels_of_queries_csv_are_where_the_page_says(cli, tmp_path):
    """The code of docs/results_folder.md, on a run of its own."""
    settings = ("num_validation=20", "num_initial=30", "batch_size.size=30", "budget=110", "model.width=8")
    assert cli(*settings, "model.max_epochs=2", "strategy=random").code == 0
    run = run_directory(tmp_path)
    page = (ROOT / "docs/results_folder.md").read_text()
    (code,) = re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    place = "outputs/default/digits/mlp/badge/b100/s0"
    assert place in code
    known: dict[str, Any] = {}
    exec(code.replace(place, str(run)), known)
    rows = list(csv.DictReader((run / "queries.csv").read_text().splitlines()))
    bought = [int(row["pool_index"]) for row in rows]
    assert list(rows[0]) == re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)
    assert known["pool"].targets[bought].tolist() == [int(row["target"]) for row in rows]
    validation = known["validation"].tolist()
    kept = list(csv.DictReader((run / "validation.csv").read_text().splitlines()))
    assert list(kept[0]) == list(rows[0])[2:] == ["pool_index", "target"]
    assert [int(row["pool_index"]) for row in kept] == validation
    assert [int(row["target"]) for row in kept] == known["pool"].targets[validation].tolist()
    assert len({*validation, *bought}) == len(validation) + len(bought) == 110
    rest = [place for place in range(len(known["pool"])) if place not in {*validation}]
    order = generator(0, Stream.INITIAL).permutation(len(known["pool"]))
    assert [place for place in order.tolist() if place in {*rest}][:30] == bought[:30], "none of validation is drawn"
