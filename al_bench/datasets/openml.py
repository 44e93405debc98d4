"""OpenML: any classification table of openml.org (Vanschoren et al., 2014), prepared as Ash et al. (2020) do."""

import logging
import warnings
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from al_bench.core.data import Dataset
from al_bench.core.errors import DataError, message_of, nearest
from al_bench.core.ranges import Fraction, PositiveInt
from al_bench.datasets.formats.arff import read_arff
from al_bench.datasets.formats.columns import ordered
from al_bench.datasets.formats.fetching import network_times_out
from al_bench.datasets.from_arrays import drawn_dataset
from al_bench.datasets.scales import warn_of_lost_values
from al_bench.datasets.split import TooRareError
from al_bench.files.locks import exclusive
from al_bench.files.npz import UNREADABLE, md5_of, read_kept, read_npz, remove_partial, write_kept

FORMAT = 2  # of the kept tables: those of format 1 may lack classes that pandas 3.1 took for one

Table = dict[str, NDArray[Any]]
"""`values` (N, K) float64, the names of the `columns` (K,), that of the `target`, and which file it was read from."""

log = logging.getLogger(__name__)


def openml(
    id: PositiveInt,
    data_dir: Path,
    rng: np.random.Generator,
    target: str | None = None,
    md5: str | None = None,
    scale: bool = False,
    test_fraction: Fraction = 0.1,
    max_pool_size: PositiveInt | None = 50_000,
    num_rows: PositiveInt | None = None,
) -> Dataset:
    """Inputs (N, D), unscaled unless asked for, nominal columns as integer codes; the split is that of `drawn_split`.

    Args:
        id: of the data set on OpenML.
        data_dir: `<data_dir>/openml/<id>.arff` is read if it is there, with all its columns; else the data set is
            fetched, without the columns that OpenML says to ignore, and kept.
        rng: draws the split.
        target: the column to predict; None for the default on OpenML, or in a file the one called `class`, else
            the last.
        md5: of the ARFF file.
        scale: standardise every input over the training pool.
        test_fraction: share of the test set.
        max_pool_size: cap of the training pool.
        num_rows: of the whole table; another number is warned of.
    """
    table = read_table(id, data_dir / "openml", md5)
    if num_rows is not None and len(table["values"]) != num_rows:
        log.warning(
            "OpenML %d has %s rows, but what is in %s has %s: results are not those of the whole table",
            *(id, f"{num_rows:,}", (data_dir / "openml").absolute(), f"{len(table['values']):,}"),
        )
    targets, inputs_ND = classes_and_inputs(id, table, target)
    name = target or str(table["target"])
    if not scale:
        columns = [str(column) for column in table["columns"] if column != name]
        warn_of_lost_values(f"OpenML {id}", inputs_ND, columns)
    try:
        return drawn_dataset(inputs_ND, targets, test_fraction, rng, max_pool_size, scale=scale)
    except TooRareError as error:
        listed = nearest("", map(str, table["columns"]))
        raise DataError(
            f"dataset.target={name}: {error}, or choose another column than {name!r} as the target ({listed})"
        ) from error


def read_table(id: int, folder: Path, md5: str | None = None) -> Table:
    """A table from `folder`, or from OpenML, from which it is fetched once; the last ones are kept in memory."""
    return _table(id, folder, md5, tuple(map(_stamp, (folder / f"{id}.arff", folder / f"{id}.npz"))))


def classes_and_inputs(
    id: int, table: Table, target: str | None = None
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Classes (N,) in 0 .. C-1 and the other columns (N, D) of a table; DataError unless the column `target` has such.

    None for its own target.
    """
    name = target or str(table["target"])
    columns = [str(column) for column in table["columns"]]
    if not name:
        raise DataError(
            f"dataset.id={id}: OpenML names no column to predict; say dataset.target=... ({nearest('', columns)})"
        )
    if name not in columns:
        raise DataError(f"dataset.target={name}: OpenML {id} has no such column; {nearest(name, columns)}")
    is_target = np.array([column == name for column in columns])
    values_NK = table["values"]
    labels = values_NK[:, is_target][:, 0]
    if not (np.isfinite(labels).all() and (labels == labels.round()).all()):
        raise DataError(
            f"dataset.target={name}: column {name!r} of OpenML {id} holds missing or fractional values, not classes in "
            f"every row, and regression is not supported; mend the table, or choose another ({nearest('', columns)})"
        )
    return np.unique(labels, return_inverse=True)[1].astype(np.int64), values_NK[:, ~is_target]


@lru_cache(maxsize=6)  # as many as one data set needs, and the runs of a sweep share
def _table(id: int, folder: Path, md5: str | None, _stamps: tuple[object, ...]) -> Table:
    """As `_load`, once for files that have not changed: the runs of a sweep draw their splits from one table."""
    return _load(id, folder, md5)


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size


def _load(id: int, folder: Path, md5: str | None) -> Table:
    """The kept table if it is of this ARFF file; else the ARFF file, or OpenML, read and kept."""
    arff, kept = folder / f"{id}.arff", folder / f"{id}.npz"
    digest = md5_of(arff) if arff.exists() else None
    if digest is not None and md5 is not None and digest != md5:
        raise DataError(
            f"{arff.absolute()}: the checksum does not match (md5 {digest}, expected {md5}); fetch the file again, "
            "or say dataset.md5=null if it is meant to differ"
        )
    table = _kept_table(kept, digest, md5)
    if table is not None:
        return table
    with exclusive(folder, f"{id}") as is_alone:
        table = _kept_table(kept, digest, md5)  # by another process in the meantime
        if table is None:
            if is_alone:
                remove_partial(kept)
            frame, target = read_arff(arff) if digest is not None else _fetch(id, folder)
            table = _encoded(id, frame, target) | {"md5": np.array(digest or ""), "format": np.array(FORMAT)}
            write_kept(kept, table)
    return table


def _kept_table(path: Path, digest: str | None, md5: str | None) -> Table | None:
    """The table kept of the ARFF file, whose digest this is; without a file, one fetched or of the expected md5."""
    try:
        table, is_proved = read_kept(path)
    except UNREADABLE:
        return None
    if not _is_table(table) or not (is_proved or np.isfinite(table["values"]).all()):
        return None
    read_from = str(table["md5"])  # empty if it was fetched
    is_right = read_from == digest if digest is not None else md5 is None or read_from in ("", md5)
    return table if is_right else None


def _is_table(table: Table) -> bool:
    """Whether the arrays of a file are those of a table, of these names, types and shapes, in today's format."""
    shapes = {"values": 2, "columns": 1, "target": 0, "md5": 0, "format": 0}
    if {name: array.ndim for name, array in table.items()} != shapes or table["format"] != FORMAT:
        return False
    num_columns = len(table["columns"])
    return (
        table["values"].dtype == np.float64
        and table["values"].shape[1] == num_columns > 0
        and all(table[name].dtype.kind == "U" for name in ("columns", "target", "md5"))
        and str(table["target"]) in {"", *table["columns"].tolist()}
    )


def _fetch(id: int, folder: Path) -> tuple[pd.DataFrame, str]:
    """The table and the name of its target, which is empty if OpenML names none, or more than one."""
    from sklearn.datasets import fetch_openml

    log.warning("OpenML %d: downloading, as there is no %s", id, folder.absolute() / f"{id}.arff")
    try:
        with warnings.catch_warnings(), network_times_out():
            warnings.simplefilter("ignore")  # inactive versions, repeated tries: the error says what came of them
            # not by pandas, which takes different texts for one category
            bunch = fetch_openml(data_id=id, as_frame=True, parser="liac-arff", cache=False)
        names = bunch.target_names
        return bunch.frame, names[0] if len(names) == 1 else ""
    except Exception as error:  # of the network, of scikit-learn, of pandas: whatever it is
        raise DataError(
            f"dataset.id={id}: there is no {folder.absolute() / f'{id}.arff'} and it could not be fetched from OpenML "
            f"({' '.join(message_of(error).split()) or type(error).__name__}); {_older(id, folder)}"
            "put the ARFF file there, or name its place with data_dir=... or the environment variable AL_BENCH_DATA"
        ) from error


def _older(id: int, folder: Path) -> str:
    """Why a kept table that is there is not enough."""
    kept = folder / f"{id}.npz"
    try:
        made_as = read_npz(kept, ["format"]).get("format")
    except UNREADABLE:
        return ""
    if made_as is not None and np.array_equal(made_as, FORMAT):
        return ""
    return (
        f"{kept.absolute()} was kept by another version of al_bench, which may have read two values as one, and has to "
        "be made again from the file; "
    )


def _encoded(id: int, frame: pd.DataFrame, target: str) -> Table:
    """Every column as float64: numbers as they are, categories as codes in the order of their values.

    The order does not depend on whether the table came from a file or from OpenML: numeric if all values are
    numbers, else alphabetical.
    """
    values_NK = np.empty(frame.shape, dtype=np.float64)
    for position, (name, column) in enumerate(frame.items()):
        if isinstance(column.dtype, pd.CategoricalDtype):
            values_NK[:, position] = _codes(column)
        elif pd.api.types.is_numeric_dtype(column.dtype):
            values_NK[:, position] = column.to_numpy(dtype=np.float64, na_value=np.nan)
        else:
            raise DataError(f"dataset.id={id}: column {name!r} holds text; only numbers and categories can be used")
    return {
        "values": values_NK,
        "columns": np.array([str(name) for name in frame.columns]),
        "target": np.array(target),
    }


def _codes(column: "pd.Series[Any]") -> NDArray[np.float64]:
    """The rank of each text among those that occur; NaN where one is missing."""
    codes_N = column.cat.codes.to_numpy()
    texts = [str(category) for category in column.cat.categories]
    found = ordered([texts[code] for code in np.unique(codes_N[codes_N >= 0])])
    rank_of = {text: float(rank) for rank, text in enumerate(found)}
    ranks = np.array([*(rank_of.get(text, np.nan) for text in texts), np.nan])
    return ranks[codes_N]  # a missing value has the code -1: the last
