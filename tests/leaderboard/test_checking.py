"""A submission is checked without running anything of it: one that is right is taken, and each that is not refused."""

import csv
import io
import json
import shutil
import tarfile
from pathlib import Path

import pytest
from papers.leaderboard.data import first_rounds

from al_bench.analysis.runs import runs_in
from al_bench.cli.leaderboard import submissions
from al_bench.cli.new.strategy import files, written
from al_bench.cli.parsing import Called
from al_bench.config.reading import sources
from al_bench.config.reading.sources import CONF
from al_bench.core.errors import ResultsError
from al_bench.leaderboard import checking, retraining
from al_bench.leaderboard.adding import add
from al_bench.leaderboard.board import Board, Place
from al_bench.leaderboard.cards import read_card
from al_bench.leaderboard.checking import check
from al_bench.leaderboard.published import PUBLISHED, published_text, read_published
from al_bench.records.archive.moving import pack
from al_bench.records.rounds_file import digest_of
from tests.conftest import run_command
from tests.support.made_results import call_otherwise

pytestmark = pytest.mark.slow
EXPERIMENT = """# @package _global_
name: tiny
num_initial: 20
batch_size: {size: 15}
budget: 50
model: {width: 8, max_epochs: 3}
hydra:
  mode: MULTIRUN
  sweeper: {params: {setting: tiny/digits, seed: "0,1"}}
"""
SETTING = "# @package _global_\ndefaults:\n  - override /dataset: digits\n"
CARD = 'authors: [Ada Lovelace]\ncommit: "0123abc"\ndeviations: []\ntuning_trials: 0\ncpu_hours: 1.5\n'


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> tuple[Path, Board]:
    """Runs of Margin, called `mine`, and a leaderboard of which Random's are published."""
    folder = tmp_path_factory.mktemp("board")
    for name, text in (("experiment/tiny/small", EXPERIMENT), ("setting/tiny/digits", SETTING)):
        (folder / "conf" / name).parent.mkdir(parents=True)
        (folder / "conf" / name).with_suffix(".yaml").write_text(text)
    swept = run_command("experiment=tiny/small", "strategy=random,margin", cwd=folder)
    assert swept.code == 0, swept.err
    board = Board.read(PUBLISHED, "tiny", folder / "conf")
    firsts = list(first_rounds(runs_in(folder / "outputs"), "small", board.places))
    (folder / "published.csv").write_text(published_text(firsts))
    for path in sorted(folder.glob("outputs/tiny/*/*/margin/b15/*/s*")):
        call_otherwise(shutil.copytree(path, Path(str(path).replace("/margin/", "/mine/"))), strategy="mine")
    shutil.move(folder / "outputs" / "tiny", folder / "all")
    for path in folder.glob("all/*/*/mine"):
        shutil.copytree(path, folder / "runs" / path.relative_to(folder / "all"))
    return folder, Board.read(folder / "published.csv", "tiny", folder / "conf")


@pytest.fixture
def runs(made, tmp_path) -> Path:
    """A copy of the runs."""
    return shutil.copytree(made[0] / "runs", tmp_path / "runs")


@pytest.fixture
def board(made) -> Board:
    return made[1]


def submitted(runs: Path, card: str = CARD) -> Path:
    folder = runs.parent / "mine"
    folder.mkdir()
    pack(runs, folder / "runs.tar.xz")
    (folder / "card.yaml").write_text(card)
    return folder


def run_of(runs: Path, seed: int = 0) -> Path:
    (path,) = runs.glob(f"*/*/mine/b15/*/s{seed}")
    return path


def rewritten(path: Path, column: str, values: dict[int, object]) -> None:
    """Other values in a column, by round, of rounds.csv."""
    rows = list(csv.DictReader((path / "rounds.csv").read_text().splitlines()))
    for round, value in values.items():
        rows[round][column] = value
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0].keys(), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    (path / "rounds.csv").write_text(text.getvalue())


def bought(path: Path, change) -> None:
    """Other lines in queries.csv, with digests that fit them."""
    lines = change((path / "queries.csv").read_text().splitlines(keepends=True))
    (path / "queries.csv").write_text("".join(lines))
    num_rounds = len((path / "rounds.csv").read_text().splitlines()) - 1
    of_round = {round: [line for line in lines[1:] if int(line.split(",")[0]) <= round] for round in range(num_rounds)}
    digests = {round: digest_of("".join([lines[0], *kept]).encode()) for round, kept in of_round.items()}
    rewritten(path, "queries_digest", digests)


def accuracies(path: Path) -> list[float]:
    return [float(row["test_accuracy"]) for row in csv.DictReader((path / "rounds.csv").read_text().splitlines())]


def refusal(runs: Path, board: Board, card: str = CARD) -> str:
    with pytest.raises(ResultsError) as refused:
        check(submitted(runs, card), board)
    return str(refused.value)


def test_what_is_right_is_taken_and_kept_once(runs, board, tmp_path):
    folder = submitted(runs)
    checked = check(folder, board)
    assert (checked.strategy, checked.regimes, checked.remarks) == ("mine", ("small",), ())
    assert len(set(checked.retrained)) == 3
    (tmp_path / "to").mkdir()
    with pytest.raises(ResultsError, match=r"holds no protocol\.yaml"):
        add(checked, tmp_path / "to")
    (tmp_path / "to" / "protocol.yaml").touch()
    kept = add(checked, tmp_path / "to").path
    assert (kept / "runs.tar.xz").read_bytes() == (folder / "runs.tar.xz").read_bytes()
    table = (tmp_path / "to" / "submissions.csv").read_text()
    assert table.splitlines()[1].startswith("mine,small,2,Ada Lovelace,0123abc,,0,1.5,")
    with pytest.raises(ResultsError, match="strategy=mine is there; nothing is overwritten"):
        add(checked, tmp_path / "to")
    assert (tmp_path / "to" / "submissions.csv").read_text() == table


def test_rounds_are_drawn_from_the_archive_alone(runs, board):
    submission = checking.read_submission(submitted(runs))
    candidates = [(run, None, None) for run in submission.runs]
    first, again, other = (
        [(each.run.name, each.round) for each in retraining.drawn(candidates, digest)]
        for digest in (submission.digest, submission.digest, submission.digest[::-1])
    )
    assert first == again != other


def test_other_seeds(runs, board):
    shutil.rmtree(run_of(runs, 1))
    assert "digits in small: it has the seeds 0, where 0, 1 are right, all of them" in refusal(runs, board)


def test_data_sets_that_are_lacking_are_named_with_the_command_that_runs_all(runs, board):
    (place,) = board.places
    other = Place("small", "other", place.planned, (0,))
    with_other = Board([other, place], board.published, board.folder)
    assert (
        "small: other lacking: a regime has all of its data sets, or none; run al-bench experiment=tiny/small "
        "setting=tiny/other,tiny/digits strategy=mine name=mine"
    ) in refusal(runs, with_other)


def test_other_source_data_or_split(runs, board):
    path = run_of(runs) / "environment.json"
    starts = json.loads(path.read_text())
    path.write_text(json.dumps([start | {"data": "0" * 32} for start in starts]))
    assert "environment.json: data=00000000000000000000000000000000, where " in (said := refusal(runs, board))
    assert "other source data, or split otherwise" in said


def test_other_first_labels(runs, board):
    def in_another_order(lines):
        (_, _, *first), (_, _, *second) = (line.split(",") for line in lines[1:3])
        return [lines[0], ",".join(["0", "0", *second]), ",".join(["0", "1", *first]), *lines[3:]]

    bought(run_of(runs), in_another_order)
    assert "its first labels are not those that are drawn at this seed" in refusal(runs, board)


def test_an_example_that_is_bought_twice(runs, board):
    def twice(lines):
        index = lines[1].split(",")[2]
        round, order, _, target = lines[-1].split(",")
        return [*lines[:-1], f"{round},{order},{index},{target}"]

    folder = submitted(runs)
    bought(run_of(runs), twice)
    with tarfile.open(folder / "runs.tar.xz", "w:xz") as archive:  # pack would leave such a run
        for path in sorted(runs.rglob("*.*")):
            if path.is_file() and path.name != ".lock":
                archive.add(path, path.relative_to(runs))
    with pytest.raises(ResultsError, match=r"queries\.csv"):
        check(folder, board)


def test_another_first_accuracy_than_random_has(runs, board):
    path = run_of(runs)
    rewritten(path, "test_accuracy", {0: accuracies(path)[0] + 20 / num_test(board)})
    assert "in round 0, where Random has 0." in refusal(runs, board)


def test_an_accuracy_that_is_no_share_of_the_test_set(runs, board):
    path = run_of(runs)
    rewritten(path, "test_accuracy", {1: accuracies(path)[1] + 1e-4})
    assert f"which is no share of the {num_test(board)} examples of the test set" in refusal(runs, board)


def test_a_later_accuracy_that_our_learner_does_not_find(runs, board, monkeypatch):
    monkeypatch.setattr(retraining, "NUM_RETRAINED", 6)  # all of them
    path = run_of(runs)
    rewritten(path, "test_accuracy", {2: accuracies(path)[2] + 20 / num_test(board)})
    assert "in round 2, where our learner finds 0." in refusal(runs, board)


def test_a_label_that_the_data_do_not_have(runs, board, monkeypatch):
    monkeypatch.setattr(retraining, "NUM_RETRAINED", 6)

    def other(lines):
        *head, target = lines[-1].strip().split(",")
        return [*lines[:-1], ",".join([*head, str((int(target) + 1) % 10)]) + "\n"]

    bought(run_of(runs), other)
    assert "in round 2 is not its label" in refusal(runs, board)


def test_another_learner(runs, board):
    path = run_of(runs) / "config.yaml"
    path.write_text(path.read_text().replace("max_epochs: 3", "max_epochs: 4"))
    assert "config.yaml: " in (said := refusal(runs, board))
    assert "max_epochs" in said


def test_names_of_ours_are_taken(made, tmp_path, board):
    for path in made[0].glob("all/*/*/margin"):
        shutil.copytree(path, tmp_path / "runs" / path.relative_to(made[0] / "all"))
    assert "strategy=margin: is the name of one that al_bench comes with" in refusal(tmp_path / "runs", board)


def test_a_strategy_of_ones_own_in_the_conf_of_a_clone_is_no_name_of_ours(runs, board, tmp_path, monkeypatch):
    """As `al-bench new strategy mine` makes it in the root of a clone."""
    clone = shutil.copytree(CONF, tmp_path / "clone" / "conf")
    written(files("mine"), clone.parent)
    monkeypatch.setattr(sources, "CONF", clone)
    assert check(submitted(runs), board).strategy == "mine"
    (clone / "strategy" / "mine.yaml").write_text("_target_: al_bench.strategies.margin.Margin\n")
    with pytest.raises(ResultsError, match="strategy=mine: is the name of one that al_bench comes with"):
        check(tmp_path / "mine", board)


def test_files_that_nothing_reads_and_links(runs, board):
    folder = submitted(runs)
    with tarfile.open(folder / "runs.tar.xz") as archive:
        members = [(member, archive.extractfile(member).read() if member.isfile() else b"") for member in archive]
    (first, _), *_ = [pair for pair in members if pair[0].name.endswith("config.yaml")]
    for name, kind, expected in (
        ("model.pt", tarfile.REGTYPE, r"model\.pt"),
        ("linked.csv", tarfile.SYMTYPE, "link"),
    ):
        with tarfile.open(folder / "runs.tar.xz", "w:xz") as archive:
            for member, content in members:
                archive.addfile(member, io.BytesIO(content))
            added = tarfile.TarInfo(first.name.replace("config.yaml", name))
            added.type, added.linkname = kind, "/etc/passwd" if kind == tarfile.SYMTYPE else ""
            archive.addfile(added, io.BytesIO(b""))
        with pytest.raises(ResultsError, match=expected):
            check(folder, board)


def test_what_is_not_published_cannot_be_checked(runs, board):
    said = refusal(runs, Board(board.places, {}))
    assert "digits in small: not published yet, so there is nothing to check them by" in said


@pytest.mark.parametrize(
    ("card", "expected"),
    [
        (CARD + "licence: MIT\n", "licence: there is no such key"),
        (CARD.replace('commit: "0123abc"\n', ""), "commit is missing; say commit: "),
        (CARD.replace("0123abc", "main"), "commit"),
        (CARD.replace("[Ada Lovelace]", "[]"), "authors"),
        (CARD.replace("1.5", "-1"), "cpu_hours"),
        (CARD + "x: !!python/object/apply:os.mkdir [ran]\n", "card.yaml: "),
        ("- a list\n", "it holds no mapping"),
        (CARD + "code: javascript:alert(1)\n", "code"),
        (CARD + 'code: "https://a.b/c) [x](https://d.e"\n', "code"),
        (CARD + 'description: "two\\nlines"\n', "description"),
    ],
)
def test_cards(card, expected, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "card.yaml").write_text(card)
    with pytest.raises(ResultsError) as refused:
        read_card(tmp_path / "card.yaml")
    assert expected in str(refused.value)
    assert not (tmp_path / "ran").exists()


def test_a_card_may_say_what_the_strategy_does_and_where_its_code_is(tmp_path):
    (tmp_path / "card.yaml").write_text(CARD)
    card = read_card(tmp_path / "card.yaml")
    assert (card.description, card.code) == ("", "")
    (tmp_path / "card.yaml").write_text(f"{CARD}description: the last ones\ncode: https://example.org/mine\n")
    card = read_card(tmp_path / "card.yaml")
    assert (card.description, card.code) == ("the last ones", "https://example.org/mine")


def test_the_command(runs, board, monkeypatch, capsys, tmp_path):
    folder = submitted(runs)
    monkeypatch.setattr(checking.Board, "read", lambda: board)
    called = Called.as_command("leaderboard")
    submissions.main(["check", str(folder)], called)
    assert f"{folder}: mine, 2 runs: nothing is wrong" in capsys.readouterr().out
    (tmp_path / "to").mkdir()
    (tmp_path / "to" / "protocol.yaml").touch()
    submissions.main(["add", str(folder), "--to", str(tmp_path / "to")], called)
    said = capsys.readouterr().out
    assert "\n  strategy: mine\n  regimes: small\n  num_runs: 2\n" in said
    assert "\nNo gains: " in said
    assert (tmp_path / "to" / "submissions" / "mine" / "card.yaml").is_file()
    (folder / "card.yaml").unlink()
    with pytest.raises(SystemExit, match=r"card\.yaml: is not there; it is due"):
        submissions.main(["check", str(folder)], called)


def test_published_rounds_are_read_as_written():
    published = read_published()
    assert published_text(published.values()) == PUBLISHED.read_text()
    assert {0, 9} <= {seed for _, _, seed in published}


def num_test(board: Board) -> int:
    return next(iter(board.published.values())).num_test
