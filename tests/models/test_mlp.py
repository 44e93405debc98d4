"""The MLP, with one hidden layer or several, against layers in a row."""

import pytest
import torch
from torch import nn

from al_bench.models.mlp import MLP


@pytest.mark.parametrize("widths", [[5], [5, 4], [24, 24, 12]])
def test_layers_follow_each_other_and_the_last_is_the_embedding(widths):
    torch.manual_seed(0)
    network = MLP((2, 3), 4, width=7, widths=widths)
    torch.manual_seed(0)
    sizes = [6, *widths]
    layers = [nn.Linear(*pair) for pair in zip(sizes, widths, strict=False)]
    head = nn.Linear(widths[-1], 4, bias=False)
    plain = nn.Sequential(nn.Flatten(), *(part for layer in layers for part in (layer, nn.ReLU())))
    inputs = torch.randn(10, 2, 3)
    embedding = network.embed(inputs)
    assert embedding.shape == (10, widths[-1])
    assert torch.equal(embedding, plain(inputs))
    assert torch.equal(network.head(embedding), head(plain(inputs)))


def test_one_of_widths_is_the_network_of_width():
    torch.manual_seed(0)
    one = MLP((6,), 3, width=5).state_dict()
    torch.manual_seed(0)
    other = MLP((6,), 3, width=9, widths=[5]).state_dict()
    assert one.keys() == other.keys() == {"hidden.weight", "hidden.bias", "head.weight"}
    assert all(torch.equal(one[name], other[name]) for name in one)
