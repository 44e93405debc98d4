"""What the analysis of a folder says, as a run of Weights & Biases: figures as images, numbers as tables."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

import al_bench
from al_bench.analysis.everything import Everything
from al_bench.analysis.page.export import export
from al_bench.tracking.wandb_runs import MAX_NAME, Mode, plain

JOB_TYPE = "report"


def log_report(everything: Everything, report: Path, project: str, mode: Mode) -> None:
    """Log every figure (`figures/...`) and table (`tables/...`), and the HTML report as an artifact.

    Each time a run of its own, of the job type `report`; offline its files lie beside those of the other runs.
    """
    import wandb

    name = everything.name
    options = {"definition": everything.definition, "holm": everything.is_holm, "al_bench": al_bench.__version__}
    run = wandb.init(
        project=project,
        mode=mode,
        dir=str(everything.folders[0]),
        name=f"report of {name}"[:MAX_NAME],
        group=plain(name)[:MAX_NAME],
        job_type=JOB_TYPE,
        tags=[JOB_TYPE],
        config=options,
        settings=wandb.Settings(silent=True, console="off"),
    )
    with run, TemporaryDirectory() as folder:
        files = export(everything, Path(folder))
        images = {f"figures/{path.stem}": wandb.Image(str(path)) for path in files if path.suffix == ".png"}
        tables = {f"tables/{name}": wandb.Table(dataframe=_plain(table)) for name, table in everything.tables().items()}
        run.log(images | tables)
        artifact = wandb.Artifact(JOB_TYPE, type=JOB_TYPE)
        artifact.add_file(str(report))
        run.log_artifact(artifact)


def _plain(table: pd.DataFrame) -> pd.DataFrame:
    """Of values that JSON knows; None for what there is not."""
    columns = [str(column) for column in table.columns]
    return table.set_axis(columns, axis=1).astype(object).where(table.notna().to_numpy(), None)
