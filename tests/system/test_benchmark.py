"""`scripts/benchmark.py all`: rows, their file, and what is compared; what is measured is stubs here."""

from dataclasses import replace
from io import StringIO
from types import MappingProxyType

import pytest
from benchmarks import bounded, made, tables
from benchmarks.bounded import benchmarks, measured
from benchmarks.rows import Measured, Row, compared, differences, repeated
from rich.console import Console

from al_bench.core.errors import UserError

MEDIAN = Row("stub", "ms", 2.0, 3)


def stubs(value=MEDIAN.value):
    values = iter([value - 1, value + 5, value])
    return {"stubs": lambda: [repeated("stub", "ms", lambda: next(values), most=3)]}


def printed(table) -> str:
    console = Console(width=200, file=StringIO())
    console.print(table)
    return " ".join(console.file.getvalue().split())


def test_what_is_written_is_read(tmp_path):
    found = measured(stubs())
    assert found.rows == [MEDIAN]
    found.write(tmp_path / "new.json")
    assert replace(Measured.read(tmp_path / "new.json"), about=found.about) == found


def test_ratios_and_another_machine_are_told():
    old, new = measured(stubs(4.0)), measured(stubs())
    assert differences(old, new) == []
    other = replace(
        old, about=old.about | {"processor": "Abacus", "threads": 7}, rows=[*old.rows, Row("gone", "s", 1, 1)]
    )
    text = printed(compared(other, new))
    assert "0.50" in text
    assert "gone" in text
    assert f"Not the same processor: Abacus before, {new.about['processor']} now." in text
    assert "Not the same threads: 7 before" in text


def test_what_fails_or_comes_too_late_is_left_out_by_name():
    def fails():
        raise UserError("too many")

    def lacks():
        import skactiveml_of_nobody  # noqa: F401

    found = measured({"fails": fails, "lacks": lacks} | stubs())
    assert found.left_out == {"fails": "too many", "lacks": "not installed: skactiveml_of_nobody"}
    assert found.rows == [MEDIAN]
    assert measured(stubs(), limit=0).left_out == {"stubs": "0 seconds were over"}


def test_the_command(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(tables, "benchmarks", lambda: MappingProxyType(stubs()))

    def command(*arguments):
        monkeypatch.setattr("sys.argv", ["benchmark.py", *map(str, arguments)])
        tables.main()

    old = tmp_path / "old.json"
    command("all", "--json", old)
    command("all", "--compare", old)
    assert "1.00" in capsys.readouterr().out
    old.write_text('{"rows": 3}')
    for wrong, said in (
        (("all", "--compare", old), "--compare takes what --json has written"),
        (("all", "--json", tmp_path / "none" / "new.json"), "there is no folder"),
        (("steps", "--json", old), "are of `all`"),
        (("all", "steps"), "stands alone"),
    ):
        with pytest.raises(SystemExit):
            command(*wrong)
        assert said in capsys.readouterr().err


@pytest.mark.moderate
def test_a_query_is_measured():
    every = benchmarks()
    assert {"query of coreset, n=1400", "query of badge by scikit-activeml", "start-up"} <= {*every}
    (row,) = every["query of random, n=1400"]()
    assert (row.name, row.unit) == ("query of random, n=1400, D=64, B=10", "ms")
    assert 0 < row.value < 1000


@pytest.mark.slow
def test_all_commands_can_read_what_is_made_for_them(monkeypatch):
    assert 2 * len(made.SETTINGS) * len(made.STRATEGIES) == bounded.NUM_RUNS, "two seeds, or nothing is compared"
    for name in ("SETTINGS", "STRATEGIES"):
        monkeypatch.setattr(made, name, getattr(made, name)[:7])  # Random is among them
    monkeypatch.setattr(bounded, "NUM_RUNS", 2 * 7 * 7)
    assert [row.name for row in bounded.analysis()] == [f"{name} of 98 runs" for name in bounded.COMMANDS]
