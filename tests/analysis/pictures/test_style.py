"""Strategies can be told apart by everybody, and look the same in every figure."""

import re
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.lines import Line2D

from al_bench.analysis.pictures.style import (
    LOOKS,
    OF_BASELINE,
    PLOTLY_DASHES,
    PLOTLY_MARKERS,
    SHADES,
    Look,
    looks,
    panels,
)
from al_bench.analysis.results import PAPER_ORDER
from al_bench.analysis.strategies import FAMILIES, FAMILY_OF, ORACLES, family_of

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


ROOT = Path(__file__).parents[3]
OTHERS = [*looks(f"mine{number:03}" for number in range(100)).values()]
KNOWN = [*LOOKS.values(), OF_BASELINE]


@pytest.mark.parametrize(("deficiency", "least"), [("none", 15), ("protanopia", 10), ("deuteranopia", 10)])
def test_no_two_shades_can_be_taken_for_each_other(deficiency, least):
    """In colours of families, black of the baseline, and grey of oracles."""
    colours = [OF_BASELINE.colour, *(colour for shades in SHADES.values() for colour in shades)]
    of_oracles = SHADES[ORACLES]
    for first, second in combinations(colours, 2):
        if not {first, second} <= {*of_oracles}:
            distance = np.linalg.norm(lab(first, deficiency) - lab(second, deficiency))
            assert distance > least, f"{first} and {second}"
    for first, second in combinations(of_oracles, 2):
        assert np.linalg.norm(lab(first, deficiency) - lab(second, deficiency)) > 10


def test_a_family_has_a_hue_that_no_other_has_and_oracles_have_none():
    hues = {}
    for family, shades in SHADES.items():
        _, a, b = np.array([lab(colour) for colour in shades]).T
        if family == ORACLES:
            assert np.hypot(a, b).max() < 1
        else:
            hues[family] = np.degrees(np.arctan2(b, a))
            within = np.abs((hues[family][:, None] - hues[family] + 180) % 360 - 180)
            assert within.max() < 50, family
    for first, second in combinations(hues, 2):
        between = np.abs((hues[first][:, None] - hues[second] + 180) % 360 - 180)
        assert between.min() > 5, f"{first} and {second}"
    assert SHADES.keys() == FAMILIES.keys()


def test_in_grey_the_strategies_of_the_paper_differ_in_their_dash_and_in_their_marker():
    found = looks(PAPER_ORDER)
    for first, second in combinations(found.values(), 2):
        assert first.marker != second.marker
        assert abs(lab(first.colour)[0] - lab(second.colour)[0]) > 5 or first.dash != second.dash


def test_no_two_looks_are_the_same():
    every = [*KNOWN, *OTHERS]
    assert len(set(every)) == len(every)


def test_a_strategy_looks_the_same_whatever_it_is_shown_with():
    assert looks(["margin", "random"])["margin"] == looks(["badge", "margin", "mine"])["margin"]
    assert looks(["b", "a", "random"]) == looks(["random", "a", "b", "a"])
    assert [*looks(["b", "a", "random"])] == ["b", "a", "random"]


def test_the_baseline_is_black_and_another_has_the_hue_of_its_family():
    assert looks(["margin", "random"])["random"] == OF_BASELINE
    found = looks(["margin", "random", "badge"], baseline="margin")
    assert found["margin"] == OF_BASELINE
    assert found["random"].family == "diversity"
    assert found["random"].colour in SHADES["diversity"]


def test_options_do_not_change_the_family_and_own_strategies_have_one():
    found = looks(
        ["joint", "joint,entropy_weight=0.3", "joint,query=badge", "mine,a=1", "mine", "spy"], oracles=["spy"]
    )
    assert [look.family for look in found.values()] == ["both", "both", "both", "other", "other", "oracles"]
    assert all(look.colour in SHADES[look.family] for look in found.values())
    assert len({look.colour for look in list(found.values())[:3]}) == 3


def test_a_users_own_strategies_differ_from_ours_and_from_each_other():
    found = looks(["random", *(f"mine{number}" for number in range(24))])
    assert len(set(found.values())) == 25
    for first, second in pairwise(f"mine{number}" for number in range(10)):
        assert found[first].marker != found[second].marker
        assert found[first].dash != found[second].dash


@pytest.mark.parametrize("look", [*KNOWN, *OTHERS[:24]])
def test_both_libraries_know_a_look(look: Look):
    Line2D([], [], color=look.colour, linestyle=look.dash, marker=look.marker)
    assert look.plotly_dash in PLOTLY_DASHES.values()
    assert look.plotly_marker in PLOTLY_MARKERS.values()


def test_an_own_strategy_has_a_dash_and_a_marker_that_no_other_has():
    """On paper in grey."""
    assert len({(look.dash, look.marker) for look in (*KNOWN, *OTHERS[:24])}) == len(KNOWN) + 24


def test_colours_can_be_seen_on_white():
    assert all(lab(look.colour)[0] < 78 for look in (*KNOWN, *OTHERS))


def test_every_strategy_of_ours_has_its_family_as_in_the_docs():
    choices = {path.stem for path in (ROOT / "conf" / "strategy").rglob("*.yaml")} - {"replay"}  # which is of any
    assert FAMILY_OF.keys() == choices
    sections = (ROOT / "docs" / "strategies" / "README.md").read_text().split("\n## ")[1:]
    told = {}
    for section in sections[:5]:
        family = section[: section.index(":")]
        for row in re.findall(r"^\| \[[^|]*\| ([^|]*)\|", section, flags=re.MULTILINE):
            told |= dict.fromkeys((name.rpartition("/")[2] for name in re.findall(r"`([^`]+)`", row)), family)
    assert told.keys() == choices
    assert {name: family_of(name).lower() for name in choices} == {name: told[name].lower() for name in choices}


def test_a_dozen_strategies_have_one_panel_and_more_one_for_each_family():
    few = looks(["random", "badge", *(f"mine{number}" for number in range(10))])
    assert panels(few) == {"": few}
    many = looks(["badge", "margin", *(f"mine{number}" for number in range(25)), "kdpp", "random", "boss"])
    found = panels(many)
    parts = [f"other, {number} of 3" for number in (1, 2, 3)]
    assert [*found] == ["uncertainty", "both", "oracles", *parts]
    assert [*found["both"]] == ["badge", "kdpp", "random"]
    assert sorted(len(found[part]) - 1 for part in parts) == [8, 8, 9]
    assert all(panel["random"] == OF_BASELINE for panel in found.values())
    shown = [name for panel in found.values() for name in panel if name != "random"]
    assert sorted([*shown, "random"]) == sorted(many)
    assert {name: look for panel in found.values() for name, look in panel.items()} == many
