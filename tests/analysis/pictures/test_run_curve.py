import sys
from pathlib import Path

from al_bench.analysis.pictures.run_curve import draw_learning_curve
from al_bench.records.reading import rows_of

ROWS = """dataset,model,strategy,batch_size,variant,seed,round,num_labelled,test_accuracy,class_counts
digits,"mlp,width=8",badge,20,,0,0,20,0.5,1 2
digits,"mlp,width=8",badge,20,,0,1,40,0.75,2 2
"""


def test_rows_have_what_has_a_value(tmp_path):
    (tmp_path / "rounds.csv").write_text(ROWS)
    rounds = rows_of(tmp_path)
    assert [row["model"] for row in rounds] == ["mlp,width=8"] * 2
    assert not any("variant" in row for row in rounds)
    assert [row["test_accuracy"] for row in rounds] == [0.5, 0.75]


def test_a_curve_of_a_single_round_can_be_drawn(tmp_path):
    (tmp_path / "rounds.csv").write_text("".join(ROWS.splitlines(keepends=True)[:2]))
    assert draw_learning_curve(rows_of(tmp_path), tmp_path / "curve.png").exists()


def test_analysis_imports_neither_torch_nor_hydra():
    for module in Path(sys.modules["al_bench.analysis"].__file__).parent.rglob("*.py"):
        text = module.read_text()
        assert "import torch" not in text
        assert "import hydra" not in text
        assert "from hydra" not in text
