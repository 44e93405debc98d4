"""What Ranganathan et al. (2017) say of joint training, beside what a folder of results says."""

from collections.abc import Iterable, Mapping, Sequence
from typing import cast

import numpy as np
import pandas as pd

from al_bench.analysis.results import SETTING
from al_bench.analysis.settings import BASELINE, rows_of, setting_names
from al_bench.analysis.statistics.areas import areas
from al_bench.analysis.statistics.gains import gains as all_gains
from al_bench.analysis.statistics.gains import whole_gains
from al_bench.analysis.statistics.intervals import MARGIN, Sample, Verdict, holm, verdicts
from al_bench.analysis.statistics.overall import ALL, overall
from papers.claims import Claim, counted, detectable_of, is_all, judged

JOINT, ENTROPY = "joint", "entropy"
BASELINES = (BASELINE, "confidence", "margin", ENTROPY)
COMPARED = (JOINT, *BASELINES)
MULTI_MODAL = ("multiple_features", "modalities")
COLLAPSE_COLUMNS = [
    *("labels", "strategy", "pool entropy", "largest class, mean", "largest class, most", "smallest class, least")
]


def is_multi_modal(setting: Mapping[str, object]) -> bool:
    """Whether its data set has modalities."""
    return str(setting["dataset"]).split(",")[0] in MULTI_MODAL


def gains_over(rounds: pd.DataFrame, baselines: Iterable[str] = BASELINES) -> pd.DataFrame:
    """As `al_bench.analysis.statistics.gains.gains`, over each of the baselines that there are."""
    there = set(rounds["strategy"])
    tables = [all_gains(rounds, against=than) for than in dict.fromkeys(baselines) if than in there]
    return pd.concat(tables) if tables else all_gains(rounds.iloc[:0])


def gains(rounds: pd.DataFrame, pairs: Sequence[tuple[str, str]]) -> pd.DataFrame:
    """The gains in area under the curve of one strategy over another, for every setting that has both.

    Args:
        rounds: as `al_bench.analysis.results.load_results` gives them.
        pairs: strategy, and against which.

    Returns:
        As `gains_over`, with the name of the setting.
    """
    return of_pairs(gains_over(rounds, [against for _, against in pairs]), pairs)


def of_pairs(made: pd.DataFrame, pairs: Sequence[tuple[str, str]]) -> pd.DataFrame:
    """Of `gains_over`, what `gains` gives."""
    whole = whole_gains(made)
    is_asked = [pair in {*pairs} for pair in zip(whole["strategy"], whole["against"], strict=True)]
    table = whole[pd.Series(is_asked, whole.index, dtype=bool)]
    table.insert(0, "setting", setting_names(table))
    return table.sort_values(SETTING, kind="stable").reset_index(drop=True)


def in_points(table: pd.DataFrame) -> list[str]:
    """`gains` to read: points of accuracy with their interval, and what they are judged as among several strategies."""
    columns = ("gain", "low", "high", "detectable", "verdict_holm", "num_seeds")
    return [
        f"{gain:+.2f} ({num_seeds} seeds)"
        if np.isnan(low)
        else f"{gain:+.2f} [{low:+.2f}, {high:+.2f}] {judged(verdict, detectable)}"
        for gain, low, high, detectable, verdict, num_seeds in zip(*(table[name] for name in columns), strict=True)
    ]


def gains_over_datasets(made: pd.DataFrame) -> pd.DataFrame:
    """Of `gains_over`, those of the compared strategies by data set: of all models, batch sizes and variants.

    Returns:
        As `al_bench.analysis.statistics.overall.overall`.
    """
    return _over_datasets(made[made["strategy"].isin(COMPARED)])


def _over_datasets(gains: pd.DataFrame) -> pd.DataFrame:
    found = overall(gains.assign(model=ALL, variant=""), families_of(gains))
    return found[found["batch_size"] == ALL]


def families_of(table: pd.DataFrame) -> dict[str, str]:
    """Subsets of modalities are of the same examples."""
    return {str(name): str(name).partition(",")[0] for name in table["dataset"].unique()}


def claims(rounds: pd.DataFrame) -> list[Claim]:
    """Claim by claim: the paper's, that joint training is above every baseline; then what its two halves are worth."""
    over_baselines = gains_over(rounds)
    table = of_pairs(over_baselines, [(JOINT, than) for than in BASELINES])
    is_multi = np.array([is_multi_modal({"dataset": name}) for name in table["dataset"]], dtype=bool)
    names = {BASELINE: "random queries", "confidence": "least confident", "margin": "margin", ENTROPY: "entropy"}
    over = gains_over_datasets(over_baselines)
    over = over[over["strategy"] == JOINT]
    made = [
        _is_above(table[(is_multi == multi) & (table["against"] == than)], f"{kind} data: joint is above {names[than]}")
        for kind, multi in (("uni-modal", False), ("multi-modal", True))
        for than in BASELINES
    ]
    made += [
        _is_above(table[table["against"] == than], f"all data: joint is above {names[than]}", over)
        for than in BASELINES
    ]
    halves = {
        "joint training helps where queries are random, too": ("joint,query=random", BASELINE),
        "joint training chooses better batches for training without it, too": ("joint,measured=labelled", ENTROPY),
    }
    made += [_is_above(gains(rounds, [pair]), f"(ours) {text}") for text, pair in halves.items()]
    return [*made, _is_entropy_at_zero(rounds)]


def _is_above(table: pd.DataFrame, text: str, over: pd.DataFrame | None = None) -> Claim:
    """Yes if it is above in every setting; no if it is below in every one, or over data sets; open otherwise.

    `over`: `gains_over_datasets`, of all of them; otherwise of the table's alone.
    """
    if table.empty:
        return Claim(text, "no setting was run", None)
    rows = whole_gains(_over_datasets(table) if over is None else over)
    row = rows[rows["against"] == table["against"].iloc[0]].iloc[0]
    low, high, num = row["low"], row["high"], row["num_datasets"]
    judgement = ""
    if not np.isnan(low):
        judgement = f" [{low:+.2f}, {high:+.2f}] {judged(row['verdict'], detectable_of(low, high, num))}"
    settings, sets = f"{len(table)} setting{'s' * (len(table) > 1)}", f"{num} data set{'s' * bool(num > 1)}"
    measured = f"in {settings}: {counted(table)}; over {sets} {row['gain']:+.2f}"
    is_below = Verdict(row["verdict"]).kind is Verdict.BELOW
    return Claim(text, f"{measured}{judgement}", False if is_below else is_all(table))


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


def networks(rounds: pd.DataFrame, model: str, other: str) -> pd.DataFrame:
    """What one model gains over another in area under the curve, paired by seed, on the data sets that have both.

    Returns:
        A row for each data set and compared strategy: in points, and how much more `joint` gains over the strategy with
        the first model than with the other; each after Holm's method over the strategies.
    """
    compared = rounds[rounds["strategy"].isin(COMPARED) & rounds["model"].isin([model, other])]
    area = areas(compared).pivot_table(index=["dataset", "seed"], columns=["model", "strategy"], values="area") * 100
    titles = f"{model} over {other}", f"what {JOINT} gains over it, more with {model}"
    if not {(name, strategy) for name in (model, other) for strategy in COMPARED} <= set(area.columns):
        return pd.DataFrame(columns=["dataset", "strategy", *titles])
    over = area[model][[*COMPARED]] - area[other][[*COMPARED]]
    more = pd.DataFrame(over[[JOINT]].to_numpy() - over[[*BASELINES]].to_numpy(), over.index)
    frames = []
    for dataset in over.dropna().index.get_level_values("dataset").unique():
        columns = [_told_of(Sample.of(table.loc[dataset].to_numpy().T)) for table in (over, more)]
        rows = {"dataset": dataset, "strategy": COMPARED, titles[0]: columns[0], titles[1]: ["", *columns[1]]}
        frames.append(pd.DataFrame(rows))
    return pd.concat(frames)


def _told_of(sample: Sample) -> list[str]:
    (low, high), kinds = sample.interval(), verdicts(sample, MARGIN, holm(sample.p_N))
    columns = {"gain": sample.mean_N, "low": low, "high": high, "detectable": sample.detectable_N}
    return in_points(pd.DataFrame({**columns, "verdict_holm": kinds, "num_seeds": sample.num_N}))


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
