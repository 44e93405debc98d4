"""What the pages of published results have in common: templates, tables, what runs cost, where numbers come from."""

import argparse
import shlex
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from jinja2 import Environment, StrictUndefined

from al_bench.analysis.families import MIN_DATASETS
from al_bench.analysis.page.latex import latex_tables
from al_bench.analysis.results import SPENT
from al_bench.analysis.run_costs import TWIN, costs_so_far
from al_bench.analysis.runs import Run
from al_bench.analysis.settings import group_name, setting_names
from al_bench.analysis.spent.training_steps import microseconds_per_step, with_steps
from al_bench.analysis.statistics.gains import WHOLE
from al_bench.analysis.statistics.intervals import MARGIN
from al_bench.analysis.statistics.measures import ACCURACY
from al_bench.analysis.statistics.overall import ALL
from al_bench.files.writing import replace_text
from al_bench.records.starts.told import Start
from papers.claims import detectable_of, judged

BY_THE_CLOCK = ["fit_seconds", "query_seconds", "seconds_per_query"]
COSTS = ["num_steps", "fit_cpu_seconds", "query_cpu_seconds", "microseconds_per_step", "fit_seconds", "query_seconds"]
VERDICTS = f"""\
Above and below are off 0 (95 % interval by Student's t, and p below 5 % by Holm's method over the strategies of a
setting), and say so where that interval lies within the margin of {MARGIN:g} points ("by less than the margin"); the
same is within the margin (90 % interval); open is what so many seeds do not tell, beside the gain that they would
find with a power of 80 %."""
DIGITS = dict.fromkeys(SPENT, 2) | {"microseconds_per_step": 1, "num_bytes": 0}


def folders(description: str | None, what: str) -> tuple[Path, Path]:
    """Of the command line: the folder of the archives, and where the files go."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help=what)
    parser.add_argument("--out", type=Path, help="where the files go (FOLDER)")
    arguments = parser.parse_args()
    return arguments.folder, arguments.out or arguments.folder


def rendered(template: str, **values: object) -> str:
    """A template below the folder of this file, in which a name that has no value is an error."""
    environment = Environment(undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False)
    environment.globals["verdicts"] = VERDICTS
    environment.filters |= {"table": markdown, "group_name": group_name}
    return environment.from_string((Path(__file__).parent / template).read_text()).render(values)


def provenance(starts: Sequence[Start]) -> dict[str, object]:
    """Dates, machines, commits, versions and commands."""
    days = sorted(str(start["time"])[:10] for start in starts)
    versions = [{"Python": start["python"], **start["versions"]} for start in starts]
    return {
        "first_day": days[0],
        "last_day": days[-1],
        "devices": sorted({f"{start['device_name']} ({start['device']})" for start in starts}),
        "commits": sorted({_commit(start) for start in starts}),
        "versions": sorted({", ".join(f"{name} {number}" for name, number in each.items()) for each in versions}),
        "commands": sorted({shlex.join(["al-bench", *start["command"][1:]]) for start in starts}),
    }


def _commit(start: Start) -> str:
    """Of a start of a run; an installed package knows none."""
    return str(start.get("commit", "unknown"))[:7] + (" with changes" if start.get("commit_clean") is False else "")


def cost_of_runs(rounds: pd.DataFrame, runs: Sequence[Run], folder: Path) -> pd.DataFrame:
    """As the costs.csv of a report, of each setting and strategy up to each number of labels: medians over the runs
    that go so far. With pool_size, num_bytes and device, for dry runs.
    """
    by_path = rounds.sort_values(["dataset", "model", "strategy", "batch_size", "variant", "seed"], kind="stable")
    table = costs_so_far(with_steps(by_path, runs), folder)
    table["microseconds_per_step"] = microseconds_per_step(table["fit_cpu_seconds"], table["num_steps"])
    by_labels = table.groupby([*TWIN, "to_labels"], sort=False)
    medians = by_labels[[*COSTS, "pool_size", "num_bytes"]].median().round(DIGITS)
    medians.insert(0, "num_runs", by_labels.size())
    devices = sorted({str(start["device_name"]) for run in runs for start in run.starts})
    whole = medians.reset_index().astype({"pool_size": int, "num_bytes": int}).assign(device=", ".join(devices))
    return whole[[*TWIN, "num_runs", "to_labels", *COSTS, "pool_size", "num_bytes", "device"]]


def steps_table(costs: pd.DataFrame, strategies: Sequence[str]) -> pd.DataFrame:
    """Training steps of a run, a row for each setting, from `al_bench.analysis.spent.costs.costs`."""
    table = costs.assign(setting=setting_names(costs), steps=[f"{steps:,.0f}" for steps in costs["num_steps"]])
    return table.pivot(index="setting", columns="strategy", values="steps")[list(strategies)].reset_index()


def overall_table(overall: pd.DataFrame) -> pd.DataFrame:
    """Gains in area under the whole curve over data sets, a row for each model and batch size; empty with too few."""
    rows = overall[(overall["part"] == WHOLE) & (overall["measure"] == ACCURACY.column)]
    cells: dict[str, dict[str, str]] = {}
    for row in rows[rows["num_datasets"] >= MIN_DATASETS].to_dict("records"):
        size = "all batch sizes" if row["batch_size"] == ALL else f"b{row['batch_size']}"
        name = " · ".join(filter(None, [row["model"], size, row["variant"], f"{row['num_datasets']} data sets"]))
        low, high = row["low"], row["high"]
        verdict = judged(row["verdict"], detectable_of(low, high, row["num_datasets"]))
        new = f"of a new one {row['predicted_low']:+.2f} to {row['predicted_high']:+.2f}"
        cells.setdefault(name, {})[row["strategy"]] = f"{row['gain']:+.2f} ± {(high - low) / 2:.2f} {verdict}; {new}"
    return pd.DataFrame.from_dict(cells, orient="index").fillna("").rename_axis("over").reset_index()


def write_gains(gains: pd.DataFrame, overall: pd.DataFrame, costs: pd.DataFrame, out: Path) -> None:
    """gains.csv and overall.csv; gains.tex, overall.tex, and costs.tex of steps, without seconds by the clock."""
    tables = {"gains": gains.drop(columns="is_partial"), "overall": overall.drop(columns="is_partial")}
    for name, table in tables.items():
        replace_text(out / f"{name}.csv", table.to_csv(index=False))
    whole = costs.drop(columns=[*BY_THE_CLOCK, "is_partial"])
    for name, text in latex_tables(tables | {"costs": whole}).items():
        replace_text(out / f"{name}.tex", text)


def markdown(table: pd.DataFrame) -> str:
    """A table; fractions to the right, with two digits."""
    is_fraction = [pd.api.types.is_float_dtype(kind) for kind in table.dtypes]
    lines = [map(str, table.columns), ("---:" if right else "---" for right in is_fraction)]
    for row in table.itertuples(index=False):
        texts = (f"{value:.2f}" if right else str(value) for value, right in zip(row, is_fraction, strict=True))
        lines.append("" if text == "nan" else text for text in texts)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
