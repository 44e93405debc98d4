"""Any network of sentence-transformers: embeddings of texts.

Reimers & Gurevych (2019), Sentence-BERT: sentence embeddings using Siamese BERT-networks.
"""

from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from annotated_types import Ge
from torch import Tensor

from al_bench.core.errors import DataError, first_line
from al_bench.core.features import Extractor, KeptType, Rows, wrong_kind
from al_bench.core.torchvision import torchvision_module
from al_bench.features.networks.packages import require


class SentenceTransformers(Extractor):
    """Embeddings, of length 1 if the network makes them so.

    Args:
        name: of the network: `all-MiniLM-L6-v2`, or a folder.
        max_tokens: of a text, of which more are cut off; None: as many as the network says.
        pooling: of the tokens' embeddings: `mean`, `cls`, `max`; None: the network's own.
        dtype: of the features that are kept.
    """

    packages = ("sentence-transformers",)

    def __init__(
        self,
        name: str = "all-MiniLM-L6-v2",
        max_tokens: Annotated[int, Ge(1)] | None = None,
        pooling: Literal["mean", "cls", "max"] | None = None,
        dtype: KeptType = "float16",
    ) -> None:
        require("sentence_transformers", "sentence_transformers")
        self.name, self.max_tokens, self.pooling, self.dtype = name, max_tokens, pooling, dtype

    def check(self, inputs: Rows) -> None:
        """`InputsError` for anything but texts."""
        if not isinstance(inputs, tuple):
            raise wrong_kind("texts", inputs)

    def weights(self) -> Iterable[tuple[str, Tensor | Path]]:
        """The files of a folder; of another network the tensors, its words, and how it goes on from those."""
        if Path(self.name).is_dir():
            return files_of(Path(self.name))
        described = repr((sorted(self._network.tokenizer.get_vocab().items()), self._network))
        texts = torch.frombuffer(bytearray(described.encode()), dtype=torch.uint8)
        return [*self._network.state_dict().items(), ("words and modules", texts)]

    def __call__(self, rows: Rows, device: str) -> Tensor:
        """N texts -> (N, D)."""
        embedded: Tensor = self._network.to(device).encode(
            list(rows), batch_size=self.batch_size, convert_to_tensor=True, show_progress_bar=False
        )
        return embedded

    @cached_property
    def _network(self) -> Any:
        torchvision_module("transforms")  # which transformers imports
        from sentence_transformers import SentenceTransformer
        from sentence_transformers.sentence_transformer.modules import Pooling
        from transformers.utils import logging

        logging.disable_progress_bar()  # of reading weights, which takes a moment
        try:
            network = SentenceTransformer(self.name, device="cpu")
        except (OSError, RuntimeError, ValueError) as error:
            raise DataError(f"the weights of features.name={self.name} cannot be had: {first_line(error)}") from error
        if self.max_tokens is not None:
            network.max_seq_length = self.max_tokens
        for place, module in enumerate(network):
            if self.pooling is not None and isinstance(module, Pooling):
                network[place] = Pooling(module.embedding_dimension, self.pooling)
        return network


def files_of(folder: Path) -> list[tuple[str, Tensor | Path]]:
    """All files in a folder, by their paths in it, in order."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return [(path.relative_to(folder).as_posix(), path) for path in paths]
