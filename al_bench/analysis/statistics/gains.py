"""The paired gain of a strategy over a baseline in one setting: at each budget, and as area under the curve.

A gain is positive where the strategy is better; accuracies are in percentage points, other measures in their unit.
Shapes: K strategies, S seeds, P parts.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from al_bench.analysis.budgets import TIE, Definition, budgets_of
from al_bench.analysis.results import SETTING, listed
from al_bench.analysis.settings import (
    BASELINE,
    Curves,
    Floats,
    compared_rounds,
    setting_curves,
)
from al_bench.analysis.statistics.areas import common_range, is_range_partial, means_between
from al_bench.analysis.statistics.intervals import MARGIN, Sample, holm, verdicts
from al_bench.analysis.statistics.measures import ACCURACY, Measure
from al_bench.core.errors import ResultsError

WHOLE = "whole"
PARTS = (WHOLE, "early", "middle", "late")
GAIN_COLUMNS = [
    *(*SETTING, "strategy", "against", "measure", "part", "num_seeds", "gain", "low", "high", "p", "p_holm"),
    *("detectable", "verdict", "verdict_holm", "is_partial"),
]


def gain_caption(measure: Measure = ACCURACY) -> str:
    """What to read beside a table of gains."""
    return (
        f"paired by seed, in {measure.gain_unit}; ± half the width of the 95 % interval by Student's t; what it is "
        "judged as, after Holm's method over the strategies of the column; where it is open, what so many seeds of "
        "this spread would find with a power of 80 %"
    )


def whole_gains(gains: pd.DataFrame, measure: Measure = ACCURACY) -> pd.DataFrame:
    """The rows of the area under the whole curve of a measure."""
    return gains[(gains["part"] == WHOLE) & (gains["measure"] == measure.column)]


def gains(
    rounds: pd.DataFrame,
    measures: Iterable[Measure] = (ACCURACY,),
    definition: Definition = "paper",
    *,
    against: str = BASELINE,
    margin: float = MARGIN,
) -> pd.DataFrame:
    """How much better every strategy is than `against`, a row for each setting, measure and part.

    A part is `whole`, the area under the curve over the numbers of labels that all strategies have in common (see
    `al_bench.analysis.statistics.areas`); `early`, `middle` and `late`, the same over thirds of that range; or a number
    of labels of `definition`.

    Args:
        rounds: as `al_bench.analysis.results.load_results` gives them.
        measures: of the curves.
        definition: of the budgets; a setting without Random, or with a single seed, has none.
        against: the baseline.
        margin: in percentage points, within which a gain is the same; measures in other units have their own, or none.

    Returns:
        The columns of a setting, strategy, against, measure, part, num_seeds (that both have), gain (mean), low and
        high (95 %, Student's t), p, p_holm (Holm's method over the strategies of a setting, measure and part),
        detectable (the gain that so many seeds of this spread find with a power of 80 %), verdict (of this comparison
        alone), verdict_holm (of one among the strategies), and is_partial (whether it may change when all runs are
        finished).

    Raises:
        ResultsError: if there is no run of `against`.
    """
    known = sorted(set(compared_rounds(rounds)["strategy"]))
    if against not in known and against != BASELINE:
        raise ResultsError(f"against={against}: there is no run of that strategy; those there are:{listed(known)}")
    accuracies = setting_curves(rounds)
    frames = []
    for measure in measures:
        limit, sign = margin if measure.is_share else measure.margin, measure.sign * measure.factor
        for curves, accuracy in zip(setting_curves(rounds, measure), accuracies, strict=True):
            is_measured = bool(curves.ends)  # older runs of the setting may not have been
            if is_measured and against in curves.strategies:
                budgets = _budgets(accuracy, definition)
                frames.append(_of_setting(curves, budgets, against, sign, limit).assign(measure=measure.column))
    return pd.concat(frames, ignore_index=True)[GAIN_COLUMNS] if frames else pd.DataFrame(columns=GAIN_COLUMNS)


def _of_setting(
    curves: Curves, budgets: Sequence[int], against: str, sign: float, margin: float | None
) -> pd.DataFrame:
    value_KSP = np.concatenate(
        [part_areas(curves), *(curves.values(curves.at(budget))[:, :, None] for budget in budgets)], axis=2
    )
    others = [number for number, strategy in enumerate(curves.strategies) if strategy != against]
    difference_KSP = value_KSP[others] - value_KSP[curves.strategies.index(against)]
    gain_KSP = sign * np.where(np.abs(difference_KSP) <= TIE, 0, difference_KSP)
    is_range_open = is_range_partial(curves)
    parts: list[dict[str, Any]] = []
    for number, part in enumerate([*PARTS, *map(str, budgets)]):
        sample = Sample.of(gain_KSP[:, :, number])
        (low_K, high_K), p_holm_K = sample.interval(), holm(sample.p_N)
        is_open = is_range_open if part in PARTS else curves.is_baseline_partial
        parts.append(
            {
                "strategy": [curves.strategies[other] for other in others],
                "against": [against] * len(others),
                "part": [part] * len(others),
                "num_seeds": sample.num_N,
                "gain": sample.mean_N,
                "low": low_K,
                "high": high_K,
                "p": sample.p_N,
                "p_holm": p_holm_K,
                "detectable": sample.detectable_N,
                "verdict": [str(each) for each in verdicts(sample, margin)],
                "verdict_holm": [str(each) for each in verdicts(sample, margin, p_holm_K)],
                "is_partial": is_open | (sample.num_N < len(curves.seeds)),
            }
        )
    frame = pd.DataFrame({**curves.setting, **{name: _joined([each[name] for each in parts]) for name in parts[0]}})
    return frame[frame["num_seeds"] > 0]


def _joined(values: Sequence[Any]) -> Any:
    """Of all parts: texts are lists, and numbers arrays; a frame for each part would take most of the time."""
    is_text = isinstance(values[0], list)
    return [text for of_part in values for text in of_part] if is_text else np.concatenate(values)


def part_areas(curves: Curves) -> Floats:
    """The mean value (K, S, 4) of each run over the whole of the common range, and over its thirds.

    NaN for a run that does not span the range.
    """
    first, last = common_range(curves)
    return means_between([(first, last), *pairwise(np.linspace(first, last, 4).tolist())], curves)


def _budgets(curves: Curves, definition: Definition) -> Sequence[int]:
    try:
        return budgets_of(curves, definition)
    except ResultsError:  # there is nothing to say at which; the comparison of the paper says why
        return []
