"""Views of Weights & Biases: one for each setting of a folder of results, and one of its reports."""

import json
from collections.abc import Iterator, Mapping, Sequence

import wandb_workspaces.reports.v2 as blocks
import wandb_workspaces.workspaces as views

from al_bench.analysis.names import file_name
from al_bench.analysis.pictures.style import Look, in_order, panels
from al_bench.analysis.settings import Curves
from al_bench.analysis.statistics.measures import MEASURES, TEST_LOSS
from al_bench.tracking.wandb_report import JOB_TYPE
from al_bench.tracking.wandb_runs import MAX_TAG, group_of, plain

CURVES = {measure.column: measure.label for measure in (*MEASURES, TEST_LOSS)}
COST = {
    "num_steps": "training steps",
    "fit_cpu_seconds": "CPU seconds of training",
    "query_cpu_seconds": "CPU seconds of a query",
    "fit_seconds": "seconds of training, by the clock",
    "query_seconds": "seconds of a query, by the clock",
    "num_epochs": "epochs",
}
MAX_RUNS = 100  # in a panel, unless there are more


def dashboard(
    settings: Sequence[Curves], looks_of: Mapping[str, Look], name: str, entity: str, project: str
) -> Iterator[views.Workspace]:
    """The views: of every setting (of many strategies, one for each family), and of the reports of the folder.

    Strategies have the colours of `looks_of`.
    """
    for curves in settings:
        for family, panel in panels(in_order(looks_of, curves.strategies_there)).items():
            group = group_of(curves.setting)
            shown = f'Metric("Group") == {_quoted(group)}'
            if family:
                shown += f' and Metric("JobType") in [{", ".join(_quoted(name[:MAX_TAG]) for name in panel)}]'
            num_runs = max(MAX_RUNS, len(panel) * len(curves.seeds))
            yield views.Workspace(
                entity=entity,
                project=project,
                name=" · ".join(filter(None, [group, family])),
                sections=[_lines("Learning curves", CURVES, num_runs), _lines("Cost", COST, num_runs)],
                settings=views.WorkspaceSettings(x_axis="num_labelled", max_runs=num_runs),
                runset_settings=views.RunsetSettings(
                    filters=shown,
                    groupby=[views.Metric("JobType")],
                    group_colors={strategy[:MAX_TAG]: look.colour for strategy, look in panel.items()},
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


def _quoted(name: str) -> str:
    """In a filter, as Python reads it; wandb would double an equals sign that it sees."""
    return json.dumps(name).replace("=", "\\u003d")


def _lines(title: str, metrics: dict[str, str], num_runs: int) -> views.Section:
    lines = [
        blocks.LinePlot(
            title=name,
            x="num_labelled",
            y=[metric],
            title_x="labels",
            groupby_aggfunc="mean",
            groupby_rangefunc="stderr",
            max_runs_to_show=num_runs,
        )
        for metric, name in metrics.items()
    ]
    return views.Section(title, panels=lines, is_open=True)


def _images(title: str, names: list[str]) -> views.Section:
    images = [blocks.MediaBrowser(title=name, media_keys=[f"figures/{name}"], num_columns=1) for name in names]
    return views.Section(title, panels=images, is_open=True)
