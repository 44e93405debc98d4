"""Data sets of several modalities: multiple_features and a user's own."""

from pathlib import Path

import numpy as np
import pytest
import torch

from al_bench.core.data import Dataset, Examples
from al_bench.core.errors import DataError
from al_bench.datasets.arrays import arrays
from al_bench.datasets.checks import check_dataset, digest
from al_bench.datasets.modalities import modalities
from al_bench.datasets.multiple_features import IDS, multiple_features
from tests.conftest import real_data
from tests.support.tables import openml_folder, rng


def views_folder(folder: Path, num_rows: int = 100) -> Path:
    """Tables of the six views with one to six columns, whose values tell the view, the row and the class."""
    for position, id in enumerate(IDS.values()):
        attributes = "".join(f"@attribute x{i} real\n" for i in range(position + 1))
        rows = "\n".join(
            ",".join(str(1000 * position + row + i / 10) for i in range(position + 1)) + f",{row % 4 + 1}"
            for row in range(num_rows)
        )
        openml_folder(folder, f"@relation v\n{attributes}@attribute class {{1,2,3,4}}\n@data\n{rows}\n", id)
    return folder


class TestMultipleFeatures:
    def test_the_views_stand_side_by_side_row_by_row(self, tmp_path):
        dataset = multiple_features(views_folder(tmp_path), rng(), scale=False)
        assert dict(dataset.modalities) == dict(zip(IDS, range(1, 7), strict=True))
        for part in (dataset.train, dataset.test):
            rows = part.inputs[:, 0].round()
            assert torch.equal(rows.long() % 4, part.targets)
            columns = [1000 * view + i / 10 for view in range(6) for i in range(view + 1)]
            assert torch.allclose(part.inputs, rows[:, None] + torch.tensor(columns))

    @pytest.mark.parametrize("names", [["fourier"], ["zernike", "fourier"], list(IDS)])
    def test_some_views_are_those_columns_of_all_under_the_same_split(self, tmp_path, names):
        folder = views_folder(tmp_path)
        whole, some = (multiple_features(folder, rng(), each) for each in (None, names))
        assert list(some.modalities) == names
        starts = dict(zip(IDS, np.cumsum([0, *whole.modalities.values()]), strict=False))
        columns = [starts[name] + i for name in names for i in range(whole.modalities[name])]
        assert torch.equal(some.train.inputs, whole.train.inputs[:, columns])
        assert torch.equal(some.test.inputs, whole.test.inputs[:, columns])
        assert torch.equal(some.test.targets, whole.test.targets)

    def test_scaled_columns_have_mean_0_and_variance_1_over_the_pool(self, tmp_path):
        dataset = multiple_features(views_folder(tmp_path), rng())
        assert dataset.train.inputs.mean(0).abs().max() < 1e-3
        assert torch.allclose(dataset.train.inputs.var(0, correction=0), torch.ones(21), atol=1e-3)

    @pytest.mark.parametrize("change", ["order", "number"])
    def test_tables_that_are_not_of_the_same_digits_are_an_error(self, tmp_path, change):
        folder = views_folder(tmp_path)
        path = folder / "openml" / "18.arff"
        header, _, rows = path.read_text().partition("@data\n")
        kept = rows.splitlines()[1:] if change == "number" else [*rows.splitlines()[1:], rows.splitlines()[0]]
        path.write_text(f"{header}@data\n" + "\n".join(kept))
        with pytest.raises(
            DataError, match=r"factors \(OpenML 12, 100 rows\) and morphological \(OpenML 18, \d+ rows\)"
        ):
            multiple_features(folder, rng())
        assert len(multiple_features(folder, rng(), ["morphological"]).modalities) == 1

    @pytest.mark.parametrize(
        ("names", "message"),
        [
            ("[fourrier]", "dataset.modalities[0]=[fourrier]: input should be 'factors', 'fourier',"),
            ("[]", "dataset.modalities=[]: list should have at least 1 item"),
            ("[pixel,fourier,pixel]", "dataset.modalities=[pixel,fourier,pixel]: pixel is named more than once"),
            ("fourier", "dataset.modalities=fourier: input should be a valid array"),
        ],
    )
    def test_names_that_cannot_be_are_errors_before_anything_is_read(self, cli, names, message):
        result = cli("dataset=multiple_features", f"dataset.modalities={names}")
        assert result.code == 1
        assert message in result.err

    def test_the_real_tables(self):
        real_data("openml", "14.arff")
        dataset = multiple_features(real_data("openml"), rng())
        assert dict(dataset.modalities) == dict(zip(IDS, (216, 76, 64, 6, 240, 47), strict=True))
        assert dataset.train.targets.bincount().add(dataset.test.targets.bincount()).tolist() == [200] * 10
        nearest = torch.cdist(dataset.test.inputs, dataset.train.inputs).argmin(1)
        assert (dataset.train.targets[nearest] == dataset.test.targets).float().mean() > 0.95


def two_modalities(num_rows: int = 60) -> dict[str, np.ndarray]:
    made = np.random.default_rng(0)
    return {
        "face": made.integers(256, size=(num_rows, 3, 2), dtype=np.uint8),
        "voice": made.normal(size=(num_rows, 4)) * 100,
        "targets": np.array(["sad", "glad", "mad"] * (num_rows // 3)),
    }


class TestModalities:
    def build(self, tmp_path: Path, arrays: dict[str, np.ndarray], *names: str, **options: object) -> Dataset:
        np.savez(tmp_path / "m.npz", **arrays)
        return modalities(str(tmp_path / "m.npz"), rng(), list(names) or None, **options)

    def test_arrays_stand_side_by_side_flattened_bytes_from_0_to_1(self, tmp_path):
        stored = two_modalities()
        dataset = self.build(tmp_path, stored, scale=False)
        assert dict(dataset.modalities) == {"face": 6, "voice": 4}
        face, voice = dataset.train.inputs[:, :6], dataset.train.inputs[:, 6:]
        rows = [int(np.abs(stored["voice"] - each.numpy()).sum(1).argmin()) for each in voice]
        assert len(set(rows)) == len(dataset.train) == 48
        assert np.allclose(voice, stored["voice"][rows])
        assert np.allclose(face, stored["face"][rows].reshape(-1, 6) / 255)
        assert [["glad", "mad", "sad"][target] for target in dataset.train.targets] == stored["targets"][rows].tolist()

    def test_they_are_scaled_unless_told_otherwise(self, tmp_path):
        inputs = self.build(tmp_path, two_modalities()).train.inputs
        assert torch.allclose(inputs.var(0, correction=0), torch.ones(10), atol=1e-3)

    def test_a_choice_in_its_order_under_the_same_split(self, tmp_path):
        whole = self.build(tmp_path, two_modalities())
        other = self.build(tmp_path, two_modalities(), "voice", "face")
        assert list(other.modalities) == ["voice", "face"]
        assert torch.equal(other.test.inputs, whole.test.inputs[:, [6, 7, 8, 9, 0, 1, 2, 3, 4, 5]])
        assert self.build(tmp_path, two_modalities(), "voice").input_shape == (4,)

    def test_a_test_set_in_the_file_has_the_modalities_in_the_order_that_is_asked_for(self, tmp_path):
        stored = two_modalities()
        test = {f"test_{name}": array[:9] for name, array in stored.items()}
        dataset = self.build(tmp_path, stored | test, "voice", "face")
        assert torch.equal(dataset.test.inputs, dataset.train.inputs[:9])

    @pytest.mark.parametrize(
        "other",
        [np.full((60, 2), np.nan), np.arange(60), np.array([{"name": "a"}] * 60), np.zeros((7, 3))],
        ids=["missing values", "one number each", "Python objects", "other rows"],
    )
    @pytest.mark.parametrize("has_test", [True, False])
    def test_what_is_not_chosen_may_be_anything(self, tmp_path, other, has_test):
        stored = two_modalities()
        stored |= {f"test_{name}": array[:9] for name, array in stored.items()} if has_test else {}
        expected = self.build(tmp_path, stored, "voice")
        dataset = self.build(tmp_path, stored | {"other": other}, "voice")
        assert torch.equal(dataset.train.inputs, expected.train.inputs)
        assert torch.equal(dataset.test.inputs, expected.test.inputs)
        assert dict(dataset.modalities) == {"voice": 4}
        with pytest.raises(DataError, match="other"):
            self.build(tmp_path, stored | {"other": other})

    @pytest.mark.parametrize("has_test", [True, False])
    def test_what_is_large_beside_its_differences_is_scaled_before_it_becomes_float32(self, tmp_path, has_test):
        small, large = two_modalities(), two_modalities()
        large["voice"] = large["voice"].astype(np.float64) + 1.7e9
        for stored in (small, large) if has_test else ():
            stored |= {f"test_{name}": array[:9] for name, array in stored.items()}
        expected, dataset = (self.build(tmp_path, stored, "voice") for stored in (small, large))
        assert torch.allclose(dataset.train.inputs, expected.train.inputs, atol=1e-4)
        assert torch.allclose(dataset.test.inputs, expected.test.inputs, atol=1e-4)
        assert dataset.train.inputs.dtype == dataset.test.inputs.dtype == torch.float32

    def test_a_modality_may_have_a_name_like_that_of_the_targets(self, tmp_path):
        stored = two_modalities() | {"my_targets": np.zeros((60, 2))}
        assert list(self.build(tmp_path, stored).modalities) == ["face", "voice", "my_targets"]

    def test_a_test_set_in_the_file_is_the_test_set_scaled_as_the_pool(self, tmp_path):
        stored = two_modalities()
        test = {f"test_{name}": array[:9] for name, array in stored.items()}
        dataset = self.build(tmp_path, stored | test)
        assert len(dataset.train) == 60
        assert torch.equal(dataset.test.inputs, dataset.train.inputs[:9])
        assert torch.equal(dataset.test.targets, dataset.train.targets[:9])

    @pytest.mark.parametrize(
        ("change", "names", "message"),
        [
            ({}, ["voise"], "dataset.modalities: .*m.npz has no modality 'voise'; did you mean 'voice'"),
            (
                {"voice": np.zeros((59, 4))},
                [],
                "voice has 59 rows but targets has 60; row r of each must be of the same",
            ),
            ({"voice": np.zeros((60, 0))}, [], r"voice is float64 of shape \(60, 0\)"),
            ({"voice": np.array(["a"] * 60)}, [], "voice is <U1"),
            (
                {"targets": np.array(["sad", "mad", "glad"] * 20, dtype=object)},
                ["voice"],
                r"m.npz: not a readable .npz file \(targets: Object arrays.*`.astype\(str\)` makes text of them",
            ),
            ({"targets": None}, [], r"has the arrays \['face', 'voice'\]; it needs `targets`"),
            ({"face": None, "voice": None}, [], "it needs `targets`"),
            ({"test_face": np.zeros((2, 3, 2)), "test_targets": ["sad", "mad"]}, [], "it needs `targets`"),
            (
                {"voice": np.where(np.arange(240).reshape(60, 4) == 30, 1e39, 1.0)},
                [],
                r"voice has missing or infinite values in 1 of 60 rows \(the first: row 7\)",
            ),
            (
                {"voice": np.where(np.arange(240).reshape(60, 4) == 30, np.nan, 1.0)},
                [],
                r"voice has missing or infinite values in 1 of 60 rows \(the first: row 7\)",
            ),
            (
                {
                    "test_face": np.zeros((2, 3, 2), "int64"),
                    "test_voice": np.zeros((2, 4)),
                    "test_targets": ["sad", "mad"],
                },
                [],
                "face is uint8, test_face int64; uint8 is scaled to 0 .. 1",
            ),
            (
                {
                    "test_face": np.zeros((2, 3, 2), "uint8"),
                    "test_voice": np.zeros((2, 5)),
                    "test_targets": ["sad", "mad"],
                },
                [],
                r"an example of voice has shape \(4,\), one of test_voice \(5,\)",
            ),
            (
                {
                    "test_face": np.zeros((2, 3, 2), "uint8"),
                    "test_voice": np.zeros((3, 4)),
                    "test_targets": ["sad", "mad"],
                },
                [],
                "test_voice has 3 rows but test_targets has 2",
            ),
        ],
    )
    def test_what_does_not_fit_is_named(self, tmp_path, change, names, message):
        stored = {name: array for name, array in (two_modalities() | change).items() if array is not None}
        with pytest.raises(DataError, match=message):
            self.build(tmp_path, stored, *names)

    @pytest.mark.parametrize(
        ("names", "message"), [("[]", "at least 1 item"), ("[voice,voice]", "voice is named more than once")]
    )
    def test_names_that_cannot_be_are_errors(self, cli, names, message):
        result = cli("dataset=modalities", "dataset.path=x.npz", f"dataset.modalities={names}")
        assert result.code == 1
        assert message in result.err

    def test_arrays_says_where_several_kinds_of_inputs_belong(self, tmp_path):
        np.savez(tmp_path / "a.npz", **two_modalities())
        with pytest.raises(DataError, match="for more than one kind of inputs say dataset=modalities"):
            arrays(str(tmp_path / "a.npz"), rng())

    @pytest.mark.slow
    def test_a_run(self, cli, tmp_path):
        np.savez(tmp_path / "m.npz", **two_modalities(300))
        result = cli(
            *("dataset=modalities", "dataset.path=m.npz", "dataset.modalities=[voice]", "model=fusion"),
            *("strategy=joint", "batch_size=b10", "num_initial=20", "budget=40", "model.max_epochs=3"),
        )
        assert result.code == 0, result.err
        (path,) = (tmp_path / "outputs").rglob("rounds.csv")
        assert path.parts[-6] == "fusion,max_epochs=3"
        assert "modalities=[voice]" in str(path)


@pytest.mark.parametrize(
    ("sizes", "shape", "is_right"),
    [([2, 3], (5,), True), ([2, 2], (5,), False), ([5, 0], (5,), False), ([12], (3, 4), False)],
)
def test_modalities_must_be_all_columns(sizes, shape, is_right):
    part = Examples(torch.zeros(4, *shape), torch.tensor([0, 1, 0, 1]))
    dataset = Dataset(part, part, 2, modalities={f"m{i}": size for i, size in enumerate(sizes)})
    if is_right:
        check_dataset(dataset)
        return
    with pytest.raises(DataError, match="the modalities have m0"):
        check_dataset(dataset)


def test_two_data_sets_with_other_modalities_are_two():
    part = Examples(torch.zeros(4, 5), torch.tensor([0, 1, 0, 1]))
    made = [
        Dataset(part, part, 2, modalities=each) for each in ({}, {"a": 2, "b": 3}, {"a": 3, "b": 2}, {"b": 2, "a": 3})
    ]
    assert len({digest(each) for each in made}) == 4
