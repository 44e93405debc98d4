"""Whatever is typed is understood, or is one message; no trace."""

import subprocess
import sys
from pathlib import Path

import pytest
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.utils import create_config_search_path
from hydra.core.override_parser.overrides_parser import OverridesParser

from al_bench import run
from al_bench.config.arguments import in_order, swept_values
from al_bench.config.schema import CONF
from al_bench.core.errors import ConfigError
from tests.conftest import run_directory
from tests.support.forks import python

QUICK = ("model.width=8", "model.max_epochs=2", "num_initial=20", "budget=20")
LONG = "1" * 5000


@pytest.mark.parametrize(
    ("typed", "ordered"),
    [
        ("dataset=digits -m seed=0,1", "-m dataset=digits seed=0,1"),
        ("seed=1 --cfg job budget=100", "--cfg job seed=1 budget=100"),
        ("a=1 --config-dir own -m b=2 -cn name c=3", "--config-dir own -m -cn name a=1 b=2 c=3"),
        ("~seed --info defaults x=1", "--info defaults ~seed x=1"),
        ("a=1 -cd a=1 b=2", "-cd a=1 a=1 b=2"),
        ("", ""),
    ],
)
def test_options_go_before_overrides_wherever_they_are_typed(typed, ordered):
    assert in_order(typed.split()) == ordered.split()


def test_a_glob_takes_no_option_that_has_to_be_told_more():
    def values(key: str, pattern: str) -> set[str]:
        parser = OverridesParser.create(config_loader=ConfigLoaderImpl(create_config_search_path(str(CONF))))
        (override,) = parser.parse_overrides([f"{key}={pattern}"])
        return {*swept_values(override)}

    options = {path.stem for path in (CONF / "strategy").glob("*.yaml")}
    assert values("strategy", "glob(*)") == options - {"replay"}
    assert values("strategy", "replay,margin") == {"replay", "margin"}
    assert values("dataset", "glob(*)").isdisjoint({"arrays", "modalities", "openml"})
    assert "digits" in values("dataset", "glob(*)")


def test_a_sweep_is_one_wherever_its_option_is_typed(cli, tmp_path):
    result = cli("dataset=digits", "-m", "seed=0,1", *QUICK)
    assert result.code == 0, result.err
    assert "2 runs: 2 finished" in result.out
    assert len(list(tmp_path.rglob("done.json"))) == 2


def test_an_option_that_there_is_not_is_one_message():
    with pytest.raises(ConfigError, match=r"--dry-run: there is no such option; .*key=value, without dashes"):
        in_order(["seed=0", "--dry-run"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["model=true"], "model=true: must be the name of an option; known: dbn, fusion, linear, mlp"),
        (["strategy=false"], "strategy=false: must be the name of an option"),
        (["setting=true"], "setting=true: must be the name of an option; known: cifar10_mlp"),
        (["hydra/launcher=true"], "hydra/launcher=true: must be the name of an option; known: joblib"),
        (["hydra/job_logging=true"], "hydra/job_logging=true: cannot be used: ValueError: Config group override"),
        (["training@model=true"], "training@model=true: must be the name of an option"),
        (["batch_size=[1,2]"], "batch_size=[1,2]: must be the name of an option"),
        (["model=[1]"], "model=[1]: must be the name of an option"),
        (["-m", "strategy=badge,true"], "strategy=true: must be the name of an option"),
        (["strategy@strategy.query=1e400"], "strategy@strategy.query=1e400: must be the name of an option"),
        (["strategy=joint", "strategy@strategy.query=nan"], "strategy@strategy.query=nan: must be the name of an opti"),
        (["model=inf"], "model=inf: must be the name of an option"),
        (["setting=[a,b]"], "Could not load 'setting/b'"),
        (["-m", "seed=range(0,1,0)"], "seed=range(0,1,0): nothing can be swept over: range() arg 3 must not be zero"),
        (["-m", "seed=shuffle(range(0,1,0))"], "seed=shuffle(range(0,1,0)): nothing can be swept over"),
        (["-m", "seed=range(0,1e9)"], "seed=range(0,1e9): that makes more than 100,000 runs"),
        (["-m", "seed=shuffle(range(0,1e9))"], "seed=shuffle(range(0,1e9)): that makes more than 100,000 runs"),
        (["-m", "--cfg", "job", "seed=shuffle(range(0,1e9))"], "ValueError: Only one of --run, --multirun, --cfg"),
        (["-sc", "++model.width=shuffle(range(0,1e9))"], "ValueError: Expecting one subcommand from ['install', 'uni"),
        (["-m", "model.width=range(1,500)", "seed=range(500)"], "seed=range(500): that makes more than 100,000 runs"),
        (["-m", "hydra.sweeper._target_=os.system"], "hydra.sweeper._target_=os.system: there is no such launcher or"),
        (["-m", "hydra.launcher._target_=a.B"], "hydra.launcher._target_=a.B: there is no such launcher or sweeper"),
        (
            ["-m", "hydra.sweeper._target_=hydra_plugins.none.Such"],
            "hydra_plugins.none.Such: there is no such launcher",
        ),
        (["-m", "hydra.sweeper=null"], "hydra.sweeper=null: a sweep needs one; choose it as hydra/sweeper=..."),
        (["-m", "hydra.launcher=null"], "hydra.launcher=null: a sweep needs one"),
        (["-m", "hydra.sweeper.params.seed=1"], "hydra.sweeper.params.seed=1: cannot be used"),
        (["hydra.verbose=3"], "cannot be used: AssertionError"),
        (["+hydra.job.env_copy=[NO_SUCH]"], "cannot be used: KeyError: 'NO_SUCH'"),
        (["--resolve"], "the command line cannot be used: ValueError: The --resolve flag can only be used"),
        (["--run", "-m"], "the command line cannot be used: ValueError: Only one of --run, --multirun"),
        (["--experimental-rerun", "nope"], "the command line cannot be used: "),
        (["=1"], "=1: cannot be used: ValueError"),
        ([f"seed={LONG}"], "seed=1111"),
        ([f"model.optimizer.lr={LONG}"], "model.optimizer.lr=1111"),
        ([f"budget={LONG[:4000]}"], "budget=1111"),
        (["-m", f"seed=0,{LONG}"], "seed=0,1111"),
        (["seed=9223372036854775808"], "seed=9223372036854775808: input should be less than or equal to"),
        (["~model.lr_schedule"], "~model.lr_schedule: it is null, so there is nothing to leave out"),
        (["~budget"], "~budget: it is null, so there is nothing to leave out"),
        (["~model.lr_shedule"], "~model.lr_shedule: there is no such key; did you mean 'lr_schedule'?"),
        (["width=3"], "width=3: there is no such key; did you mean dataset.hyperparameters.width or model.width?"),
        (["model.width=${nothing}"], "model.width=${nothing}: cannot be resolved: Interpolation key 'nothing'"),
        (["model.optimizer.lr=${oc.env:NO_SUCH}"], "model.optimizer.lr=${oc.env:NO_SUCH}: cannot be resolved"),
        (["name=${name}"], "name=${name}: cannot be resolved"),
        (["hydra.help.template=${nope}", "--help"], "hydra.help.template=${nope}: Interpolation key 'nope' not found"),
        (["output_dir=~"], "output_dir=~: cannot be read"),
        (["output_dir=~"], "as a text: \"output_dir='~'\""),
        (["output_dir='~no_such_user/x'"], "output_dir=~no_such_user/x: Could not determine home directory"),
    ],
    ids=lambda each: " ".join(each)[:50] if isinstance(each, list) else "",
)
def test_what_cannot_be_meant_is_one_message(cli, tmp_path, arguments, message):
    result = cli(*arguments)
    assert result.code == 1
    assert result.err.splitlines()[-1].startswith("al-bench: ")
    assert message in result.err
    assert "Traceback" not in result.err + result.out
    assert len(result.err) < 1500, "a value of thousands of letters is not shown whole"
    assert not list(tmp_path.rglob("s0"))


OWN_FILES = {
    "list": ("- a\n- b\n", "strategy=[a,b]: must hold the key _target_"),
    "scalar": ("random\n", "strategy={"),
    "empty": ("", "strategy={}"),
    "number": ("1: 2\n_target_: al_bench.strategies.random.Random\n", "strategy.1=2: there is no such key"),
    "binary": (b"\xff\xfe\0", "strategy=binary: cannot be used: UnicodeDecodeError"),
    "broken": ("_target_: [a\n", "a yaml file cannot be read"),
    "twice": ("a: 1\na: 2\n", "found duplicate key a"),
    "object": ("!!python/object/apply:os.system [touch pwned]\n", "a yaml file cannot be read"),
    "defaults": ("defaults: 3\n", "strategy=defaults: cannot be used: ValueError: Invalid defaults list"),
    "header": ("# @package 3 4\na: 1\n", "strategy=header: cannot be used: ValueError: Too many components"),
    "lists": ("defaults: [list]\n_target_: al_bench.strategies.random.Random\n", "strategy/lists.yaml: Cannot merge"),
}


@pytest.mark.parametrize("is_sweep", [False, True], ids=["run", "sweep"])
@pytest.mark.parametrize("name", OWN_FILES)
def test_a_yaml_file_of_the_users_that_is_none_of_ours_is_one_message(cli, tmp_path, name, is_sweep):
    folder = tmp_path / "own" / "strategy"
    folder.mkdir(parents=True)
    for each, (content, _) in OWN_FILES.items():
        (folder / f"{each}.yaml").write_bytes(content if isinstance(content, bytes) else content.encode())
    result = cli("--config-dir", "own", f"strategy={name}", *(["-m", "seed=0,1"] if is_sweep else []), *QUICK)
    assert result.code == 1
    assert "Traceback" not in result.err + result.out
    assert OWN_FILES[name][1] in result.err + result.out
    assert not list(tmp_path.rglob("rounds.csv"))
    assert not (tmp_path / "pwned").exists()


@pytest.mark.slow
@pytest.mark.parametrize("sweep", [[], ["-m"]], ids=["run", "sweep"])
def test_the_users_home_is_found_where_no_shell_writes_it_out(cli, tmp_path, monkeypatch, sweep):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    assert cli("output_dir='~/results'", *sweep, *QUICK).code == 0
    assert run_directory(tmp_path / "home" / "results")
    assert not list(tmp_path.glob("~*"))
    monkeypatch.setenv("HOME", str(tmp_path / "home" / "results"))
    assert "finished before, skipped" in cli("output_dir='~'", *QUICK).out


def test_an_error_within_a_run_keeps_its_trace(cli, tmp_path):
    """It may be of a part of the user's, who wants to see where."""
    (tmp_path / "faulty_part.py").write_text(
        "from al_bench.core.strategy import Strategy\n"
        "class Faulty(Strategy):\n    def query(self, context, batch_size, rng): return 1 / 0\n"
    )
    with pytest.raises(ZeroDivisionError):
        cli("strategy._target_=faulty_part.Faulty", "~strategy.first", *QUICK[:-1], "budget=200")


CRASHES = """import ctypes, hydra, al_bench.run as run
hydra.main = lambda **_: lambda job: lambda: ctypes.string_at(0)
run.main()"""


@pytest.mark.command
def test_a_crash_says_where_it_was(tmp_path):
    crashed = python("-c", CRASHES, cwd=tmp_path)
    assert crashed.returncode < 0
    assert "Segmentation fault" in crashed.stderr
    assert "string_at" in crashed.stderr


@pytest.mark.slow
def test_without_a_standard_error_nothing_is_said_and_nothing_fails(tmp_path, monkeypatch):
    class NoDescriptor:
        def fileno(self) -> int:
            raise OSError

    for stream in (None, NoDescriptor(), object()):
        monkeypatch.setattr("faulthandler.is_enabled", lambda: False)
        monkeypatch.setattr(sys, "stderr", stream)
        run._show_crashes()
        monkeypatch.undo()
    command = f'exec 2>&-; "{sys.executable}" -m al_bench.run --help > {tmp_path / "help"}'
    assert subprocess.run(["bash", "-c", command], cwd=tmp_path, check=False).returncode == 0
    assert Path(tmp_path / "help").read_text()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("content", "problem"),
    [("- a\n", "holds a list where"), ("7\n", "holds a "), ("", "is empty"), ("{}\n", "is empty")],
)
def test_a_configuration_in_the_folder_that_is_none_is_named_as_what_it_is(cli, tmp_path, content, problem):
    assert cli(*QUICK).code == 0
    path = run_directory(tmp_path)
    (path / "config.yaml").write_text(content)
    before = (path / "rounds.csv").read_bytes()
    result = cli(*QUICK)
    assert (result.code, "Traceback" in result.err) == (1, False)
    assert f"config.yaml {problem}" in result.err or "cannot be read" in result.err
    assert (path / "rounds.csv").read_bytes() == before
