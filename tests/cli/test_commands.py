"""`al-bench WORD FOLDER`: what is done, what is said, and what is not waited for."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import al_bench
from al_bench.analysis.statistics.measures import MEASURES
from al_bench.analysis.strategies import FAMILIES
from al_bench.cli.commands import COMMANDS
from al_bench.records.identity import Identity
from tests.support.forks import python
from tests.support.made_results import write_run

ROOT = Path(__file__).parents[2]
LISTED = "archive, dashboard, evaluate, features, leaderboard, new, penalty-matrix, report, status, upload"


@pytest.fixture
def results(tmp_path: Path) -> Path:
    folder = tmp_path / "outputs" / "mine"
    for strategy, accuracy in (("random", 0.6), ("badge", 0.7)):
        for seed in range(3):
            identity = Identity("digits", "mlp", strategy, 10, "", seed)
            write_run(folder, identity, {10: 0.5 + seed / 100, 20: accuracy + seed / 50, 30: 0.8 + seed / 50})
    return folder


def test_status_report_and_penalty_matrix(cli, results):
    told = cli("status", "outputs/mine")
    assert (told.code, told.err) == (0, "")
    assert "digits · mlp · b10" in told.out
    told = cli("penalty-matrix", "outputs/mine", "--out", "matrices")
    assert (told.code, told.err) == (0, "")
    assert told.out.endswith(" matrices in matrices\n")
    told = cli("report", "outputs/mine")
    assert (told.code, told.out, told.err) == (0, "outputs/mine/analysis/report.html\n", "")
    assert "al-bench report outputs/mine" in (results / "analysis" / "report.html").read_text()


def test_archive(cli, results, tmp_path):
    assert cli("archive", "pack", "outputs/mine", "packed").out == "packed: 6 of 6 runs were added\n"
    assert cli("archive", "restore", "packed", "again").out == "again: 6 of 6 runs were added\n"
    assert len(list((tmp_path / "again").rglob("rounds.csv"))) == 6


def test_upload_goes_through_every_run(cli, results, monkeypatch):
    begun = []

    class Run:
        def finish(self, exit_code: int) -> None:
            if len(begun) == 2:
                raise ValueError("no luck")

    def begin(identity: Identity, *_: object) -> Run:
        begun.append(identity)
        return Run()

    monkeypatch.setattr("al_bench.tracking.wandb_runs.begun", begin)
    told = cli("upload", "outputs/mine", "--mode", "offline")
    assert len(begun) == 6
    assert (told.code, told.err) == (1, f"al-bench upload: {begun[1].title}: ValueError: no luck\n")
    assert "5 of 6 runs in project al_bench, offline\n" in told.out


def test_dashboard_says_its_views(cli, results):
    pytest.importorskip("wandb_workspaces.workspaces")  # whose import warns
    told = cli("dashboard", "outputs/mine", "--entity", "me", "--dry-run")
    assert told.out.splitlines() == [
        f"digits · mlp · b10: {len(MEASURES) + 7} panels, not saved",  # with the loss, and six of costs
        "reports of mine: 5 panels, not saved",
    ]


@pytest.mark.parametrize(
    ("typed", "code", "message"),
    [
        (
            "reprot outputs",
            1,
            f"al-bench: reprot: there is no such command; did you mean 'report'? (known: {LISTED}); "
            "a run is said by key=value, as in `al-bench seed=1`",
        ),
        ("seed=1 report outputs", 1, "al-bench: report: a command comes first: al-bench report FOLDER"),
        ("-m archive", 1, "al-bench: archive: a command comes first: al-bench archive pack|restore SOURCE TARGET"),
        ("-m seed", 1, "al-bench: seed: is no key=value; a run is said by key=value, as in `al-bench seed=1`"),
        (
            "report name=mine",
            2,
            "al-bench report: argument FOLDER: name=mine is no folder; key=value is for runs, as in `al-bench seed=1`; "
            "it is called as al-bench report FOLDER, and --help says more",
        ),
        (
            "status outputs seed=1",
            2,
            "al-bench status: seed=1: key=value is for runs, as in `al-bench seed=1`; "
            "it is called as al-bench status FOLDER, and --help says more",
        ),
        (
            "status outputs others",
            2,
            "al-bench status: others: one word too many; it is called as al-bench status FOLDER, and --help says more",
        ),
        (
            "upload outputs --projekt x",
            2,
            "al-bench upload: --projekt: there is no such option; did you mean '--project'? (known: --help, --mode, "
            "--project); it is called as al-bench upload FOLDER, and --help says more",
        ),
        (
            "dashboard outputs",
            2,
            "al-bench dashboard: the following arguments are required: --entity; "
            "it is called as al-bench dashboard FOLDER --entity TEAM, and --help says more",
        ),
        ("status outputs", 1, "al-bench status: outputs: there is no such folder"),
    ],
)
def test_what_is_typed_wrongly_is_one_message_with_the_right_form(cli, typed, code, message):
    told = cli(*typed.split())
    assert (told.code, told.out, told.err) == (code, "", f"{message}\n")


def test_a_folder_may_have_a_name_like_a_key_and_its_value(cli, results):
    results.rename("num_initial=20")
    assert cli("status", "num_initial=20").code == 0


@pytest.mark.parametrize("word", COMMANDS)
def test_its_help_says_how_it_is_called_in_80_columns(cli, word, monkeypatch):
    monkeypatch.setenv("COLUMNS", "300")
    told = cli(word, "--help")
    assert (told.code, told.err) == (0, "")
    assert f"    al-bench {word} " in told.out
    assert max(map(len, told.out.splitlines())) <= 80
    assert COMMANDS[word].parser().form() == COMMANDS[word].form


@pytest.mark.parametrize("word", [word for word, command in COMMANDS.items() if command.script])
def test_its_script_does_the_same(word, tmp_path):
    script = ROOT / "scripts" / f"{COMMANDS[word].script}.py"
    told = python(script, "--help", environment=os.environ | {"COLUMNS": "80"})
    assert told.returncode == 0, told.stderr
    assert f"    python scripts/{script.name} " in told.stdout
    assert max(map(len, told.stdout.splitlines())) <= 80
    told = python(script, "--nonsense", cwd=tmp_path)
    assert told.returncode == 2
    assert told.stderr.startswith(f"{script.stem}: ")
    assert f"it is called as python scripts/{script.name} " in told.stderr


def test_the_help_of_al_bench_lists_the_commands_and_their_scripts(cli):
    told = cli("--help").out
    listed = told[told.index("== Commands") : told.index("== Choices")]
    lines = [f"{command.word} {command.operands}".ljust(37) + command.summary for command in COMMANDS.values()]
    assert listed.splitlines()[1 : len(lines) + 1] == lines
    scripts = [f"scripts/{command.script}.py" for command in COMMANDS.values() if command.script]
    assert [word.strip(",") for word in listed.split() if word.startswith("scripts/")] == scripts
    assert max(map(len, listed.splitlines())) <= 80


def test_the_help_of_al_bench_lists_strategies_by_family(cli):
    told = cli("--help").out
    listed = told[told.index("== Strategies") : told.index("== Choices")]
    assert max(map(len, listed.splitlines())) <= 80
    for family, choices in FAMILIES.items():
        if choices:
            (found,) = re.findall(rf"^{family} +(.*?):", listed, flags=re.DOTALL | re.MULTILINE)
            assert re.split(r",\s+", found) == [*choices], family


@pytest.mark.parametrize("typed", ["--version", "seed=1 --version"])
def test_the_version_is_that_of_al_bench(cli, typed):
    told = cli(*typed.split())
    assert (told.code, told.out) == (0, f"al-bench {al_bench.__version__}\n")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "not_loaded"),
    [
        (("status", "outputs/mine"), {"torch", "hydra", "matplotlib", "wandb"}),
        (("report", "outputs/mine"), {"torch", "hydra", "wandb"}),
        *(((word, "--help"), {"torch", "hydra", "pandas", "matplotlib", "wandb", "sklearn"}) for word in COMMANDS),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_command_waits_for_nothing_that_it_does_not_need(results, tmp_path, arguments, not_loaded):
    code = (
        "import sys; from al_bench.run import main\n"
        f"try: main()\nfinally: assert not {not_loaded} & sys.modules.keys(), {not_loaded} & sys.modules.keys()"
    )
    told = subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert told.returncode == 0, told.stderr


def test_a_reader_that_has_seen_enough_of_a_command_is_no_error(results, tmp_path):
    command = [sys.executable, "-m", "al_bench.run", "status", "outputs/mine"]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    process.stdout.close()
    assert process.stderr.read() == ""
    process.stderr.close()
    process.wait(60)
