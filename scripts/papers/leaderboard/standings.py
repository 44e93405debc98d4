"""Who leads in a regime: gains over data sets, places, and what stands beside them. Data sets are the units."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from al_bench.analysis.results import SETTING
from al_bench.analysis.settings import compared_rounds
from al_bench.analysis.statistics.areas import areas
from al_bench.analysis.statistics.gains import GAIN_COLUMNS, PARTS, WHOLE, gains
from al_bench.analysis.statistics.measures import NAMED as MEASURES
from al_bench.analysis.statistics.measures import Measure
from al_bench.analysis.statistics.overall import ALL, OVERALL_COLUMNS, beats, overall
from al_bench.analysis.statistics.ranks import places
from papers.leaderboard.protocol import Protocol
from papers.leaderboard.regime import NAMED, Regime


@dataclass(frozen=True)
class Standings:
    """Of a regime and a measure.

    Attributes:
        regime: which.
        measure: which.
        gains: of strategies and oracles over both baselines, by data set and part, as
            `al_bench.analysis.statistics.gains.gains` gives them.
        overall: the same over data sets, as `al_bench.analysis.statistics.overall.overall` gives it, for each batch
            size and for all.
        by_dataset: gains over the baseline in area under the whole curve, a row per data set, a column per strategy.
        places: by strategy, the best first; the baseline among them.
        p_value: Friedman's.
        beats: the share of seeds and data sets on which a strategy is better than the second baseline, by strategy,
            with its interval (columns share, low, high).
        milliseconds: CPU time of queries for a label, the median over seeds averaged over data sets, by strategy.
    """

    regime: Regime
    measure: Measure
    gains: pd.DataFrame
    overall: pd.DataFrame
    by_dataset: pd.DataFrame
    places: pd.Series
    p_value: float
    beats: pd.DataFrame
    milliseconds: pd.Series

    def over(self, against: str, part: str = WHOLE) -> pd.DataFrame:
        """The rows of `overall` of all batch sizes, by strategy."""
        rows = self.overall[(self.overall["batch_size"] == ALL) & (self.overall["part"] == part)]
        return rows[rows["against"] == against].set_index("strategy")


def standings(regime: Regime, column: str, protocol: Protocol) -> Standings:
    """Of the measure with that column in rounds.csv."""
    measure, known = MEASURES[column], {name: name for name in regime.datasets}
    against = (protocol.baseline, protocol.also_against)
    compared = compared_rounds(regime.rounds)
    gained = pd.concat([_gains(compared, measure, each, protocol) for each in against], ignore_index=True)
    of_oracles = regime.rounds[regime.rounds["strategy"].isin([protocol.baseline, *protocol.oracles])]
    line = _gains(of_oracles.assign(is_oracle=False), measure, protocol.baseline, protocol)
    over_all = [overall(table, known, margin=protocol.margin, measures=[measure]) for table in (gained, line)]
    whole = gained[(gained["part"] == WHOLE) & (gained["against"] == protocol.baseline)]
    by_dataset = whole.pivot_table(index="dataset", columns="strategy", values="gain", aggfunc="mean")
    by_dataset = by_dataset.assign(**{protocol.baseline: 0.0})
    by_dataset = by_dataset[by_dataset.mean().sort_values(ascending=False, kind="stable").index]
    p_value = float(stats.friedmanchisquare(*by_dataset.to_numpy().T).pvalue) if len(by_dataset) > 1 else 1.0
    return Standings(
        regime=regime,
        measure=measure,
        gains=pd.concat([gained, line], ignore_index=True),
        overall=pd.concat(over_all, ignore_index=True),
        by_dataset=by_dataset.loc[list(regime.datasets)],
        places=places(by_dataset, (-by_dataset.mean()).rank(method="min"), p_value),
        p_value=p_value,
        beats=_beats(compared, measure, known, protocol.also_against),
        milliseconds=_milliseconds(regime.rounds),
    )


def _gains(rounds: pd.DataFrame, measure: Measure, against: str, protocol: Protocol) -> pd.DataFrame:
    found = gains(rounds, [measure], against=against, margin=protocol.margin)
    return found[found["part"].isin(PARTS)]


def _beats(rounds: pd.DataFrame, measure: Measure, known: Mapping[str, str], second: str) -> pd.DataFrame:
    of_runs = areas(rounds, measure)
    found = beats(of_runs.assign(area=measure.sign * of_runs["area"]), known)
    return found[found["second"] == second].set_index("first")[["share", "low", "high"]]


def _milliseconds(rounds: pd.DataFrame) -> pd.Series:
    by_run = rounds.groupby([*SETTING, "strategy", "seed"])
    labels = by_run["num_labelled"].max() - by_run["num_labelled"].min()
    of_label = 1000 * by_run["query_cpu_seconds"].sum() / labels
    return of_label.groupby([*SETTING, "strategy"]).median().groupby("strategy").mean()


def oracle_share(found: Standings, protocol: Protocol) -> pd.Series:
    """The mean gain over that of the best oracle, by strategy; NaN where no oracle is told from the baseline."""
    over = found.over(protocol.baseline)
    lines = over.loc[[name for name in protocol.oracles if name in over.index]]
    told = lines["gain"][lines["low"] > 0]
    return over["gain"] / (told.max() if len(told) else np.nan)


def published(found: list[Standings]) -> dict[str, pd.DataFrame]:
    """gains.csv and overall.csv: the first column is the regime."""
    tables = {}
    for name, columns in (("gains", GAIN_COLUMNS), ("overall", OVERALL_COLUMNS)):
        kept = [column for column in columns if column not in (*NAMED, "is_partial")]
        rows = [getattr(each, name)[kept].assign(regime=each.regime.name) for each in found]
        tables[name] = pd.concat(rows, ignore_index=True)[["regime", *kept]]
    return tables
