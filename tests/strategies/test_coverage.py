"""Greedy coverage against every gain written out, and on data that breaks careless code."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from torch import Tensor

from al_bench.config.planning import planned
from al_bench.config.schema import CONF
from al_bench.core.errors import ConfigError, StrategyError
from al_bench.core.strategy import Known, Needs, Outputs, QueryContext, Strategy
from al_bench.job.built import Parts
from al_bench.strategies.facility_location import FacilityLocation
from al_bench.strategies.maths.calibration import calibration_error
from al_bench.strategies.maths.coverage import greedy as coverage
from al_bench.strategies.maths.coverage.greedy import Coverage
from al_bench.strategies.maths.coverage.grid import nearest_of_other_groups, on_grid
from al_bench.strategies.maths.coverage.similarity import Gaussian
from al_bench.strategies.maxherding import MaxHerding
from al_bench.strategies.probcover import ProbCover, largest_pure
from al_bench.strategies.uherding import UHerding, calibrated_temperature, smallest_distance
from tests.contracts.test_strategies import context, query

FIVE = torch.tensor([[0.0], [1.0], [2.0], [3.0], [10.0]])
NONE = torch.empty(0, 1)
ROUNDING = 5e-15  # gains nearer to each other are equal on paper
Kernel = Callable[[list[float], list[float]], float]


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def given(unlabelled: Tensor, labelled: Tensor, logits: Tensor | None = None, num_classes: int = 2) -> QueryContext:
    targets, shown = torch.zeros(len(labelled)), Outputs(logits, unlabelled)
    return QueryContext(shown, Outputs(None, labelled), targets, len(unlabelled), num_classes, 0)


def gaussian(sigma: float) -> Kernel:
    return lambda x, y: math.exp(-(math.dist(x, y) ** 2) / sigma**2)


def ball(delta: float) -> Kernel:
    return lambda x, y: float(math.dist(x, y) < delta)


def cosine(x: list[float], y: list[float]) -> float:
    lengths = math.hypot(*x) * math.hypot(*y)
    return max(math.fsum(a * b for a, b in zip(x, y, strict=True)) / lengths, 0.0) if lengths else 0.0


def obvious(
    kernel: Kernel, points: Tensor, labelled: Tensor, batch_size: int, weights: list[float] | None = None
) -> list[int]:
    """Every gain, from the definition; of those that are equal on paper the first. Ends where there is none."""
    rows, centres = points.double().tolist(), labelled.double().tolist()
    weights = weights or [1.0] * len(rows)
    table = [[kernel(x, y) for y in rows] for x in rows]
    cover = [max((kernel(x, c) for c in centres), default=0.0) for x in rows]
    chosen: list[int] = []
    while len(chosen) < batch_size:
        gains = [
            -1.0
            if x in chosen
            else math.fsum(u * max(table[i][x] - m, 0.0) for i, (u, m) in enumerate(zip(weights, cover, strict=True)))
            for x in range(len(rows))
        ]
        if max(gains) < 1e-12:
            break
        chosen.append(next(x for x, gain in enumerate(gains) if gain > max(gains) * (1 - ROUNDING)))
        cover = [max(m, table[i][chosen[-1]]) for i, m in enumerate(cover)]
    return chosen


def in_pool_order(chosen: list[int], num_rows: int, batch_size: int) -> list[int]:
    return [*chosen, *(row for row in range(num_rows) if row not in chosen)][:batch_size]


def problem(seed: int, num_rows: int, num_labelled: int) -> tuple[Tensor, Tensor]:
    """Rows on a coarse grid, so with copies, zero rows and many ties, or anywhere with a few copies."""
    if seed % 2:
        return drawn(num_rows, 2, seed=seed).round(), drawn(num_labelled, 2, seed=100 + seed).round()
    rows = drawn(num_rows, 3, seed=seed)
    rows[num_rows // 2 :: 5] = rows[: len(rows[num_rows // 2 :: 5])].clone()
    rows[num_rows // 3] = 0
    return rows, drawn(num_labelled, 3, seed=100 + seed)


SHAPES = [(30, 6, 12), (24, 0, 24), (20, 25, 20), (40, 3, 1), (1, 0, 1)]


@pytest.fixture(params=["few at a time", "as it is"])
def sizes(request, monkeypatch):
    if request.param == "few at a time":
        for name, value in {"BLOCK": 7, "NUM_VALUES": 41, "WIDEST": 5, "FEWEST": 2, "MOST": 5, "KEPT": 0}.items():
            monkeypatch.setattr(coverage, name, value)
        monkeypatch.setattr(coverage, "NUM_EXACT", 2)


@pytest.mark.parametrize(("num_rows", "num_labelled", "batch_size"), SHAPES)
@pytest.mark.parametrize("sigma", [1.0, 0.3, 20.0])
def test_maxherding_is_the_obvious_one(sizes, sigma, num_rows, num_labelled, batch_size):
    for seed in range(4):
        rows, labelled = problem(seed, num_rows, num_labelled)
        ours = query(MaxHerding(sigma, normalise=False), given(rows, labelled), batch_size).tolist()
        expected = obvious(gaussian(sigma), rows, labelled, batch_size)
        assert ours == in_pool_order(expected, num_rows, batch_size)


def test_rows_are_scaled_to_length_one():
    for seed in range(0, 8, 2):
        rows, labelled = drawn(40, 5, seed=seed), drawn(4, 5, seed=seed + 1)
        ours = query(MaxHerding(), given(rows, labelled), 15).tolist()
        lengths = [each.double().norm(dim=1, keepdim=True) for each in (rows, labelled)]
        assert ours == obvious(gaussian(1.0), rows / lengths[0], labelled / lengths[1], 15)


@pytest.mark.parametrize(("num_rows", "num_labelled", "batch_size"), SHAPES)
def test_facility_location_is_the_obvious_one(sizes, num_rows, num_labelled, batch_size):
    for seed in range(0, 8, 2):
        rows, labelled = problem(seed, num_rows, num_labelled)
        ours = query(FacilityLocation(), given(rows, labelled), batch_size).tolist()
        expected = obvious(cosine, rows, labelled, batch_size)
        assert ours == in_pool_order(expected, num_rows, batch_size)


@pytest.mark.parametrize(("num_rows", "num_labelled", "batch_size"), SHAPES)
@pytest.mark.parametrize("delta", [1.0, 2.0, 0.4])
def test_probcover_is_the_obvious_one(sizes, delta, num_rows, num_labelled, batch_size):
    """On the coarse grid many distances are delta itself: they are not covered."""
    for seed in range(6):
        rows, labelled = problem(seed, num_rows, num_labelled)
        ours = query(ProbCover(delta, normalise=False), given(rows, labelled), batch_size).tolist()
        expected = obvious(ball(delta), rows, labelled, batch_size)
        assert ours[: len(expected)] == expected
        assert len(set(ours)) == batch_size


@pytest.mark.parametrize("uncertainty", ["margin", "entropy", "confidence"])
def test_uherding_is_the_obvious_one(sizes, uncertainty):
    def weight(probabilities: list[float]) -> float:
        first, second = sorted(probabilities)[:-3:-1]
        entropy = -math.fsum(p * math.log(p) for p in probabilities if p > 0)
        return {"margin": 1 - (first - second), "confidence": 1 - first, "entropy": entropy}[uncertainty]

    for seed in range(6):
        rows, labelled = problem(seed, 25, 5)
        logits = drawn(25, 3, seed=seed) * (3.0 if seed < 4 else 60.0)
        weights = [weight(p) for p in (logits.double() / 1.5).softmax(dim=1).tolist()]
        distances = [math.dist(x, y) for x in labelled.tolist() for y in labelled.tolist() if x != y]
        chosen = query(UHerding(uncertainty, 1.5, normalise=False), given(rows, labelled, logits, 3), 12).tolist()
        expected = obvious(gaussian(min(distances)), rows, labelled, 12, weights)
        assert chosen[: len(expected)] == expected


def test_examples_by_hand():
    herding = MaxHerding(normalise=False)
    assert query(herding, given(FIVE, NONE), 4).tolist() == [1, 4, 2, 0]
    cover = Coverage(on_grid(FIVE)[0], Gaussian(1.0), on_grid(NONE)[0])
    gains = [1.386318, 1.754075, 1.754075, 1.386318, 1]
    assert cover._gains(torch.arange(5)).tolist() == pytest.approx(gains, abs=1e-6)
    weights, labelled = torch.tensor([0.5, 0, 0.2, 1, 0.1]), on_grid(FIVE, FIVE[1:2])
    cover = Coverage(labelled[0], Gaussian(1.0), labelled[1], weights)
    assert cover._gains(torch.arange(5)).tolist() == pytest.approx([0.316060, 0, 0.475988, 0.981684, 0.1], abs=1e-6)
    assert cover.chosen(3).tolist() == [3, 0, 2]
    probcover = ProbCover(1.5, normalise=False)
    assert query(probcover, given(FIVE, NONE), 3).tolist() == [1, 2, 4]
    assert query(probcover, given(FIVE, FIVE[1:2]), 2).tolist() == [2, 4]
    near = nearest_of_other_groups(on_grid(FIVE)[0], torch.tensor([0, 0, 0, 0, 1]))
    assert near.sqrt().tolist() == [10, 9, 8, 7, 7]


def test_the_rest_of_probcover_is_drawn_uniformly():
    """Of five rows two cover all; the third is each of three alike: 12 to 28 of 60 would be 4 standard deviations."""
    rows = torch.tensor([[0.0], [0.1], [0.2], [9.0], [9.1]])
    thirds = [query(ProbCover(0.5, normalise=False), given(rows, NONE), 5, seed).tolist()[2] for seed in range(60)]
    counts = [thirds.count(row) for row in (1, 2, 4)]
    assert sum(counts) == 60
    assert min(counts) >= 6


def test_delta_is_the_largest_for_which_enough_balls_are_pure():
    """By trying every distance."""
    for seed in range(12):
        rows = drawn(40, 2, seed=seed).round(decimals=0 if seed % 2 else 4)
        group = (drawn(40, seed=50 + seed) > 0).long() + (rows[:, 0] > 0)
        distances = torch.cdist(rows.double(), rows.double(), compute_mode="donot_use_mm_for_euclid_dist")
        for purity in (0.5, 0.95, 0.07):
            delta = math.sqrt(largest_pure(nearest_of_other_groups(on_grid(rows)[0], group), purity))
            shares = []
            for radius in (delta - 1e-6, delta + 1e-6):
                is_other = (distances < radius) & (group != group[:, None])
                shares.append(1 - float(is_other.any(dim=1).double().mean()))
            assert shares[0] >= purity - 1e-9 > shares[1]
    assert largest_pure(torch.arange(100.0), 0.07) == 93  # .07 * 100 is above 7
    assert largest_pure(nearest_of_other_groups(on_grid(rows)[0], torch.zeros(40, dtype=torch.int64)), 0.95) == math.inf


def test_delta_is_found_in_clusters_of_both_labelled_and_unlabelled(caplog):
    rows = torch.cat([drawn(20, 2), drawn(20, 2) + 50])
    with caplog.at_level("INFO"):
        query(ProbCover(normalise=False), given(rows[::2], rows[1::2]), 3)
    distances = torch.cdist(rows[:20], rows[20:])
    near = torch.cat([distances.amin(1), distances.amin(0)]).sort(descending=True).values
    assert f"delta={near[37]:.4g}, covered: 100.0 %" in caplog.text


@pytest.mark.moderate
@pytest.mark.parametrize("chosen", [MaxHerding(), FacilityLocation(), ProbCover(0.9), UHerding(), MaxHerding(0.05)])
def test_neither_sizes_nor_threads_nor_copies_change_a_choice(monkeypatch, chosen):
    """Equal rows are told apart by pool order alone, though a product rounds them differently."""
    generator = torch.Generator().manual_seed(0)
    rows = drawn(150, 257).relu()[torch.randint(150, (300,), generator=generator)]
    of = given(rows, drawn(20, 257, seed=9).relu(), rows[:, :5].clone(), 5)
    batches = [query(chosen, of, 120).tolist()]
    for row, before in [(row, batches[0][:position]) for position, row in enumerate(batches[0])]:
        equal = (rows == rows[row]).all(dim=1).nonzero().squeeze(1).tolist()
        if not isinstance(chosen, ProbCover):
            assert row == next(each for each in equal if each not in before)
    for sizes in ({"BLOCK": 100}, {"NUM_VALUES": 10_000, "MOST": 64}, {"KEPT": 0}, {"KEPT": 0, "WIDEST": 33}):
        for name, size in sizes.items():
            monkeypatch.setattr(coverage, name, size)
        torch.set_num_threads(3 if "BLOCK" in sizes else 1)
        batches.append(query(chosen, of, 120).tolist())
    assert batches == [batches[0]] * 5


@pytest.mark.parametrize("scale", [1e-18, 1e18])
def test_scales_beyond_float32s_squares_change_nothing(scale):
    rows, labelled = drawn(80, 6), drawn(4, 6, seed=1)
    for make in (MaxHerding, ProbCover):
        expected = query(make(1.5, normalise=False), given(rows, labelled), 10).tolist()
        scaled = make(1.5 * scale, normalise=False)
        assert query(scaled, given(rows * scale, labelled * scale), 10).tolist()[:5] == expected[:5]


@pytest.mark.parametrize(("scale", "offset"), [(1e-4, 100.0), (1e-3, -1e4)])
def test_a_common_offset_costs_no_digits(scale, offset):
    rows, labelled = (drawn(n, 6, seed=n).mul(scale).add(offset) for n in (60, 4))
    chosen = query(MaxHerding(scale, normalise=False), given(rows, labelled), 20).tolist()
    assert chosen == obvious(gaussian(scale), rows, labelled, 20)


def test_products_on_a_grid_have_no_rounding():
    rows = drawn(60, 400, seed=3)
    (points,) = on_grid(rows)
    order = torch.randperm(400, generator=torch.Generator().manual_seed(0))
    shuffled = replace(points, point_ND=points.point_ND[:, order].contiguous())
    assert torch.equal(points.squared_distances(points), shuffled.squared_distances(shuffled))
    assert torch.equal(points.products(points)[7:8, 3:9], points.take(slice(7, 8)).products(points.take(slice(3, 9))))
    assert points.squared_distances(points).diagonal().count_nonzero() == 0
    rounding = (points.squared_distances(points).sqrt() - torch.cdist(rows.double(), rows.double())).abs().amax()
    assert rounding < 1e-5
    rough, distances = points.rough(), points.squared_distances(points)
    assert (rough.squared_distances(rough) <= distances).all()
    assert (rough.products(rough) >= points.products(points)).all()
    assert (distances - rough.squared_distances(rough)).amax() < 0.1 * distances[0, 1]


def test_few_gains_are_computed_and_bounds_are_close():
    rows = drawn(2000, 16)
    cover = Coverage(on_grid(rows)[0], Gaussian(2.0), on_grid(rows[:0])[0])
    assert len(cover.chosen(50)) == 50
    assert cover.num_gains <= 6 * 50
    assert cover.num_bounds < 0.3 * 50 * 2000


def test_ties_of_many_bounds_do_not_keep_it_from_the_first():
    rows = torch.eye(400)
    assert query(MaxHerding(), given(rows, rows[:0]), 30).tolist() == list(range(30))


class TestUHerding:
    def test_adaptive_sigma_is_the_smallest_distance_between_different_labelled_rows(self):
        assert smallest_distance(on_grid(torch.tensor([[0.0], [0], [3], [5], [5]]))[0]) == 2
        assert smallest_distance(on_grid(torch.tensor([[4.0], [4.0]]))[0]) == 1
        assert smallest_distance(on_grid(torch.empty(0, 3))[0]) == 1

    def test_without_labelled_rows_it_is_maxherding(self):
        rows, logits = drawn(40, 3), drawn(40, 2, seed=1) * 5
        ours = query(UHerding(), given(rows, rows[:0], logits), 10)
        assert ours.tolist() == query(MaxHerding(), given(rows, rows[:0]), 10).tolist()

    def test_certain_rows_count_for_nothing_and_nothing_to_gain_is_pool_order(self):
        rows, labelled = drawn(20, 2), drawn(3, 2, seed=1)
        logits = torch.tensor([[2000.0, 0.0]]).repeat(20, 1)
        assert query(UHerding(), given(rows, labelled, logits), 6).tolist() == list(range(6))
        logits[13] = 0
        assert query(UHerding(sigma=0.1), given(rows, labelled, logits), 1).tolist() == [13]

    def test_calibration_error_by_hand(self):
        confidence, is_right = np.array([0.9, 0.8, 0.5, 0.3]), np.array([True, False, True, True])
        assert calibration_error(confidence, is_right, 2) == pytest.approx((abs(1 - 1.7) + abs(2 - 0.8)) / 4)
        assert calibration_error(confidence, is_right, 1) == pytest.approx(0.125)

    def test_temperature_is_that_of_least_calibration_error(self):
        """Labels drawn from softmax(logits / 2): a network that is twice too sure; the tolerance is four times sd."""
        logits = drawn(4000, 3, seed=1) * 4
        targets = torch.multinomial((logits / 2).softmax(1), 1, generator=torch.Generator().manual_seed(2)).squeeze(1)
        temperature = calibrated_temperature(Known(Outputs(logits), targets), 3)
        assert 1.7 <= temperature <= 2.3
        errors = {}
        for tenths in range(10, 200):
            confidence, prediction = (logits.double() / (tenths / 10)).softmax(1).max(1)
            errors[tenths / 10] = sum(
                abs(float((prediction[is_in] == targets[is_in]).double().sum() - confidence[is_in].sum())) / 4000
                for is_in in ((confidence > low / 3) & (confidence <= (low + 1) / 3) for low in range(3))
            )
        assert temperature == min(errors, key=lambda each: errors[each])

    def test_the_temperature_of_the_validation_examples_is_used(self):
        chosen = UHerding("entropy", "validation")
        assert Needs.VALIDATION in chosen.needs
        assert Needs.VALIDATION not in UHerding().needs
        of = context(chosen.needs, num_unlabelled=60, spread=8.0)
        temperature = calibrated_temperature(of.validation, 3)
        assert temperature > 1
        expected = query(UHerding("entropy", temperature), of, 20).tolist()
        assert query(chosen, of, 20).tolist() == expected != query(UHerding("entropy"), of, 20).tolist()

    def test_no_validation_examples_are_refused(self):
        chosen = UHerding(temperature="validation")
        of = replace(context(chosen.needs), validation=Known())
        with pytest.raises(StrategyError, match="temperature=validation: there are no validation examples"):
            query(chosen, of, 3)


@pytest.mark.command
@pytest.mark.parametrize("num_validation", [0, 20])
def test_no_validation_examples_are_refused_before_anything_is_trained(num_validation):
    given = ["strategy=uherding", "strategy.temperature=validation", f"num_validation={num_validation}"]
    with initialize_config_dir(str(CONF), version_base="1.3"):
        composed = compose("config", given, return_hydra_config=True)
        own = OmegaConf.masked_copy(composed, [key for key in composed if key != "hydra"])
        run = planned(own, composed.hydra)
    if num_validation:
        assert Needs.VALIDATION in Parts.checked(run.config).strategy.needs
    else:
        with pytest.raises(ConfigError, match="num_validation=0: the strategy reads validation examples"):
            Parts.checked(run.config)


@pytest.mark.parametrize("made", [FacilityLocation, MaxHerding, ProbCover, UHerding])
def test_features_are_read_where_they_are_asked_for(made):
    chosen: Strategy = made(space="features")
    assert Needs.FEATURES in chosen.needs
    assert Needs.EMBEDDING not in chosen.needs
    of = context(chosen.needs)
    as_embedding = replace(
        of,
        unlabelled=Outputs(of.unlabelled.logits, of.unlabelled.features),
        labelled=Outputs(of.labelled.logits, of.labelled.features),
    )
    assert query(chosen, of, 12).tolist() == query(made(), as_embedding, 12).tolist()
