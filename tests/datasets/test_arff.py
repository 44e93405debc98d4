"""ARFF files are read as they are written."""

import math
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from al_bench.core.errors import DataError
from al_bench.datasets.formats.arff import read_arff
from al_bench.datasets.openml import classes_and_inputs, read_table
from tests.support.tables import TABLE, openml_folder

LISTS = [  # every text is a class, whatever pandas may take it for; in the order of the classes
    ["false", "true"],
    ["FALSE", "TRUE"],
    ["False", "True", "true"],
    ["0", "0.5", "1"],
    ["01", "02", "10"],
    ["-1", "+1"],
    ["02139", "10001", "94107"],
    [".5", "1.5"],
    ["1.", "2.", "3.", "4.", "5.", "7."],
    ["3.1", "3.10", "3.2"],
    ["01", "1", "2"],
    ["01", "1", "1.0"],
    ["-0", "0", "1"],
    ["1000", "1e3"],
    ["0x1", "1"],
    ["10", "1_0"],
    ["NA", "None", "nan"],
    ["#N/A", "<NA>", "NULL", "NaN", "null"],
    ["-inf", "0", "inf"],
    ["1/2/2020", "2020-01-01", "2020-1-1"],
    ["9", "10", "100"],
    ["n", "no", "y", "yes"],
]


def two_columns(kind: str, *cells: str) -> str:
    """A number for each row, and the cells as they are written."""
    rows = "".join(f"{row},{cell}\n" for row, cell in enumerate(cells))
    return f"@relation r\n@attribute x real\n@attribute class {kind}\n@data\n{rows}"


def texts(tmp_path: Path, kind: str, *cells: str) -> list[object]:
    """What the cells of a nominal column are read as; None if missing."""
    frame, _ = read_arff(openml_folder(tmp_path, two_columns(kind, *cells)))
    assert isinstance(frame["class"].dtype, pd.CategoricalDtype)
    return [None if pd.isna(value) else value for value in frame["class"]]


def refusal(tmp_path: Path, content: str) -> str:
    path = openml_folder(tmp_path, content)
    with pytest.raises(DataError) as raised:
        read_arff(path)
    assert str(raised.value).startswith(f"{path}: ")
    return str(raised.value).removeprefix(f"{path}: ")


class TestArff:
    def test_columns_have_the_types_of_the_header_and_the_target_is_called_class(self, tmp_path):
        frame, target = read_arff(openml_folder(tmp_path))
        assert target == "class"
        assert list(frame.columns) == ["a number", "colour", "size", "class", "last"]
        assert frame["a number"].tolist() == [1.5, -2000.0, 3.0, 0.0]
        assert frame["last"].dtype == "float64"
        assert isinstance(frame["colour"].dtype, pd.CategoricalDtype)

    def test_without_a_column_called_class_the_last_is_the_target(self, tmp_path):
        content = TABLE.replace("@attribute class", "@attribute klass")
        assert read_arff(openml_folder(tmp_path, content))[1] == "last"

    @pytest.mark.parametrize(
        ("content", "problem"),
        [
            ("", "there is no @data line"),
            ("@relation r\n@attribute x real\n", "there is no @data line"),
            ("@relation r\n@data\n1\n", "there is no @attribute line"),
            ("@relation r\n@attribute x real\n@data\n", "there are no rows"),
            ("<html>not found</html>\n", "there is no @data line"),
            (TABLE + "1,red,10,yes,7,8\n", "line 15 has 6 values, but the header names 5 columns"),
            (TABLE + "1,red,10,yes\n", "line 15 has 4 values, but the header names 5 columns"),
            (TABLE + "one,red,10,yes,7\n", "line 15: column 'a number' has the value 'one', which is no number"),
            (TABLE + "1.5,red,10,ye,7", "line 15: column 'class' has the value 'ye', which its header does not list"),
            (TABLE + "1.5,'red,10,yes,7", 'line 15: quotation marks that do not enclose a value, at "\'red,10,yes,7"'),
            (TABLE + "1.5,'red'!,10,yes,7", "line 15: quotation marks that do not enclose a value"),
            (TABLE + "1.5,red,10,y\0s,7", "line 15 holds a zero byte"),
            (TABLE + "1.5,red,10,yes,7\x1a\n1.5,red,10,yes,7\n", "line 15: Ctrl-Z, the end of a file, though more"),
            (TABLE.replace("{yes,no}", "{yes,no"), "line 7: a list of values without its end, from 'no' on"),
            (TABLE.replace("INTEGER", "integral"), "line 8: column 'last' is of no type of the format: 'integral'"),
            (TABLE.replace("INTEGER", "INTEGER 0..9"), "line 8: '0..9' after the type of column 'last'"),
            (TABLE.replace("@attribute size", "@attribut size"), "line 6: '@attribut' is nothing that a header holds"),
            (TABLE.replace("@attribute class {yes,no}", "@attribute class"), "line 7: not @attribute with a name and"),
        ],
    )
    def test_a_broken_file_is_named_with_its_line(self, tmp_path, content, problem):
        said = refusal(tmp_path, content)
        assert said.startswith(f"not a readable ARFF file ({problem}")
        assert "https://www.openml.org/search?type=data&id=1" in said

    @pytest.mark.parametrize(
        ("content", "problem"),
        [
            (
                two_columns("{a,b}").replace("\n@data\n", "\n@data\n{0 1, 1 b}\n"),
                "line 5 is sparse data ('{0 1, 1 b}')",
            ),
            (two_columns("{a,b}", "a") + "{}\n", "line 6 is sparse data ('{}')"),
            (two_columns("date 'yyyy-MM-dd'", "'2020-01-01'"), "line 3: column 'class' is of the type date"),
            (two_columns("STRING", "text"), "line 3: column 'class' is of the type string"),
            (
                "@relation r\n@attribute bag relational\n  @attribute x real\n@end bag\n@data\n'1\\n2'\n",
                "line 2: column 'bag' is of the type relational",
            ),
            (two_columns("{a,b}", "a", "b, {0.5}"), "line 6 has an instance weight, {0.5}"),
            (two_columns("{a,b}", "a {2}"), "line 5 has an instance weight, {2}"),
            (two_columns("numeric", "1 {2}"), "line 5 has an instance weight, {2}"),
            (TABLE.replace("colour", "size"), "line 6: there is a column 'size' above; rename one"),
            (two_columns("numeric {2}", "1"), "line 3: column 'class' has a weight, {2}"),
        ],
    )
    def test_what_is_not_read_is_said_by_its_name_and_nobody_is_sent_for_the_file_again(
        self, tmp_path, content, problem
    ):
        said = refusal(tmp_path, content)
        assert said.startswith(problem)
        assert "fetch" not in said
        assert "delete" not in said

    @pytest.mark.parametrize("values", LISTS, ids=",".join)
    def test_the_texts_of_the_header_are_the_classes(self, tmp_path, values):
        cells = [values[-1 - row % len(values)] for row in range(40)]
        openml_folder(tmp_path, two_columns(f"{{{','.join(reversed(values))}}}", *cells))
        classes, _ = classes_and_inputs(1, read_table(1, tmp_path / "openml"))
        assert [values[each] for each in classes] == cells

    def test_many_texts_of_equal_numbers_are_in_the_order_of_their_texts(self, tmp_path):
        """Above 16 values numpy's usual sort is not stable."""
        values = [f"{number}.{'0' * zeros}" for number in (2, 1) for zeros in range(30)]
        openml_folder(tmp_path, two_columns(f"{{{','.join(values)}}}", *values))
        classes, _ = classes_and_inputs(1, read_table(1, tmp_path / "openml"))
        assert [values[each] for each in np.argsort(classes)] == [*values[30:], *values[:30]]

    @pytest.mark.parametrize(
        ("listed", "cells", "expected"),
        [
            ('{"p","p\'","t"}', ["'p'", '"p\'"', "t", "p'", '"p"'], ["p", "p'", "t", "p'", "p"]),
            ("{'5','5\"'}", ["5", "'5\"'", '5"', '"5"'], ["5", '5"', '5"', "5"]),
            (
                "{' <=50K','<=50K'}",
                ["' <=50K'", "<=50K", " <=50K ", '" <=50K"'],
                [" <=50K", "<=50K", "<=50K", " <=50K"],
            ),
            ("{'a,b','a','b'}", ["'a,b'", "a", '"a,b"'], ["a,b", "a", "a,b"]),
            (r"{'it\'s','its'}", [r"'it\'s'", "its", '"it\'s"', "'it''s'"], ["it's", "its", "it's", "it's"]),
            (r'{"say \"x\"",x}', [r'"say \"x\""', "'say \"x\"'", "x"], ['say "x"', 'say "x"', "x"]),
            (
                r"{'a\\b','a\nb','\%','\101','\u00e9'}",
                [r"'a\\b'", r"'a\nb'", "'%'", "A", "é"],
                ["a\\b", "a\nb", "%", "A", "é"],
            ),
            (r"{a\b,'a\\,b'}", [r"a\b", r"'a\\,b'", r"'a\\b'"], ["a\\b", "a\\,b", "a\\b"]),
            ("{'?',''}", ["'?'", "''", "?", "", "? ", '"?"'], ["?", "", None, None, None, "?"]),
            ("{''' x',x}", ["''' x'", "x"], ["' x", "x"]),
            ("{\"a''b\",a'b}", ["\"a''b\"", "a'b"], ["a''b", "a'b"]),
            ("{'\x1f',','}", ["'\x1f'", "','"], ["\x1f", ","]),
            ("{dark blue,red}", ["dark blue", "red ", "\tred"], ["dark blue", "red", "red"]),
            ("{1e3 , x}", ["1e3 ", " x", "1e3"], ["1e3", "x", "1e3"]),
        ],
    )
    def test_quotes_and_blanks_inside_are_part_of_a_value(self, tmp_path, listed, cells, expected):
        assert texts(tmp_path, listed, *cells) == expected

    def test_numbers_may_have_blanks_and_quotes_around_and_be_missing(self, tmp_path):
        cells = ["1e3 ", " 2", "'3'", '" 4 "', "?", "? ", "", "\t", "-.5", "+6.", "INF"]
        frame, _ = read_arff(openml_folder(tmp_path, two_columns("numeric", *cells)))
        expected = [1000, 2, 3, 4, math.nan, math.nan, math.nan, math.nan, -0.5, 6, math.inf]
        assert np.array_equal(frame["class"], expected, equal_nan=True)

    @pytest.mark.parametrize("cell", ["'?'", "''", "1 2", "'1,2'", "0x1", "1_0", "yes", "1e"])
    def test_what_is_no_number_is_none(self, tmp_path, cell):
        said = refusal(tmp_path, two_columns("numeric", "1", cell))
        assert f"line 6: column 'class' has the value {cell.strip(chr(39))!r}, which is no number" in said

    @pytest.mark.parametrize(
        "kind", ["INTEGER[0,9]", "integer [0, 9]", "REAL[0.0,9.0]", "numeric % of {a}", "{7,3}%", "\t{7 , 3} % of 7"]
    )
    def test_types_may_have_ranges_and_comments(self, tmp_path, kind):
        frame, _ = read_arff(openml_folder(tmp_path, two_columns(kind, "7", "3")))
        assert [float(value) for value in frame["class"]] == [7, 3]

    @pytest.mark.parametrize("name", [r"'it\'s'", '"it\'s"', "it's"])
    def test_names_may_be_quoted_and_stand_before_a_brace(self, tmp_path, name):
        content = two_columns("{a,b}", "a", "b").replace("class {", f"{name}{{")
        assert read_arff(openml_folder(tmp_path, content))[1] == "it's"

    @pytest.mark.parametrize(
        "change",
        [
            lambda text: text.replace("\n", "\r\n"),
            lambda text: text.replace("\n", "\t\n"),
            lambda text: text.replace("\n", "\n  % indented, a comment\n"),
            lambda text: text.replace("\n", "\n\n \t\n"),
            lambda text: text.replace("\n", "\n   "),
            lambda text: text + "\x1a",
            lambda text: text + "\x1a\r\n",
            lambda text: text.rstrip("\n") + "\x1a",
            lambda text: "\ufeff" + text,
            lambda text: text.partition("@data")[0] + "@DATA \n" + text.partition("@data\n")[2].replace(",", " "),
            lambda text: text.partition("@data")[0] + "@data\n" + text.partition("@data\n")[2].replace(",", "\t"),
            lambda text: text.partition("@data")[0] + "@data\n" + text.partition("@data\n")[2].replace(",", " , "),
        ],
    )
    def test_lines_may_be_written_in_many_ways(self, tmp_path, change):
        content = two_columns("{a,'b c'}", "a", "'b c'", "?", "a")
        frame, target = read_arff(openml_folder(tmp_path, content))
        path = openml_folder(tmp_path, "", id=2)
        path.write_bytes(change(content).encode())
        other, other_target = read_arff(path)
        assert target == other_target
        pd.testing.assert_frame_equal(frame, other)

    def test_a_file_of_latin_1_is_read(self, tmp_path):
        path = openml_folder(tmp_path, "")
        path.write_bytes(two_columns("{é,e}", *(["e"] * 20_000), "é").encode("latin-1"))
        assert set(read_arff(path)[0]["class"]) == {"e", "é"}

    def test_a_value_may_be_longer_than_a_field_of_csv(self, tmp_path):
        long = "x" * 200_000
        assert texts(tmp_path, f"{{{long},y}}", "y", long, f"'{long}'") == ["y", long, long]
        said = refusal(tmp_path, two_columns("{y}", f"'{long}'"))
        assert "which its header does not list" in said
        assert len(said) < 1000


def quoted(text: str, mark: str, rng: np.random.Generator) -> str:
    """One of the ways to write it between these marks."""
    ways = {"\\": ["\\\\"], mark: [f"\\{mark}", mark * 2], "\t": ["\t", "\\t"]}
    written = (rng.choice([*ways.get(each, [each]), f"\\u{ord(each):04x}"]) for each in text)
    return f"{mark}{''.join(written)}{mark}"


def any_way(text: str, rng: np.random.Generator) -> str:
    """With blanks around, in quotation marks or, where that is possible, without."""
    is_plain = re.fullmatch(r"""[^'"?%{}, \t]([^{},\t]*[^{}, \t])?""", text)
    ways = [quoted(text, "'", rng), quoted(text, '"', rng), *([text] if is_plain else [])]
    return f"{rng.choice(['', ' '])}{rng.choice(ways)}{rng.choice(['', ' ', '  '])}"


@pytest.mark.parametrize("seed", range(30))
def test_whatever_way_a_text_is_written_it_is_the_same(tmp_path, seed):
    rng = np.random.default_rng(seed)
    letters = list("'\", %\\?{}a1.-\tNe")
    values = sorted({"".join(rng.choice(letters, size=rng.integers(6))) for _ in range(8)})
    cells = [values[each] if each < len(values) else None for each in rng.integers(len(values) + 1, size=12)]
    listed = ",".join(any_way(value, rng) for value in values)
    written = [rng.choice(["?", "? ", ""]) if cell is None else any_way(cell, rng) for cell in cells]
    assert texts(tmp_path, f"{{{listed}}}", *written) == cells
