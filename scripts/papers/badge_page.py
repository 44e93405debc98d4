"""The page of the results on real data: README.md from badge.md.jinja."""

from collections.abc import Sequence

import pandas as pd

from al_bench.analysis.everything import Comparison, Everything
from al_bench.analysis.names import file_name
from al_bench.analysis.runs import State
from al_bench.analysis.settings import PAPER_ORDER, rows_of
from al_bench.analysis.statistics.penalty import PenaltyMatrix, setting_wins
from papers.badge_claims import claims, penalties_by_setting
from papers.batches import batches_table
from papers.claims import claims_table
from papers.pages import provenance, rendered, steps_table


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
    wins = setting_wins(found.rounds)
    hours = found.rounds.groupby("dataset")[["fit_seconds", "query_seconds"]].sum().sum(axis=1) / 3600
    return rendered(
        "badge.md.jinja",
        num_runs=sum(run.state is State.FINISHED for run in found.runs),
        num_compared=len(matrices[0].settings),
        settings=settings_table(found, comparison),
        incomplete=incomplete,
        penalties=penalties_by_setting(wins).reset_index(names="setting"),
        groups=matrices[1:],
        claims=claims_table(claims(wins, comparison.errors, batches)),
        curves=[(curves.name, file_name("curves", curves.setting)) for curves in found.settings],
        batches=None if batches is None else batches_table(batches),
        num_batch_seeds=0 if batches is None else batches["seed"].nunique(),
        steps=steps_table(found.costs, PAPER_ORDER),
        hours=f"{hours.sum():.1f} ({', '.join(f'{name} {value:.1f}' for name, value in hours.items())})",
        **provenance([start for run in found.runs for start in run.starts]),
        discussion=discussion.rstrip(),
    )


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
