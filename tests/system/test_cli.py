"""What a user types and what comes back."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from al_bench.config.schema import CONF
from tests.conftest import assert_same_results, rounds_without_seconds, run_command, run_directory
from tests.support.forks import python

QUICK = ("model.width=8", "model.max_epochs=3", "num_initial=20", "batch_size.size=20", "budget=60")

BEFORE_ANY_DATA = [
    ("model.widht=64", "model.widht=64: there is no such key; did you mean 'width'?"),
    ("+model.widht=64", "model.widht=64: there is no such key; did you mean 'width'?"),
    ("model.optimizer.rl=1", "model.optimizer.rl=1: there is no such key; did you mean 'lr'?"),
    ("+model.optimizer.rl=1", "model.optimizer.rl=1: there is no such key; did you mean 'lr'?"),
    ("+unknown.key=1", "unknown.key=1: there is no such key"),
    ("unknown=1", "unknown=1: there is no such key"),
    ("bugdet=1", "bugdet=1: there is no such key; did you mean 'budget'?"),
    ("modle.width=1", "modle.width=1: there is no such key; did you mean 'model.width'?"),
    ("+strategy.frist=largest", "strategy.frist=largest: there is no such key; did you mean 'first'?"),
    ("+batch_size.sizes=3", "batch_size.sizes=3: there is no such key; did you mean 'size'?"),
    ("+dataset.foo=3", "dataset.foo=3: there is no such key"),
    ("+tracker.foo=3", "tracker.foo=3: there is no such key"),
    ("model.width=abc", "model.width=abc: input should be a valid integer"),
    ("model.width=2.5", "model.width=2.5: input should be a valid integer"),
    ("model.optimizer.lr=fast", "model.optimizer.lr=fast: input should be a valid number"),
    ("seed=abc", "seed=abc: Value 'abc' of type 'str' could not be converted to Integer"),
    ("model.width=0", "model.width=0: input should be greater than 0"),
    ("model.optimizer.lr=-1", "model.optimizer.lr=-1.0: must be above 0"),
    ("model.optimizer.lr=0", "model.optimizer.lr=0.0: must be above 0"),
    ("model.stop_at_train_accuracy=1.5", "model.stop_at_train_accuracy=1.5: input should be less than or equal to 1"),
    ("budget=-1", "budget=-1: input should be greater than 0"),
    ("budget=0", "budget=0: input should be greater than 0"),
    ("budget=50", "budget=50: labels in all, so at least num_initial=100"),
    ("num_initial=0", "num_initial=0: Badge reads logits, embedding of a network"),
    ("seed=-1", "seed=-1: input should be greater than or equal to 0"),
    ("num_threads=0", "num_threads=0: input should be greater than 0"),
    ("batch_size.size=0", "batch_size.size=0: input should be greater than 0"),
    ("dataset.test_fraction=1", "dataset.test_fraction=1: input should be less than 1"),
    ("strategy.first=nearest", "strategy.first=nearest: input should be 'uniform' or 'largest'"),
    ("strategy=bagde", "strategy=bagde: there is no such option; did you mean 'badge'?"),
    ("strategy=batchbald", "strategy=batchbald: left out, as docs/strategies/left_out.md explains; take power_bald"),
    (
        "strategy=cluster_margin",
        "strategy=cluster_margin: left out, as docs/strategies/left_out.md explains; take badge",
    ),
    ("strategy=VeSSAL", "strategy=VeSSAL: left out, as docs/strategies/left_out.md explains; take badge instead"),
    ("dataset=minst", "dataset=minst: there is no such option; did you mean 'mnist'?"),
    ("strategy='x[y'", "strategy=x[y: there is no such option"),
    ("strategy=c++", "strategy=c++: there is no such option"),
    ("training=reference", "training=reference: say of what, training@model=reference"),
    ("training@model=papre", "training@model=papre: there is no such option; did you mean 'paper'?"),
    ("model.lr_schedule=cosine", "model.lr_schedule=cosine: must be {_target_: module.name, _partial_: true, ...}"),
    (
        "model.lr_schedule={_target_:torch.optim.lr_scheduler.StepLR,step_size:3}",
        "model.lr_schedule: it is called later, with more arguments; add _partial_: true",
    ),
    ("model.precision=float16", "model.precision=float16: input should be 'float32' or 'bfloat16'"),
    ("model.pass_precision=half", "model.pass_precision=half: input should be 'float32' or 'bfloat16'"),
    ("model.augmentation=flip", "model.augmentation=flip: input should be 'none', 'crop_flip' or 'auto'"),
    ("model.gradient_clamp=0", "model.gradient_clamp=0: input should be greater than 0"),
    ("model.patience=3", "model.patience=3: needs validation examples; say num_validation=..."),
    ("num_validation=-1", "num_validation=-1: input should be greater than or equal to 0"),
    ("batch_size=100", "batch_size=100: must be the name of an option; did you mean 'b100'?"),
    ("tracker=null", "tracker=null: must be the name of an option; known: none, wandb"),
    ("strategy=[badge,random]", "strategy=[badge,random]: must be the name of one option"),
    ("dataset=openml", "dataset.id has no value; say dataset.id=..."),
    ("device=gpu", "device=gpu: must be auto, cpu, cuda or cuda:<number>"),
    ("device=cuda:99", "device=cuda:99: PyTorch sees"),
    ("storage_device=gpu", "storage_device=gpu: must be auto (on the device) or cpu"),
    ("name=a/b", "name=a/b: one folder below output_dir"),
    ("model._target_=nowhere.Net", "model._target_=nowhere.Net: cannot be imported"),
    ("model.width=${nothing}", "Interpolation key 'nothing' not found"),
    ("seed=[1", "seed=[1: cannot be read"),
    ("+hydra.foo=1", "hydra.foo=1: there is no such key"),
    ("+hydra.run.dri=x", "hydra.run.dri=x: there is no such key; did you mean 'dir'?"),
    ("hydra.run.dri=x", "hydra.run.dri=x: there is no such key; did you mean 'dir'?"),
    (
        "num_threads=99999999999999999999",
        "num_threads=99999999999999999999: input should be less than or equal to 1024",
    ),
    ("model.width=1000000000000", "model.width=1000000000000: input should be less than or equal to 2147483647"),
    ("model.max_epochs=1e3", "model.max_epochs=1000.0: input should be a valid integer"),
    ("model={a:1}", "model.a"),
    ("strategy._target_=collections.OrderedDict", "strategy._target_=collections.OrderedDict: no signature found"),
    ("+strategy._partial_=true", "strategy._partial_=true: there is no such key"),
    ("~seed", "seed was removed"),
    ("~batch_size", "batch_size has no value"),
    (
        "+dataset.hyperparameters.widht=3",
        "dataset.hyperparameters.widht=3: there is no such key; did you mean 'width'?",
    ),
    (
        "dataset.hyperparameters=3",
        "dataset.hyperparameters=3: must hold the keys width, lr, minibatch_size, pretraining_epochs",
    ),
    ("strategy=glob(nope*)", "strategy=glob(nope*): nothing matches"),
    ("seed=range(0)", "seed=range(0): nothing matches"),
]


@pytest.mark.parametrize(("override", "message"), BEFORE_ANY_DATA, ids=[override for override, _ in BEFORE_ANY_DATA])
def test_a_mistake_is_one_message_before_any_data_is_loaded(cli, tmp_path, override, message):
    sweep = ["-m"] if override.endswith(")") else []
    result = cli(*sweep, override)
    assert result.code == 1
    assert result.err.startswith("al-bench: ")
    assert message in result.err
    assert "Traceback" not in result.err + result.out
    assert not list(tmp_path.rglob("s0")), "no run was started"


def save(path: Path, **arrays: np.ndarray) -> str:
    np.savez(path, **arrays)
    return f"dataset.path={path}"


INPUTS, TARGETS = np.random.default_rng(0).normal(size=(60, 3)), np.arange(60) % 3


@pytest.mark.parametrize(
    ("arrays", "overrides", "message"),
    [
        ({"inputs": INPUTS, "targets": TARGETS}, ["budget=49"], "budget=49: the training pool has 48 examples"),
        ({"inputs": INPUTS, "targets": TARGETS}, ["num_initial=50"], "num_initial=50: the training pool has 48"),
        ({"inputs": INPUTS, "targets": TARGETS * 0}, [], "1 class; classification needs two or more"),
        (
            {"inputs": INPUTS, "targets": TARGETS, "test_inputs": INPUTS, "test_targets": TARGETS + 1},
            [],
            "no example of class 3 is in `targets`, the training pool",
        ),
        ({"inputs": np.where(INPUTS > 2, np.nan, INPUTS), "targets": TARGETS}, [], "missing or infinite values"),
        ({"inputs": np.where(INPUTS > 2, np.inf, INPUTS), "targets": TARGETS}, [], "missing or infinite values"),
        ({"inputs": INPUTS}, [], "has the arrays ['inputs']; it needs `inputs` (N, ...) and `targets` (N,)"),
        ({"inputs": INPUTS, "targets": TARGETS[:50]}, [], "inputs has 60 rows but targets has 50"),
        ({"inputs": INPUTS, "targets": TARGETS / 2}, [], "targets is float64 of shape (60,); it must be integers"),
        ({"inputs": INPUTS * 1e30, "targets": TARGETS}, ["model.optimizer._target_=torch.optim.SGD"], "round 0, epoch"),
    ],
    ids=str,
)
def test_data_that_cannot_be_learned_from_is_one_message(cli, tmp_path, arrays, overrides, message):
    result = cli("dataset=arrays", save(tmp_path / "data.npz", **arrays), "num_initial=10", "name=bad", *overrides)
    assert result.code == 1
    assert message in result.err
    assert "Traceback" not in result.err + result.out
    path = run_directory(tmp_path / "outputs")
    assert message in json.loads((path / "error.json").read_text())["message"]
    assert not (path / "rounds.csv").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["dataset=arrays", "dataset.path=nope.npz"], "no such file (looked for {cwd}/nope.npz)"),
        (["dataset=openml", "dataset.id=6", "data_dir=nope"], "{cwd}/nope/openml/6.arff"),
        (["dataset=mnist", "data_dir=nope"], "{cwd}/nope: MNIST/raw/train-images-idx3-ubyte.gz, "),
    ],
    ids=str,
)
def test_a_missing_file_is_named_with_where_it_was_looked_for(cli, tmp_path, monkeypatch, overrides, message):
    from urllib.error import URLError

    def no_network(*_: object, **__: object) -> None:
        raise URLError("no network in tests")

    monkeypatch.setattr("urllib.request.OpenerDirector.open", no_network)
    result = cli(*overrides)
    assert result.code == 1
    assert message.format(cwd=tmp_path) in result.err
    assert "Traceback" not in result.err + result.out


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("batch_size=b100,200", "batch_size=200: must be the name of an option"),
        ("strategy=random,bagde", "strategy=bagde: there is no such option; did you mean 'badge'?"),
        ("hydra.sweeper.max_batch_size=0", "hydra.sweeper.max_batch_size=0: must be above 0, or null"),
        ("model.widht=1,2", "model.widht=1,2: there is no such key; did you mean 'width'?"),
    ],
)
def test_a_mistake_in_a_sweep_is_one_message_before_the_first_run(cli, tmp_path, override, message):
    result = cli("-m", override)
    assert result.code == 1
    assert message in result.err
    assert "Traceback" not in result.err + result.out
    assert not list(tmp_path.rglob("s0"))


def test_a_key_that_not_every_option_of_a_sweep_has_is_named(cli):
    result = cli("-m", "strategy=random,badge", "strategy.first=uniform")
    assert "strategy.first=uniform: there is no such key in what strategy is chosen to be" in result.err


def test_a_network_that_the_last_step_ruined_is_an_error(cli, tmp_path):
    sgd = ("model.optimizer._target_=torch.optim.SGD", "model.optimizer.lr=1e25", "model.max_epochs=1")
    result = cli(*QUICK, *sgd)
    assert result.code == 1
    assert "the test loss is" in result.err
    assert not list(tmp_path.rglob("done.json"))


@pytest.mark.slow
@pytest.mark.parametrize("mistake", ["+tracker.foo=1", "device=gpu", "storage_device=gpu", "+hydra.foo=1"])
def test_a_finished_run_does_not_hide_a_mistake(cli, mistake):
    assert cli(*QUICK).code == 0
    result = cli(*QUICK, mistake)
    assert result.code == 1
    assert mistake.lstrip("+") in result.err


@pytest.mark.slow
def test_a_budget_that_is_refused_leaves_a_finished_run_finished(cli):
    assert cli(*QUICK).code == 0
    assert "the training pool has 1437 examples" in cli(*QUICK, "budget=5000").err
    assert "finished before, skipped" in cli(*QUICK).out


@pytest.mark.slow
def test_a_value_has_one_run_however_it_is_written(cli, tmp_path):
    assert cli("model.optimizer.lr=1e-2", *QUICK).code == 0
    again = cli("model.optimizer.lr=0.01", *QUICK)
    assert again.code == 0
    assert "finished before, skipped" in again.out
    path = run_directory(tmp_path / "outputs")
    assert "mlp,max_epochs=3,optimizer.lr=0.01,width=8" in str(path)


def test_an_override_that_repeats_a_default_is_the_default_run(cli, tmp_path):
    repeated = ("model.width=256", "model.optimizer.lr=0.001", "num_initial=100", "strategy.first=uniform")
    assert cli(*repeated, "budget=100").code == 0
    path = run_directory(tmp_path / "outputs").relative_to(tmp_path / "outputs")
    assert path.as_posix() == "default/digits/mlp/badge/b100/s0"


def test_the_run_directory_is_as_documented_and_holds_nothing_else(cli, tmp_path):
    assert cli(*QUICK).code == 0
    path = run_directory(tmp_path / "outputs")
    assert {file.name for file in path.iterdir()} == {
        *(".lock", "config.yaml", "rounds.csv", "queries.csv", "environment.json", "run.log", "done.json", "curve.png")
    }
    config = yaml.safe_load((path / "config.yaml").read_text())
    assert config["model"]["width"] == 8
    assert config["model"]["optimizer"]["lr"] == 1e-3
    (start,) = json.loads((path / "environment.json").read_text())
    assert start["device"] == "cpu"
    assert start["versions"]["torch"]
    assert list(tmp_path.iterdir()) == [tmp_path / "outputs"]


@pytest.mark.slow
def test_a_larger_budget_goes_on_and_a_smaller_one_is_skipped(cli, tmp_path):
    assert cli(*QUICK, "name=whole").code == 0
    assert cli(*QUICK, "name=parts", "budget=40").code == 0
    assert "goes on after 40 labels" in cli(*QUICK, "name=parts").out
    assert "finished before, skipped" in cli(*QUICK, "name=parts", "budget=40").out
    assert_same_results(run_directory(tmp_path / "outputs/whole"), run_directory(tmp_path / "outputs/parts"))


@pytest.mark.slow
def test_a_directory_of_another_configuration_is_refused_with_the_keys(cli, tmp_path):
    assert cli(*QUICK).code == 0
    path = run_directory(tmp_path / "outputs")
    text = (path / "config.yaml").read_text()
    (path / "config.yaml").write_text(text.replace("width: 8", "width: 9"))
    before = (path / "rounds.csv").read_bytes()
    result = cli(*QUICK)
    assert result.code == 1
    assert "model.width: 9 there, 8 asked for" in result.err
    assert (path / "rounds.csv").read_bytes() == before


@pytest.mark.parametrize("sweep", [[], ["-m"]])
def test_a_folder_that_cannot_be_written_is_one_message(cli, sweep):
    result = cli(*sweep, "output_dir=/proc/nope")
    assert (result.code, "Traceback" in result.err) == (1, False)
    assert "/proc/nope" in result.err


def test_data_that_changed_between_two_starts_is_refused(cli, tmp_path):
    command = ("dataset=arrays", "num_initial=10", "batch_size.size=10", "model.max_epochs=2")
    path = save(tmp_path / "data.npz", inputs=INPUTS, targets=TARGETS)
    assert cli(*command, path, "budget=20").code == 0
    save(tmp_path / "data.npz", inputs=INPUTS * 2, targets=TARGETS)
    result = cli(*command, path, "budget=30")
    assert result.code == 1
    assert "the data set is not the one that the finished rounds" in result.err


@pytest.mark.slow
def test_a_budget_between_two_batches_goes_on_with_a_warning(cli, tmp_path):
    assert cli(*QUICK, "budget=50").code == 0
    result = cli(*QUICK, "budget=90")
    assert "an earlier budget cut the batch of round 2 to 10 labels" in result.out
    rows = (run_directory(tmp_path / "outputs") / "rounds.csv").read_text().splitlines()
    labels = [int(row.split(",0,")[1].split(",")[1]) for row in rows[1:]]
    assert labels == [20, 40, 50, 70, 90]


@pytest.mark.slow
def test_a_full_disk_ends_in_one_message_and_the_run_goes_on_when_there_is_room(tmp_path):
    """The limit on the size of a file stands for the full disk; it strikes in the middle of a write."""
    command = (*QUICK, "budget=140", "tracker=none")
    assert run_command(*command, "name=whole", cwd=tmp_path).code == 0
    limit = (run_directory(tmp_path / "outputs/whole") / "config.yaml").stat().st_size + 200
    limited = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit})); from al_bench.run import main; main()"
    )
    completed = python("-c", limited, *command, "name=limited", cwd=tmp_path)
    assert completed.returncode == 1
    assert "cannot write to outputs/limited" in completed.stderr
    assert "Traceback" not in completed.stderr
    assert 2 < len((run_directory(tmp_path / "outputs/limited") / "rounds.csv").read_text().splitlines()) < 8
    assert run_command(*command, "name=limited", cwd=tmp_path).code == 0
    assert_same_results(run_directory(tmp_path / "outputs/whole"), run_directory(tmp_path / "outputs/limited"))


@pytest.mark.slow
def test_threads_of_the_environment_change_nothing(tmp_path):
    """With a network so wide that two threads add up in another order than one."""
    wide = ("model.width=2048", "model.minibatch_size=256", "model.max_epochs=2", "num_initial=300", "budget=400")
    runs = {"one": ("1", 1), "two": ("2", 1), "seven": ("7", 1), "threads": ("1", 2)}
    for name, (threads, num_threads) in runs.items():
        subprocess.run(
            [sys.executable, "-m", "al_bench.run", *wide, f"name={name}", f"num_threads={num_threads}", "tracker=none"],
            cwd=tmp_path,
            env=os.environ | {"OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads},
            stdout=subprocess.DEVNULL,
            check=True,
        )
    one, two, seven, threads = (rounds_without_seconds(run_directory(tmp_path / "outputs" / name)) for name in runs)
    assert one == two == seven
    assert [row[5:] for row in one] != [row[5:] for row in threads], "this network does not tell threads apart"


def test_data_dir_comes_from_the_environment(tmp_path):
    result = run_command("--cfg", "job", "--resolve", cwd=tmp_path, env={"AL_BENCH_DATA": "/some/where"})
    assert "data_dir: /some/where" in result.out
    unset = {key: value for key, value in os.environ.items() if key != "AL_BENCH_DATA"}
    completed = python("-m", "al_bench.run", "--cfg", "job", "--resolve", cwd=tmp_path, environment=unset)
    assert "data_dir: data" in completed.stdout


COMPLETION = {"COMP_LINE": "al-bench strategy=bad", "COMP_POINT": "21", "_HYDRA_OLD_COMP": "1"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "env", "expected"),
    [
        (["--help"], {}, f"strategy: {', '.join(sorted(path.stem for path in (CONF / 'strategy').glob('*.yaml')))}"),
        (["--cfg", "job"], {}, "_target_: al_bench.strategies.badge.Badge"),
        (["--shell-completion", "query=bash"], COMPLETION, "strategy=badge"),
    ],
    ids=["help", "cfg", "completion"],
)
def test_help_configuration_and_completion_import_no_torch(tmp_path, arguments, env, expected):
    script = (
        "import sys; from al_bench.run import main\n"
        "try: main()\n"
        "finally: assert not {'torch', 'pandas', 'matplotlib', 'wandb', 'sklearn'} & sys.modules.keys(), sys.modules"
    )
    completed = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        cwd=tmp_path,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        check=False,
    )
    assert completed.returncode == 0, completed.stderr
    assert expected in completed.stdout


@pytest.mark.slow
def test_no_schema_shows_up_among_the_options(cli):
    listed = cli("--help").out
    for group in ("dataset", "model", "strategy", "batch_size", "tracker"):
        options = ", ".join(sorted(path.stem for path in (CONF / group).glob("*.yaml")))
        assert f"{group}: {options}\n" in listed


@pytest.mark.slow
def test_a_reader_that_has_seen_enough_is_no_error(tmp_path):
    command = [sys.executable, "-m", "al_bench.run", "--help"]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    process.stdout.close()
    assert process.stderr.read() == ""
    process.stderr.close()
    process.wait(60)


@pytest.mark.slow
def test_a_file_that_cannot_be_read_is_one_line(cli, tmp_path):
    (tmp_path / "openml" / "7.arff").mkdir(parents=True)
    result = cli("dataset=openml", "dataset.id=7", f"data_dir={tmp_path}")
    assert (result.code, result.out) == (1, "")
    assert result.err == f"al-bench: dataset: {tmp_path}/openml/7.arff cannot be read: 7.arff is a folder, not a file\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("strategy=bad", "strategy=badge"),
        ("model.optimizer.l", "model.optimizer.lr="),
        ("experiment=tu", "experiment=tune"),
    ],
)
def test_tab_completes_choices_and_keys(tmp_path, typed, completed):
    line = f"al-bench {typed}"
    command = [Path(sys.executable).parent / "al-bench", "-sc", "query=bash"]
    environment = os.environ | {"COMP_LINE": line, "COMP_POINT": str(len(line))}
    told = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    assert told.stdout.split() == [completed]


@pytest.mark.slow
def test_help_waits_for_nothing_that_it_does_not_show():
    code = (
        "import sys; from al_bench.run import main; sys.argv = ['al-bench', '--help']\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print({'numpy', 'rich', 'pydantic', 'optuna', 'torch', 'pandas'} & {*sys.modules}, file=sys.stderr)"
    )
    completed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert completed.stderr == "set()\n"
