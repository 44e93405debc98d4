"""What Ash et al. (2020) report, beside what a folder of results of their seven strategies says."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.stats import norm, spearmanr

from al_bench.analysis.results import PAPER_ORDER
from al_bench.analysis.settings import Floats
from al_bench.analysis.statistics.intervals import MARGIN, Sample, Verdict, verdicts
from al_bench.analysis.statistics.penalty import PenaltyMatrix, SettingWins
from papers.claims import Claim, counted, is_all, judged, told

NUM_SETTINGS = 33  # of the paper
FIGURE_4 = pd.DataFrame(  # read off the figure; every printed column mean is the sum of the column / 7
    [
        [0, 9.18, 10.97, 12.56, 3.88, 13.16, 10.04],
        [0.34, 0, 5.18, 3.15, 0.31, 6.81, 4.95],
        [1.65, 2.02, 0, 6.55, 3.08, 8.13, 6.56],
        [0.54, 2.78, 7.61, 0, 0.33, 5.96, 6.08],
        [0.96, 7.14, 10.87, 9.34, 0, 11.33, 9.34],
        [0.31, 1.79, 6.05, 1.25, 0.35, 0, 5.12],
        [0.84, 5.63, 7.61, 8.67, 2.98, 10.65, 0],
    ],
    index=list(PAPER_ORDER),
    columns=list(PAPER_ORDER),
)
UNCERTAINTY = ("confidence", "margin", "entropy")


def paper_matrix() -> PenaltyMatrix:
    """Figure 4: all settings of the paper."""
    settings = tuple(f"setting {number}" for number in range(1, NUM_SETTINGS + 1))
    return PenaltyMatrix(FIGURE_4, {}, settings, (), definition="Ash et al. (2020), Figure 4")


def penalties_by_setting(wins: Sequence[SettingWins]) -> pd.DataFrame:
    """The penalty of each strategy in each setting, on average, and in Figure 4: a row each.

    Figure 4's are divided by its settings, so all are between 0 and 1; `rank correlation` is Spearman's with Figure 4.
    """
    rows = {each.name: _summed([each]) for each in wins if each.budgets}
    rows["mean"] = _summed(wins) / len(rows)
    rows["Figure 4 / 33"] = FIGURE_4 / NUM_SETTINGS
    table = pd.DataFrame({name: matrix.mean(axis=0) for name, matrix in rows.items()}).T
    table["rank correlation"] = [_rank_correlation(row, table.to_numpy()[-1]) for row in table.to_numpy()]
    return table


def claims(
    wins: Sequence[SettingWins],
    holm: Sequence[SettingWins],
    gains: pd.DataFrame,
    samplers: pd.DataFrame | None = None,
) -> list[Claim]:
    """Claim by claim.

    Args:
        wins: of the paper's seven strategies, by setting.
        holm: the same by Holm's method.
        gains: in accuracy over Random, over BADGE and over Coreset, as `al_bench.analysis.statistics.gains.gains` has
            them.
        samplers: as `scripts/batch_diversity.py` writes them.
    """
    return [
        *_of_figure_4(wins, holm),
        _best_two(wins),
        _large_batches(wins),
        _early_and_late(gains),
        _coreset_on_tables(gains),
        _margin_and_badge(gains),
        _k_dpp(samplers),
    ]


def _of_figure_4(wins: Sequence[SettingWins], holm: Sequence[SettingWins]) -> list[Claim]:
    penalties = _penalties(wins)
    wins_of = _summed(wins)
    num_settings = sum(bool(each.budgets) for each in wins)
    order = ", ".join(f"{name} {value:.2f}" for name, value in penalties.items())
    of_holm = _penalties(holm)
    highest, by_holm = _highest(penalties), _highest(of_holm)
    last = ", ".join(f"{name} {value:.2f}" for name, value in of_holm.iloc[:-3:-1].items())
    against_random = {
        name: (_entry(wins_of, name, "random"), _entry(wins_of, "random", name)) for name in PAPER_ORDER[:-1]
    }
    better = [name for name, (won, lost) in against_random.items() if won > lost]
    beaten_by = [name for name in PAPER_ORDER[1:] if _entry(wins_of, name, "badge") > _entry(wins_of, "badge", name)]
    return [
        Claim(
            "BADGE has the lowest penalty overall, Margin the second lowest (Figure 4)",
            f"mean over {num_settings} settings: {order}",
            _lowest(penalties, 1) == {"badge"} and _lowest(penalties, 2) == {"badge", "margin"},
        ),
        Claim(
            "Entropy has the highest penalty overall (Figure 4)",
            f"{_have(highest)}; by Holm's method {_have(by_holm)} ({last})",
            highest == ["entropy"] and (by_holm == highest or "open"),
        ),
        Claim(
            "no strategy beats BADGE more often than BADGE beats it (Figure 4)",
            f"so does {', '.join(beaten_by)}" if beaten_by else "none does",
            not beaten_by,
        ),
        Claim(
            "BADGE and Margin alone beat Random more often than Random beats them (Figure 4)",
            "beats and is beaten: " + ", ".join(f"{name} {w:.2f}, {b:.2f}" for name, (w, b) in against_random.items()),
            better == ["badge", "margin"],
        ),
    ]


def _best_two(wins: Sequence[SettingWins]) -> Claim:
    members = [
        each
        for each in wins
        if each.budgets
        and (each.setting["batch_size"] in (100, 1000) or str(each.setting["model"]).partition(",")[0] == "mlp")
    ]
    paper = "with batches of 100 or 1,000, or an MLP, BADGE and Margin are best"
    if not members:
        return Claim(paper, "no such setting has budgets here", None)
    penalties = _penalties(members)
    best = " and ".join(f"{name} {value:.2f}" for name, value in penalties.iloc[:3].items())
    return Claim(
        paper, f"of {len(members)} such settings the lowest: {best}", _lowest(penalties, 2) == {"badge", "margin"}
    )


def _large_batches(wins: Sequence[SettingWins]) -> Claim:
    """Margin against BADGE where batches are of 10,000."""
    members = [each for each in wins if each.setting["batch_size"] == 10_000 and each.budgets]
    paper = "with batches of 10,000 Margin degrades"
    if not members:
        return Claim(paper, "no setting with such batches has budgets here", None)
    summed = _summed(members)
    won, lost = _entry(summed, "badge", "margin"), _entry(summed, "margin", "badge")
    return Claim(paper, f"BADGE beats Margin {won:.2f}, is beaten {lost:.2f}", bool(won > lost))


def _early_and_late(gains: pd.DataFrame) -> Claim:
    """Coreset asks for diversity alone, and three strategies for uncertainty alone."""
    early = _of(gains, "random", "early", ["coreset"])
    late = _of(gains, "coreset", "late", UNCERTAINTY)
    at_first, at_last = is_all(early), is_all(late)
    return Claim(
        "diversity helps early, uncertainty late",
        f"Coreset over Random in the first third of the labels: {'; '.join(told(early))}. Confidence, Margin and "
        f"Entropy over Coreset in the last: {counted(late)} of {len(late)}",
        None if at_first is None else at_first if at_first == at_last else "open",
    )


def _coreset_on_tables(gains: pd.DataFrame) -> Claim:
    rows = _of(gains, "random", "whole", ["coreset"])
    rows = rows[rows["dataset"].str.startswith("openml")]
    paper = "Coreset with an MLP on OpenML data is often worse than Random"
    if rows.empty:
        return Claim(paper, "no such setting was run", None)
    better = is_all(rows)
    return Claim(paper, f"over Random: {'; '.join(told(rows))}", better if better == "open" else not better)


def _margin_and_badge(gains: pd.DataFrame) -> Claim:
    rows = _of(gains, "badge", "whole", ["margin"])
    kinds = {Verdict(verdict).kind for verdict in rows["verdict_holm"]}
    return Claim(
        "(ours) Margin is as good as BADGE",
        f"Margin over BADGE, by setting: {'; '.join(told(rows))}",
        None if rows.empty else True if kinds == {Verdict.SAME} else "open" if Verdict.OPEN in kinds else False,
    )


def _of(gains: pd.DataFrame, against: str, part: str, strategies: Sequence[str]) -> pd.DataFrame:
    is_it = (gains["against"] == against) & (gains["part"] == part) & gains["strategy"].isin([*strategies])
    return gains[is_it]


def _k_dpp(samplers: pd.DataFrame | None) -> Claim:
    paper = "k-means++ gives the curves of a k-DPP, far cheaper"
    names = ["badge", "kdpp", "random"]
    if samplers is None or not set(names) <= set(samplers["strategy"]):
        return Claim(paper, "nothing", None)
    accuracy = samplers.pivot_table(index="seed", columns="strategy", values="test_accuracy")[names].dropna()
    if len(accuracy) < 2:
        return Claim(paper, "too few seeds", None)
    badge_S, kdpp_S, random_S = (accuracy[name].to_numpy(dtype=float) for name in names)
    difference_S, lead_S = 100 * (badge_S - kdpp_S), 100 * (badge_S - random_S)
    seconds = samplers.groupby("strategy")["cpu_seconds"].median()
    ratio = float(seconds["kdpp"]) / float(seconds["badge"])
    sample = Sample.of(np.array([difference_S]))
    (low,), (high,) = sample.interval()
    (verdict,) = verdicts(sample, MARGIN)
    (detectable,) = sample.detectable_N
    return Claim(
        paper,
        f"mean accuracy {difference_S.mean():+.2f} ± {(high - low) / 2:.2f} points from that of a k-DPP: "
        f"{judged(verdict, detectable)} ({lead_S.mean():+.2f} from Random's), in 1/{ratio:.0f} of the CPU time "
        "(medians)",
        False if ratio <= 1 else True if verdict is Verdict.SAME else "open" if verdict is Verdict.OPEN else False,
    )


def rank_correlation_interval(correlation: float, num: int) -> tuple[float, float]:
    """95 % by Fisher's z: low and high; NaN for fewer than four pairs."""
    if num < 4 or abs(correlation) >= 1:
        return float("nan"), float("nan")
    half = norm.isf(0.025) / (num - 3) ** 0.5
    return float(np.tanh(np.arctanh(correlation) - half)), float(np.tanh(np.arctanh(correlation) + half))


def _summed(wins: Sequence[SettingWins]) -> pd.DataFrame:
    shares = [each.share_KK for each in wins if each.budgets]
    total = np.sum(shares, axis=0) if shares else np.zeros((len(PAPER_ORDER), len(PAPER_ORDER)))
    return pd.DataFrame(total, index=list(PAPER_ORDER), columns=list(PAPER_ORDER))


def _penalties(wins: Sequence[SettingWins]) -> pd.Series:
    """The lowest first."""
    return _summed(wins).mean(axis=0).sort_values(kind="stable")


def _highest(penalties: pd.Series) -> list[str]:
    return [str(name) for name in penalties.index[np.isclose(penalties, penalties.max())]]


def _have(names: Sequence[str]) -> str:
    return f"{' and '.join(names)} {'has' if len(names) == 1 else 'have'}"


def _lowest(penalties: pd.Series, num: int) -> set[str]:
    """So many strategies of the lowest penalties (ascending); empty where a tie leaves open which they are."""
    values = penalties.to_numpy(dtype=float)
    return set() if np.isclose(values[num - 1], values[num]) else set(map(str, penalties.index[:num]))


def _entry(matrix: pd.DataFrame, row: str, column: str) -> float:
    return float(matrix[column].to_dict()[row])


def _rank_correlation(row: Floats, other: Floats) -> float:
    """NaN where all strategies tie."""
    return float("nan") if np.ptp(row) == 0 else float(spearmanr(row, other).statistic)
