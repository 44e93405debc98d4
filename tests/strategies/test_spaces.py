"""The spaces that distances are taken in."""

import numpy as np
import pytest
import torch

from al_bench.core.errors import StrategyError
from al_bench.core.strategy import Outputs
from al_bench.strategies.maths.clustering import clustered
from al_bench.strategies.maths.distances import CHUNK
from al_bench.strategies.maths.spaces import NEEDS, unit_length, vectors


def test_rows_have_length_one_but_for_zeros_and_copies_stay_copies():
    rows = torch.randn(2 * CHUNK + 7, 37, generator=torch.Generator().manual_seed(0))
    rows[5] = 0
    rows[6] = 1e30  # whose square is no float32
    rows[7] = 1e-30
    rows[CHUNK + 3 :: 11] = rows[3]
    scaled = unit_length(rows)
    lengths = torch.linalg.vector_norm(scaled.double(), dim=1)
    assert lengths[5] == 0
    assert torch.allclose(lengths[lengths > 0], torch.ones(len(rows) - 1, dtype=torch.float64), atol=1e-7)
    assert (scaled[CHUNK + 3 :: 11] == scaled[3]).all()
    assert torch.equal(scaled[CHUNK - 3 : CHUNK + 9], unit_length(rows[CHUNK - 3 : CHUNK + 9])), "whatever the chunk"
    assert unit_length(rows[:0]).shape == (0, 37)


def test_each_space_is_read_where_it_is_declared():
    outputs = Outputs(embedding=torch.ones(3, 2), features=torch.full((3, 4), 2.0))
    assert vectors(outputs, "embedding", normalise=False).tolist() == [[1.0] * 2] * 3
    assert vectors(outputs, "features", normalise=True).tolist() == [[0.5] * 4] * 3
    for space, needs in NEEDS.items():
        with pytest.raises(StrategyError, match="declaring"):
            vectors(outputs.restricted(~needs), space, normalise=True)


def test_clusters_are_those_of_the_nearest_centre_and_weights_count():
    rows = torch.tensor([[0.0], [1.0], [10.0], [12.0]])
    centres, clusters = clustered(rows, 2, np.random.default_rng(0))
    assert sorted(centres.squeeze(1).tolist()) == [0.5, 11.0]
    assert torch.equal(clusters, (rows - centres.T).abs().argmin(dim=1))
    weights = torch.tensor([1.0, 3.0, 1.0, 1.0])
    assert sorted(clustered(rows, 2, np.random.default_rng(0), weights_N=weights)[0].squeeze(1).tolist()) == [0.75, 11]
    assert len(clustered(torch.zeros(5, 2), 3, np.random.default_rng(0))[0]) == 3
