"""Pre-training once for all runs of an experiment."""

import inspect
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
import torch

from al_bench.job import pretraining as pretraining_module
from al_bench.job.loading import Loaded
from al_bench.job.pretraining import kept, kept_path
from al_bench.models.dbn import DBN
from tests.conftest import blobs
from tests.support.configs import run_config
from tests.support.networks import learner

RUN = (
    *("dataset=digits", "model=dbn", "model.pretraining.num_epochs=1", "model.max_epochs=2"),
    *("num_initial=10", "batch_size=b10", "budget=20"),
)


def pretrained_files(folder):
    return sorted((folder / "outputs" / "default" / ".pretrained").glob("*.npz"))


class TestOncePerExperiment:
    @pytest.fixture
    def count(self, monkeypatch) -> list[int]:
        calls: list[int] = []
        original = DBN.pretrain
        monkeypatch.setattr(DBN, "pretrain", lambda self, inputs: (calls.append(len(inputs)), original(self, inputs)))
        return calls

    @pytest.mark.slow
    def test_the_runs_of_a_sweep_share_it(self, cli, tmp_path, count):
        result = cli("-m", *RUN, "strategy=random,entropy,joint", "seed=0,1")
        assert result.code == 0, result.err
        assert count == [1437, 1437]
        assert len(pretrained_files(tmp_path)) == 2

    @pytest.mark.slow
    def test_results_are_the_same_from_a_file_and_without_one(self, cli, tmp_path, count):
        texts = []
        for damage in (None, None, b"no zip", "removed"):
            if damage == "removed":
                pretrained_files(tmp_path)[0].unlink()
            elif damage:
                pretrained_files(tmp_path)[0].write_bytes(damage)
            name = f"name=run{len(texts)}"
            (tmp_path / "outputs" / f"run{len(texts)}").mkdir(parents=True)
            (tmp_path / "outputs" / f"run{len(texts)}" / ".pretrained").symlink_to(
                tmp_path / "outputs/default/.pretrained"
            )
            (tmp_path / "outputs/default/.pretrained").mkdir(parents=True, exist_ok=True)
            assert cli(*RUN, "strategy=joint", name).code == 0
            (queries,) = (tmp_path / "outputs" / f"run{len(texts)}").rglob("queries.csv")
            texts.append(queries.read_text())
        assert len(set(texts)) == 1
        assert len(count) == 3

    @pytest.mark.slow
    @pytest.mark.parametrize(
        "change",
        [
            "seed=1",
            "num_threads=2",
            "model.pretraining.lr=0.01",
            "model.widths=[8,8,8]",
            "dataset.test_fraction=0.3",
        ],
    )
    def test_whatever_changes_it_makes_it_another(self, cli, tmp_path, change):
        for overrides in ((), (change,)):
            assert cli(*RUN, *overrides, "strategy=random").code == 0
        assert len(pretrained_files(tmp_path)) == 2

    @pytest.mark.slow
    def test_the_seed_is_part_of_it_though_the_data_are_the_same(self, cli, tmp_path):
        data = blobs()
        arrays = {"inputs": data.train.inputs, "targets": data.train.targets}
        np.savez(tmp_path / "a.npz", **arrays, **{f"test_{name}": each[:50] for name, each in arrays.items()})
        for seed in (0, 1):
            overrides = ("dataset=arrays", "dataset.path=a.npz", f"seed={seed}", "strategy=random")
            assert cli(*RUN, *overrides).code == 0
        assert len(pretrained_files(tmp_path)) == 2

    @pytest.mark.parametrize("changed", ["source", "version", "device"])
    def test_so_are_the_code_the_version_and_the_device(self, monkeypatch, changed):
        made = learner()
        network, data = made._new_network(0, 0), Loaded(blobs(), "digest")
        config = run_config()
        before = kept_path(made, network, data, config)
        assert before == kept_path(made, network, data, config)
        if changed == "source":
            monkeypatch.setattr(pretraining_module.inspect, "getsource", lambda module: "another")
        elif changed == "version":
            monkeypatch.setattr(torch, "__version__", "0.1")
        else:
            made = replace(made, device="cuda")
        assert before != kept_path(made, network, data, config)

    @pytest.mark.parametrize(
        "changed", ["al_bench.models.dbn", "al_bench.models.rbm", "fractions", "tests.support.networks"]
    )
    def test_so_are_the_files_of_all_parts_of_a_network(self, monkeypatch, changed):
        made, original = learner(), inspect.getsource
        node = {"_target_": "fractions.Fraction", "pretraining": {"_target_": "al_bench.models.rbm.Pretraining"}}
        config = run_config(model=node)
        arguments = (made, made._new_network(0, 0), Loaded(blobs(), "digest"), config)
        before = kept_path(*arguments)
        monkeypatch.setattr(inspect, "getsource", lambda module: original(module) + "#" * (module.__name__ == changed))
        assert before != kept_path(*arguments)

    def test_compiled_parts_have_no_file(self):
        config = run_config(model={"_target_": "math.sqrt"})
        assert kept_path(learner(), learner()._new_network(0, 0), Loaded(blobs(), "digest"), config).suffix == ".npz"

    def test_what_another_process_does_meanwhile_is_waited_for_and_taken(self, tmp_path, monkeypatch):
        path, weights = tmp_path / "a.npz", {"a": torch.ones(3)}

        @contextmanager
        def waited(folder, name):
            np.savez(path, a=np.ones(3, dtype=np.float32))  # the other one, before it let go of the lock
            yield True

        monkeypatch.setattr(pretraining_module, "exclusive", waited)
        taken = kept(path, weights, False, lambda: pytest.fail("done twice"))
        assert torch.equal(taken["a"], weights["a"])

    def test_numbers_that_numpy_has_not_are_not_kept(self, tmp_path, caplog):
        weights = {"a": torch.ones(3, dtype=torch.bfloat16)}
        assert kept(tmp_path / "a.npz", weights, False, lambda: weights) == weights
        assert "is not kept" in caplog.text

    @pytest.mark.slow
    @pytest.mark.parametrize("change", ["model.optimizer.lr=0.01", "model.max_epochs=3", "batch_size=b100"])
    def test_what_does_not_change_it_shares_it(self, cli, tmp_path, change):
        for overrides in ((), (change,)):
            assert cli(*RUN, *overrides, "strategy=random").code == 0
        assert len(pretrained_files(tmp_path)) == 1

    def test_a_run_that_cannot_be_is_told_before(self, cli, count):
        result = cli(*RUN, "strategy=random", "budget=100000")
        assert result.code == 1
        assert "budget=100000" in result.err
        assert not count

    def test_a_folder_that_cannot_be_written_is_no_error(self, cli, tmp_path, monkeypatch, count):
        monkeypatch.setattr(pretraining_module, "FOLDER", "file/below")
        (tmp_path / "outputs" / "default").mkdir(parents=True)
        (tmp_path / "outputs" / "default" / "file").write_text("")
        assert cli(*RUN, "strategy=random").code == 0
        assert len(count) == 1
