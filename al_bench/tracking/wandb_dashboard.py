"""Views of Weights & Biases: one for each setting of a folder of results, and one of its reports."""

from collections.abc import Iterator, Sequence

import wandb_workspaces.reports.v2 as panels
import wandb_workspaces.workspaces as views

from al_bench.analysis.names import file_name
from al_bench.analysis.settings import Curves
from al_bench.analysis.statistics.measures import MEASURES, TEST_LOSS
from al_bench.tracking.wandb_report import JOB_TYPE
from al_bench.tracking.wandb_runs import group_of, plain

CURVES = {measure.column: measure.label for measure in (*MEASURES, TEST_LOSS)}
COST = {
    "num_steps": "training steps",
    "fit_cpu_seconds": "CPU seconds of training",
    "query_cpu_seconds": "CPU seconds of a query",
    "fit_seconds": "seconds of training, by the clock",
    "query_seconds": "seconds of a query, by the clock",
    "num_epochs": "epochs",
}
MAX_RUNS = 100  # in a panel


def dashboard(settings: Sequence[Curves], name: str, entity: str, project: str) -> Iterator[views.Workspace]:
    """The views: of every setting, and of the reports of the folder of that name."""
    for curves in settings:
        yield views.Workspace(
            entity=entity,
            project=project,
            name=group_of(curves.setting),
            sections=[_lines("Learning curves", CURVES), _lines("Cost", COST)],
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
