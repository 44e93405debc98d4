"""The first batch: drawn, balanced, near centroids, or the strategy's own."""

import re
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from sklearn.cluster import KMeans as Clustering

from al_bench.config.reading.families import shipped
from al_bench.config.schema import BY_STRATEGY, CONF, UNIFORM
from al_bench.core.data import Dataset, Examples, Normalisation
from al_bench.core.errors import ConfigError
from al_bench.core.rounds import Committed, RoundRecord
from al_bench.core.seeding import Stream, generator
from al_bench.core.strategy import Needs, QueryContext, Strategy
from al_bench.job.built import checked_strategy
from al_bench.loop.initial import OF_NETWORKS
from al_bench.loop.rounds_of import ActiveLearning, active_learning
from al_bench.strategies.balanced_oracle import BalancedOracle
from al_bench.strategies.coreset import Coreset
from al_bench.strategies.kmeans import KMeans
from al_bench.strategies.lcmd import LCMD
from al_bench.strategies.maxherding import MaxHerding
from al_bench.strategies.random import Random
from al_bench.strategies.typiclust import TypiClust
from al_bench.strategies.uncertainty import Margin
from al_bench.training.learner import Learner
from tests.conftest import blobs, run_directory, small_learner

DATASET = blobs()
POOL_SIZE = len(DATASET.train)
CENTROIDS = KMeans(space="features", max_iterations=100)


def run(strategy: Strategy, dataset: Dataset = DATASET, learner=None, **changed) -> list[RoundRecord]:
    settings = {"seed": 4, "num_initial": 20, "batch_size": 10, "budget": 40} | changed
    return list(ActiveLearning(dataset, learner or small_learner(dataset), strategy, **settings).rounds())


def first(strategy: Strategy, **changed) -> list[int]:
    return run(strategy, **{"budget": changed.get("num_initial", 20) + changed.get("num_validation", 0), **changed})[
        0
    ].batch.indices.tolist()


def kept_for_validation(number: int) -> set[int]:
    return set(generator(4, Stream.VALIDATION).permutation(POOL_SIZE)[:number].tolist())


@pytest.mark.moderate
@pytest.mark.parametrize("num_validation", [0, 30])
def test_unless_anybody_chooses_the_labels_are_drawn_as_ever(num_validation):
    order = generator(4, Stream.INITIAL).permutation(POOL_SIZE).tolist()
    expected = [index for index in order if index not in kept_for_validation(num_validation)][:20]
    assert first(Random(), num_validation=num_validation) == expected


@pytest.mark.parametrize("num_initial", [4, 6, 21])
@pytest.mark.parametrize("num_validation", [0, 30])
def test_balanced_has_as_many_of_each_class_but_for_one(num_initial, num_validation):
    settings = {"initial": BalancedOracle(), "num_initial": num_initial, "num_validation": num_validation}
    indices = first(Random(), **settings)
    counts = DATASET.train.targets[indices].bincount(minlength=4)
    assert counts.sum() == num_initial
    assert counts.max() - counts.min() <= 1
    assert not kept_for_validation(num_validation) & set(indices)
    assert first(Margin(), **settings) == indices
    assert first(Random(), **settings, seed=5) != indices


def test_a_class_that_is_used_up_leaves_its_share_to_the_others():
    targets = torch.tensor([0] * 2 + [1] * 30 + [2] * 30)
    examples = Examples(torch.randn(62, 5, generator=torch.Generator().manual_seed(0)), targets)
    (record,) = run(Random(), Dataset(examples, examples, 3), initial=BalancedOracle(), budget=20)
    assert record.class_counts == (2, 9, 9)


@pytest.mark.parametrize("num_validation", [0, 30])
def test_centroids_are_the_nearest_to_those_of_scikit_learn(num_validation):
    settings = {"initial": CENTROIDS, "num_initial": 12, "num_validation": num_validation}
    left = np.array([index for index in range(POOL_SIZE) if index not in kept_for_validation(num_validation)])
    inputs = DATASET.train.inputs.numpy()[left]
    seed = int(generator(4, Stream.INITIAL).integers(2**31))
    centres = Clustering(12, n_init=1, max_iter=100, random_state=seed).fit(inputs).cluster_centers_
    expected: list[int] = []
    for centre in centres.astype(np.float64):
        distances = ((inputs.astype(np.float64) - centre) ** 2).sum(1)
        distances[expected] = np.inf
        expected.append(int(distances.argmin()))
    indices = first(Random(), **settings)
    assert indices == left[expected].tolist()
    assert first(Margin(), **settings) == indices


def test_copies_are_bought_one_by_one():
    examples = Examples(DATASET.train.inputs[:4].repeat(10, 1), torch.arange(4).repeat(10))
    (record,) = run(Random(), Dataset(examples, examples, 4), initial=CENTROIDS, budget=20)
    assert len(set(record.batch.indices.tolist())) == 20


def test_images_are_normalised_and_flattened():
    generated = np.random.default_rng(0)
    images = torch.from_numpy(generated.integers(256, size=(60, 3, 4, 4), dtype=np.uint8))
    examples = Examples(images, torch.arange(60) % 3)
    dataset = Dataset(examples, examples, 3, Normalisation((0.5, 0.4, 0.3), (0.2, 0.3, 0.4)))
    watching = Watching()
    learner = replace(small_learner(dataset), normalisation=dataset.normalisation)
    run(watching, dataset, learner, num_initial=0, budget=10)
    (of,) = watching.seen
    mean, std = (torch.tensor(each).reshape(-1, 1, 1) for each in ((0.5, 0.4, 0.3), (0.2, 0.3, 0.4)))
    expected = ((images / 255 - mean) / std).flatten(1)
    assert torch.allclose(of.unlabelled.features_ND, expected, atol=1e-5)


class Watching(Strategy):
    """Keeps what it is shown, and chooses the last rows."""

    needs = Needs.FEATURES | Needs.LABELLED

    def __init__(self) -> None:
        self.seen: list[QueryContext] = []
        self.drawn: list[float] = []

    def query(self, context, batch_size, rng):
        self.seen.append(context)
        self.drawn.append(float(rng.random()))
        return torch.arange(context.num_unlabelled)[-batch_size:]


class TestByTheStrategy:
    def test_it_sees_features_and_no_labels(self):
        watching = Watching()
        records = run(watching, num_initial=0, num_validation=30, budget=65)
        assert [record.num_labelled for record in records] == [40, 50, 60, 65]
        of = watching.seen[0]
        left = [index for index in range(POOL_SIZE) if index not in kept_for_validation(30)]
        assert torch.equal(of.unlabelled.features_ND, DATASET.train.inputs[left])
        assert (of.round, of.num_unlabelled, of.num_classes) == (-1, POOL_SIZE - 30, 4)
        assert of.labelled.features_ND.shape == (0, 5)
        assert len(of.labelled_targets) == 0
        assert records[0].batch.indices.tolist() == left[-10:]
        assert [each.round for each in watching.seen] == [-1, 0, 1, 2]

    def test_it_draws_from_the_stream_of_initial_labels_and_later_from_its_own(self):
        watching = Watching()
        run(watching, num_initial=0)
        expected = [generator(4, Stream.INITIAL), *(generator(4, Stream.QUERY, round) for round in range(3))]
        assert watching.drawn == [each.random() for each in expected]

    def test_random_draws_what_is_drawn_without_it(self):
        assert first(Random(), num_initial=0, batch_size=20, budget=20) == first(Random())

    def test_with_a_number_of_labels_it_chooses_so_many(self):
        watching = Watching()
        assert first(watching, initial=watching) == list(range(POOL_SIZE - 20, POOL_SIZE))

    def test_a_subset_has_a_stream_of_its_own(self):
        watching = Watching()
        watching.subset_size = 12
        records = run(watching, num_initial=0, budget=20)
        drawn = generator(4, Stream.SUBSET, 0, member=1).permutation(POOL_SIZE)[:12]
        assert records[0].batch.indices.tolist() == sorted(drawn.tolist())[-10:]

    def test_a_smaller_budget_cuts_it(self):
        assert len(first(Random(), num_initial=0, budget=3)) == 3

    def test_its_time_is_counted(self):
        by_strategy, drawn = run(Watching(), num_initial=0, budget=10), run(Watching(), budget=20)
        assert by_strategy[0].query_seconds > drawn[0].query_seconds == 0

    @pytest.mark.parametrize("make", [Coreset, LCMD])
    def test_the_first_is_the_longest(self, make):
        indices = first(make(space="features"), num_initial=0, budget=10)
        assert indices[0] == DATASET.train.inputs.norm(dim=1).argmax()

    @pytest.mark.parametrize("make", [Coreset, TypiClust, LCMD, MaxHerding, KMeans])
    @pytest.mark.moderate
    def test_a_run_goes_on_from_its_committed_rounds(self, make):
        strategy = partial(make, space="features")
        whole = run(strategy(), num_initial=0)
        assert len(whole) == 4
        for num_committed in (1, 2, 3):
            committed = Committed([each.batch for each in whole[:num_committed]])
            again = run(strategy(), num_initial=0, committed=committed)
            assert [(each.batch.indices.tolist(), each.test) for each in again] == [
                (each.batch.indices.tolist(), each.test) for each in whole[num_committed:]
            ]

    def test_it_is_not_asked_again_by_a_run_that_goes_on(self):
        whole = run(Watching(), num_initial=0)
        watching = Watching()
        run(watching, num_initial=0, committed=Committed([each.batch for each in whole[:2]]))
        assert [each.round for each in watching.seen] == [1, 2]

    def test_the_function_takes_it_too(self):
        (record,) = active_learning(
            DATASET, small_learner(DATASET), Random(), seed=4, num_initial=0, batch_size=20, budget=20
        )
        assert record.batch.indices.tolist() == first(Random())


class TestRefused:
    @pytest.fixture(autouse=True)
    def _nothing_is_trained(self, monkeypatch):
        monkeypatch.setattr(Learner, "fit", lambda *_, **__: pytest.fail("trained"))

    @pytest.mark.parametrize(
        ("changed", "said"), [({"num_initial": 0}, "num_initial=0"), ({"initial": Margin()}, "initial")]
    )
    def test_what_reads_a_network(self, changed, said):
        told = f"^{said}: Margin reads logits of a network, .*; say initial=random, .*features \\(docs/budgets.md\\)$"
        with pytest.raises(ConfigError, match=told):
            run(Margin(), **changed)

    def test_another_chooser_of_no_labels(self):
        with pytest.raises(ConfigError, match=r"num_initial=0: the strategy chooses the first batch, and nothing is"):
            run(Random(), num_initial=0, initial=BalancedOracle())

    def test_a_subset_below_the_first_batch(self):
        strategy = Random()
        strategy.subset_size = 15
        with pytest.raises(ConfigError, match=r"strategy.subset_size=15: a batch of 20 is drawn from it"):
            run(strategy, initial=strategy)

    @pytest.mark.parametrize(
        ("changed", "message"),
        [
            ({"budget": 30}, r"budget=30: labels in all, so at least one \+ num_validation=30"),
            ({"budget": None, "num_validation": POOL_SIZE}, f"num_validation={POOL_SIZE}: with num_initial=0 that"),
        ],
    )
    def test_a_budget_without_a_label_to_train_on(self, changed, message):
        with pytest.raises(ConfigError, match=message):
            run(Random(), **({"num_initial": 0, "num_validation": 30} | changed))


@pytest.mark.slow
def test_who_can_choose_it_is_what_the_page_says_that_the_message_names():
    """By the yaml of each strategy, with space=features where it has that."""
    able = set()
    for path in (CONF / "strategy").rglob("*.yaml"):
        option = str(path.relative_to(CONF / "strategy").with_suffix(""))
        with initialize_config_dir(str(CONF), version_base="1.3"):
            node = OmegaConf.to_container(compose("config", [f"strategy={option}"]).strategy, resolve=True)
        if path.stem not in shipped() or "???" in node.values():
            continue
        for changed in ({}, {"space": "features"}) if "space" in node else ({},):
            if not checked_strategy(node | changed, batch_size=1).needs & OF_NETWORKS:
                able.add(option)
    page = (Path(__file__).parents[2] / "docs" / "budgets.md").read_text("utf-8")
    told = page.partition("is refused, with what can: ")[2].partition(".\n")[0]
    assert set(re.findall("`([^`]+)`", told)) - {"strategy.space=features"} == able


def test_the_targets_in_the_schema_are_those_of_the_options():
    for option, target in {"random": UNIFORM, "strategy": BY_STRATEGY}.items():
        assert OmegaConf.load(CONF / "initial" / f"{option}.yaml")._target_ == target


QUICK = ("model.width=8", "model.max_epochs=1", "batch_size.size=20", "budget=60", "strategy=random")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("said", "variant"),
    [
        ((), ""),
        (("initial=random",), ""),
        (("initial=balanced",), "initial=balanced"),
        (("initial=centroids", "initial.max_iterations=50"), "initial.max_iterations=50,initial=centroids"),
        (("num_initial=0",), "initial=strategy,num_initial=0"),
        (("num_initial=0", "initial=strategy"), "initial=strategy,num_initial=0"),
        (("initial=strategy", "num_initial=30"), "initial=strategy,num_initial=30"),
    ],
)
def test_what_is_not_the_default_is_named_in_the_variant(cli, tmp_path, said, variant):
    budget = () if any("num_initial" in each for each in said) else ("budget=110",)
    assert cli(*QUICK, *budget, *said).code == 0
    path = run_directory(tmp_path)
    assert path.parent.name == (variant or "b20")
    assert "finished before" in cli(*QUICK, *budget, *said).out
    lines = (path / "config.yaml").read_text().splitlines(keepends=True)
    if not variant:  # and a folder of before there was a choice is finished
        start = lines.index("initial:\n")
        (path / "config.yaml").write_text("".join(lines[:start] + lines[start + 2 :]))
        assert "finished before" in cli(*QUICK, *budget, *said).out


@pytest.mark.slow
def test_a_rule_of_ones_own_is_a_file_and_a_yaml(cli, tmp_path):
    (tmp_path / "conf" / "initial").mkdir(parents=True)
    (tmp_path / "conf" / "initial" / "last.yaml").write_text("_target_: last.Last\n")
    (tmp_path / "last.py").write_text(
        "import torch\nfrom al_bench import Strategy\n\n\nclass Last(Strategy):\n"
        "    def query(self, context, batch_size, rng):\n"
        "        return torch.arange(context.num_unlabelled)[-batch_size:]\n"
    )
    assert cli("--config-dir", "conf", *QUICK, "initial=last", "num_initial=20").code == 0
    path = run_directory(tmp_path / "outputs")
    assert path.parent.name == "initial=last,num_initial=20"
    rows = (path / "queries.csv").read_text().splitlines()[1:21]
    assert [int(row.split(",")[2]) for row in rows] == list(range(1437 - 20, 1437))


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (
            ("initial._target_=al_bench.core.devices.num_gpus",),
            "initial._target_=al_bench.core.devices.num_gpus: no al",
        ),
        (("initial=nobody",), "initial=nobody: there is no such option"),
        (("initial=strategy", "strategy=badge"), "initial=strategy: Badge reads logits, embedding of a network"),
        (("num_initial=0", "strategy=cal", "strategy.space=features"), "num_initial=0: Cal reads logits of"),
        (("num_initial=0", "strategy=uherding", "strategy.space=features"), "num_initial=0: UHerding reads logits of"),
        (("num_initial=0", "initial=balanced"), "num_initial=0: the strategy chooses the first batch"),
        (("initial=random", "+initial.seed=3"), "initial.seed=3: there is no such key"),
    ],
)
@pytest.mark.moderate
def test_what_cannot_be_is_refused_before_a_folder_is_made(cli, tmp_path, said, told):
    assert cli(*QUICK, "budget=110", *said).err.startswith(f"al-bench: {told}")
    assert not (tmp_path / "outputs").exists()
