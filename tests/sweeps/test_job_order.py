"""In which order the runs of a sweep are done."""

import itertools
import re

import pytest

from al_bench.sweeps.order import described_order, in_order

QUICK = ("model.width=8", "model.max_epochs=3", "num_initial=20", "batch_size.size=20", "budget=40")


def product(**values: str) -> list[list[str]]:
    """The jobs of a sweep over keys (`__` stands for a dot) and their values, as Hydra makes them."""
    keys = [key.replace("__", ".") for key in values]
    return [
        [f"{key}={value}" for key, value in zip(keys, job, strict=True)]
        for job in itertools.product(*(given.split(",") for given in values.values()))
    ]


def short(jobs: list[list[str]], *keys: str) -> list[str]:
    """The values of these keys, job by job."""
    return [" ".join(dict(each.split("=") for each in job)[key] for key in keys) for job in jobs]


def test_settings_are_outermost_then_seeds_then_strategies_with_random_first():
    jobs = product(strategy="badge,margin,random", seed="1,0", setting="b,a")
    assert short(in_order(jobs), "setting", "seed", "strategy") == [
        f"{setting} {seed} {strategy}"
        for setting in ("b", "a")
        for seed in (1, 0)
        for strategy in ("random", "badge", "margin")
    ]


def test_without_a_setting_it_is_what_is_swept_of_data_models_and_batch_sizes_in_the_order_given():
    jobs = product(seed="0,1", batch_size="b10,b100", strategy="badge,random", dataset="b,a")
    assert short(in_order(jobs), "batch_size", "dataset", "seed", "strategy") == [
        " ".join(job) for job in itertools.product(("b10", "b100"), ("b", "a"), ("0", "1"), ("random", "badge"))
    ]
    sizes = product(strategy="badge,random", batch_size__size="50,100", seed="0,1")
    assert (
        short(in_order(sizes), "batch_size.size", "seed") == ["50 0"] * 2 + ["50 1"] * 2 + ["100 0"] * 2 + ["100 1"] * 2
    )


def test_other_keys_are_inside_the_strategy_in_the_order_given():
    jobs = product(model__width="8,4", strategy="badge,random", num_initial="30,20", seed="0,1")
    assert short(in_order(jobs), "seed", "strategy", "model.width", "num_initial") == [
        " ".join(job) for job in itertools.product(("0", "1"), ("random", "badge"), ("8", "4"), ("30", "20"))
    ]


def test_jobs_stay_the_same_and_so_does_the_order_of_the_overrides_in_each():
    jobs = product(strategy="badge,random", model="a,b", model__width="8,4", seed="0,1")
    ordered = in_order(jobs)
    assert ordered != jobs
    assert sorted(ordered) == sorted(jobs)
    assert in_order([]) == []
    assert in_order([["seed=0"]]) == [["seed=0"]]


def test_added_keys_count_as_the_keys_they_are():
    jobs = [[f"strategy={strategy}", f"++seed={seed}"] for strategy in ("badge", "random") for seed in (1, 0)]
    assert in_order(jobs) == [[f"strategy={s}", f"++seed={n}"] for n in (1, 0) for s in ("random", "badge")]


def test_a_line_names_the_order():
    assert (
        described_order(product(model__width="8,4", strategy="badge,random", seed="0,1", setting="a,b"))
        == "in this order: by setting, then by seed, then by strategy (random first), then by model.width"
    )
    assert described_order(product(strategy="badge,margin", seed="0")) == "in this order: by strategy"
    assert described_order(product(strategy="badge", seed="0")) == ""


@pytest.mark.slow
def test_runs_start_in_that_order_and_the_dry_run_ends_with_a_line_that_names_it(cli, tmp_path):
    sweep = ("-m", "strategy=badge,margin,random", "seed=1,0", *QUICK)
    dry = cli(*sweep, "dry_run=true")
    assert dry.out.rstrip().splitlines()[-1] == "in this order: by seed, then by strategy (random first)"
    told = cli(*sweep).out
    assert re.findall(r" · (\w+) · b20 · num_initial=20 · seed (\d): starts", told) == [
        (strategy, seed) for seed in "10" for strategy in ("random", "badge", "margin")
    ], told


def test_a_dry_run_that_would_fail_ends_with_the_order_too(cli):
    result = cli("-m", "budget=40,5", *QUICK[:-1], "dry_run=true")
    assert result.code == 1
    assert result.out.rstrip().splitlines()[-1] == "in this order: by budget"
