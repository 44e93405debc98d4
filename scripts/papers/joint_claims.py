"""What Ranganathan et al. (2017) say of joint training, beside what a folder of results says."""

from collections.abc import Mapping, Sequence
from typing import cast

import numpy as np
import pandas as pd

from al_bench.analysis.results import SETTING
from al_bench.analysis.settings import BASELINE, rows_of
from al_bench.analysis.statistics.areas import areas
from al_bench.analysis.statistics.intervals import bca_interval
from al_bench.records.layout import setting_title
from papers.claims import Claim

JOINT, ENTROPY = "joint", "entropy"
BASELINES = (BASELINE, "confidence", "margin", ENTROPY)
COMPARED = (JOINT, *BASELINES)
MULTI_MODAL = ("multiple_features", "modalities")
GAIN_COLUMNS = ["strategy", "than", "num_seeds", "gain", "low", "high"]
COLLAPSE_COLUMNS = [
    *("labels", "strategy", "pool entropy", "largest class, mean", "largest class, most", "smallest class, least")
]


def is_multi_modal(setting: Mapping[str, object]) -> bool:
    """Whether its data set has modalities."""
    return str(setting["dataset"]).split(",")[0] in MULTI_MODAL


def gains(rounds: pd.DataFrame, pairs: Sequence[tuple[str, str]]) -> pd.DataFrame:
    """By how much the mean accuracy over all numbers of labels of one strategy is above that of another.

    Args:
        rounds: as `al_bench.analysis.results.load_results` gives them.
        pairs: strategy, and which other.

    Returns:
        For every setting that has both, paired by seed: the columns of a setting, setting (its name), strategy, than,
        num_seeds, gain, low, high (95 % BCa interval; NaN for fewer than four seeds).
    """
    rows = []
    for values, of_setting in areas(rounds).groupby(SETTING, sort=True):
        by_seed = of_setting.pivot(index="seed", columns="strategy", values="area")
        for strategy, than in pairs:
            if not {strategy, than} <= set(by_seed.columns):
                continue
            gain_S = (by_seed[strategy] - by_seed[than]).dropna().to_numpy()
            (low,), (high,) = bca_interval(gain_S[None])
            name = setting_title(dict(zip(SETTING, values, strict=True)))
            rows.append([*values, name, strategy, than, len(gain_S), gain_S.mean(), low, high])
    return pd.DataFrame(rows, columns=[*SETTING, "setting", *GAIN_COLUMNS])


def in_points(table: pd.DataFrame) -> list[str]:
    """`gains` to read: points of accuracy with their interval, or the number of seeds if they are too few for one."""
    return [
        f"{100 * gain:+.1f} ({num_seeds:.0f} seeds)"
        if np.isnan(low)
        else f"{100 * gain:+.1f} [{100 * low:+.1f}, {100 * high:+.1f}]"
        for gain, low, high, num_seeds in table[["gain", "low", "high", "num_seeds"]].to_numpy()
    ]


def claims(rounds: pd.DataFrame) -> list[Claim]:
    """Claim by claim: the paper's, that joint training is above every baseline; then what its two halves are worth."""
    table = gains(rounds, [(JOINT, than) for than in BASELINES])
    is_multi = np.array([is_multi_modal({"dataset": name}) for name in table["dataset"]], dtype=bool)
    names = {BASELINE: "random queries", "confidence": "least confident", "margin": "margin", ENTROPY: "entropy"}
    made = [
        _is_above(table[(is_multi == multi) & (table["than"] == than)], f"{kind} data: joint is above {names[than]}")
        for kind, multi in (("uni-modal", False), ("multi-modal", True))
        for than in BASELINES
    ]
    halves = {
        "joint training helps where queries are random, too": ("joint,query=random", BASELINE),
        "joint training chooses better batches for training without it, too": ("joint,measured=labelled", ENTROPY),
    }
    made += [_is_above(gains(rounds, [pair]), f"(ours) {text}") for text, pair in halves.items()]
    return [*made, _is_entropy_at_zero(rounds)]


def _is_above(table: pd.DataFrame, text: str) -> Claim:
    """Yes if it is significant in every setting, no otherwise."""
    if table.empty:
        return Claim(text, "no setting was run", None)
    num_above, num_below = int((table["low"] > 0).sum()), int((table["high"] < 0).sum())
    summary = f"above in {num_above}, below in {num_below} of {len(table)} settings"
    return Claim(text, summary, num_above == len(table))


def _is_entropy_at_zero(rounds: pd.DataFrame) -> Claim:
    text = "(by definition) with weight 0 it is entropy sampling, bit for bit"
    keys = [*SETTING, "seed", "round"]
    columns = [*keys, "test_accuracy", "test_loss", "class_counts"]
    zero, entropy = (rounds.loc[rounds["strategy"] == name, columns] for name in (f"{JOINT},entropy_weight=0", ENTROPY))
    both = zero.merge(entropy, on=keys, suffixes=("", "_other"))
    if both.empty:
        return Claim(text, "no setting was run", None)
    is_same = np.logical_and.reduce([both[name] == both[f"{name}_other"] for name in columns[len(keys) :]])
    return Claim(text, f"{int(is_same.sum()):,} of {len(both):,} rounds are the same", bool(is_same.all()))


def collapse(rounds: pd.DataFrame, setting: Mapping[str, object], at: Sequence[int]) -> pd.DataFrame:
    """What networks say of the unlabelled examples, for the strategies that record it, after some rounds.

    Returns:
        The columns labels, strategy, pool entropy (nats, mean over seeds), the mean probability of the class that gets
        most (mean and largest of all seeds), and of the one that gets least.
    """
    of_setting = rows_of(rounds, setting)
    of_setting = of_setting[of_setting["unlabelled_class_marginals"].astype(str).str.len() > 0]
    rows = []
    for (round, strategy), members in of_setting[of_setting["round"].isin(at)].groupby(["round", "strategy"]):
        marginals_SC = np.array([text.split(" ") for text in members["unlabelled_class_marginals"]], dtype=float)
        most_S, entropy = marginals_SC.max(axis=1), members["unlabelled_entropy"].astype(float).mean()
        labels = int(members["num_labelled"].iloc[0])
        rows.append((cast(int, round), labels, strategy, entropy, most_S.mean(), most_S.max(), marginals_SC.min()))
    table = pd.DataFrame(rows, columns=["round", *COLLAPSE_COLUMNS]).sort_values(["round", "strategy"])
    return table[COLLAPSE_COLUMNS].reset_index(drop=True)


def chosen(rounds: pd.DataFrame) -> pd.DataFrame:
    """Mean validation accuracy over all numbers of labels, for each model, strategy and batch size, by data set.

    Returns:
        A row for each choice, best first: model, strategy, batch_size, a column for each data set, their mean (NaN if
        one is lacking), and its standard error over seeds; in points.
    """
    keys = ["model", "strategy", "batch_size"]
    of_runs = areas(rounds.assign(test_accuracy=rounds["validation_accuracy"])).set_index([*keys, "dataset", "seed"])
    points = 100 * of_runs["area"]
    by_dataset = points.groupby([*keys, "dataset"]).mean().unstack()
    of_seeds = points.groupby([*keys, "seed"]).mean()
    table = by_dataset.assign(mean=by_dataset.mean(axis=1, skipna=False), error=of_seeds.groupby(keys).sem())
    return table.sort_values("mean", ascending=False).reset_index()
