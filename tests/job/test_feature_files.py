"""Features of a frozen network: computed once for a set of rows, kept in whole files, and never taken for others."""

import json
import logging
import multiprocessing
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from al_bench.core.errors import ConfigError, DataError
from al_bench.job.features import files as feature_files
from al_bench.job.features.files import Distinct, digest_of, kept_features
from tests.support.extractors import Tiny

ROWS = torch.randn(50, 5, generator=torch.Generator().manual_seed(1))
TEXTS = tuple(f"{letter}{'x' * (place % 7)} card" for place, letter in enumerate("abcdefghijklmnop"))


@pytest.fixture(autouse=True)
def _small_files(monkeypatch):
    monkeypatch.setattr(feature_files, "ROWS_OF_A_FILE", 20)


@pytest.fixture
def calls() -> list[int]:
    return []


def kept(folder: Path, rows, extractor: Tiny, **options) -> torch.Tensor:
    depends_on = {"weights": digest_of(extractor.weights()), "options": options}
    return kept_features("tiny", extractor, rows, depends_on, folder, "cpu")


def files(folder: Path) -> list[Path]:
    return sorted((folder / "features").rglob("*.npz"))


@pytest.mark.parametrize("rows", [ROWS, TEXTS], ids=["numbers", "texts"])
def test_they_are_those_of_each_row_by_itself(tmp_path, rows):
    one_by_one = [Tiny()(rows[place : place + 1], "cpu")[0] for place in range(len(rows))]
    expected = torch.stack(one_by_one)
    for _ in range(2):
        found = kept(tmp_path, rows, Tiny())
        assert found.dtype == torch.float32
        assert torch.allclose(found, expected, atol=1e-3, rtol=0)
    exact = kept(tmp_path, rows, Tiny(dtype="float32"), dtype="float32")
    assert torch.allclose(exact, expected, atol=1e-6, rtol=0)
    assert not torch.equal(exact, found)


@pytest.mark.parametrize("rows", [ROWS, TEXTS], ids=["numbers", "texts"])
def test_rows_in_another_order_and_copies_of_them_are_found(tmp_path, calls, rows):
    first = kept(tmp_path, rows, Tiny(called=calls.append))
    assert sum(calls) == len(rows)
    order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(3)).tolist()
    order += order[:4]
    shuffled = tuple(rows[place] for place in order) if isinstance(rows, tuple) else rows[order]
    again = kept(tmp_path, shuffled, Tiny(called=calls.append))
    assert sum(calls) == len(rows)
    assert torch.equal(again, first[order])


def test_files_hold_so_many_rows_in_float16_and_no_pickles(tmp_path):
    kept(tmp_path, ROWS, Tiny())
    held = [np.load(path, allow_pickle=False) for path in files(tmp_path)]
    assert [each["features"].shape for each in held] == [(20, 3), (20, 3), (10, 3)]
    assert {each["features"].dtype.name for each in held} == {"float16"}


@pytest.mark.parametrize("changed", ["rows", "weights", "options", "kind"])
def test_others_are_computed_whatever_they_are_called(tmp_path, calls, changed):
    kept(tmp_path, ROWS, Tiny(called=calls.append), size=1)
    rows = {"rows": ROWS[1:], "kind": ROWS.reshape(50, 5, 1)}.get(changed, ROWS)
    extractor = Tiny(seed=int(changed == "weights"), called=calls.append)
    if changed == "kind":
        extractor.__class__ = type("OfOther", (Tiny,), {"__call__": lambda self, rows, device: rows[:, :3, 0]})
        kept(tmp_path, rows, extractor, size=1)
    else:
        kept(tmp_path, rows, extractor, size=1 + (changed == "options"))
        assert sum(calls) == len(ROWS) + len(rows)
    assert len({path.parent for path in files(tmp_path)}) == 2


def test_distinct_rows_are_a_set(tmp_path):
    swapped = torch.cat([ROWS[25:], ROWS[:25], ROWS[:1]])
    assert Distinct.of(ROWS).digest == Distinct.of(swapped).digest
    assert len(Distinct.of(swapped).firsts) == 50
    others = [ROWS[:49], ROWS.double(), ROWS.reshape(50, 1, 5), ("a", "b"), ("ab",), ("b", "a", "c")]
    assert len({Distinct.of(each).digest for each in [ROWS, *others]}) == 7
    assert Distinct.of(("a", "b")).digest == Distinct.of(("b", "a", "b")).digest


@pytest.mark.parametrize("num_calls", range(1, 8))
def test_a_killed_start_leaves_whole_files_and_the_next_one_goes_on(tmp_path, calls, num_calls):
    expected = kept(tmp_path / "undisturbed", ROWS, Tiny())

    def killed(number: int) -> None:
        calls.append(number)
        if len(calls) == num_calls:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        kept(tmp_path, ROWS, Tiny(called=killed))
    done = sum(len(np.load(path)["features"]) for path in files(tmp_path) if path.is_relative_to(tmp_path / "features"))
    for path in [*(tmp_path / "features").glob("tiny-*")]:  # as a kill within writing leaves
        (path / ".00000040.npz.0a0a0a0a.partial").write_bytes(b"half")
    calls.clear()
    assert torch.equal(kept(tmp_path, ROWS, Tiny(called=calls.append)), expected)
    assert sum(calls) == 50 - done
    assert not [*tmp_path.rglob("*.partial")]
    ours, theirs = (files(folder) for folder in (tmp_path / "features", tmp_path / "undisturbed"))
    ours = sorted((tmp_path / "features").rglob("*.npz"))
    assert [path.read_bytes() for path in ours] == [path.read_bytes() for path in theirs]


@pytest.mark.parametrize("wrong", ["other data", "other weights", "another part", "no features", "cut", "no zip"])
def test_a_file_of_something_else_is_neither_used_nor_overwritten(tmp_path, calls, wrong):
    kept(tmp_path, ROWS, Tiny())
    first = files(tmp_path)[0]
    if wrong in ("other data", "other weights"):
        other = tmp_path / "other"
        kept(other, ROWS * 2 if wrong == "other data" else ROWS, Tiny(seed=int(wrong == "other weights")))
        shutil.copy(files(other)[0], first)
        key = {"other data": "rows", "other weights": "weights"}[wrong]
        told = rf"holds features of something else \(they differ in: {key}\), and is not used; move it away"
    elif wrong == "another part":
        shutil.copy(files(tmp_path)[1], first)
        told = r"\(they differ in: file\)"
    elif wrong == "no features":
        np.savez(first, features=np.zeros((20, 3), dtype=np.float16))
        told = "holds features of something else"
    else:
        first.write_bytes(first.read_bytes()[:-30] if wrong == "cut" else b"hello")
        told = "is damaged .*, and is not used; delete it, and it is made again"
    before = first.read_bytes()
    with pytest.raises(DataError, match=told) as error:
        kept(tmp_path, ROWS, Tiny(called=calls.append))
    assert str(first) in str(error.value)
    assert (first.read_bytes(), calls) == (before, [])


def test_values_changed_in_a_file_are_noticed(tmp_path):
    kept(tmp_path, ROWS, Tiny())
    first = files(tmp_path)[0]
    held = dict(np.load(first))
    held["features"][0, 0] += 1
    np.savez(first, **held)
    with pytest.raises(DataError, match="its digest is not that of its arrays"):
        kept(tmp_path, ROWS, Tiny())


class Odd(Tiny):
    def __init__(self, given, **arguments) -> None:
        super().__init__(**arguments)
        self.given = given

    def __call__(self, rows, device):
        return self.given(super().__call__(rows, device))


def refuse(features: torch.Tensor) -> torch.Tensor:
    raise RuntimeError("mat1 and mat2 shapes cannot be multiplied\nmore")


@pytest.mark.parametrize(
    ("given", "error", "told"),
    [
        (lambda features: features * 1e6, DataError, "which float16 cannot hold; say features.dtype=float32"),
        (lambda features: features / 0, DataError, "some are missing or infinite"),
        (lambda features: features[1:], DataError, r"of 8 rows they are \(7, 3\); a tensor \(8, D\) is needed"),
        (lambda features: features[:, None], DataError, r"\(8, 1, 3\)"),
        (lambda features: features.numpy(), DataError, "of 8 rows they are ndarray"),
        (refuse, ConfigError, "they cannot be made of 8 rows: mat1 and mat2 shapes cannot be multiplied$"),
    ],
)
def test_what_is_no_features_is_refused_and_not_kept(tmp_path, given, error, told):
    with pytest.raises(error, match=told):
        kept(tmp_path, ROWS, Odd(given))
    assert files(tmp_path) == []


def test_large_values_are_kept_in_float32(tmp_path):
    large = Odd(lambda features: features * 1e6, dtype="float32")
    assert kept(tmp_path, ROWS, large).abs().max() > 1e5


def test_the_digest_of_weights_is_of_their_values(tmp_path):
    weight = torch.arange(4.0)
    (tmp_path / "weights").write_bytes(b"abc")
    (tmp_path / "others").write_bytes(b"abd")
    different = [
        [("a", weight)],
        [("b", weight)],
        [("a", weight + 1)],
        [("a", weight.double())],
        [("a", weight.reshape(2, 2))],
        [("a", weight), ("b", weight)],
        [("a", tmp_path / "weights")],
        [("a", tmp_path / "others")],
        [("a", torch.tensor(1))],
        [],
    ]
    assert len({digest_of(each) for each in different}) == len(different)
    assert digest_of([("a", torch.arange(4.0))]) == digest_of(different[0])
    assert digest_of([("a", torch.arange(8.0)[::2])]) == digest_of([("a", 2 * weight)])


def test_they_are_used_though_they_cannot_be_kept(tmp_path, caplog):
    caplog.set_level("INFO")
    (tmp_path / "features").write_text("a file where the folder belongs")
    assert kept(tmp_path, ROWS, Tiny()).shape == (50, 3)
    assert "is not kept" in caplog.text
    assert "kept in" not in caplog.text


@pytest.mark.parametrize("is_known_before", [True, False])
def test_who_wants_them_kept_is_told_that_they_cannot_be(tmp_path, monkeypatch, calls, is_known_before):
    """A folder that cannot be made is known before any time is spent, a disk that fills up is not."""
    if is_known_before:
        (tmp_path / "features").write_text("a file where the folder belongs")
    else:
        monkeypatch.setattr(feature_files, "write_kept", lambda path, arrays: None)
    depends_on = {"weights": "none"}
    with pytest.raises(DataError, match=r"features/tiny-\w+ cannot hold them.*data_dir="):
        kept_features("tiny", Tiny(called=calls.append), ROWS, depends_on, tmp_path, "cpu", must_keep=True)
    assert bool(calls) is not is_known_before


def _in_a_process(folder: Path, counted: Path, ready) -> None:
    def called(number: int) -> None:
        with counted.open("a") as file:
            file.write(f"{number}\n")

    logging.basicConfig(filename=folder / "log", level=logging.INFO, force=True)
    feature_files.ROWS_OF_A_FILE = 500
    rows = torch.randn(3000, 5, generator=torch.Generator().manual_seed(1))
    ready.wait()
    kept(folder, rows, Tiny(called=called))


@pytest.mark.slow
def test_processes_at_once_compute_them_once_and_the_others_say_that_they_wait(tmp_path):
    fork = multiprocessing.get_context("fork")
    ready = fork.Barrier(3)
    processes = [
        fork.Process(target=_in_a_process, args=(tmp_path, tmp_path / "counted", ready)) for _ in range(ready.parties)
    ]
    for each in processes:
        each.start()
    for each in processes:
        each.join()
        assert each.exitcode == 0
    assert sum(map(int, (tmp_path / "counted").read_text().split())) == 3000
    assert "waiting for another process that is at it" in (tmp_path / "log").read_text()


def test_how_far_it_is_is_told_once_a_minute(tmp_path, monkeypatch, caplog):
    seconds = iter(range(0, 10_000, 25))
    monkeypatch.setattr("al_bench.job.features.extracting.time", SimpleNamespace(perf_counter=lambda: next(seconds)))
    with caplog.at_level("INFO"):
        kept(tmp_path, ROWS, Tiny())
    told = [record.message for record in caplog.records if "rows" in record.message]
    assert told == ["features by tiny: 20 of 50 rows, 2 min left", "features by tiny: 40 of 50 rows, 38 s left"]


def test_meta_is_plain_text(tmp_path):
    kept(tmp_path, ROWS, Tiny(), size=3)
    meta = json.loads(str(np.load(files(tmp_path)[1])["meta"]))
    assert (meta["options"], meta["file"]) == ({"size": 3}, "00000020.npz")
    assert meta["weights"] == digest_of(Tiny().weights())
