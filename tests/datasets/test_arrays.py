"""A user's own arrays in an `.npz` file."""

import re

import numpy as np
import pytest
import torch

from al_bench.core.errors import DataError
from al_bench.datasets.arrays import arrays
from al_bench.datasets.modalities import modalities
from al_bench.datasets.openml import openml
from tests.conftest import run_directory
from tests.support.tables import openml_folder, rng


class TestArrays:
    @pytest.mark.parametrize(
        "targets", [np.array(["cat", "ant", "bee"] * 20), np.array([30, -5, 7] * 20), np.array([1, 3, 2] * 20, "uint8")]
    )
    def test_classes_are_the_sorted_distinct_targets(self, tmp_path, targets):
        inputs = np.arange(60.0).reshape(60, 1)
        np.savez(tmp_path / "a.npz", inputs=inputs, targets=targets)
        dataset = arrays(str(tmp_path / "a.npz"), rng())
        names = np.unique(targets)
        for part in (dataset.train, dataset.test):
            assert np.array_equal(names[part.targets], targets[part.inputs[:, 0].long()])

    def test_a_test_set_in_the_file_is_the_test_set(self, tmp_path):
        inputs, targets = np.arange(12.0).reshape(6, 2), np.array([0, 1, 0, 1, 0, 1])
        np.savez(tmp_path / "a.npz", inputs=inputs, targets=targets, test_inputs=inputs[:2] + 1, test_targets=[1, 0])
        dataset = arrays(str(tmp_path / "a.npz"), rng())
        assert dataset.train.inputs.tolist() == inputs.tolist()
        assert dataset.test.inputs.tolist() == (inputs[:2] + 1).tolist()
        assert dataset.test.targets.tolist() == [1, 0]

    @pytest.mark.parametrize("read", [arrays, modalities])
    def test_the_users_home_is_found_where_no_shell_writes_it_out(self, tmp_path, monkeypatch, read):
        monkeypatch.setenv("HOME", str(tmp_path))
        np.savez(tmp_path / "a.npz", inputs=np.arange(60.0).reshape(60, 1), targets=np.arange(60) % 2)
        assert read("~/a.npz", rng=rng()).num_classes == 2
        with pytest.raises(DataError, match=re.escape(f"dataset.path=~/b.npz: no such file (looked for {tmp_path}/b")):
            read("~/b.npz", rng=rng())
        with pytest.raises(DataError, match="no such file"):
            read("~nobody_of_that_name/a.npz", rng=rng())

    def test_images_of_bytes_stay_bytes(self, tmp_path):
        images = np.random.default_rng(0).integers(256, size=(40, 3, 4, 4), dtype=np.uint8)
        np.savez(tmp_path / "a.npz", inputs=images, targets=np.arange(40) % 2)
        dataset = arrays(str(tmp_path / "a.npz"), rng())
        assert dataset.train.inputs.dtype == torch.uint8
        assert dataset.input_shape == (3, 4, 4)

    @pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x03\x04torn", None])
    def test_a_file_that_is_no_npz_is_named(self, tmp_path, content):
        with (tmp_path / "a.npz").open("wb") as file:
            np.save(file, np.zeros(3)) if content is None else file.write(content)
        with pytest.raises(DataError, match=r"a.npz: not a readable .npz file.*numpy.savez"):
            arrays(str(tmp_path / "a.npz"), rng())

    @pytest.mark.parametrize(
        ("stored", "message"),
        [
            ({"x_train": np.zeros((3, 2))}, r"has the arrays \['x_train'\]; it needs `inputs`"),
            ({"inputs": np.zeros((3, 2)), "targets": [0, 1, 0], "test_inputs": np.zeros((3, 2))}, "it needs `inputs`"),
            ({"inputs": np.zeros(3), "targets": [0, 1, 0]}, r"inputs is float64 of shape \(3,\)"),
            ({"inputs": np.zeros((3, 2)), "targets": [[0], [1], [0]]}, r"targets is int64 of shape \(3, 1\)"),
            ({"inputs": np.array([["a"], ["b"]]), "targets": [0, 1]}, "inputs is <U1"),
            (
                {
                    "inputs": np.zeros((3, 2)),
                    "targets": [0, 1, 0],
                    "test_inputs": np.zeros((2, 2)),
                    "test_targets": [5, 6],
                },
                "no example of class 5, 6 is in `targets`",
            ),
            (
                {
                    "inputs": np.zeros((3, 2)),
                    "targets": [0, 1, 0],
                    "test_inputs": np.zeros((1, 2)),
                    "test_targets": ["0"],
                },
                "targets and test_targets are int64 and <U1; they must both be integers or both be strings",
            ),
            (
                {
                    "inputs": np.zeros((2, 2)),
                    "targets": ["a", "b"],
                    "test_inputs": np.zeros((1, 2)),
                    "test_targets": [b"a"],
                },
                r"targets and test_targets are <U1 and \|S1; they must both be integers or both be strings of one kind",
            ),
            ({"inputs": np.zeros((0, 2)), "targets": np.zeros(0, int)}, r"inputs is float64 of shape \(0, 2\)"),
        ],
    )
    def test_arrays_that_do_not_fit_are_named(self, tmp_path, stored, message):
        np.savez(tmp_path / "a.npz", **stored)
        with pytest.raises(DataError, match=message):
            arrays(str(tmp_path / "a.npz"), rng())

    def test_large_targets_of_several_types_stay_apart(self, tmp_path):
        """numpy compares uint64 with int64 as float64, in which these are one."""
        large = [2**60 + 1, 2**60 + 2, 2**60 + 3, 2**63 - 1]
        targets, test_targets = np.array(large * 5, "uint64"), np.array(large[::-1], "int64")
        np.savez(
            tmp_path / "a.npz",
            inputs=np.zeros((20, 1)),
            targets=targets,
            test_inputs=np.zeros((4, 1)),
            test_targets=test_targets,
        )
        dataset = arrays(str(tmp_path / "a.npz"), rng())
        assert dataset.num_classes == 4
        assert dataset.train.targets.tolist() == [0, 1, 2, 3] * 5
        assert dataset.test.targets.tolist() == [3, 2, 1, 0]

    def test_a_large_target_of_the_test_set_alone_is_missed_in_the_pool(self, tmp_path):
        stored = {
            "inputs": np.zeros((2, 1)),
            "targets": np.array([2**60, 1], "uint64"),
            "test_inputs": np.zeros((1, 1)),
        }
        np.savez(tmp_path / "a.npz", **stored, test_targets=np.array([2**60 + 1], "int64"))
        with pytest.raises(DataError, match=f"no example of class {2**60 + 1} is in `targets`"):
            arrays(str(tmp_path / "a.npz"), rng())

    @pytest.mark.parametrize("test_type", [bool, int, "uint8"])
    def test_targets_may_be_booleans(self, tmp_path, test_type):
        targets = np.arange(30) % 3 == 0
        stored = {"inputs": np.zeros((30, 1)), "targets": targets, "test_inputs": np.zeros((30, 1))}
        np.savez(tmp_path / "a.npz", **stored, test_targets=targets.astype(test_type))
        dataset = arrays(str(tmp_path / "a.npz"), rng())
        assert dataset.num_classes == 2
        assert dataset.train.targets.tolist() == dataset.test.targets.tolist() == targets.astype(int).tolist()

    @pytest.mark.parametrize("has_test", [True, False])
    def test_inputs_are_scaled_where_that_is_asked_for(self, tmp_path, has_test):
        made = np.random.default_rng(0)
        inputs = made.normal([1.7e9, 3, 0], [10, 1e-3, 1], size=(200, 3))
        stored = {"inputs": inputs, "targets": np.arange(200) % 2}
        stored |= {"test_inputs": inputs[:50], "test_targets": np.arange(50) % 2} if has_test else {}
        np.savez(tmp_path / "a.npz", **stored)
        dataset = arrays(str(tmp_path / "a.npz"), rng(), scale=True)
        assert dataset.train.inputs.mean(0).abs().max() < 1e-5
        assert torch.allclose(dataset.train.inputs.std(0, correction=0), torch.ones(3), atol=1e-5)
        if has_test:
            assert torch.equal(dataset.test.inputs, dataset.train.inputs[:50])


SECONDS = 1_700_000_000 + np.arange(48)
IDS = 2**24 + np.arange(2000)


class TestScales:
    @pytest.mark.parametrize(
        ("inputs", "message"),
        [
            (np.stack([np.arange(48.0), SECONDS], axis=1), "the 48 different values of column 1 are 1 in float32"),
            (np.stack([SECONDS, SECONDS * 1000], axis=1), "values of column 0 are 1 in float32.*1 more columns"),
            (IDS[:, None].astype(np.float64), "the 2000 different values of column 0 are 1001 in float32"),
            (IDS[:, None], "the 2000 different values of column 0 are 1001 in float32"),
            (IDS[:, None].astype(np.uint32), "the 2000 different values of column 0 are 1001 in float32"),
            (np.where(np.arange(96)[:, None] < 48, 0, np.tile(SECONDS, 2)[:, None]), "the 49 different .* are 2 in"),
            (
                np.zeros((48, 2, 3)) + (np.arange(6) == 4).reshape(2, 3) * SECONDS[:, None, None],
                r"of column \(1, 1\) are",
            ),
            (np.random.default_rng(0).normal(1e6, 1, size=(300, 1)), "of column 0 are"),
        ],
    )
    def test_values_that_float32_cannot_tell_apart_are_warned_of_with_their_column(
        self, tmp_path, caplog, inputs, message
    ):
        np.savez(tmp_path / "a.npz", inputs=inputs, targets=np.arange(len(inputs)) % 2)
        arrays(str(tmp_path / "a.npz"), rng())
        assert re.search(rf"dataset.path={tmp_path / 'a.npz'}: .*{message}", caplog.text)
        assert "dataset.scale=true" in caplog.text
        caplog.clear()
        arrays(str(tmp_path / "a.npz"), rng(), scale=True)
        assert caplog.text == ""

    @pytest.mark.parametrize(
        "inputs",
        [
            np.random.default_rng(0).normal(size=(20_000, 3)),
            np.random.default_rng(0).uniform(size=(20_000, 2)),
            np.arange(48.0)[:, None] * 86_400 + 1_699_920_000,
            np.arange(48)[:, None],
            np.full((48, 1), 0.1),
            np.random.default_rng(0).normal(size=(48, 3)).astype(np.float32),
        ],
    )
    def test_other_values_are_not(self, tmp_path, caplog, inputs):
        np.savez(tmp_path / "a.npz", inputs=inputs, targets=np.arange(len(inputs)) % 2)
        arrays(str(tmp_path / "a.npz"), rng())
        assert caplog.text == ""

    def test_the_same_is_said_of_modalities_and_of_tables(self, tmp_path, caplog):
        stored = {"voice": np.zeros((48, 2)), "time": SECONDS[:, None].astype(np.float64), "targets": np.arange(48) % 2}
        np.savez(tmp_path / "a.npz", **stored)
        modalities(str(tmp_path / "a.npz"), rng(), scale=False)
        assert "a.npz, time: the 48 different values of column 0 are 1 in float32" in caplog.text
        rows = "".join(f"{second},{'ab'[second % 2]}\n" for second in SECONDS)
        openml_folder(tmp_path, f"@relation r\n@attribute at real\n@attribute class {{a,b}}\n@data\n{rows}")
        openml(1, tmp_path, rng())
        assert "OpenML 1: the 48 different values of column 'at' are 1 in float32" in caplog.text
        caplog.clear()
        modalities(str(tmp_path / "a.npz"), rng())
        openml(1, tmp_path, rng(), scale=True)
        assert caplog.text == ""

    @pytest.mark.parametrize(
        ("factors", "is_warned_of"),
        [([1, 99], False), ([1, 101], True), ([101, 0, -1], True), ([1, 0, 1], False), ([0], False)],
    )
    def test_scales_that_differ_more_than_a_hundred_times_are_warned_of_with_the_key(
        self, tmp_path, caplog, factors, is_warned_of
    ):
        inputs = np.array([[-1.0], [0.5]] * 20) * np.array(factors)
        np.savez(tmp_path / "a.npz", inputs=inputs.astype(np.float32), targets=np.arange(40) % 2)
        arrays(str(tmp_path / "a.npz"), rng())
        assert ("inputs differ in scale" in caplog.text and "dataset.scale=true" in caplog.text) is is_warned_of

    def test_pixels_are_not(self, tmp_path, caplog):
        for inputs in (np.array([[1, 255]] * 40, "uint8"), np.ones((40, 1, 2, 2)) * [[[1, 1000], [1, 1]]]):
            np.savez(tmp_path / "a.npz", inputs=inputs, targets=np.arange(40) % 2)
            arrays(str(tmp_path / "a.npz"), rng())
        assert caplog.text == ""


@pytest.mark.slow
def test_a_name_stands_for_the_path_in_folders_and_the_path_is_not_compared(cli, tmp_path):
    made = np.random.default_rng(0)
    for name in ("a", "b"):
        np.savez(tmp_path / f"{name}.npz", inputs=made.normal(size=(60, 3)), targets=np.arange(60) % 2)
    arguments = ["dataset=arrays", "dataset.name=mine", "num_initial=10", "batch_size=b10", "strategy=random"]
    assert cli(*arguments, "budget=20", "dataset.path=a.npz").code == 0
    done = run_directory(tmp_path / "outputs")
    assert done.parts[-6] == "arrays,name=mine"
    assert (done / "rounds.csv").read_text().splitlines()[1].startswith('"arrays,name=mine",')
    (tmp_path / "a.npz").rename(tmp_path / "moved.npz")
    skipped = cli(*arguments, "budget=20", "dataset.path=nowhere.npz")
    assert skipped.code == 0, skipped.err
    assert "finished before, skipped" in skipped.out
    other = cli(*arguments, "budget=30", "dataset.path=b.npz")
    assert other.code == 1
    assert "the data set is not the one that the finished rounds" in other.err
    assert cli(*arguments, "budget=30", "dataset.path=moved.npz").code == 0
    assert len((done / "rounds.csv").read_text().splitlines()) == 4


@pytest.mark.parametrize("name", ["7", "''", "[a]", "true"])
def test_a_name_is_a_text(cli, name):
    result = cli("dataset=arrays", "dataset.path=a.npz", f"dataset.name={name}")
    assert result.code == 1
    assert "dataset.name=" in result.err
