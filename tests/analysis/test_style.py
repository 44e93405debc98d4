"""Strategies can be told apart by everybody, and look the same in every figure."""

from itertools import combinations, pairwise

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.lines import Line2D

from al_bench.analysis.pictures.style import LOOKS, PLOTLY_DASHES, PLOTLY_MARKERS, Look, looks, other
from al_bench.analysis.settings import PAPER_ORDER

# Machado, Oliveira and Fernandes, "A Physiologically-based Model for Simulation of Color Vision Deficiency" (2009)
DEFICIENCIES = {
    "none": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
}


def lab(colour: str, deficiency: str = "none") -> np.ndarray:
    """CIELAB of a colour (D65) as seen with a deficiency."""
    srgb = np.array(to_rgb(colour))
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(DEFICIENCIES[deficiency] @ linear, 0, 1)
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ seen
    ratio = xyz / np.array([0.9505, 1.0, 1.089])
    x, y, z = np.where(ratio > 0.008856, np.cbrt(ratio), 7.787 * ratio + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


OTHERS = [other(number) for number in range(100)]


@pytest.mark.parametrize("deficiency", DEFICIENCIES)
def test_the_strategies_of_the_paper_differ_in_colour_for_the_colour_blind(deficiency):
    for first, second in combinations(PAPER_ORDER, 2):
        distance = np.linalg.norm(lab(LOOKS[first].colour, deficiency) - lab(LOOKS[second].colour, deficiency))
        assert distance > 11, f"{first} and {second}"


def test_in_grey_each_strategy_differs_in_lightness_or_in_its_dash():
    for first, second in combinations(LOOKS, 2):
        lightness = abs(lab(LOOKS[first].colour)[0] - lab(LOOKS[second].colour)[0])
        assert LOOKS[first].marker != LOOKS[second].marker
        assert lightness > 5 or LOOKS[first].dash != LOOKS[second].dash, f"{first} and {second}"


def test_no_two_looks_are_the_same():
    every = [*LOOKS.values(), *OTHERS]
    assert len(set(every)) == len(every)


def test_a_strategy_looks_the_same_whatever_it_is_shown_with():
    assert looks(["margin", "random"])["margin"] == looks(["badge", "margin", "mine"])["margin"]
    assert looks(["b", "a", "random"]) == looks(["random", "a", "b", "a"])


def test_a_users_own_strategies_differ_from_ours_and_from_each_other():
    found = looks(["random", *(f"mine{number}" for number in range(24))])
    assert len(set(found.values())) == 25
    for first, second in pairwise(f"mine{number}" for number in range(10)):
        assert found[first].marker != found[second].marker
        assert found[first].dash != found[second].dash


@pytest.mark.parametrize("look", [*LOOKS.values(), *OTHERS[:24]])
def test_both_libraries_know_a_look(look: Look):
    Line2D([], [], color=look.colour, linestyle=look.dash, marker=look.marker)
    assert look.plotly_dash in PLOTLY_DASHES.values()
    assert look.plotly_marker in PLOTLY_MARKERS.values()


@pytest.mark.parametrize(("deficiency", "least"), [("none", 20), ("protanopia", 11), ("deuteranopia", 11)])
def test_the_colour_of_an_own_strategy_cannot_be_taken_for_anothers(deficiency, least):
    known = [lab(look.colour, deficiency) for look in LOOKS.values()]
    own = [lab(look.colour, deficiency) for look in OTHERS[:24]]
    for number, colour in enumerate(own):
        distances = [float(np.linalg.norm(colour - each)) for each in (*known, *own[:number])]
        assert min(distances) > least, OTHERS[number]


def test_an_own_strategy_has_a_dash_and_a_marker_that_no_other_has():
    """On paper in grey."""
    assert len({(look.dash, look.marker) for look in (*LOOKS.values(), *OTHERS[:24])}) == len(LOOKS) + 24


def test_colours_can_be_seen_on_white():
    assert all(lab(look.colour)[0] < 73 for look in OTHERS)
