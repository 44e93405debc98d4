"""Which settings are of one regime: what is said over data sets is said of each by itself, never of two together.

A regime is what a setting is but its data set and its batch size: the model, the variant (features, schedule, number of
initial labels, ...), and what was done to the pool, which stands in the name of the data set.
"""

import re
from collections.abc import Iterator, Mapping
from functools import cache

import pandas as pd

from al_bench.records.run_config import WRAPPERS

REGIME = ["model", "variant"]
TRAINING = ("patience", "start", "stop_at_train_accuracy", "training")  # of a name, which say how a model is trained


@cache
def conditions_of(dataset: str, variant: str, batch_size: int) -> str:
    """The variant of a setting, after what the name of its data set says of the pool.

    A first batch as large as the others is no condition, as the size of batches is none: a schedule has such batches,
    of as many labels as a data set has classes.
    """
    done = [part for part in _parts(dataset)[1:] if part.partition("=")[0].partition(".")[0] in WRAPPERS]
    return ",".join([*done, *(part for part in _parts(variant) if part and part != f"num_initial={batch_size}")])


@cache
def trained_as(model: str) -> str:
    """What the name of a model says of the way it is trained: `start=warm`; empty for its own."""
    return ",".join(part for part in _parts(model)[1:] if part.partition("=")[0] in TRAINING)


def with_conditions(table: pd.DataFrame) -> pd.DataFrame:
    """A table with a row for each setting, or more, in whose column `variant` stand the conditions.

    One without data sets is of regimes, and has them there.
    """
    if "dataset" not in table:
        return table
    columns = zip(table["dataset"].map(str), table["variant"].map(str), table["batch_size"].map(int), strict=True)
    return table.assign(variant=[conditions_of(*each) for each in columns])


def by_regime(table: pd.DataFrame) -> Iterator[tuple[dict[str, str], pd.DataFrame]]:
    """The values of `REGIME`, and the rows, of each regime in a table; those rows are as they were."""
    regimes = [(tuple(map(str, values)), rows) for values, rows in with_conditions(table).groupby(REGIME)]
    for values, rows in sorted(regimes, key=lambda regime: [natural(value) for value in regime[0]]):
        yield dict(zip(REGIME, values, strict=True)), table.loc[rows.index]


def natural(text: str) -> list[tuple[str, int]]:
    """What texts are sorted by, to have `b77` before `b385`."""
    return [(letters, int(digits or 0)) for letters, digits in re.findall(r"(\D*)(\d*)", text)]


def regime_name(regime: Mapping[str, object]) -> str:
    """For people: `mlp · long_tail.ratio=0.02`."""
    return " · ".join(str(regime[column]) for column in REGIME if regime[column])


def one_table(name: str, tables: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """The tables of all regimes as one, by its name, whose first column says the regime; empty without any."""
    named = []
    for regime, table in tables.items():
        named.append(table.copy())
        named[-1].insert(0, "regime", regime, allow_duplicates=True)
    return {name: pd.concat(named, ignore_index=True)} if named else {}


def _parts(name: str) -> list[str]:
    """What a name is joined of: commas within brackets are part of a value."""
    parts, depth = [""], 0
    for letter in name:
        depth += (letter in "[{(") - (letter in ")}]")
        if letter == "," and depth <= 0:
            parts.append("")
        else:
            parts[-1] += letter
    return parts
