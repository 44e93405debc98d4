"""What is said over settings: the unit is the data set, as settings of one data set are not independent.

With y_d the mean over the settings of data set d (batch sizes, views of the same examples), the mean of D data sets has
the interval y +- t_{D-1} s / sqrt(D), and one data set more the prediction interval y +- t_{D-1} s sqrt(1 + 1/D).
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from al_bench.analysis.families import MIN_DATASETS, family_column
from al_bench.analysis.results import SETTING
from al_bench.analysis.settings import ordered
from al_bench.analysis.statistics.gains import PARTS
from al_bench.analysis.statistics.intervals import MARGIN, Sample, holm, verdicts
from al_bench.analysis.statistics.measures import MEASURES

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
BEATS_COLUMNS = ["first", "second", "num_datasets", "num_settings", "share", "low", "high", "is_partial"]

OVERALL_CAPTION = (
    "over data sets, in percentage points: ± half the width of the 95 % interval by Student's t, what it is judged as "
    "after Holm's method, and the 95 % prediction interval of one data set more"
)
BEATS_CAPTION = (
    "share of seeds with the larger area under the curve, a tie counting half, averaged over the settings of a data "
    "set, then over data sets; 95 % interval by Student's t over data sets, of three or more"
)


def overall(gains: pd.DataFrame, known: Mapping[str, str], *, margin: float = MARGIN) -> pd.DataFrame:
    """The gains in areas over the data sets of a model, for each batch size and for all.

    Args:
        gains: as `al_bench.analysis.statistics.gains.gains` gives them.
        known: the family of each data set, see `al_bench.analysis.families.families`.
        margin: as of the gains.

    Returns:
        The columns model, batch_size (or `all`), variant, strategy, against, measure, part, num_datasets, gain (of data
        sets), low and high (95 %), predicted_low and predicted_high (95 %, of one data set more), p, p_holm (over the
        strategies of the group), verdict (after Holm's method), is_partial. With fewer than three data sets there are
        no intervals, no p, and the verdict is open.
    """
    areas = gains[gains["part"].isin(PARTS) & gains["gain"].notna()]
    areas = areas.assign(family=family_column(areas, known))
    both = pd.concat([areas.astype({"batch_size": str}), areas.assign(batch_size=ALL)], ignore_index=True)
    frames = [_of_group(rows, values, margin) for values, rows in both.groupby(GROUP, sort=False)]
    return pd.concat(frames, ignore_index=True)[OVERALL_COLUMNS] if frames else pd.DataFrame(columns=OVERALL_COLUMNS)


def _of_group(rows: pd.DataFrame, values: tuple[object, ...], margin: float) -> pd.DataFrame:
    by_family = rows.pivot_table(index="family", columns="strategy", values="gain", aggfunc="mean")
    by_family = by_family[ordered(by_family.columns.tolist())]
    group = dict(zip(GROUP, values, strict=True))
    is_in_points = any(measure.column == group["measure"] and measure.unit == "" for measure in MEASURES)
    sample = enough(Sample.of(by_family.to_numpy(dtype=float).T))
    (low, high), (predicted_low, predicted_high) = sample.interval(), sample.prediction()
    p_holm = holm(sample.p_N)
    num_settings = rows.groupby("strategy").size()
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
        "verdict": [str(each) for each in verdicts(sample, margin if is_in_points else None, p_holm)],
        "is_partial": [bool(is_open[name]) or num_settings[name] < num_settings.max() for name in by_family.columns],
    }
    return pd.DataFrame({**columns, **group})


def enough(sample: Sample) -> Sample:
    """Without a spread where there are fewer than three data sets, so that there are no intervals and no p."""
    return Sample(sample.num_N, sample.mean_N, np.where(sample.num_N < MIN_DATASETS, np.nan, sample.sd_N))


def beats(areas: pd.DataFrame, known: Mapping[str, str]) -> pd.DataFrame:
    """How often a strategy beats another: P(A > B) over settings and seeds, a tie counting half.

    Args:
        areas: as `al_bench.analysis.statistics.areas.areas` gives them.
        known: the family of each data set.

    Returns:
        A row per ordered pair: first, second, num_datasets, num_settings, share (of seeds, averaged over the settings
        of a data set, then over data sets), low and high (95 %, t over data sets, cut at 0 and 1; NaN
        for fewer than three),
        is_partial.
    """
    shares: dict[tuple[str, str], dict[str, list[float]]] = {}
    partial: set[tuple[str, str]] = set()
    for values, rows in areas.groupby(SETTING, sort=True):
        by_seed = rows.pivot(index="seed", columns="strategy", values="area")
        is_open = rows.groupby("strategy")["is_partial"].any()
        family = known[str(values[SETTING.index("dataset")])]
        for first in by_seed.columns:
            differences = by_seed.rsub(by_seed[first], axis=0)
            wins = ((differences > 0) + 0.5 * (differences == 0)).where(differences.notna()).mean()
            for second, share in wins.drop(first).dropna().items():
                pair = first, str(second)
                shares.setdefault(pair, {}).setdefault(family, []).append(float(share))
                if is_open[[*pair]].any() or bool(by_seed[[*pair]].isna().any(axis=None)):
                    partial.add(pair)
    rows_of_pairs = []
    names = ordered(list({name for pair in shares for name in pair}))
    for first in names:
        for second in names:
            if by_family := shares.get((first, second)):
                means = np.array([[np.mean(each) for each in by_family.values()]])
                sample = enough(Sample.of(means))
                (low,), (high,) = sample.interval()
                num_settings = sum(map(len, by_family.values()))
                interval = np.clip([low, high], 0, 1)
                numbers = [len(by_family), num_settings, sample.mean_N[0], *interval, (first, second) in partial]
                rows_of_pairs.append([first, second, *numbers])
    return pd.DataFrame(rows_of_pairs, columns=BEATS_COLUMNS)
