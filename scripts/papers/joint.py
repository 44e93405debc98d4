"""The page of the results of joint training: every figure, table and claim, from the runs in the archives.

    python scripts/joint.py docs/results/joint [--out DIR]

Reads runs.tar.xz (the runs), tuning.tar.xz (of which hyperparameters were chosen) and discussion.md (the end of the
page). Writes README.md, figures as PNG and PDF, and numbers as CSV, to the same folder or to DIR.
"""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from al_bench.analysis.families import MIN_DATASETS
from al_bench.analysis.pictures.drawing import Drawing, drawn
from al_bench.analysis.pictures.figures import draw_panels, draw_penalty_matrix
from al_bench.analysis.pictures.style import looks
from al_bench.analysis.results import SETTING, combined
from al_bench.analysis.runs import Run, State, runs_in
from al_bench.analysis.settings import rows_of, setting_curves, setting_names
from al_bench.analysis.spent.costs import costs
from al_bench.analysis.spent.training_steps import with_steps
from al_bench.analysis.statistics.curves import learning_curves
from al_bench.analysis.statistics.gains import GAIN_COLUMNS
from al_bench.analysis.statistics.measures import ACCURACY, UNLABELLED_ENTROPY
from al_bench.analysis.statistics.penalty import PenaltyMatrix, penalty_matrices
from al_bench.core.errors import ResultsError, UserError
from al_bench.files.locks import alone_in
from al_bench.files.writing import replace_text
from al_bench.records.archive.moving import restore
from papers.claims import claims_table
from papers.joint_claims import (
    BASELINES,
    COMPARED,
    JOINT,
    chosen,
    claims,
    collapse,
    families_of,
    gains,
    gains_over,
    gains_over_datasets,
    in_points,
    is_multi_modal,
    networks,
)
from papers.pages import cost_of_runs, folders, provenance, rendered, steps_table, write_gains

ABLATIONS = {  # of joint training: the strategies of a figure
    "weight": [f"{JOINT},entropy_weight={weight}" for weight in ("0", "0.01", "0.1", "0.3", "1")],
    "ramp": [f"{JOINT},ramp_epochs={epochs}" for epochs in (10, 25, 50)],
    "halves": [f"{JOINT},query=random", f"{JOINT},measured=labelled", "entropy", "random"],
}
COLLAPSE_ROUNDS = (1, 5, 19)
LATE = 5  # the first of the rounds that are looked at alone
BANDS = "mean ± standard error"


def main() -> None:
    """Write the files."""
    folder, out = folders(__doc__, "with runs.tar.xz, tuning.tar.xz and discussion.md")
    try:
        with TemporaryDirectory() as scratch:
            runs, tuning = (restored(folder / f"{name}.tar.xz", Path(scratch) / name) for name in ("runs", "tuning"))
            discussion = (folder / "discussion.md").read_text()
            out.mkdir(parents=True, exist_ok=True)
            table = cost_of_runs(rounds_of(runs), runs, Path(scratch) / "runs")
            with alone_in(out):
                replace_text(out / "costs.csv", table.to_csv(index=False))
                write(runs, rounds_of(tuning), discussion, out)
    except (UserError, OSError) as error:
        sys.exit(f"joint: {folder}: {error}")
    print(out / "README.md")


def restored(archive: Path, folder: Path) -> list[Run]:
    """The finished runs of an archive."""
    restore(archive, folder)
    return [run for run in runs_in(folder) if run.state is State.FINISHED]


def rounds_of(runs: list[Run]) -> pd.DataFrame:
    """Of all of them, in one table."""
    return combined([run.file for run in runs if run.file is not None], Path()).rounds


def write(runs: list[Run], tuning: pd.DataFrame, discussion: str, out: Path) -> None:
    """Figures, numbers and README.md."""
    rounds = rounds_of(runs)
    compared = rounds[rounds["strategy"].isin(COMPARED)]
    settings = [curves.setting for curves in setting_curves(compared)]
    all_gains = gains(rounds, [(JOINT, than) for than in BASELINES] + ablation_pairs(rounds))
    matrices = shown_matrices(compared)
    replace_text(out / "curves.csv", learning_curves(rounds).drop(columns="is_partial").to_csv(index=False))
    counted = with_steps(rounds, runs)
    write_gains(all_gains[GAIN_COLUMNS], gains_over_datasets(gains_over(rounds)), costs(counted), out)
    for penalty in matrices:
        replace_text(out / f"{penalty.file_name}.csv", penalty.as_table().to_csv(index=False))
    drawn(list(drawings(rounds, compared, settings, matrices, out)))
    collapsing, weights = ablated(rounds, settings, ABLATIONS["weight"]), of_weights(rounds)
    text = rendered(
        "joint.md.jinja",
        num_runs=len(runs),
        settings=settings_table(compared),
        matrices=matrices,
        num_datasets=len(set(families_of(compared).values())),
        min_datasets=MIN_DATASETS,
        claims=claims_table(claims(rounds)),
        gains=gains_table(rounds),
        late=gains_table(rounds[rounds["round"] >= LATE]),
        ablations=ablations_table(all_gains),
        networks=networks(rounds, "fusion", "dbn"),
        collapse={
            name: collapse(weights, setting, COLLAPSE_ROUNDS)
            for name, setting in zip(setting_names(pd.DataFrame(collapsing)), collapsing, strict=True)
        },
        chosen=chosen(tuning),
        num_tuning_seeds=tuning["seed"].nunique(),
        steps=steps_table(costs(with_steps(compared, runs)), COMPARED),
        num_steps=f"{counted['num_steps'].sum() / 1e6:.1f}",
        hours=f"{rounds[['fit_seconds', 'query_seconds']].to_numpy().sum() / 3600:.1f}",
        **provenance([start for run in runs for start in run.starts]),
        discussion=discussion.rstrip(),
    )
    replace_text(out / "README.md", text)


def shown_matrices(compared: pd.DataFrame) -> list[PenaltyMatrix]:
    """Of all settings, of the uni-modal and of the multi-modal ones."""
    is_multi = pd.Series([is_multi_modal({"dataset": name}) for name in compared["dataset"]], compared.index)
    parts = {"all": compared, "uni-modal": compared[~is_multi], "multi-modal": compared[is_multi]}
    made = []
    for name, part in parts.items():
        if len(part):
            overall = penalty_matrices(part.assign(variant=""))[0]  # data sets that begin with 20 labels, and with 100
            group = {} if name == "all" else {"data": name}
            made.append(replace(overall, group=group))
    return made


def drawings(
    rounds: pd.DataFrame,
    compared: pd.DataFrame,
    settings: list[Mapping[str, object]],
    matrices: list[PenaltyMatrix],
    out: Path,
) -> Iterator[Drawing]:
    """Curves as in Figures 2 and 3 of the paper, matrices, and what came of the ablations."""
    looks_of = looks(sorted(rounds["strategy"].unique()))
    curves = learning_curves(compared)
    for name, multi in (("uni_modal", False), ("multi_modal", True)):
        panels = panels_of(curves, [setting for setting in settings if is_multi_modal(setting) == multi])
        if panels:
            yield partial(draw_panels, panels, out / f"curves_{name}", ACCURACY.axis(BANDS), looks_of)
    for penalty in matrices:
        yield partial(draw_penalty_matrix, penalty, out / penalty.file_name)
    for name, strategies in ABLATIONS.items():
        part = of_common_seeds(rounds[rounds["strategy"].isin([JOINT, *strategies])])
        panels = panels_of(learning_curves(part), ablated(rounds, settings, strategies))
        yield partial(draw_panels, panels, out / f"ablation_{name}", ACCURACY.axis(BANDS))
    weights = of_weights(rounds)
    weights = weights[weights[UNLABELLED_ENTROPY.column].notna()]
    entropies = panels_of(learning_curves(weights, UNLABELLED_ENTROPY), ablated(rounds, settings, ABLATIONS["weight"]))
    yield partial(draw_panels, entropies, out / "pool_entropy", UNLABELLED_ENTROPY.axis(BANDS))


def panels_of(curves: pd.DataFrame, settings: list[Mapping[str, object]]) -> dict[str, pd.DataFrame]:
    """The rows of each setting, by its data set and model."""
    parts = {
        f"{setting['dataset']} · {setting['model']}".replace(",", ", ", 1): rows_of(curves, setting)
        for setting in settings
    }
    return {name: part for name, part in parts.items() if len(part)}


def ablated(
    rounds: pd.DataFrame, settings: list[Mapping[str, object]], strategies: list[str]
) -> list[Mapping[str, object]]:
    """The settings in which joint training was varied to all of these strategies; ResultsError if there is none."""
    found = [setting for setting in settings if {*strategies} <= {*rows_of(rounds, setting)["strategy"]}]
    if not found:
        raise ResultsError(f"no setting of the archive has all of {', '.join(strategies)}")
    return found


def of_common_seeds(rounds: pd.DataFrame) -> pd.DataFrame:
    """Without the seeds of a setting that some of its strategies lack: curves beside each other are of the same."""
    num_strategies = rounds.groupby(SETTING)["strategy"].transform("nunique")
    return rounds[rounds.groupby([*SETTING, "seed"])["strategy"].transform("nunique") == num_strategies]


def of_weights(rounds: pd.DataFrame) -> pd.DataFrame:
    """Joint training with each weight, at the seeds that all of them have."""
    return of_common_seeds(rounds[rounds["strategy"].isin([JOINT, *ABLATIONS["weight"]])])


def ablation_pairs(rounds: pd.DataFrame) -> list[tuple[str, str]]:
    """Every variant of joint training, beside entropy; random queries beside random queries."""
    variants = sorted(name for name in rounds["strategy"].unique() if name.startswith(f"{JOINT},"))
    return [(name, "random" if "query=random" in name else "entropy") for name in variants]


def settings_table(compared: pd.DataFrame) -> pd.DataFrame:
    """What was run."""
    rows = [
        {
            "setting": curves.name,
            "seeds": len(curves.seeds),
            "labels": f"{curves.labels[0]:,} to {curves.labels[-1]:,} in {len(curves.labels) - 1} rounds",
        }
        for curves in setting_curves(compared)
    ]
    return pd.DataFrame(rows)


def gains_table(rounds: pd.DataFrame) -> pd.DataFrame:
    """Of joint training over each baseline, a row for each setting."""
    table = gains(rounds, [(JOINT, than) for than in BASELINES])
    wide = table.assign(text=in_points(table)).pivot(index="setting", columns="against", values="text")
    return wide[list(BASELINES)].reset_index()


def ablations_table(all_gains: pd.DataFrame) -> pd.DataFrame:
    """In points of accuracy, a row for each variant, a column for each setting."""
    rows = all_gains[(all_gains["strategy"] != JOINT) | (all_gains["against"] == "entropy")]
    variants = rows["setting"][rows["strategy"] != JOINT].unique()
    table = rows.assign(text=in_points(rows))[rows["setting"].isin(variants)]
    wide = table.pivot(index=["strategy", "against"], columns="setting", values="text").fillna("")
    return wide.reset_index()
