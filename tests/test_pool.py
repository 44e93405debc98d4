import numpy as np
import pytest
import torch

from al_bench.interfaces import Examples
from al_bench.pool import Pool


@pytest.fixture
def pool() -> Pool:
    return Pool(Examples(torch.arange(12.0).reshape(6, 2), torch.tensor([0, 1, 2, 0, 1, 2])))


def test_labels_come_in_labelling_order_and_the_rest_in_pool_order(pool):
    assert pool.label(np.array([4, 1])).targets.tolist() == [1, 1]
    assert pool.label(np.array([0])).targets.tolist() == [0]
    assert pool.labelled_indices.tolist() == [4, 1, 0]
    assert pool.labelled().inputs[:, 0].tolist() == [8.0, 2.0, 0.0]
    assert pool.unlabelled_indices.tolist() == [2, 3, 5]
    assert pool.num_labelled == 3


@pytest.mark.parametrize("indices", [[4], [0, 0]])
def test_an_example_is_labelled_once(pool, indices):
    pool.label(np.array([4]))
    with pytest.raises(ValueError, match="only once"):
        pool.label(np.array(indices))
