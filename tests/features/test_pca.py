"""Principal components, against those of scikit-learn."""

import numpy as np
import pytest
import torch
from sklearn import decomposition

from al_bench.core.errors import InputsError
from al_bench.features.pca import PCA


def made(number: int, seed: int) -> torch.Tensor:
    draw = torch.Generator().manual_seed(seed)
    mixed = torch.randn(number, 12, generator=draw) * torch.arange(1, 13)
    return mixed @ torch.randn(12, 12, generator=torch.Generator().manual_seed(9)) + 5


@pytest.mark.parametrize("num_components", [1, 5, 12])
def test_they_are_those_of_scikit_learn_on_new_inputs_too(num_components):
    pool, others = made(6000, 0), made(40, 1)
    reference = decomposition.PCA(num_components, svd_solver="full").fit(pool.double().numpy())
    signs = np.sign(reference.components_[np.arange(num_components), np.abs(reference.components_).argmax(axis=1)])
    project = PCA(num_components).fitted(pool)
    for inputs in (pool, others):
        expected = reference.transform(inputs.double().numpy()) * signs
        found = project(inputs)
        assert found.dtype == torch.float32
        assert np.allclose(found.numpy(), expected, rtol=1e-4, atol=1e-3)


def test_the_sign_does_not_depend_on_the_order_of_the_pool():
    pool = made(500, 2)
    turned = PCA(6).fitted(pool.flip(dims=(0,)))(pool)
    assert torch.allclose(PCA(6).fitted(pool)(pool), turned, rtol=1e-4, atol=1e-3)
    mirrored = PCA(6).fitted(-pool)(-pool)
    assert torch.allclose(mirrored.abs(), turned.abs(), rtol=1e-4, atol=1e-3)


def test_pixels_are_components_of_their_values_from_0_to_1():
    pixels = torch.randint(256, (60, 1, 3, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    flat = pixels.flatten(start_dim=1).float() / 255
    assert torch.equal(PCA(4).fitted(pixels)(pixels), PCA(4).fitted(flat)(flat))


def test_a_pool_too_small_is_refused():
    with pytest.raises(InputsError, match="num_components=5: a pool of 5 has at most 4 components"):
        PCA(5).fitted(made(5, 0))
