"""The published rounds are what their descriptions say: for programs, and for people."""

import gzip
import hashlib
import json
import re
from itertools import combinations, pairwise

import pandas as pd
import pytest
from papers.leaderboard.data import COLUMNS
from papers.leaderboard.described import ELSEWHERE, Described, card, croissant, datapackage, meaning_of
from papers.leaderboard.protocol import RESULTS, Protocol

from al_bench.core.errors import ResultsError
from al_bench.records.columns import ROUND_COLUMNS

PACKAGE = json.loads((RESULTS / "datapackage.json").read_text())
RESOURCE = PACKAGE["resources"][0]
FIELDS = {field["name"]: field for field in RESOURCE["schema"]["fields"]}
CROISSANT = json.loads((RESULTS / "croissant.json").read_text())
KINDS = {"integer": r"-?\d+", "number": r"-?\d+(\.\d+)?(e-?\d+)?", "string": ".*"}


@pytest.fixture(scope="module")
def texts() -> pd.DataFrame:
    """The file, each value as it is written."""
    return pd.read_csv(RESULTS / "results.csv.gz", dtype=str, keep_default_na=False)


def test_the_file_is_the_one_described():
    packed = (RESULTS / RESOURCE["path"]).read_bytes()
    digest = hashlib.sha256(packed).hexdigest()
    assert (RESOURCE["bytes"], RESOURCE["hash"]) == (len(packed), f"sha256:{digest}")
    (file,) = CROISSANT["distribution"]
    assert (file["contentUrl"], file["contentSize"], file["sha256"]) == (
        "results.csv.gz",
        f"{len(packed)} B",
        digest,
    )


def test_each_value_is_of_its_kind_and_within_its_limits(texts):
    assert list(texts) == list(FIELDS) == COLUMNS
    for name, field in FIELDS.items():
        limits, values = field["constraints"], texts[name]
        if limits["required"]:
            assert (values != "").all(), name
        given = values[values != ""]
        assert given.str.fullmatch(limits.get("pattern", KINDS[field["type"]])).all(), name
        if field["type"] != "string":
            assert given.astype(float).between(limits["minimum"], limits.get("maximum", float("inf"))).all(), name


def test_a_row_is_named_by_its_key_and_the_rows_of_a_run_follow_each_other(texts):
    key = RESOURCE["schema"]["primaryKey"]
    assert not texts.duplicated(key).any()
    numbers = texts["round"].astype(int)
    assert all(later in (0, earlier + 1) for earlier, later in pairwise(numbers))


def test_croissant_has_the_same_columns():
    (records,) = CROISSANT["recordSet"]
    of_it = {field["name"]: field for field in records["field"]}
    assert {name: field["description"] for name, field in of_it.items()} == {
        name: field["description"] for name, field in FIELDS.items()
    }
    assert [field["source"]["extract"]["column"] for field in of_it.values()] == COLUMNS
    words = {"string": "sc:Text", "integer": "sc:Integer", "number": "sc:Float"}
    assert [field["dataType"] for field in of_it.values()] == [words[field["type"]] for field in FIELDS.values()]


def test_every_column_of_a_round_has_a_meaning_in_plain_words():
    for name in (*ROUND_COLUMNS, *ELSEWHERE):
        assert len(meaning_of(name)) > 10
        assert not re.search(r"[`\\]|\]\(", meaning_of(name))
    with pytest.raises(ResultsError, match="num_labels: docs/columns.md does not say"):
        meaning_of("num_labels")


def test_the_published_descriptions_are_made_of_the_published_file(texts):
    packed = (RESULTS / "results.csv.gz").read_bytes()
    rounds = pd.read_csv(RESULTS / "results.csv.gz", keep_default_na=False)
    described = Described(rounds, packed, CROISSANT["datePublished"])
    assert json.loads(datapackage(described)) == PACKAGE
    assert json.loads(croissant(described)) == CROISSANT
    told = card(described, Protocol.read())
    assert told == (RESULTS / "DATA.md").read_text()
    runs = texts.drop_duplicates(["regime", "dataset", "model", "strategy", "batch_size", "variant", "seed"])
    for regime, of_it in texts.groupby("regime"):
        spent = of_it["fit_cpu_seconds"].astype(float).sum() / 3600
        row = [regime, of_it["dataset"].nunique(), of_it["strategy"].nunique(), (runs["regime"] == regime).sum()]
        assert f"| {' | '.join(map(str, row))} | {len(of_it)} | {spent:.1f} |" in told


def test_each_column_has_a_description_of_its_own():
    meanings = {name: field["description"] for name, field in FIELDS.items()}
    alike = [(one, other) for one, other in combinations(meanings, 2) if meanings[one] == meanings[other]]
    assert alike == []


def test_another_file_has_another_description():
    rounds = pd.DataFrame([dict.fromkeys(COLUMNS, 0) | {"regime": "low", "dataset": "a"}])
    packed = gzip.compress(b"a")
    described = json.loads(datapackage(Described(rounds, packed, "2026-01-02")))
    assert described["created"] == "2026-01-02T00:00:00Z"
    assert described["resources"][0]["bytes"] == len(packed)
    assert described["resources"][0]["hash"] != RESOURCE["hash"]


@pytest.mark.filterwarnings("ignore")  # theirs
def test_frictionless_takes_it():
    frictionless = pytest.importorskip("frictionless", reason="NO FRICTIONLESS: pip install frictionless")
    report = frictionless.validate(str(RESULTS / "datapackage.json"))
    assert report.valid, report.flatten(["type", "message"])


@pytest.mark.filterwarnings("ignore")  # theirs
def test_mlcroissant_takes_it():
    mlcroissant = pytest.importorskip("mlcroissant", reason="NO MLCROISSANT: pip install mlcroissant")
    dataset = mlcroissant.Dataset(jsonld=RESULTS / "croissant.json")
    assert not dataset.metadata.ctx.issues.errors
    assert next(iter(dataset.records("rounds")))["rounds/round"] == 0
