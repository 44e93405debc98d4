import numpy as np
import pytest
import torch

from al_bench.core.data import Examples
from al_bench.loop.pool import Pool


@pytest.fixture
def pool() -> Pool:
    return Pool(Examples(torch.arange(12.0).reshape(6, 2), torch.tensor([0, 1, 2, 0, 1, 2])))


def test_labels_come_in_labelling_order_and_the_rest_in_pool_order(pool):
    assert pool.label(np.array([4, 1])).targets.tolist() == [1, 1]
    assert pool.label(np.array([0])).targets.tolist() == [0]
    assert pool.labelled_indices.tolist() == [4, 1, 0]
    assert pool.labelled().inputs[:, 0].tolist() == [8.0, 2.0, 0.0]
    assert pool.unlabelled_indices.tolist() == [2, 3, 5]
    assert pool.num_trained_on == 3


def test_validation_examples_are_labels_but_not_labelled_to_train_on():
    pool = Pool(Examples(torch.arange(6.0)[:, None], torch.zeros(6, dtype=torch.int64)), np.array([5, 0]))
    pool.label(np.array([4]))
    assert (pool.num_labelled, pool.num_validation, pool.num_trained_on, pool.num_unlabelled) == (3, 2, 1, 3)
    assert pool.num_trained_on == len(pool.labelled()) == len(pool.labelled_indices)
    assert pool.validation().inputs[:, 0].tolist() == [5.0, 0.0]


@pytest.mark.parametrize("indices", [[4], [0, 0]])
def test_an_example_is_labelled_once(pool, indices):
    pool.label(np.array([4]))
    with pytest.raises(ValueError, match="only once"):
        pool.label(np.array(indices))


def test_copies_are_counted_that_were_bought_before_or_earlier_in_the_batch():
    inputs = torch.tensor([[0.0], [1.0], [0.0], [2.0], [1.0], [2.0], [2.0], [3.0]])
    pool = Pool(Examples(inputs, torch.zeros(8, dtype=torch.int64)), validation_indices=np.array([7]))
    counted = []
    for batch in ([0, 1], [2, 3, 5], [6], [4]):
        pool.label(np.array(batch))
        counted.append(pool.num_copies)
    assert counted == [0, 2, 1, 1]


def test_copies_of_validation_examples_count_as_they_are_bought_from_the_start():
    inputs = torch.tensor([[0.0], [0.0], [1.0]])
    pool = Pool(Examples(inputs, torch.zeros(3, dtype=torch.int64)), validation_indices=np.array([1]))
    pool.label(np.array([2, 0]))
    assert pool.num_copies == 1
