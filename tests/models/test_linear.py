"""The linear model: what it makes of the inputs, learned from the whole pool."""

from functools import partial

import numpy as np
import pytest
import torch

from al_bench.core.data import Normalisation
from al_bench.core.network import cross_entropy
from al_bench.models.linear import Linear
from al_bench.training.learner import Learner
from al_bench.training.options import TrainingOptions
from tests.conftest import blobs

DATASET = blobs()
PROBE = TrainingOptions(ridge=1e-2)


def pretrained(inputs: torch.Tensor, **options: object) -> Linear:
    network = Linear(tuple(inputs.shape[1:]), 4, **options)
    if network.is_pretrained:
        network.pretrain(inputs)
    return network.eval()


def test_the_embedding_is_centred_by_the_pools_mean_and_of_length_sqrt_d():
    pool = torch.randn(5000, 3, 4, generator=torch.Generator().manual_seed(0)) + 7
    embedding = pretrained(pool).embed(pool).numpy()
    rows = pool.flatten(1).numpy().astype(np.float64)
    rows -= rows.mean(axis=0)
    assert embedding == pytest.approx(rows / np.linalg.norm(rows, axis=1)[:, None] * 12**0.5, abs=1e-5)
    assert embedding.dtype == np.float32


def test_standard_is_that_of_scikit_learn_and_none_is_the_inputs():
    from sklearn.preprocessing import StandardScaler

    pool = torch.randn(500, 6, generator=torch.Generator().manual_seed(0)) * torch.arange(6) + 3
    expected = StandardScaler().fit_transform(pool.double())
    assert pretrained(pool, preprocess="standard").embed(pool).numpy() == pytest.approx(expected, abs=1e-5)
    assert torch.equal(pretrained(pool, preprocess="none").embed(pool), pool)


@pytest.mark.parametrize("preprocess", ["centred_unit", "standard"])
@pytest.mark.parametrize("value", [0.0, 0.1, 1e30])
def test_a_row_that_is_the_mean_stays_zero(preprocess, value):
    pool = torch.full((4099, 5), value)
    assert torch.equal(pretrained(pool, preprocess=preprocess).embed(pool), torch.zeros(4099, 5))


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_lengths_neither_overflow_nor_vanish(scale):
    pool = DATASET.train.inputs
    expected = pretrained(pool).embed(pool)
    assert pretrained(pool * scale).embed(pool * scale).numpy() == pytest.approx(expected.numpy(), abs=1e-5)


def test_the_mean_is_of_the_whole_pool_whatever_is_labelled_and_of_what_the_network_is_given():
    images = torch.randint(256, (90, 2, 3, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    normalisation = Normalisation((0.4, 0.5), (0.2, 0.3))
    learner = Learner(partial(Linear, (2, 3, 3), 4), PROBE, normalisation=normalisation).pretrained(images, 0)
    mean, std = (torch.tensor(each).view(2, 1, 1) for each in (normalisation.mean, normalisation.std))
    expected = ((images / 255 - mean) / std).mean(dim=0).flatten()
    assert learner.weights["mean"].numpy() == pytest.approx(expected.numpy(), abs=1e-5)


def test_dropout_and_batch_norm_are_of_training_alone():
    pool = DATASET.train.inputs
    options = TrainingOptions(partial(torch.optim.SGD, lr=1e-2), 64, max_epochs=2)
    build = partial(Linear, (5,), 4, dropout=0.5, batch_norm=True)
    network = Learner(build, options).pretrained(pool, 0).fit(DATASET.train, cross_entropy, seed=0, round=0).network
    once, again = (network.embed(pool) for _ in range(2))
    assert torch.equal(once, again)
    network.train()
    assert not torch.equal(network.embed(pool), network.embed(pool))
