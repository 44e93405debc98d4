"""results.csv.gz, described for programs: as a data package (Frictionless), as a data set (Croissant), and by a card.

What a column means is read from docs/columns.md, its type and range from `al_bench.records.columns`.
"""

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from al_bench.config.schema import CONF
from al_bench.core.errors import ResultsError
from al_bench.files.writing import replace_text
from al_bench.records.columns import BY_NAME, IDENTITY_COLUMNS, Column
from papers.leaderboard.protocol import Protocol
from papers.pages import rendered

FILE = "results.csv.gz"
NAME = "al-bench-leaderboard"
TITLE = "Learning curves of deep active learning strategies"
DESCRIPTION = (
    "A row for each round of each published run of the leaderboard: which data set, learner, strategy and seed, how "
    "many labels, how good the network was after them, and what training and the query cost."
)
CREATOR = "The al_bench authors"
CITATION = "The al_bench authors: al_bench, a benchmark of deep active learning"
LICENCE = ("MIT", "https://opensource.org/license/mit")
ELSEWHERE = {  # columns that rounds.csv has not
    "regime": "the name of the budget and learner, as in protocol.yaml; what is of two regimes is never averaged",
    "data_digest": "of the examples that the run learned from and was tested on, as environment.json has it",
    "commit": "of the code that made the run",
}
FRICTIONLESS = {str: "string", int: "integer", float: "number", bool: "boolean"}
CROISSANT = {str: "sc:Text", int: "sc:Integer", float: "sc:Float", bool: "sc:Boolean"}
TERMS = """citeAs column equivalentProperty extract field fileProperty fileObject fileSet format includes isLiveDataset
jsonPath key md5 parentField path recordSet references regex repeated replace samplingRate separator source subField
transform"""
CONTEXT = {  # the one of the specification: readers warn of any other
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/",
    "conformsTo": "dct:conformsTo",
    **{name: f"cr:{name}" for name in TERMS.split()},
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
}


@dataclass(frozen=True)
class Described:
    """The table, and the file that it is written to.

    Args:
        rounds: the table.
        packed: the bytes of the file.
        last_day: on which one of its runs was started, as 2026-11-28.
    """

    rounds: pd.DataFrame
    packed: bytes
    last_day: str

    @property
    def sha256(self) -> str:
        """Of the file."""
        return hashlib.sha256(self.packed).hexdigest()

    @property
    def version(self) -> str:
        """The day, as 2026.11.28."""
        return ".".join(str(int(part)) for part in self.last_day.split("-"))

    @property
    def key(self) -> list[str]:
        """The columns that name a row."""
        return ["regime", *IDENTITY_COLUMNS, "round"]


def describe(described: Described, protocol: Protocol, folder: Path) -> None:
    """Write datapackage.json, croissant.json and DATA.md."""
    replace_text(folder / "datapackage.json", datapackage(described))
    replace_text(folder / "croissant.json", croissant(described))
    replace_text(folder / "DATA.md", card(described, protocol))


def datapackage(described: Described) -> str:
    """datapackage.json."""
    fields = [{"name": name, **_frictionless(name)} for name in described.rounds.columns]
    resource = {
        "name": "results",
        "path": FILE,
        "profile": "tabular-data-resource",
        "scheme": "file",
        "format": "csv",
        "mediatype": "text/csv",
        "encoding": "utf-8",
        "compression": "gz",
        "bytes": len(described.packed),
        "hash": f"sha256:{described.sha256}",
        "schema": {"fields": fields, "missingValues": [""], "primaryKey": described.key},
    }
    return _json(
        {
            "profile": "tabular-data-package",
            "name": NAME,
            "title": TITLE,
            "description": DESCRIPTION,
            "version": described.version,
            "created": f"{described.last_day}T00:00:00Z",
            "licenses": [{"name": LICENCE[0], "path": LICENCE[1]}],
            "contributors": [{"title": CREATOR}],
            "resources": [resource],
        }
    )


def croissant(described: Described) -> str:
    """croissant.json."""
    fields = [
        {
            "@type": "cr:Field",
            "@id": f"rounds/{name}",
            "name": name,
            "description": meaning_of(name),
            "dataType": CROISSANT[_kind(name)],
            "source": {"fileObject": {"@id": FILE}, "extract": {"column": name}},
        }
        for name in described.rounds.columns
    ]
    file = {
        "@type": "cr:FileObject",
        "@id": FILE,
        "name": FILE,
        "description": "all rounds, compressed by gzip",
        "contentUrl": FILE,
        "contentSize": f"{len(described.packed)} B",
        "encodingFormat": "text/csv",  # readers see from the name that it is compressed
        "sha256": described.sha256,
    }
    key = [{"@id": f"rounds/{name}"} for name in described.key]
    return _json(
        {
            "@context": CONTEXT,
            "@type": "sc:Dataset",
            "conformsTo": "http://mlcommons.org/croissant/1.0",
            "name": NAME,
            "description": DESCRIPTION,
            "version": described.version,
            "datePublished": described.last_day,
            "license": LICENCE[1],
            "creator": {"@type": "sc:Organization", "name": CREATOR},
            "citeAs": CITATION,
            "distribution": [file],
            "recordSet": [{"@type": "cr:RecordSet", "@id": "rounds", "name": "rounds", "key": key, "field": fields}],
        }
    )


def card(described: Described, protocol: Protocol) -> str:
    """DATA.md: what is in it, in which units, how it came about, what it cost, and what it is not good for."""
    rounds = described.rounds
    columns = [
        {"column": f"`{name}`", "type": FRICTIONLESS[_kind(name)], "": _meaning(name)} for name in map(str, rounds)
    ]
    return rendered(
        "leaderboard/card.md.jinja",
        description=DESCRIPTION,
        regimes=_by_regime(rounds),
        columns=pd.DataFrame(columns),
        protocol=protocol,
        last_day=described.last_day,
        licence=LICENCE,
    )


def _by_regime(rounds: pd.DataFrame) -> pd.DataFrame:
    rows = [
        {
            "regime": name,
            "data sets": of_it["dataset"].nunique(),
            "strategies": of_it["strategy"].nunique(),
            "runs": int((of_it["round"] == 0).sum()),
            "rounds": len(of_it),
            "CPU hours of training": f"{of_it['fit_cpu_seconds'].sum() / 3600:.1f}",
            "of queries": f"{of_it['query_cpu_seconds'].sum() / 3600:.1f}",
        }
        for name, of_it in rounds.groupby("regime", sort=False)
    ]
    return pd.DataFrame(rows)


def meaning_of(name: str) -> str:
    """What a column means, as plain text.

    ResultsError: if docs/columns.md does not say so.
    """
    plain = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", _meaning(name))
    return plain.replace("`", "").replace("\\|", "|")


def _meaning(name: str) -> str:
    if name in ELSEWHERE:
        return ELSEWHERE[name]
    for line in (CONF.parent / "docs" / "columns.md").read_text().splitlines():
        names, _, meaning = line.removeprefix("| ").partition(" | ")
        if f"`{name}`" in names:
            return meaning.removesuffix(" |")
    raise ResultsError(f"{name}: docs/columns.md does not say what it means")


def _kind(name: str) -> type:
    return str if name in ELSEWHERE else BY_NAME[name].kind


def _frictionless(name: str) -> dict[str, Any]:
    constraints: dict[str, Any] = {"required": name in ELSEWHERE or not BY_NAME[name].is_optional}
    if name not in ELSEWHERE:
        constraints |= _limits(BY_NAME[name])
    return {"type": FRICTIONLESS[_kind(name)], "description": meaning_of(name), "constraints": constraints}


def _limits(column: Column) -> dict[str, Any]:
    """Those that the column has of itself; the largest number of its kind is none."""
    if column.kind not in (int, float):
        return {"pattern": column.pattern[0]} if column.pattern and column.kind is str else {}
    return {"minimum": column.low} | ({} if column.high in (None, float("inf")) else {"maximum": column.high})


def _json(told: dict[str, Any]) -> str:
    return json.dumps(told, indent=1, ensure_ascii=False) + "\n"
