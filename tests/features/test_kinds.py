"""What features can be made of is told before anything is loaded."""

import pytest
import torch

from al_bench.core.errors import InputsError
from al_bench.core.features import kind_of
from al_bench.features.flatten import Flatten
from al_bench.features.networks.images import ImageExtractor
from al_bench.features.pca import PCA
from al_bench.features.sentence_transformers import SentenceTransformers

TEXTS = ("one", "two")
IMAGES = torch.zeros(2, 3, 8, 8, dtype=torch.uint8)
TABLE = torch.zeros(2, 16)


class Network(ImageExtractor):
    def load(self):
        raise AssertionError("nothing is to be loaded")


class Sentences(SentenceTransformers):
    def __init__(self):
        pass


def test_kinds():
    assert [kind_of(each) for each in (TEXTS, IMAGES, IMAGES[:, :1], TABLE)] == ["texts", "images", "images", "tables"]
    assert kind_of(torch.zeros(2, 2, 8, 8)) == "tables"


@pytest.mark.parametrize(
    ("extractor", "inputs", "told"),
    [
        (
            Sentences(),
            IMAGES,
            "they are made of texts, and the data set holds images with inputs of shape (3, 8, 8); for images say "
            "features=efficientnet_lite0, features=torchvision or features=timm",
        ),
        (
            Network(),
            TABLE,
            "they are made of images (N, 1 or 3, height, width), and the data set holds tables with inputs of shape "
            "(16,); for tables say features=none or features=pca",
        ),
        (
            Flatten(),
            TEXTS,
            "they are made of numbers, and the data set holds texts; for texts say features=minilm or "
            "features=sentence_transformers",
        ),
        (
            PCA(2),
            TEXTS,
            "they are made of numbers, and the data set holds texts; for texts say features=minilm or "
            "features=sentence_transformers",
        ),
        (PCA(17), TABLE, "num_components=17: an input of 16 numbers has at most 16 components"),
        (
            Network(),
            IMAGES.float() + 255,
            "they are made of images in uint8, or in float32 from 0 to 1; these go from 255 to 255",
        ),
    ],
)
def test_others_are_refused_with_what_would_be_right(extractor, inputs, told):
    with pytest.raises(InputsError) as error:
        extractor.check(inputs)
    assert str(error.value) == told


def test_what_can_be_taken_is():
    Sentences().check(TEXTS)
    Network().check(IMAGES)
    Network().check(IMAGES[:, :1].float())
    Flatten().check(IMAGES)
    PCA(16).check(TABLE)
