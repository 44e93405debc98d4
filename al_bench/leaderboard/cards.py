"""The card of a submission: who made it, of which commit, what was done otherwise, what it took, and what it is."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Literal

from annotated_types import Ge, Le, MinLen
from pydantic import StringConstraints

from al_bench.config.parts import checked_value
from al_bench.core.errors import ConfigError, ResultsError, described, nearest
from al_bench.core.ranges import NonNegativeInt
from al_bench.records.run_config import read_config

CARD = "card.yaml"
MAX_BYTES = 20_000
LINE = r"^[^\x00-\x1f\x7f]*[^\x00-\x20\x7f][^\x00-\x1f\x7f]*$"
Line = Annotated[str, StringConstraints(max_length=500, pattern=LINE)]
Hours = Annotated[float, Ge(0), Le(1e9)]
Link = Annotated[str, StringConstraints(max_length=500, pattern=r"^https?://[^\s\x00-\x1f\x7f<>|()\[\]\"'`]+$")]
Commit = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{7,40}$")]


@dataclass(frozen=True)
class Card:
    """What card.yaml says, all of which is due but for the last two.

    Args:
        authors: a name each.
        commit: of the code that made the runs.
        deviations: from the protocol, or none: [].
        tuning_trials: runs that were looked at before these, to choose anything by.
        cpu_hours: of the processors, tuning included.
        description: what the strategy does, in a line.
        code: where it is, a URL.
    """

    authors: Annotated[list[Line], MinLen(1)]
    commit: Commit
    deviations: list[Line]
    tuning_trials: NonNegativeInt
    cpu_hours: Hours
    description: Line | Literal[""] = ""
    code: Link | Literal[""] = ""


def read_card(path: Path) -> Card:
    """The card in a file.

    Raises:
        ResultsError: with the key, the value and what would be right.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ValueError(f"it has {path.stat().st_size:,} bytes; a card has at most {MAX_BYTES:,}")
        said = read_config(path)
        if not isinstance(said, dict):
            raise ValueError(f"it holds no mapping; its keys are {', '.join(_NAMES)}")
    except Exception as error:  # whatever the YAML reader makes of a foreign file
        raise ResultsError(f"{path}: {error if isinstance(error, ValueError) else described(error)}") from error
    if unknown := [key for key in said if key not in _NAMES]:
        raise ResultsError(f"{path}: {unknown[0]}: there is no such key; {nearest(unknown[0], _NAMES)}")
    if absent := [name for name in DUE if name not in said]:
        raise ResultsError(f"{path}: {absent[0]} is missing; say {absent[0]}: {EXAMPLES[absent[0]]}")
    try:
        return Card(
            **{
                each.name: checked_value(each.name, each.type, said[each.name])
                for each in fields(Card)
                if each.name in said
            }
        )
    except (ConfigError, TypeError) as error:  # of a date, which is no JSON
        key = next((name for name in _NAMES if str(error).startswith(name)), None)
        example = f", as in {key}: {EXAMPLES[key]}" if key else ""
        raise ResultsError(f"{path}: {error}{example}") from error


EXAMPLES = {
    "authors": "[Ada Lovelace]",
    "commit": '"0123abc"',
    "deviations": "[]",
    "tuning_trials": "0",
    "cpu_hours": "12.5",
    "description": "the smallest margins, in classes that are rare",
    "code": "https://example.org/mine",
}
DUE = ("authors", "commit", "deviations", "tuning_trials", "cpu_hours")
_NAMES = tuple(EXAMPLES)
