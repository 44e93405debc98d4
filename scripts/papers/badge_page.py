"""The page of the results on real data: README.md from badge.md.jinja."""

from collections.abc import Sequence

import pandas as pd

from al_bench.analysis.everything import Comparison, Everything
from al_bench.analysis.names import file_name
from al_bench.analysis.results import PAPER_ORDER
from al_bench.analysis.runs import State
from al_bench.analysis.settings import BASELINE, rows_of, setting_names
from al_bench.analysis.statistics.gains import gains
from al_bench.analysis.statistics.measures import ACCURACY
from al_bench.analysis.statistics.penalty import PenaltyMatrix, penalty_matrices
from papers.badge_claims import claims, penalties_by_setting, rank_correlation_interval
from papers.batches import batches_table
from papers.claims import claims_table, told
from papers.pages import overall_table, provenance, rendered, steps_table


def page(
    found: Everything,
    comparison: Comparison,
    matrices: Sequence[PenaltyMatrix],
    incomplete: Sequence[str],
    batches: pd.DataFrame | None,
    discussion: str,
) -> str:
    """README.md.

    Args:
        found: what the runs say.
        comparison: its own.
        matrices: those that are drawn, the overall one first.
        incomplete: settings that are left out, and why.
        batches: as `scripts/batch_diversity.py` writes them.
        discussion: the end of the page.
    """
    wins = comparison.matrices[0].wins
    penalties = penalties_by_setting(wins)
    correlation = float(penalties["rank correlation"]["mean"])
    low, high = rank_correlation_interval(correlation, len(PAPER_ORDER))
    holm = penalty_matrices(found.rounds, is_holm=True)[0].wins
    return rendered(
        "badge.md.jinja",
        num_runs=sum(run.state is State.FINISHED for run in found.runs),
        num_compared=len(matrices[0].settings),
        settings=settings_table(found, comparison),
        incomplete=incomplete,
        penalties=penalties.reset_index(names="setting"),
        correlation=f"{correlation:.2f} ({low:.2f} to {high:.2f})",
        notes=matrices[0].notes,
        gains={part: gains_table(found.gains, part) for part in ("whole", "early", "late")},
        num_datasets=len(set(found.families.values())),
        overall=overall_table(found.overall),
        groups=matrices[1:],
        claims=claims_table(claims(wins, holm, all_gains(found), batches)),
        curves=[(curves.name, file_name("curves", curves.setting)) for curves in found.settings],
        **_told_of_batches(batches),
        steps=steps_table(found.costs, PAPER_ORDER),
        **_cost_of_all(found.rounds),
        **provenance([start for run in found.runs for start in run.starts]),
        discussion=discussion.rstrip(),
    )


def _told_of_batches(batches: pd.DataFrame | None) -> dict[str, object]:
    if batches is None:
        return {"batches": None}
    return {
        "batches": batches_table(batches),
        "num_batch_seeds": batches["seed"].nunique(),
        "num_timed_seeds": batches["seed"][batches["cpu_seconds"].notna()].nunique(),
    }


def _cost_of_all(rounds: pd.DataFrame) -> dict[str, object]:
    hours = rounds.groupby("dataset")[["fit_seconds", "query_seconds"]].sum().sum(axis=1) / 3600
    return {
        "num_steps": f"{rounds['num_steps'].sum() / 1e6:.1f}",
        "hours": f"{hours.sum():.1f}",
        "hours_of": ", ".join(f"{name} {value:.1f}" for name, value in hours.items()),
    }


def all_gains(found: Everything) -> pd.DataFrame:
    """In accuracy, over those that claims are about."""
    return pd.concat([gains(found.rounds, against=against) for against in (BASELINE, "badge", "coreset")])


def gains_table(over_random: pd.DataFrame, part: str) -> pd.DataFrame:
    """Over Random, by setting (rows) and strategy, with what they are judged as."""
    rows = over_random[(over_random["part"] == part) & (over_random["measure"] == ACCURACY.column)]
    table = rows.assign(setting=setting_names(rows), text=told(rows))
    wide = table.pivot(index="setting", columns="strategy", values="text")
    return wide[[name for name in PAPER_ORDER if name in wide]].reset_index()


def settings_table(found: Everything, comparison: Comparison) -> pd.DataFrame:
    """What was run; of all rounds of a setting, the share that the epoch limit ended."""
    budgets = {each.curves.name: each.budgets for each in comparison.settings}
    rows = []
    for curves in found.settings:
        is_limit_hit = rows_of(found.rounds, curves.setting)["epoch_limit_hit"] == "True"
        rows.append(
            {
                "setting": curves.name,
                "seeds": len(curves.seeds),
                "Random's labels": f"{curves.labels[0]:,} to {curves.labels[-1]:,}",
                "compared at": ", ".join(f"{budget:,}" for budget in budgets[curves.name]) or "nothing",
                "epoch limit hit": f"in {is_limit_hit.sum():,} of {len(is_limit_hit):,} rounds",
            }
        )
    return pd.DataFrame(rows)
