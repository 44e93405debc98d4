"""A damaged .npz file is one message where it is a user's, and made again where it is ours."""

import io
import logging
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from al_bench.core.errors import DataError
from al_bench.datasets.arrays import arrays
from al_bench.datasets.openml import _kept_table, read_table
from al_bench.files.npz import read_kept, read_npz, write_kept, write_npz
from al_bench.job.pretraining import kept

GOOD = {
    "inputs": np.random.default_rng(0).normal(size=(60, 3)).astype(np.float32),
    "targets": np.arange(60) % 3,
}
ARFF = "@attribute a numeric\n@attribute b {x,y}\n@attribute class {p,q}\n@data\n1,x,p\n2,y,q\n3,y,p\n"


def member(
    shape: str = "(60, 3)", header: str = "{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}"
) -> bytes:
    text = header.format(shape=shape).encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + GOOD["inputs"].tobytes()


def zipped(path: Path, content: bytes, compression: int = zipfile.ZIP_STORED) -> None:
    targets = io.BytesIO()
    np.save(targets, GOOD["targets"])
    with zipfile.ZipFile(path, "w", compression) as file:
        file.writestr("inputs.npy", content)
        file.writestr("targets.npy", targets.getvalue())


def flipped(path: Path, where: bytes, offset: int, value: int) -> None:
    """Of a whole file, a byte that is so far from the first of some bytes."""
    np.savez_compressed(path, **GOOD)
    content = bytearray(path.read_bytes())
    content[content.index(where) + offset] = value
    path.write_bytes(content)


def encrypted(path: Path) -> None:
    np.savez(path, **GOOD)
    content = path.read_bytes()
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):  # bit 0 of the flags of each member
        parts = content.split(mark)
        content = mark.join([parts[0], *(each[: offset - 4] + b"\x01" + each[offset - 3 :] for each in parts[1:])])
    path.write_bytes(content)


DAMAGES: dict[str, Callable[[Path], object]] = {
    "bits of the data": lambda path: flipped(path, b"PK\x03\x04", 60, 0xFF),
    "a method of compression": lambda path: flipped(path, b"PK\x01\x02", 10, 99),
    "lzma": lambda path: flipped(path, b"PK\x01\x02", 10, 14),
    "bzip2": lambda path: flipped(path, b"PK\x01\x02", 10, 12),
    "a version": lambda path: flipped(path, b"PK\x01\x02", 6, 99),
    "an offset": lambda path: flipped(path, b"PK\x01\x02", 43, 0x7F),
    "lzma, cut": lambda path: zipped(path, member()[:-300], zipfile.ZIP_LZMA),
    "no npy": lambda path: zipped(path, b"a text"),
    "nothing": lambda path: zipped(path, b""),
    "a shape of 10**30": lambda path: zipped(path, member(f"({10**30},)")),
    "a shape of 10**15": lambda path: zipped(path, member(f"({10**15}, 3)")),
    "a negative shape": lambda path: zipped(path, member("(-60, 3)")),
    "a shape of no numbers": lambda path: zipped(path, member("('a', 3)")),
    "no Python": lambda path: zipped(path, member(header="{{'descr'; <f4 {shape}")),
    "nested Python": lambda path: zipped(path, member(header="(" * 9000 + "{shape}")),
    "a call": lambda path: zipped(path, member(header="__import__('os').getcwd() or {shape}")),
    "no letters": lambda path: zipped(path, member(header="\0\0\0{shape}")),
    "a type": lambda path: zipped(path, member(header="{{'descr': 'zz', 'fortran_order': False, 'shape': {shape}, }}")),
    "objects": lambda path: zipped(
        path, member(header="{{'descr': '|O', 'fortran_order': False, 'shape': {shape}, }}")
    ),
    "encrypted": encrypted,
    "cut": lambda path: (np.savez(path, **GOOD), path.write_bytes(path.read_bytes()[:-100])),
    "no zip": lambda path: path.write_bytes(b"PK\x03\x04 and no more"),
    "empty": lambda path: path.write_bytes(b""),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_file_of_the_user_is_one_message_with_key_and_path(tmp_path, damage):
    damage(tmp_path / "a.npz")
    with pytest.raises(DataError) as raised:
        arrays(str(tmp_path / "a.npz"), np.random.default_rng(0))
    assert str(raised.value).startswith(f"dataset.path={tmp_path / 'a.npz'}: not a readable .npz file (")
    assert len(str(raised.value)) < 800
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("seed", range(5))
def test_bits_flipped_anywhere_are_a_message_or_change_nothing(tmp_path, seed):
    rng = np.random.default_rng(seed)
    for save in (np.savez, np.savez_compressed):
        save(tmp_path / "a.npz", **GOOD)
        whole = (tmp_path / "a.npz").read_bytes()
        for _ in range(40):
            content = bytearray(whole)
            content[rng.integers(len(content))] ^= 1 << rng.integers(8)
            (tmp_path / "a.npz").write_bytes(content)
            try:
                read = read_npz(tmp_path / "a.npz")
            except ValueError:
                continue
            assert all(np.array_equal(read[name], GOOD[name]) for name in read.keys() & GOOD.keys())


def table_of(folder: Path) -> dict[str, np.ndarray]:
    (folder / "6.arff").write_text(ARFF)
    return read_table(6, folder)


WRONG_TABLES: dict[str, Callable[[dict], dict]] = {
    "other values": lambda table: table | {"values": table["values"] + 1},
    "not finite": lambda table: table | {"values": np.full_like(table["values"], np.inf)},
    "missing": lambda table: table | {"values": table["values"] * np.nan},
    "another shape": lambda table: table | {"values": table["values"][:, :2]},
    "one dimension": lambda table: table | {"values": table["values"].ravel()},
    "another type": lambda table: table | {"values": table["values"].astype(np.float32)},
    "texts": lambda table: table | {"values": table["values"].astype(str)},
    "bytes": lambda table: table | {"columns": table["columns"].astype(bytes)},
    "another target": lambda table: table | {"target": np.array("z")},
    "more": lambda table: table | {"z": np.array(1)},
    "no columns": lambda table: {name: each for name, each in table.items() if name != "columns"},
    "no md5": lambda table: {name: each for name, each in table.items() if name != "md5"},
    "no format": lambda table: {name: each for name, each in table.items() if name != "format"},
    "a list of formats": lambda table: table | {"format": np.repeat(table["format"], 2)},
}


@pytest.mark.parametrize("change", WRONG_TABLES.values(), ids=WRONG_TABLES)
@pytest.mark.parametrize("digest", ["lacking", "of the table before"])
def test_a_kept_table_that_is_not_as_it_was_is_made_again(tmp_path, change, digest):
    table = table_of(tmp_path)
    stored = read_npz(tmp_path / "6.npz")
    changed = change(table)
    if digest != "lacking":
        changed |= {name: each for name, each in stored.items() if name not in table}
    write_npz(tmp_path / "6.npz", changed)
    if digest == "lacking" and "values" in changed and change is WRONG_TABLES["other values"]:
        pytest.skip("of one that has no digest nobody can tell")
    assert np.array_equal(read_table(6, tmp_path)["values"], table["values"])
    assert read_npz(tmp_path / "6.npz").keys() == stored.keys()


def test_a_kept_table_without_a_digest_is_believed_if_all_else_fits(tmp_path):
    table = table_of(tmp_path)
    write_npz(tmp_path / "6.npz", table)
    assert _kept_table(tmp_path / "6.npz", str(table["md5"]), None) is not None


def test_one_with_missing_values_is_kept(tmp_path):
    (tmp_path / "6.arff").write_text(ARFF.replace("2,y,q", "?,y,q"))
    table = read_table(6, tmp_path)
    assert np.isnan(table["values"][1, 0])
    assert _kept_table(tmp_path / "6.npz", str(table["md5"]), None) is not None


WEIGHTS = {"a.weight": torch.arange(6.0).reshape(2, 3), "a.num": torch.tensor(3)}
WRONG_WEIGHTS: dict[str, Callable[[dict], dict]] = {
    "not finite": lambda weights: weights | {"a.weight": weights["a.weight"] * np.nan},
    "another shape": lambda weights: weights | {"a.weight": weights["a.weight"].T},
    "another type": lambda weights: weights | {"a.weight": weights["a.weight"].astype(np.float64)},
    "texts": lambda weights: weights | {"a.weight": weights["a.weight"].astype(str)},
    "another name": lambda weights: {"b.weight": weights["a.weight"], "a.num": weights["a.num"]},
    "one more": lambda weights: weights | {"b": weights["a.num"]},
    "one less": lambda weights: {"a.num": weights["a.num"]},
}


def relearned(path: Path, has_rounds: bool = False) -> bool:
    calls = []
    weights = kept(path, WEIGHTS, has_rounds, lambda: (calls.append(1), WEIGHTS)[1])
    assert weights.keys() == WEIGHTS.keys()
    assert all(torch.equal(weights[name], WEIGHTS[name]) for name in WEIGHTS)
    return bool(calls)


class TestPretrained:
    @pytest.mark.parametrize("change", WRONG_WEIGHTS.values(), ids=WRONG_WEIGHTS)
    def test_weights_that_cannot_be_the_networks_are_learned_again(self, tmp_path, change, caplog):
        path = tmp_path / "ab.npz"
        write_kept(path, change({name: weight.numpy() for name, weight in WEIGHTS.items()}))
        assert relearned(path)
        assert caplog.text.count("is damaged") == 1
        assert not relearned(path)

    def test_so_are_other_values_under_a_digest(self, tmp_path):
        path = tmp_path / "ab.npz"
        assert relearned(path)
        stored = read_npz(path)
        write_npz(path, stored | {"a.weight": stored["a.weight"] + 1})
        assert relearned(path)

    @pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
    def test_so_is_whatever_cannot_be_read(self, tmp_path, damage):
        damage(tmp_path / "ab.npz")
        assert relearned(tmp_path / "ab.npz")

    def test_without_a_digest_they_are_believed_if_all_else_fits(self, tmp_path):
        write_npz(tmp_path / "ab.npz", {name: weight.numpy() for name, weight in WEIGHTS.items()})
        assert not relearned(tmp_path / "ab.npz")
        assert read_kept(tmp_path / "ab.npz")[1] is False

    @pytest.mark.parametrize("is_damaged", [False, True])
    def test_under_a_run_with_rounds_it_is_said(self, tmp_path, is_damaged, caplog):
        if is_damaged:
            (tmp_path / "ab.npz").write_bytes(b"damaged")
        assert relearned(tmp_path / "ab.npz", has_rounds=True)
        assert "the rounds so far started from weights" in caplog.text
        caplog.clear()
        assert not relearned(tmp_path / "ab.npz", has_rounds=True)
        assert not [each for each in caplog.records if each.levelno >= logging.WARNING]
