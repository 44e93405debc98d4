"""Inputs as rows of numbers."""

import torch

from al_bench.features.flatten import Flatten


def test_pixels_go_from_0_to_1_and_other_numbers_stay():
    pixels = torch.tensor([[[[0, 51], [102, 255]]]], dtype=torch.uint8)
    assert torch.equal(Flatten()(pixels), torch.tensor([[0.0, 0.2, 0.4, 1.0]]))
    numbers = torch.rand(3, 2, 4)
    assert torch.equal(Flatten()(numbers), numbers.reshape(3, 8))
