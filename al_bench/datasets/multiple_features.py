"""Multiple Features: 2,000 handwritten digits in six descriptions, 200 of each class (UCI, Duin, 1998)."""

from pathlib import Path
from typing import Annotated, Literal, get_args

import numpy as np
from annotated_types import Len
from pydantic import AfterValidator

from al_bench.core.data import Dataset
from al_bench.core.errors import DataError
from al_bench.core.ranges import Fraction
from al_bench.datasets.from_arrays import drawn_dataset
from al_bench.datasets.modalities import distinct, side_by_side
from al_bench.datasets.openml import classes_and_inputs, read_table

View = Literal["factors", "fourier", "karhunen", "morphological", "pixel", "zernike"]
IDS: dict[View, int] = dict(zip(get_args(View), (12, 14, 16, 18, 20, 22), strict=True))  # on OpenML
Views = Annotated[list[View], Len(1), AfterValidator(distinct)]


def multiple_features(
    data_dir: Path,
    rng: np.random.Generator,
    modalities: Views | None = None,
    scale: bool = True,
    test_fraction: Fraction = 0.2,
) -> Dataset:
    """Inputs (N, D): of each digit the descriptions side by side, with 216, 76, 64, 6, 240 and 47 columns.

    Args:
        data_dir: `<data_dir>/openml/<id>.arff` is read if it is there, else the table is fetched from OpenML and kept.
        rng: draws the split, the same for any choice of modalities.
        modalities: which, in the order of their columns; None for all six.
        scale: standardise every column over the training pool; they are on scales from 1 to 10,000.
        test_fraction: share of the test set.

    Raises:
        DataError: if a table cannot be had, or the tables are not of the same digits, row by row.
    """
    names = modalities or list(IDS)
    tables = {name: classes_and_inputs(IDS[name], read_table(IDS[name], data_dir / "openml")) for name in names}
    (first, (targets, _)), *others = tables.items()
    for name, (other_targets, _) in others:
        if not np.array_equal(targets, other_targets):
            raise DataError(
                f"dataset.modalities: the rows of {first} (OpenML {IDS[first]}, {len(targets):,} rows) and {name} "
                f"(OpenML {IDS[name]}, {len(other_targets):,} rows) are not of the same digits; fetch the files again"
            )
    inputs, columns = side_by_side({name: values.astype(np.float32) for name, (_, values) in tables.items()})
    return drawn_dataset(inputs, targets, test_fraction, rng, modalities=columns, scale=scale)
