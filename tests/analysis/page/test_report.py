"""The report, as a file and in a browser."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from playwright.sync_api import Browser, Locator, Page, sync_playwright

from al_bench.analysis.everything import Comparison, everything
from al_bench.analysis.page.report import report
from al_bench.analysis.pictures.gain_rows import gain_rows
from al_bench.analysis.pictures.style import panels
from al_bench.analysis.statistics.gains import whole_gains
from al_bench.core.errors import ResultsError
from al_bench.records.identity import Identity
from tests.analysis.page.test_names import NAMES, written
from tests.support.forks import python
from tests.support.made_results import SETTINGS, START, STRATEGIES, call_otherwise, noisy, write_run, write_sweep

pytestmark = pytest.mark.command  # whole pages

SCRIPT = Path(__file__).parents[3] / "scripts" / "report.py"
COMMAND = ["python", "scripts/report.py", "a folder"]


def run_script(*arguments: object) -> subprocess.CompletedProcess[str]:
    return python(SCRIPT, *arguments)


def shifted(strategy: str, seed: int, share: float) -> float:
    """Random, one strategy that is always better by .01, and one that is worse by .02."""
    lead = {"badge": 0.01, "zeta": -0.02}.get(strategy, 0.0)
    return round(0.9 - 0.5 * 0.02**share + 0.01 * seed + lead, 6)


def plain(html: str) -> str:
    """What is read, without the scripts and the tags."""
    body = re.sub(r"<script.*?</script>|<style.*?</style>|<svg.*?</svg>", "", html, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", body).replace("&#39;", "'").replace("&amp;", "&").split())


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sweep")
    write_sweep(folder, noisy)
    return folder


@pytest.fixture(scope="module")
def html(sweep: Path) -> str:
    return report(everything(sweep), COMMAND)


class TestTheText:
    @pytest.mark.slow
    def test_it_says_what_was_run(self, html):
        text = plain(html)
        for expected in (
            "210 of 210 runs finished",
            "6 settings 7 strategies 5 seeds",
            "mnist · mlp · b100 7 0, 1, 2, 3, 4 100 to 4,000 200, 300, 500, 900, 1,700 0%",
            "al-bench -m 'strategy=glob(*)' 'seed=range(5)' 210 starts",
            "torch 2.13.0+cpu",
            "python scripts/report.py 'a folder'",
        ):
            assert expected in text
        assert "To keep in mind" not in text

    @pytest.mark.slow
    def test_the_matrix_is_the_one_that_the_other_script_writes(self, html, sweep):
        found = everything(sweep)
        assert isinstance(found.comparison, Comparison)
        matrix = found.comparison.matrices[0].matrix
        text = plain(html)
        for strategy in STRATEGIES:
            values = " ".join(f"{value:.2f}" for value in matrix.loc[strategy])
            assert f"{strategy} {values}" in text
        assert "all settings: largest possible entry 5; without budgets: svhn · vgg · b10000" in text
        assert text.count("largest possible entry") == len(found.comparison.matrices)
        for penalty in found.comparison.matrices:
            assert "; ".join(penalty.notes) in text

    def test_strategies_are_not_judged_by_penalties(self, html):
        sections = re.findall(r'<section id="(\w+)"', html)
        assert sections[-2:] == ["penalties", "made"]
        assert re.findall(r'href="#(\w+)"', html[html.index("<nav>") : html.index("</nav>")]) == sections[1:]
        assert "what strategies are judged by are gains with their intervals" in plain(html)
        assert re.search(r"\d+ wins of \d+ possible; \d+\.\d expected if all strategies were equal", plain(html))

    def test_it_answers_which_strategy_is_better_and_how_sure_that_is(self, html):
        text = plain(html)
        assert "by setting (Holm), vgg: margin above 2 (2 by less than the margin); confidence above 2 (" in text
        assert "badge above 1, open 1; albl same 2" in text
        assert "by setting (Holm), mlp: badge above 3; margin above 3 (" in text
        assert re.search(r"With 5 seeds, a gain of 0\.\d\d points is found with a power of 80 %", text)
        assert "Nothing is said over data sets of resnet (1), vgg (2), mlp (2): an interval needs 3" in text

    def test_of_many_strategies_the_first_are_named_and_all_stand_below(self, tmp_path):
        lead = {"random": 0.0} | {f"s{number}": (number - 4.5) / 100 for number in range(10)}
        settings = [(name, "mlp", 100, 4) for name in ("digits", "letters", "mnist")]
        write_sweep(
            tmp_path,
            lambda name, seed, share: lead[name] + 0.5 + share / 5 + seed / 1000,
            settings,
            [*lead],
            num_seeds=3,
        )
        text = plain(report(everything(tmp_path), COMMAND))
        short = text[text.index("In short") : text.index("What was run")]
        firsts = "; ".join(f"s{number} above 3" for number in (9, 8, 7, 6, 5))
        assert f"by setting (Holm): {firsts}; 5 more: see over the whole budget." in short
        best = "s9 +4.50 [+4.50, +4.50] above; s8 +3.50 [+3.50, +3.50] above; s7 +2.50"
        assert f"Over 3 data sets (mlp), in points: {best}" in short
        assert "; 5 more: see over data sets." in short
        assert "; 6 more: see pairwise penalty matrices." in short
        section = text[text.index("Over data sets Gain") : text.index("How often the strategy")]
        assert re.findall(r"\bs\d\b", section)[-10:] == [f"s{number}" for number in range(9, -1, -1)]

    def test_of_more_than_a_dozen_each_has_a_row_the_best_first(self, tmp_path):
        names = ["random", *(f"s{number:02}" for number in range(13))]
        lead = {name: position / 100 for position, name in enumerate(names)}
        made = {"settings": SETTINGS[:2], "strategies": names, "num_seeds": 2}
        write_sweep(tmp_path, lambda name, seed, share: lead[name] + 0.5 + share / 5 + seed / 1000, **made)
        found = everything(tmp_path)
        rows, heights = gain_rows(whole := whole_gains(found.gains))
        assert rows == names[:0:-1]
        nearest = [rows[round(height)] for height in heights.values()]
        assert nearest == whole["strategy"].tolist()
        assert len(set(heights.values())) == len(heights)
        page = report(found, COMMAND)
        table = plain(page[page.index("Area under the budget curve") : page.index("Labels saved")])
        assert re.findall(r"\b(?:s\d\d|random)\b", table) == names[::-1]
        figure = next(
            json.loads(text)
            for text in re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', page, flags=re.DOTALL)
            if "gain over random in area" in text
        )
        assert figure["layout"]["yaxis"]["ticktext"] == rows
        few = whole[whole["strategy"].isin(names[:4])]
        assert gain_rows(few)[0] == ["mnist · mlp · b100", "mnist · mlp · b1000"]

    def test_what_nothing_is_said_of_over_data_sets_is_named(self, tmp_path):
        settings = [(name, "mlp", 100, 4) for name in ("digits", "letters", "mnist")]
        write_sweep(tmp_path, noisy, settings=settings, strategies=("badge", "random"), num_seeds=3)
        write_sweep(tmp_path, noisy, settings=settings[:1], strategies=("margin",), num_seeds=3)
        write_sweep(tmp_path, noisy, settings=[("mnist", "vgg", 100, 4)], strategies=("badge",), num_seeds=3)
        text = plain(report(everything(tmp_path, is_partial=True), COMMAND))
        assert text.count("Nothing is said over data sets of mlp · margin (1): an interval needs 3 with a gain") == 2
        assert text.count("No run of random, so that there are no gains over it: mnist · vgg · b100.") == 2
        assert "Over 3 data sets (mlp), in points: badge" in text

    def test_beside_each_gain_that_is_open_stands_what_would_be_found(self, tmp_path):
        made = {"settings": [("digits", "mlp", 100, 4)], "strategies": ("badge", "random"), "num_seeds": 3}
        write_sweep(tmp_path, lambda name, seed, share: 0.5 + share / 5 + (name == "badge") * (seed - 1) / 10, **made)
        found = everything(tmp_path)
        whole = whole_gains(found.gains).iloc[0]
        assert whole["verdict_holm"] == "open"
        half = (whole["high"] - whole["low"]) / 2
        cell = f"{whole['gain']:+.2f} ± {half:.2f} open ({whole['detectable']:.2f} would be found)"
        assert cell in plain(report(found, COMMAND))

    def test_nothing_is_the_best_where_all_are_the_same(self, tmp_path):
        write_sweep(tmp_path, noisy, settings=SETTINGS[:1], strategies=("badge", "random"), num_seeds=2)
        page = report(everything(tmp_path), COMMAND)
        steps = page[page.index("Training steps") : page.index("CPU seconds of training")]
        assert steps.count("1,600") == 2
        assert 'class="best"' not in steps

    def test_it_names_runs_on_a_busy_machine_and_shows_what_was_bought(self, tmp_path):
        for strategy in ("badge", "random"):
            for seed in range(2):
                identity = Identity("digits", "mlp", strategy, 10, "", seed)
                columns = {"fit_seconds": 9.0} if (strategy, seed) == ("badge", 1) else {}
                write_run(
                    tmp_path, identity, {10: 0.5, 20: 0.6, 30: 0.7}, num_copies=3, class_counts="9 1 0", **columns
                )
        found = report(everything(tmp_path), COMMAND)
        text = plain(found)
        assert "Runs on a busy machine: 1" in text
        assert text.count("times their CPU seconds by the clock (above 1.2)") == 1
        assert "digits · mlp · badge · b10 · seed 1: training and querying took 6.17 times their CPU seconds by" in text
        section = text[text.index("What was bought") : text.index("Cost and class balance")]
        assert "In all settings classes of which no label was bought so far: 1 throughout" in section
        assert "In all settings copies of what was bought before, share of the batch: 0.3 throughout" in section
        assert "class balance of the labels so far: " not in section, "which varies a little, and is drawn"
        (path,) = (tmp_path / "digits" / "mlp" / "badge" / "b10" / "s1").glob("rounds.csv")
        path.write_text(path.read_text().replace(",9 1 0,", ",4 3 3,"))
        again = report(everything(tmp_path), COMMAND)
        plots = [
            json.loads(text) for text in re.findall(r'<script type="application/json" id="\S+">(.*?)</script>', again)
        ]
        titles = [plot["layout"]["yaxis"].get("title", {}).get("text", "") for plot in plots]
        assert "classes of which no label was bought so far (classes; mean over the seeds)" in titles

    @pytest.mark.slow
    def test_gains_over_random_have_their_interval_and_verdict(self, html, sweep):
        gains = everything(sweep).gains
        rows = gains[(gains["strategy"] == "confidence") & (gains["dataset"] == "openml_6")]
        rows = rows[rows["measure"] == "test_accuracy"]
        cells = " ".join(
            f"{each.gain:+.2f} ± {(each.high - each.low) / 2:.2f} {each.verdict_holm}" for each in rows.itertuples()
        )
        assert "above" in cells
        assert f"confidence {cells}" in plain(html)

    def test_differences_have_the_sign_of_the_strategy_wherever_it_stands(self, tmp_path):
        write_sweep(tmp_path, shifted, settings=SETTINGS[:1], strategies=("badge", "random", "zeta"))
        text = plain(report(everything(tmp_path), COMMAND))
        assert re.search(r"badge (\+1\.00 ± 0\.00 above ){9}zeta (-2\.00 ± 0\.00 below ){9}", text)

    @pytest.mark.slow
    def test_the_best_of_a_row_is_bold(self, html, sweep):
        means = everything(sweep).mean_areas
        best = means.loc[means.groupby(["dataset", "model", "batch_size"])["area"].idxmax(), "area"]
        table = html[html.index("Area under the budget curve") : html.index("Labels saved")]
        bold = re.findall(r'class="best">(0\.\d+)', table)
        assert sorted(bold) == sorted(f"{area:.4f}" for area in best)

    def test_a_strategy_has_one_colour_in_all_figures(self, tmp_path):
        write_sweep(tmp_path, noisy, settings=SETTINGS[:1], strategies=("mine", "other", "random"), num_seeds=2)
        write_sweep(tmp_path, noisy, settings=SETTINGS[1:2], strategies=("other", "random"), num_seeds=2)
        made = report(everything(tmp_path, is_partial=True), COMMAND)
        colours = set()
        for figure in re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', made, flags=re.DOTALL):
            for trace in json.loads(figure)["data"]:
                if trace.get("name") == "other":
                    colours.add(trace.get("line", trace["marker"]).get("color") or trace["marker"]["color"])
        assert len(colours) == 1

    def test_it_needs_nothing_from_elsewhere(self, html):
        assert not re.search(
            r'(src|href)="(?!#|data:|https://(arxiv|jmlr)\.org)', re.sub(r"<script>.*", "", html, flags=re.S)
        )

    def test_what_a_file_says_is_not_run(self, tmp_path):
        write_sweep(tmp_path, noisy, settings=SETTINGS[:1], num_seeds=2)
        evil = "</script><script>alert(1)</script>"
        for path in tmp_path.rglob("badge/**/rounds.csv"):
            path.write_text(path.read_text().replace("badge", evil))
        made = report(everything(tmp_path), COMMAND)
        assert "<script>alert" not in made
        assert "&lt;script&gt;alert(1)" in made


class TestIncompleteResults:
    def made(self, folder: Path, **options: bool) -> str:
        return plain(report(everything(folder, **options), COMMAND))

    @pytest.mark.slow
    def test_missing_runs_are_named_and_not_compared_unless_asked_for(self, tmp_path):
        write_sweep(tmp_path, noisy, settings=SETTINGS[:2], num_seeds=3)
        shutil.rmtree(tmp_path / Identity("mnist", "mlp", "margin", 100, "", 1).path)
        text = self.made(tmp_path)
        assert "41 of 42 runs finished" in text
        assert "Missing: 1 mnist · mlp · margin · b100 · seed 1" in text
        assert "runs are missing or too short" in text
        assert "largest possible entry" not in text
        assert "Gain over random" in text, "what can be said is"
        partial = self.made(tmp_path, is_partial=True)
        assert "largest possible entry 2" in partial
        assert "Missing or too short: mnist · mlp · b100 · margin · seed 1: there is no such run" in partial
        assert "2 of 3 seeds" in partial
        assert "nan" not in partial

    def test_a_mean_over_fewer_seeds_is_not_called_the_best(self, tmp_path):
        write_sweep(tmp_path, noisy, settings=SETTINGS[:1], num_seeds=3)
        shutil.rmtree(tmp_path / Identity("mnist", "mlp", "badge", 100, "", 1).path)
        found = everything(tmp_path, is_partial=True)
        areas = found.mean_areas.set_index("strategy")["area"]
        assert areas.idxmax() == "badge"
        made = report(found, COMMAND)
        table = made[made.index("Area under the budget curve") : made.index("Labels saved")]
        assert re.findall(r'class="best">(0\.\d+)', table) == [f"{areas.drop('badge').max():.4f}"]

    def test_without_random_there_are_curves(self, tmp_path):
        write_sweep(tmp_path, noisy, settings=SETTINGS[:2], strategies=STRATEGIES[:3], num_seeds=2)
        text = self.made(tmp_path)
        assert "there is no run of strategy random" in text
        assert "Learning curves" in text
        assert "Gain over random" not in text

    def test_one_seed_of_one_strategy(self, tmp_path):
        write_run(tmp_path, Identity("digits", "mlp", "badge", 10, "", 7), {10: 0.5})
        text = self.made(tmp_path)
        assert "there is one seed only, 7" in text
        assert "ranks need three strategies or more" in text
        assert "1 of 1 runs finished" in text

    def test_failed_running_and_damaged_runs_are_told(self, tmp_path):
        write_sweep(tmp_path, noisy, settings=SETTINGS[:1], num_seeds=4)
        paths = [tmp_path / Identity("mnist", "mlp", "margin", 100, "", seed).path for seed in range(3)]
        (paths[0] / "rounds.csv").write_text("")
        (paths[1] / "error.json").write_text(json.dumps({"type": "TrainingError", "message": "diverged"}))
        rounds = (paths[2] / "rounds.csv").read_text()
        (paths[2] / "rounds.csv").write_text(rounds + rounds.splitlines()[-1][:-5])
        text = self.made(tmp_path)
        assert "Broken: 1 mnist · mlp · margin · b100 · seed 0: rounds.csv: it is empty" in text
        assert "Failed: 1 mnist · mlp · margin · b100 · seed 1: TrainingError: diverged" in text
        assert f"{paths[2] / 'rounds.csv'}: its last, half-written row is left out" in text

    def test_mixed_devices_and_epoch_limits_are_flagged(self, tmp_path):
        write_sweep(tmp_path, noisy, settings=SETTINGS[1:2], num_seeds=2)
        write_run(tmp_path, Identity("mnist", "mlp", "other", 1000, "", 0), {100: 0.5}, epoch_limit_hit=True)
        path = tmp_path / Identity("mnist", "mlp", "other", 1000, "", 0).path
        (path / "environment.json").write_text(json.dumps([START | {"device_name": "Some GPU", "commit_clean": False}]))
        text = self.made(tmp_path)
        assert "mnist · mlp · b1000: mixed devices: Some CPU, Some GPU" in text
        assert "mnist · mlp · b1000: 1 starts were of a source tree with uncommitted changes" in text
        assert "mnist · mlp · b1000 · other: the epoch limit ended training in 100% of the rounds" in text

    def test_an_interval_that_there_is_not_is_not_shown(self, tmp_path):
        write_sweep(tmp_path, noisy, settings=SETTINGS[:1], num_seeds=1)
        made = report(everything(tmp_path), COMMAND)
        assert "nan" not in plain(made)
        assert "NaN" not in re.sub(r"<script>.*?</script>", "", made, flags=re.DOTALL)

    @pytest.mark.slow
    def test_what_bands_are_is_said(self, tmp_path):
        write_sweep(tmp_path, noisy, settings=SETTINGS[1:2], num_seeds=4)
        assert "Over the seeds: mean ± standard error" in plain(report(everything(tmp_path), COMMAND))
        by_t = everything(tmp_path, interval="t")
        assert "Over the seeds: mean, 95 % interval by Student's t" in plain(report(by_t, COMMAND))

    def test_a_strategy_that_ends_early_is_named(self, tmp_path):
        write_sweep(tmp_path, noisy, settings=SETTINGS[1:2], num_seeds=2)
        for seed in range(2):
            write_run(tmp_path, Identity("mnist", "mlp", "kdpp", 1000, "", seed), {100: 0.5, 1100: 0.6})
        text = self.made(tmp_path, is_partial=True)
        assert "kdpp ends at 1,100 labels, others go on to 11,100; areas and seconds are of 1,100 labels" in text

    def test_nothing_at_all(self, tmp_path):
        with pytest.raises(ResultsError, match="there are no runs in it"):
            everything(tmp_path)

    @pytest.mark.slow
    def test_results_of_rounds_alone(self, tmp_path):
        """Somebody sends the rounds.csv files, without their columns of times and classes."""
        write_sweep(tmp_path, noisy, settings=SETTINGS[:2], num_seeds=2)
        kept = [
            "dataset",
            "model",
            "strategy",
            "batch_size",
            "variant",
            "seed",
            "round",
            "num_labelled",
            "test_accuracy",
        ]
        for path in tmp_path.rglob("rounds.csv"):
            pd.read_csv(path, keep_default_na=False)[kept].to_csv(path, index=False)
            for other in ("done.json", "environment.json"):
                (path.parent / other).unlink()
        text = self.made(tmp_path)
        assert "largest possible entry 2" in text
        assert "not recorded" in text
        assert "nan" not in text


class TestTheScripts:
    @pytest.mark.slow
    def test_a_report_with_all_figures_and_numbers(self, tmp_path):
        settings = [(dataset, "mlp", *others) for dataset, _, *others in SETTINGS[1:4]]  # one regime
        write_sweep(tmp_path, noisy, settings=settings, num_seeds=3)
        finished = run_script(tmp_path, "--figures", tmp_path / "paper", "--interval", "t", "--holm")
        assert finished.returncode == 0, finished.stderr
        assert finished.stderr == ""
        assert (tmp_path / "analysis" / "report.html").stat().st_size > 1_000_000
        names = {path.name for path in (tmp_path / "paper").iterdir()}
        figures = {Path(name).stem for name in names if name.endswith(".pdf")}
        assert {f"{name}.png" for name in figures} == {name for name in names if name.endswith(".png")}
        assert {
            *(
                "curves_dataset_mnist_model_mlp_batch_size_1000",
                "balanced_curves_dataset_mnist_model_mlp_batch_size_1000",
            ),
            *("penalty_overall", "penalty_batch_size_1000_model_mlp", "errors_overall", "errors_dataset_mnist"),
            *(
                "gains",
                "ranks",
                "profiles",
                "num_steps",
                "microseconds_per_step",
                "fit_cpu_seconds",
                "query_cpu_seconds",
            ),
            *("fit_seconds", "query_seconds", "balance"),
        } <= figures
        tables = {
            *(
                "runs",
                "curves",
                "balanced_curves",
                "areas",
                "mean_areas",
                "labels_saved",
                "costs",
                "bought",
                "class_balance",
            ),
            *(
                "normalised_errors",
                "differences",
                "gains",
                "overall",
                "beats",
                "profiles",
                "mean_ranks",
                "nemenyi",
                "penalty_overall",
                "penalty_dataset_openml_6",
            ),
        }
        assert tables <= {Path(name).stem for name in names if name.endswith(".csv")}
        kinds = {"gains": "longtable", "overall": "longtable", "costs": "tabular", "leaderboard": "tabular"}
        for name, kind in kinds.items():
            assert rf"\begin{{{kind}}}" in (tmp_path / "paper" / f"{name}.tex").read_text()
        for name in tables:
            assert len(pd.read_csv(tmp_path / "paper" / f"{name}.csv")) > 0

    @pytest.mark.slow
    def test_names_that_no_file_could_have(self, tmp_path):
        write_sweep(tmp_path, noisy, settings=SETTINGS[1:2], num_seeds=2, strategies=("badge", "random"))
        for path in tmp_path.glob("*/*/*/b*/s*"):
            call_otherwise(
                path, model="a/b$x$", strategy={"badge": "y_1^2$\\frac{", "random": "random"}[path.parts[-3]]
            )
        finished = run_script(tmp_path, "--figures", tmp_path / "paper")
        assert finished.returncode == 0
        assert all("not by the name of its folder" in line for line in finished.stderr.splitlines())
        assert any((tmp_path / "paper").glob("penalty_model_a-b-x-*.png"))

    @pytest.mark.slow
    def test_what_is_wrong_is_said_without_a_stack_trace(self, tmp_path):
        finished = run_script(tmp_path / "nowhere")
        assert (finished.returncode, finished.stderr) == (
            1,
            f"report: {tmp_path / 'nowhere'}: there is no such folder\n",
        )
        write_sweep(tmp_path, noisy, settings=SETTINGS[1:2], num_seeds=2)
        (tmp_path / "file").touch()
        finished = run_script(tmp_path, "--out", tmp_path / "file")
        assert finished.returncode == 1
        assert "Traceback" not in finished.stderr
        assert str(tmp_path / "file") in finished.stderr


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("CHROMIUM MISSING: the report was not opened in a browser (apt-get install chromium)")
    arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=path, args=arguments)


@dataclass
class Opened:
    """A page, and what it said and asked for since it was opened."""

    page: Page
    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def go(self, path: Path) -> None:
        self.page.on("console", lambda message: self.said.append(f"{message.type}: {message.text}"))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(path.as_uri())


@pytest.fixture(scope="module")
def opened(browser: Browser, html: str, tmp_path_factory: pytest.TempPathFactory) -> Opened:
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(html, encoding="utf-8")
    opened = Opened(browser.new_page(viewport={"width": 1280, "height": 900}, offline=True))
    opened.go(path)
    return opened


class TestInABrowser:
    @pytest.mark.one_of_its_kind
    def test_it_opens_without_an_error_and_asks_for_nothing(self, opened):
        opened.page.locator(".plot").first.scroll_into_view_if_needed()
        opened.page.locator(".js-plotly-plot").first.wait_for()
        assert opened.said == []
        assert [url for url in opened.asked if not url.startswith(("file:", "data:", "blob:"))] == []

    @pytest.mark.slow
    def test_every_figure_is_drawn_when_it_comes_into_sight(self, opened):
        page = opened.page
        page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
        num_figures = page.evaluate("document.querySelectorAll('.plot').length")
        counts = [page.locator(f"#{name} .plot").count() for name in ("curves", "areas", "errors", "profiles")]
        assert counts == [2 * 6, 1, 1 + page.locator("#errors .grid .plot").count(), 0]  # no regime has three data sets
        assert num_figures == sum(counts)
        assert page.evaluate("document.querySelectorAll('script[type=\"application/json\"]').length") == num_figures
        for number in range(num_figures):
            place = page.locator(".plot").nth(number)
            place.scroll_into_view_if_needed()
            place.locator(".scatterlayer .trace").first.wait_for(state="attached")
            box = place.locator(".main-svg").first.bounding_box()
            assert box is not None
            assert box["width"] > 300
            assert box["height"] > 200
        assert page.locator("#ranks svg").count() == 0  # as profiles
        assert opened.said == []

    def test_the_pointer_shows_value_interval_and_seeds(self, opened):
        page = opened.page
        place = page.locator("#curves .plot").first
        place.scroll_into_view_if_needed()
        place.locator(".scatterlayer .trace").first.wait_for(state="attached")
        x, y = place.evaluate(
            """place => {
                const {_fullLayout: layout, _fullData: data} = place, box = place.getBoundingClientRect();
                const curve = data.find(each => each.name == "badge" && each.hoverinfo != "skip");
                const {xaxis, yaxis} = layout;
                return [box.x + xaxis._offset + xaxis.l2p(curve.x[5]), box.y + yaxis._offset + yaxis.l2p(curve.y[5])];
            }"""
        )
        page.mouse.move(x - 3, y - 3)
        page.mouse.move(x, y)
        text = page.locator(".hoverlayer .hovertext").first
        text.wait_for()
        assert re.search(r"\w+?\s*5,100 labels: 0\.\d{4}\s*0\.\d{4} to 0\.\d{4}, 5 seeds", text.text_content() or "")

    def test_a_button_shows_the_part_compared(self, opened):
        page = opened.page
        place = page.locator("#curves .plot").first
        place.scroll_into_view_if_needed()
        place.locator(".scatterlayer .trace").first.wait_for(state="attached")
        end = "place => place._fullLayout.xaxis.range[1]"
        whole = place.evaluate(end)
        for name, is_shown in (("the part compared", f"{end} < {0.9 * whole}"), ("all rounds", f"{end} == {whole}")):
            place.get_by_text(name).click()
            page.wait_for_function(is_shown, arg=place.element_handle())

    def test_nothing_is_wider_than_a_narrow_window(self, opened):
        page = opened.page
        page.set_viewport_size({"width": 420, "height": 800})
        page.wait_for_function("document.documentElement.scrollWidth <= 420")  # figures follow in a while

    @pytest.mark.slow
    def test_refusals_that_name_a_model_of_many_options_are_no_wider_either(self, browser, tmp_path):
        model = "mlp,lr_schedule.T_max=20,max_epochs=20,training=regularised,width=32"
        for strategy, seed in (("random", 0), ("random", 1), ("badge", 0)):  # a run is missing; one data set
            write_run(tmp_path, Identity("digits", model, strategy, 10, "", seed), dict.fromkeys((20, 30, 40), 0.5))
        (tmp_path / "report.html").write_text(report(everything(tmp_path), COMMAND), encoding="utf-8")
        opened = Opened(browser.new_page(viewport={"width": 500, "height": 900}, offline=True))
        opened.go(tmp_path / "report.html")
        assert model in opened.page.locator("#errors .warning").inner_text()
        opened.page.wait_for_function("document.documentElement.scrollWidth <= 500", timeout=5000)

    @pytest.mark.slow
    def test_names_of_settings_and_strategies_lie_upon_nothing(self, browser, tmp_path):
        """Names of many options, broken after commas; in a figure of gains the legend begins at the top."""
        variant = "features=sentence_transformers,num_initial=77,label_noise.rate=0.1"
        datasets, strategies = ("banking77", "clinc150", "letters"), ("random", "badge", "margin")
        for dataset, strategy, seed in product(datasets, strategies, (0, 1)):
            curve = {count: noisy(strategy, seed, count / 99) for count in (20, 30, 40)}
            write_run(tmp_path, Identity(dataset, "linear", strategy, 77, variant, seed), curve)
        (tmp_path / "report.html").write_text(report(everything(tmp_path), COMMAND), encoding="utf-8")
        for width in (500, 1400):
            opened = Opened(browser.new_page(viewport={"width": width, "height": 900}, offline=True))
            opened.go(tmp_path / "report.html")
            place = opened.page.locator("#areas .plot").first
            place.scroll_into_view_if_needed()
            place.locator(".ytick").first.wait_for()
            texts = place.locator(".ytick text")
            boxes = [texts.nth(number).bounding_box() for number in range(texts.count())]
            tops, bottoms = sorted(box["y"] for box in boxes), sorted(box["y"] + box["height"] for box in boxes)
            assert len(boxes) == 3
            assert all(top > bottom for top, bottom in zip(tops[1:], bottoms[:-1], strict=True))
            assert width == 1400 or "num_initial=77," in texts.first.locator("tspan").all_text_contents()
            bar, legend = (place.locator(each).bounding_box() for each in (".modebar", ".legend"))
            assert (bar is None) == (width == 500)  # on a phone, where it would lie over buttons
            assert bar is None or bar["y"] + bar["height"] <= legend["y"] + 3

    @pytest.mark.slow
    def test_twenty_strategies_of_any_name_are_readable_500_pixels_wide_and_on_paper(self, browser, tmp_path):
        names = (*NAMES, *(f"joint,entropy_weight={number},ramp_epochs=25" for number in range(4)))
        written(tmp_path, names)
        (tmp_path / "report.html").write_text(report(everything(tmp_path), COMMAND), encoding="utf-8")
        opened = Opened(browser.new_page(viewport={"width": 500, "height": 900}, offline=True))
        opened.go(tmp_path / "report.html")
        page = opened.page
        assert page.evaluate("document.documentElement.scrollWidth") <= 500
        num_panels = len(panels(everything(tmp_path).looks))
        assert num_panels == 3, "both, and two parts of other"
        for section, num_plots in (
            ("#curves", num_panels),
            ("#errors", num_panels),
            ("#areas", 1),
            ("#profiles", num_panels),
        ):
            shown = [self.drawn(page, page.locator(f"{section} .plot").nth(number)) for number in range(num_plots)]
            assert {*(name for each in shown for name in each["names"])} - {"others", "random"} == {*names} - {"random"}
            for each in shown:
                assert each["isInside"], section
                assert each["width"] > 250, section
                assert each["height"] > 200, section
        assert page.locator("#ranks svg").count() == 1
        cell = page.locator("table.matrix td").first
        cell.hover()
        first = page.locator("table.matrix tbody th").first.inner_text()
        assert cell.get_attribute("title") == f"{first} beats {first}: {cell.inner_text()}"
        page.emulate_media(media="print")
        ink = "each => { each.className = 'dark'; return getComputedStyle(each).color; }"
        assert page.locator("table.matrix td").first.evaluate(ink) == "rgb(0, 0, 0)"
        assert opened.said == []

    def drawn(self, page: Page, place: Locator) -> dict[str, Any]:
        """The names of a figure, whether they are inside of it, and the size of its plot."""
        place.scroll_into_view_if_needed()
        place.locator(".xaxislayer-above text, .xaxislayer-below text").first.wait_for(state="attached")
        page.wait_for_timeout(300)
        shown: dict[str, Any] = place.evaluate(
            """place => {
                const whole = place.getBoundingClientRect();
                const legend = [...place.querySelectorAll(".legendtext")];
                const texts = legend.length ? legend : [...place.querySelectorAll(".ytick text")];
                const boxes = texts.map((text) => text.getBoundingClientRect());
                return {
                    names: texts.map((text) => text.textContent),
                    isInside: boxes.every((box) => box.right <= whole.right + 1 && box.bottom <= whole.bottom + 1),
                    width: place._fullLayout._size.w, height: place._fullLayout._size.h,
                };
            }"""
        )
        return shown
