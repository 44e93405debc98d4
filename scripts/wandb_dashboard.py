"""A dashboard in Weights & Biases: a saved view for each setting of a folder of results, and one of its reports.

    python scripts/wandb_dashboard.py outputs/default --entity my-team [--project al_bench] [--dry-run]

The runs are those that were tracked online or uploaded (scripts/upload_wandb.py), the reports those of
`scripts/report.py --wandb online`. Curves are against the number of labels, a line for each strategy: the mean over
seeds and its standard error. Needs `pip install 'al-bench[dashboard]'` and a wandb key.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

try:
    import wandb_workspaces.reports.v2 as panels
    import wandb_workspaces.workspaces as views
except ImportError as error:
    sys.exit(f"wandb_dashboard: {error}; pip install 'al-bench[dashboard]'")

from al_bench.analysis.names import file_name
from al_bench.analysis.results import load_results
from al_bench.analysis.settings import Curves, setting_curves
from al_bench.core.errors import UserError
from al_bench.tracking.wandb_report import JOB_TYPE
from al_bench.tracking.wandb_runs import group_of, plain

ACCURACY = {"test_accuracy": "test accuracy", "test_balanced_accuracy": "balanced accuracy", "test_loss": "test loss"}
COST = {"fit_seconds": "seconds of training", "query_seconds": "seconds of a query", "num_epochs": "epochs"}
MAX_RUNS = 100  # in a panel


def main() -> None:
    """Save the views, and say where they are."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="with run directories, at any depth")
    parser.add_argument("--entity", required=True, help="user or team of wandb")
    parser.add_argument("--project", default="al_bench", help="of wandb (al_bench)")
    parser.add_argument("--dry-run", action="store_true", help="say which views would be saved; needs no key")
    arguments = parser.parse_args()
    try:
        settings = setting_curves(load_results(arguments.folder).rounds)
    except (UserError, OSError) as error:
        sys.exit(f"wandb_dashboard: {error}")
    for view in dashboard(settings, arguments.folder.resolve().name, arguments.entity, arguments.project):
        try:
            where = "not saved" if arguments.dry_run else view.save().url
        except Exception as error:  # whatever wandb raises
            sys.exit(f"wandb_dashboard: {view.name}: {type(error).__name__}: {error}")
        print(f"{view.name}: {sum(len(section.panels) for section in view.sections)} panels, {where}")


def dashboard(settings: Sequence[Curves], name: str, entity: str, project: str) -> Iterator[views.Workspace]:
    """The views: of every setting, and of the reports of the folder of that name."""
    for curves in settings:
        yield views.Workspace(
            entity=entity,
            project=project,
            name=group_of(curves.setting),
            sections=[_lines("Learning curves", ACCURACY), _lines("Cost", COST)],
            settings=views.WorkspaceSettings(x_axis="num_labelled", max_runs=MAX_RUNS),
            runset_settings=views.RunsetSettings(
                filters=views.And(views.Metric("Group") == group_of(curves.setting)), groupby=[views.Metric("JobType")]
            ),
        )
    overall = ["penalty_overall", "errors_overall", "gains", "ranks"]
    of_settings = [file_name("curves", curves.setting) for curves in settings]
    yield views.Workspace(
        entity=entity,
        project=project,
        name=f"reports of {plain(name)}",
        sections=[_images("Penalty matrix and errors", overall), _images("Learning curves", of_settings)],
        runset_settings=views.RunsetSettings(
            filters=views.And(views.Metric("Group") == plain(name), views.Metric("JobType") == JOB_TYPE)
        ),
    )


def _lines(title: str, metrics: dict[str, str]) -> views.Section:
    lines = [
        panels.LinePlot(
            title=name,
            x="num_labelled",
            y=[metric],
            title_x="labels",
            groupby_aggfunc="mean",
            groupby_rangefunc="stderr",
            max_runs_to_show=MAX_RUNS,
        )
        for metric, name in metrics.items()
    ]
    return views.Section(title, panels=lines, is_open=True)


def _images(title: str, names: list[str]) -> views.Section:
    images = [panels.MediaBrowser(title=name, media_keys=[f"figures/{name}"], num_columns=1) for name in names]
    return views.Section(title, panels=images, is_open=True)


if __name__ == "__main__":
    main()
