"""What is shown of results: strategies that are chosen, their order, their labels, and several folders as one."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from al_bench.analysis.everything import Comparison, everything
from al_bench.analysis.page import export as export_module
from al_bench.analysis.page.export import export
from al_bench.analysis.page.report import report
from al_bench.analysis.runs import mixed_data, runs_in
from al_bench.analysis.shown import Shown, labels_of, named
from al_bench.core.errors import ResultsError
from al_bench.records.identity import Identity
from al_bench.records.index.kept import NAME as INDEX
from tests.analysis.page.test_report import plain, run_script
from tests.support.made_results import START, noisy, write_run

NAMES = ("badge", "margin", "joint,query=random", "random")
LABELS = {"badge": "BADGE", "joint,query=random": "Joint, alone", "random": "Random"}
TEXT = "badge=BADGE,joint,query=random=Joint, alone,random=Random"


def write(folder: Path, datasets=("digits", "letters", "mnist"), names=NAMES, seeds=range(3)) -> Path:
    for dataset in datasets:
        for name in names:
            for seed in seeds:
                curve = {100 * (1 + round): noisy(name, seed, (1 + round) / 9) for round in range(9)}
                write_run(folder, Identity(dataset, "mlp", name, 100, "", seed), curve)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("shown"))


def with_labels(table: pd.DataFrame) -> pd.DataFrame:
    """By a plain replacement of every name."""
    return table.rename(columns=LABELS, index=LABELS).map(lambda value: LABELS.get(value, value))


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["badge", "random"], ["badge", "random"]),
        (["joint", "query=random", "badge"], ["joint,query=random", "badge"]),
        (["joint,query=random", "joint"], ["joint,query=random", "joint"]),
        (["badge", "badge"], ["badge"]),
        ([], []),
    ],
)
def test_names_may_hold_commas(words, found):
    assert named(words, [*NAMES, "joint"], "order") == found


@pytest.mark.parametrize("labels", [LABELS, TEXT])
def test_labels_are_of_some_of_the_strategies(labels):
    assert labels_of(labels, NAMES) == LABELS | {"margin": "margin"}
    assert labels_of("", NAMES) == {name: name for name in NAMES}


@pytest.mark.parametrize(
    ("shown", "message"),
    [
        (Shown(strategies=["bagde"]), "strategies=bagde: there is no run of that strategy; those there are:"),
        (Shown(strategies=["badge"], order=["random"]), "order=random: there is no run of that strategy"),
        (Shown(labels="badgr=BADGE"), "labels=badgr: there is no run of that strategy"),
        (Shown(labels="badge=BADGE,margn=Margin"), "labels=margn: there is no run of that strategy"),
        (Shown(labels="badge"), "labels=badge: it has no label; say badge=..."),
        (Shown(labels={"nobody": "x"}), "labels=nobody: there is no run of that strategy"),
        (Shown(labels="badge="), "labels=badge: it has no label; say badge=..."),
        (Shown(labels="badge=margin"), "labels: badge and margin would both be called margin"),
        (Shown(labels="badge=A,margin=M,badge=B"), "labels=badge: it has 2 labels; say one"),
        (Shown(labels="badge=x,random=x"), "labels: badge and random would both be called x"),
    ],
)
def test_what_cannot_be_shown_is_one_message(folder, shown, message):
    with pytest.raises(ResultsError) as error:
        everything(folder, shown=shown)
    assert str(error.value).startswith(message)


@pytest.mark.slow
class TestLabels:
    def test_every_number_is_that_of_the_names(self, folder):
        plain_one, labelled = everything(folder), everything(folder, shown=Shown(labels=LABELS))
        tables, others = plain_one.tables(), labelled.tables()
        assert tables.keys() == others.keys()
        for name, table in tables.items():
            pd.testing.assert_frame_equal(with_labels(table), others[name], obj=name)
        assert isinstance(labelled.comparison, Comparison)
        assert list(labelled.looks) == [LABELS.get(name, name) for name in plain_one.looks]
        assert list(labelled.looks.values()) == list(plain_one.looks.values())
        assert labelled.against == "Random"

    def test_the_page_and_the_files_have_no_name_that_has_a_label(self, folder, tmp_path, monkeypatch):
        found = everything(folder, against="badge", shown=Shown(labels=TEXT, order=["random", "badge"]))
        assert list(found.strategies)[:2] == ["Random", "BADGE"]
        text = plain(report(found)).replace("Random's", "").replace("over Random", "")
        assert "BADGE" in text
        assert not re.search(r"\bbadge\b|\brandom\b|query=", text.partition("How it was made")[0])
        assert "Gain over BADGE" in text
        monkeypatch.setattr(export_module, "drawn", lambda drawings: [])  # nothing of figures is read
        paths = [path for path in export(found, tmp_path) if path.suffix == ".csv"]
        assert len(paths) > 10
        for path in paths:
            if path.name != "runs.csv":  # which has the paths of folders
                assert not re.search(r"\bbadge\b|\brandom\b", path.read_text()), path


@pytest.mark.moderate
def test_of_a_few_all_is_as_if_there_were_no_others(folder, tmp_path):
    chosen = ("random", "joint,query=random")
    few = everything(write(tmp_path, names=chosen))
    ours = everything(folder, shown=Shown(strategies=["random", "joint", "query=random"]))
    assert set(ours.strategies) == set(chosen)
    for name, table in few.tables().items():
        if name != "runs":
            pd.testing.assert_frame_equal(ours.tables()[name], table, obj=name)
    assert {run.identity["strategy"] for run in ours.runs} == set(chosen)


class TestSeveralFolders:
    def test_their_runs_are_taken_together(self, folder, tmp_path):
        parts = [
            write(tmp_path / "a", names=NAMES[:2]),
            write(tmp_path / "b", names=NAMES[2:]),
        ]
        ours, whole = everything(parts), everything(folder)
        assert ours.name == "a, b"
        assert ours.problems == whole.problems == ()
        for name, table in whole.tables().items():
            if name != "runs":
                pd.testing.assert_frame_equal(ours.tables()[name], table, obj=name)

    def test_a_run_in_two_of_them_is_refused(self, folder, tmp_path):
        other = write(tmp_path / "other", ("digits",), ("badge",), (1,))
        with pytest.raises(ResultsError) as error:
            everything([folder, other])
        assert re.search(
            r"badge/b100/s1 and .*other/digits.* are the same run \(digits · mlp · badge · b100 · seed 1\)",
            str(error.value),
        )

    def test_a_folder_that_is_named_twice_or_lies_in_another_counts_once(self, folder):
        runs = runs_in(folder)
        assert [run.path for run in runs_in(folder, folder / "digits", folder)] == [run.path for run in runs]
        found = everything([folder, folder / "digits", folder])
        assert found.problems == (
            "a folder is named twice; its runs are counted once",
            f"{folder / 'digits'} lies in {folder}, which is named, too; its runs are counted once",
        )

    def test_one_without_runs_is_named(self, folder, tmp_path):
        with pytest.raises(ResultsError, match=f"{tmp_path}: there are no runs in it"):
            everything([folder, tmp_path])
        with pytest.raises(ResultsError, match="nowhere: there is no such folder"):
            everything([folder, tmp_path / "nowhere"])

    @pytest.mark.slow
    def test_the_page_of_them_needs_a_place(self, folder, tmp_path):
        other = write(tmp_path / "other", ("digits",), ("zeta",))
        refused = run_script(folder, other)
        assert refused.returncode == 2
        assert "2 folders have no common place for report.html; say --out DIR" in refused.stderr
        chosen = ("--strategies", "random,zeta", "--order", "zeta", "--labels", "zeta=Z")
        made = run_script(*chosen, folder, other, "--out", tmp_path / "page")
        assert made.returncode == 0, made.stderr
        text = plain((tmp_path / "page" / "report.html").read_text())
        assert "digits · mlp · b100 2 0, 1, 2" in text
        assert f"{folder.name}, other" in text
        assert [path.name for path in (folder / "analysis").iterdir()] == [INDEX]


@pytest.mark.parametrize("is_mixed", [False, True])
def test_runs_of_one_seed_on_different_data_are_named(tmp_path, is_mixed):
    write(tmp_path, ("digits",), ("badge", "margin", "random"), (0, 1, 2))
    for path in tmp_path.glob("*/*/*/b*/s*"):
        seed = path.name
        digest = f"other {seed}" if is_mixed and "badge" in path.parts and seed != "s1" else seed
        starts = [START | {"data": "of a start that came to nothing"}, START | {"data": digest}, START]
        (path / "environment.json").write_text(json.dumps(starts))
    lines = mixed_data(runs_in(tmp_path))
    expected = ["digits · mlp · b100 · seeds 0, 2: of different data: badge; margin, random"]
    assert lines == (expected if is_mixed else [])
    assert list(everything(tmp_path).problems) == lines


def test_nothing_is_said_of_data_that_older_runs_do_not_tell(folder):
    assert mixed_data(runs_in(folder)) == []
    assert np.all([not run.starts[-1].get("data") for run in runs_in(folder)])


def test_links_to_the_runs_of_another_folder_count_once(folder, tmp_path):
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / "digits").symlink_to(folder / "digits")
    assert len(runs_in(folder, tmp_path / "linked")) == len(runs_in(folder))
    shutil.rmtree(tmp_path / "linked")
