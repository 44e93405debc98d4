"""What plotly.js is told."""

import json
import math

import pandas as pd
import pytest

from al_bench.analysis.pictures.gains_plot import gains_plot
from al_bench.analysis.pictures.interactive import curves_figure
from al_bench.analysis.pictures.plot import Plot, finite
from al_bench.analysis.statistics.curves import learning_curves
from al_bench.analysis.statistics.gains import gains, whole_gains


def rounds(accuracies: dict[str, list[float]]) -> pd.DataFrame:
    """Of two seeds of each strategy, the second a little better."""
    run = {"dataset": "digits", "model": "mlp", "batch_size": 10, "variant": ""}
    return pd.DataFrame(
        [
            {**run, "strategy": name, "seed": seed, "num_labelled": 10 * number, "test_accuracy": value + 0.001 * seed}
            for name, values in accuracies.items()
            for seed in (0, 1)
            for number, value in enumerate(values, start=1)
        ]
    )


def test_what_is_not_finite_is_not_drawn_and_never_written():
    assert finite([1.5, math.nan, math.inf, -math.inf, 2]) == [1.5, None, None, None, 2]
    plot = Plot()
    plot.scatter(x=[math.inf])
    with pytest.raises(ValueError, match="JSON"):
        plot.to_json()


def test_no_name_ends_the_script_that_holds_it():
    plot = Plot()
    plot.scatter(name="</script><b>", x=finite([1, math.nan]))
    told = plot.to_json()
    assert "<" not in told
    assert json.loads(told) == {"data": [{"type": "scatter", "name": "</script><b>", "x": [1, None]}], "layout": {}}


def test_a_notebook_gets_a_figure_of_plotly():
    curves = learning_curves(rounds({"random": [0.5, 0.6, 0.7], "badge": [0.5, 0.7, 0.8]}))
    figure = curves_figure(curves, (10, 20))
    shown = {trace.name: list(trace.y) for trace in figure.data if trace.name}
    assert shown == {"random": [0.5005, 0.6005, 0.7005], "badge": [0.5005, 0.7005, 0.8005]}
    assert [button.label for button in figure.layout.updatemenus[0].buttons] == ["all rounds", "the part compared"]


def test_a_gain_without_an_end_has_no_bar_there():
    """As of a measure whose values differ by more than a number can hold."""
    table = whole_gains(gains(rounds({"random": [0.5, 0.6], "badge": [0.5, 0.7]}))).assign(high=math.inf)
    (trace,) = json.loads(gains_plot(table).to_json())["data"]
    assert trace["error_x"]["array"] == [None]
    assert trace["x"] == pytest.approx([5.0])
