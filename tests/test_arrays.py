"""A user's own arrays in an `.npz` file."""

import numpy as np
import pytest
import torch

from al_bench.datasets.arrays import arrays
from al_bench.errors import DataError
from tests.tables import rng


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
