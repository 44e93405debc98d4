"""What a dry run shows is legible at 80 columns, however long labels are."""

from io import StringIO

import pytest
from rich.console import Console

from al_bench.sweeps import dry_run

LONG = "openml_182,max_pool_size=10000,scale=true · mlp,optimizer.lr=0.001,training=regularised,width=256 · b6 · seen=6"


@pytest.mark.parametrize(
    "name", ["badge", "joint,entropy_weight=0.3,ramp_epochs=10,unlabelled_minibatch_size=256,query=badge"]
)
def test_a_setting_is_a_line_of_its_own_above_its_strategies_and_nothing_is_cut(name):
    rows = {
        LONG: [(name, "", "0-9", "12 min", "1.5 MB"), ("random", "0-4", "5-9", "~1.5 h+*", "0.5 MB+")],
        "digits · mlp · b10": [("random", "", "0-9", "?", "?")],
    }
    console = Console(file=StringIO(), width=80)
    dry_run._show_rows(rows, console)
    text = console.file.getvalue()
    lines = [line.rstrip() for line in text.splitlines()]
    assert max(map(len, lines)) <= 80
    assert "…" not in text
    assert " ".join(lines).count(LONG) == 1
    start = lines.index("openml_182,max_pool_size=10000,scale=true ·")
    assert lines[start + 1] == "mlp,optimizer.lr=0.001,training=regularised,width=256 · b6 · seen=6"
    of_first = lines[start + 2 : lines.index("digits · mlp · b10") - 1]
    column = next(line for line in lines if "to do" in line).index("to do")
    assert [line[column:].split("  ")[0] for line in (of_first[0], of_first[-1])] == ["0-9", "5-9"]
    assert "".join(line[:column].strip() for line in of_first[:-1]) == name
    assert of_first[-1].split() == ["random", "0-4", "5-9", "~1.5", "h+*", "0.5", "MB+"]


@pytest.mark.slow
def test_the_command_shows_it(cli):
    told = cli(
        "-m", "dataset=digits", "model.optimizer.lr=0.0012", "model.width=123,8", "num_initial=33", "dry_run=true"
    )
    assert told.code == 0
    first = told.out.index("digits · mlp,optimizer.lr=0.0012,width=123 · b100 · num_initial=33\n  badge")
    assert told.out.index("digits · mlp,optimizer.lr=0.0012,width=8 · b100 · num_initial=33\n  badge") > first
