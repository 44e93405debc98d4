"""A user's own table: numbers and categories as OpenML's, split, scaled, refused with one message."""

from pathlib import Path

import numpy as np
import pytest
import torch

from al_bench.core.errors import DataError
from al_bench.datasets.arrays import arrays
from al_bench.datasets.checks import check_dataset
from al_bench.datasets.formats.columns import ordered
from al_bench.datasets.openml import openml
from al_bench.datasets.table import table
from tests.support.tables import openml_folder, rng


def stored(folder: Path, *lines: str, name: str = "x.csv") -> str:
    (folder / name).write_text("\n".join(lines) + "\n")
    return str(folder / name)


def mixed(num_rows: int = 60) -> list[list[str]]:
    """Numbers in several forms, categories of texts and of numbers, and classes."""
    made = np.random.default_rng(0)
    return [
        [f"{made.normal():.3g}", str(row % 9), ["red", "dark blue", "green"][row % 3], "yes" if row % 4 else "no"]
        for row in range(num_rows)
    ]


def test_a_table_is_what_it_is_as_a_table_of_openml(tmp_path):
    rows = mixed()
    header = "@relation r\n@attribute x real\n@attribute n real\n@attribute c {red,'dark blue',green}\n"
    quoted = "\n".join(",".join(f"'{cell}'" if " " in cell else cell for cell in row) for row in rows)
    openml_folder(tmp_path, f"{header}@attribute class {{yes,no}}\n@data\n{quoted}\n")
    ours = table(stored(tmp_path, "x,n,c,class", *map(",".join, rows)), "class", rng(), test_fraction=0.1)
    theirs = openml(1, tmp_path, rng())
    for part, same in ((ours.train, theirs.train), (ours.test, theirs.test)):
        assert torch.equal(part.inputs, same.inputs)
        assert torch.equal(part.targets, same.targets)


@pytest.mark.parametrize("scale", [False, True])
def test_a_test_set_of_its_own_has_the_categories_and_the_scale_of_the_pool(tmp_path, scale):
    rows = mixed()
    whole = stored(tmp_path, "x,n,c,class", *map(",".join, rows[:40]))
    last = [f"{row[3]},{row[2]},{row[1]},{row[0]}" for row in rows[40:]]  # its columns in another order
    dataset = table(whole, "class", rng(), test_path=stored(tmp_path, "class,c,n,x", *last, name="t.csv"), scale=scale)
    colours = sorted({row[2] for row in rows})
    inputs = np.array([[float(row[0]), float(row[1]), colours.index(row[2])] for row in rows])
    if scale:
        inputs = (inputs - inputs[:40].mean(axis=0)) / inputs[:40].std(axis=0)
    assert np.allclose(dataset.train.inputs, inputs[:40], atol=1e-6)
    assert np.allclose(dataset.test.inputs, inputs[40:], atol=1e-6)
    assert dataset.test.targets.tolist() == [int(row[3] == "yes") for row in rows[40:]]


def test_a_drawn_test_set_is_that_of_the_same_arrays(tmp_path):
    rows = mixed()
    ours = table(
        stored(tmp_path, "x,n,class", *(f"{row[0]},{row[1]},{row[3]}" for row in rows)), "class", rng(), scale=True
    )
    inputs = np.array([[float(row[0]), float(row[1])] for row in rows])
    np.savez(tmp_path / "a.npz", inputs=inputs, targets=[row[3] for row in rows])
    theirs = arrays(str(tmp_path / "a.npz"), rng(), scale=True)
    assert torch.equal(ours.train.inputs, theirs.train.inputs)
    assert torch.equal(ours.test.targets, theirs.test.targets)


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["1", "2.5", "-3e1", " 4 ", ".5"], [1, 2.5, -30, 4, 0.5]),
        (["10", "9", "9.0", "+9", "1e1"], [10, 9, 9, 9, 10]),
        (["b", "a", "c", "b ", "a"], [1, 0, 2, 1, 0]),
        (["1_0", "2", "a", "2", "2"], [0, 1, 2, 1, 1]),
        (["NA", "b", "None", "b", "NA"], [0, 2, 1, 2, 0]),
        (["True", "False", "True", "True", "False"], [1, 0, 1, 1, 0]),
        (["١", "٢", "a", "a", "a"], [1, 2, 0, 0, 0]),
    ],
)
def test_a_column_is_of_numbers_if_all_its_cells_are_else_of_ranks(tmp_path, cells, values):
    lines = [f"{cell},{'ab'[row % 2]}" for row, cell in enumerate(cells)]
    path, tested = stored(tmp_path, "x,y", *lines), stored(tmp_path, "x,y", lines[0], name="t.csv")
    assert table(path, "y", rng(), test_path=tested).train.inputs[:, 0].tolist() == values


def test_classes_and_categories_that_are_numbers_are_in_their_order():
    assert ordered({"10", "9", "1.0", "1"}) == ["1", "1.0", "9", "10"]
    assert ordered({"10", "9", "b"}) == ["10", "9", "b"]


def test_a_slip_among_numbers_is_warned_of_with_its_line(tmp_path, caplog):
    lines = [f"{row}.5,{row % 2},{'ab'[row % 2]}" for row in range(30)]
    lines[17] = "1O.5,0,b"
    table(stored(tmp_path, "x,z,y", *lines), "y", rng())
    assert (
        "x.csv: column 'x' is taken for categories, as '1O.5' in line 19 is no number, though most values"
        in caplog.text
    )
    caplog.clear()
    table(stored(tmp_path, "x,y", *(f"{'pqr'[row % 3]},{row % 2}" for row in range(30))), "y", rng())
    assert caplog.text == ""


def test_scales_far_apart_and_lost_values_are_warned_of(tmp_path, caplog):
    lines = [f"{row},{1_700_000_000 + row},{'ab'[row % 2]}" for row in range(48)]
    table(stored(tmp_path, "x,seconds,y", *lines), "y", rng())
    assert "the 48 different values of column 'seconds' are 1 in float32" in caplog.text
    assert "inputs differ in scale" in caplog.text
    caplog.clear()
    table(stored(tmp_path, "x,seconds,y", *lines), "y", rng(), scale=True)
    assert caplog.text == ""


def lacks(column: str, line: int) -> str:
    return f"@: column {column!r} has no value in 1 of 21 rows (the first: line {line}); fill in or drop them"


BASE = ["1,a,0", "2,b,1"] * 10


def test_classes_may_be_called_as_if_they_were_missing(tmp_path):
    dataset = table(stored(tmp_path, "x,y", *["1,none", "2,na"] * 10), "y", rng())
    assert dataset.num_classes == 2


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (["x,c,kind", *BASE], "dataset.target=y: @ has no such column; known: c, kind, x"),
        (["x,c,y", *BASE, "3,a,"], lacks("y", 22)),
        (["x,c,y", *BASE, ",a,1"], lacks("x", 22)),
        (["x,c,y", "NaN,a,1", *BASE], lacks("x", 2)),
        (["x,c,y", *BASE, "1,?,1"], lacks("c", 22)),
        (["x,c,y", *BASE, "1,a,NaN"], lacks("y", 22)),
        (
            ["x,c,y", *BASE, "1,,0", ",?,1"],
            "@: columns 'x' (1), 'c' (2) have no value in 2 of 22 rows (the first: line 22); fill in or drop them",
        ),
        (
            ["x,c,y", "-inf,a,1", *BASE, "1e400,a,1"],
            "@: column 'x' has no finite value in 2 of 22 rows (the first: line 2); mend or drop them",
        ),
        (["y", "a", "b"], "@: there is no column beside 'y', the target"),
        ([",c,y", *BASE], "@: a column has no name, as the index that pandas writes; name it, or take it out"),
        (["x,x,y", *BASE], "@: 'x' is the name of more than one column; rename them"),
        (["x,c,y", "1,a,0"], "@: column 'y' holds one class, '0'; classification needs two"),
        (
            ["x,y", *(f"1,{row}.5" for row in range(30))],
            "dataset.target=y: 30 different values in 30 rows; to predict numbers would be regression, which al_bench "
            "does not do; drop what is too rare, or choose another column as the target",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_once_with_column_and_line(tmp_path, lines, told):
    path = stored(tmp_path, *lines)
    with pytest.raises(DataError) as caught:
        table(path, "y", rng())
    assert str(caught.value).replace(f"dataset.path={path}", "@") == told


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (["x,y", "1,0"], "dataset.test_path=.*t.csv: its columns are not those of .*x.csv: 'c' is in one alone"),
        (["x,c,d,y", "1,a,b,0"], "dataset.test_path=.*: 'd' is in one alone"),
        (["x,c,y", "1,a,2"], "dataset.test_path=.*t.csv: no row of class '2' is in dataset.path=.*x.csv, the pool"),
        (["x,c,y", "1,a,"], r"dataset.test_path=.*t.csv: column 'y' has no value in 1 of 1 rows \(the first: line 2\)"),
        (["x,c,y"], "dataset.test_path=.*t.csv: there are no rows"),
    ],
)
def test_a_test_set_that_does_not_fit_is_named(tmp_path, lines, told):
    path = stored(tmp_path, "x,c,y", *BASE)
    with pytest.raises(DataError, match=f"^{told}"):
        table(path, "y", rng(), test_path=stored(tmp_path, *lines, name="t.csv"))


def test_numbers_that_float32_cannot_hold_are_refused_before_training(tmp_path):
    path, tested = (stored(tmp_path, "x,c,y", *BASE, "1e300,a,0", name=name) for name in ("x.csv", "t.csv"))
    with pytest.raises(DataError, match="1 of 21 examples of the training pool have missing or infinite inputs"):
        check_dataset(table(path, "y", rng(), test_path=tested))
