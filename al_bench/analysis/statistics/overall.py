"""What is said over settings: the unit is the data set, as settings of one data set are not independent.

With y_d the mean over the settings of data set d (batch sizes, views of the same examples), the mean of D data sets has
the interval y +- t_{D-1} s / sqrt(D), and one data set more the prediction interval y +- t_{D-1} s sqrt(1 + 1/D).
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from al_bench.analysis.budgets import TIE
from al_bench.analysis.families import MIN_DATASETS, family_column
from al_bench.analysis.regimes import REGIME, by_regime, with_conditions
from al_bench.analysis.results import SETTING
from al_bench.analysis.settings import Floats, conditions_in
from al_bench.analysis.statistics.gains import PARTS, WHOLE, gains
from al_bench.analysis.statistics.intervals import MARGIN, Sample, holm, verdicts
from al_bench.analysis.statistics.measures import ACCURACY, MEASURES, Measure

ALL = "all"  # batch sizes
GROUP = ["model", "batch_size", "variant", "against", "measure", "part"]
OVERALL_COLUMNS = [
    *(
        "model",
        "batch_size",
        "variant",
        "strategy",
        "against",
        "measure",
        "part",
        "num_datasets",
        "gain",
        "low",
        "high",
    ),
    *("predicted_low", "predicted_high", "p", "p_holm", "verdict", "is_partial"),
]
BEATS_COLUMNS = [*REGIME, "first", "second", "num_datasets", "num_settings", "share", "low", "high", "is_partial"]


def overall_caption(measure: Measure = ACCURACY) -> str:
    """What to read beside a table of gains over data sets."""
    return (
        f"over data sets, in {measure.gain_unit}: ± half the width of the 95 % interval by Student's t, what it is "
        "judged as after Holm's method, and the 95 % prediction interval of one data set more"
    )


def beats_caption(measure: Measure = ACCURACY) -> str:
    """What to read beside a table of how often strategies beat each other."""
    return (
        f"share of seeds with the {'larger' if measure.better == 'higher' else 'smaller'} area under the curve"
        f"{measure.of_it}, a tie counting half, averaged over the settings of a data set, then over data sets; 95 % "
        "interval by Student's t over data sets, of three or more"
    )


def overall(
    gains: pd.DataFrame,
    known: Mapping[str, str],
    *,
    margin: float = MARGIN,
    measures: Iterable[Measure] = MEASURES,
    settings: Iterable[Mapping[str, object]] = (),
) -> pd.DataFrame:
    """The gains in areas over the data sets of a regime, for each batch size and for all.

    Args:
        gains: as `al_bench.analysis.statistics.gains.gains` gives them.
        known: the family of each data set, see `al_bench.analysis.families.families`.
        margin: as of the gains.
        measures: of the gains.
        settings: all of the results, as some may have no gain yet: their baseline is lacking.

    Returns:
        The columns model, batch_size (or `all`), variant (after what was done to the pool), strategy, against, measure,
        part, num_datasets, gain (of data sets), low and high (95 %), predicted_low and predicted_high (95 %, of one
        data set more), p, p_holm (over the strategies of the group), verdict (after Holm's method), is_partial. With
        fewer than three data sets there are no intervals, no p, and the verdict is open.
    """
    areas = gains[gains["part"].isin(PARTS) & gains["gain"].notna()]
    areas = with_conditions(areas.assign(family=family_column(areas, known)))
    both = pd.concat([areas.astype({"batch_size": str}), areas.assign(batch_size=ALL)], ignore_index=True)
    margins = {measure.column: margin if measure.is_share else measure.margin for measure in measures}
    expected = Counter(
        (str(setting["model"]), size, conditions_in(setting))
        for setting in settings
        for size in (str(setting["batch_size"]), ALL)
    )
    frames = [
        _of_group(
            rows,
            dict(zip(GROUP, values, strict=True)),
            margins,
            expected[str(values[0]), str(values[1]), str(values[2])],
        )
        for values, rows in both.groupby(GROUP, sort=False)
    ]
    return pd.concat(frames, ignore_index=True)[OVERALL_COLUMNS] if frames else pd.DataFrame(columns=OVERALL_COLUMNS)


def mean_gains(rounds: Iterable[Mapping[str, object]]) -> dict[str, tuple[int, float, float, float]]:
    """Each strategy's gain over Random in accuracy, by area under the whole curve, over data sets of one regime.

    Args:
        rounds: a row each, with dataset, batch_size, strategy, seed, num_labelled and test_accuracy.

    Returns:
        The number of data sets, the gain in percentage points, low and high (95 %), by strategy; without Random's runs
        nothing.
    """
    table = pd.DataFrame([*map(dict, rounds)])
    if table.empty:
        return {}
    found = overall(gains(table.assign(model="", variant="")), {name: name for name in table["dataset"].unique()})
    rows = found[(found["batch_size"] == ALL) & (found["part"] == WHOLE)]
    kept = zip(*(rows[name] for name in ("num_datasets", "gain", "low", "high")), strict=True)
    return dict(zip(rows["strategy"], ((int(num), *map(float, values)) for num, *values in kept), strict=True))


def _of_group(
    rows: pd.DataFrame, group: Mapping[str, Any], margins: Mapping[str, float | None], num_expected: int
) -> pd.DataFrame:
    by_family = rows.pivot_table(index="family", columns="strategy", values="gain", aggfunc="mean")
    by_family = by_family[rows["strategy"].unique().tolist()]
    sample = enough(Sample.of(by_family.to_numpy(dtype=float).T))
    (low, high), (predicted_low, predicted_high) = sample.interval(), sample.prediction()
    p_holm = holm(sample.p_N)
    num_settings = rows.groupby("strategy").size()
    num_expected = max(num_expected, num_settings.max())
    is_open = rows.groupby("strategy")["is_partial"].any()
    columns = {
        "strategy": by_family.columns,
        "num_datasets": sample.num_N,
        "gain": sample.mean_N,
        "low": low,
        "high": high,
        "predicted_low": predicted_low,
        "predicted_high": predicted_high,
        "p": sample.p_N,
        "p_holm": p_holm,
        "verdict": [str(each) for each in verdicts(sample, margins.get(group["measure"]), p_holm)],
        "is_partial": [bool(is_open[name]) or num_settings[name] < num_expected for name in by_family.columns],
    }
    return pd.DataFrame({**columns, **group})


def enough(sample: Sample) -> Sample:
    """Without a spread where there are fewer than three data sets, so that there are no intervals and no p."""
    return Sample(sample.num_N, sample.mean_N, np.where(sample.num_N < MIN_DATASETS, np.nan, sample.sd_N))


def beats(areas: pd.DataFrame, known: Mapping[str, str]) -> pd.DataFrame:
    """How often a strategy beats another in a regime: P(A > B) over settings and seeds, a tie counting half.

    Args:
        areas: as `al_bench.analysis.statistics.areas.areas` gives them; larger ones are better.
        known: the family of each data set.

    Returns:
        A row per regime and ordered pair: model, variant, first, second, num_datasets, num_settings, share (of seeds,
        averaged over the settings of a data set, then over data sets), low and high (95 %, t over data sets, cut at 0
        and 1; NaN for fewer than three), is_partial.
    """
    frames = [_beats(rows, known).assign(**regime) for regime, rows in by_regime(areas)]
    return pd.concat(frames, ignore_index=True)[BEATS_COLUMNS] if frames else pd.DataFrame(columns=BEATS_COLUMNS)


def _beats(areas: pd.DataFrame, known: Mapping[str, str]) -> pd.DataFrame:
    """The columns of `beats` from `first` on."""
    names = areas["strategy"].unique().tolist()
    shares: dict[str, list[Floats]] = {}  # by family, (K * K) of each of its settings
    is_partial_N = np.zeros(len(names) ** 2, dtype=bool)
    for values, rows in areas.groupby(SETTING, sort=True):
        area_SK = (
            rows.pivot(index="seed", columns="strategy", values="area").reindex(columns=names).to_numpy(dtype=float)
        )
        share_N = _shares(area_SK)
        shares.setdefault(known[str(values[SETTING.index("dataset")])], []).append(share_N)
        is_open = rows.groupby("strategy")["is_partial"].any().reindex(names, fill_value=False)
        is_open_K = is_open.to_numpy(dtype=bool) | np.isnan(area_SK).any(axis=0)
        is_partial_N |= (is_open_K[:, None] | is_open_K).ravel() & np.isfinite(share_N)
    of_families = [Sample.of(np.stack(each, axis=1)) for each in shares.values()]
    sample = enough(Sample.of(np.stack([each.mean_N for each in of_families], axis=1)))
    low_N, high_N = (np.clip(each, 0, 1) for each in sample.interval())
    num_settings_N = np.sum([each.num_N for each in of_families], axis=0)
    pairs = [(first, second) for first in names for second in names]
    columns = [sample.num_N, num_settings_N, sample.mean_N, low_N, high_N, is_partial_N]
    rows_of_pairs = [[*pair, *numbers] for pair, *numbers in zip(pairs, *columns, strict=True) if numbers[1]]
    return pd.DataFrame(rows_of_pairs, columns=BEATS_COLUMNS[len(REGIME) :])


def _shares(area_SK: Floats) -> Floats:
    """On what share of the seeds the first of each pair has more, (K * K); NaN where none has both, and with itself."""
    num_strategies = area_SK.shape[1]
    difference_SKK = area_SK[:, :, None] - area_SK[:, None, :]
    difference_SKK[:, range(num_strategies), range(num_strategies)] = np.nan
    won_SKK = np.where(np.isnan(difference_SKK), np.nan, (difference_SKK > TIE) + 0.5 * (np.abs(difference_SKK) <= TIE))
    return Sample.of(won_SKK.reshape(len(area_SK), -1).T).mean_N
