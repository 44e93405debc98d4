"""A frozen network of a few numbers, which tells how often it is called."""

from collections.abc import Callable

import torch

from al_bench.core.features import Extractor, KeptType, Rows


class Tiny(Extractor):
    """tanh(W x), for rows of 5 numbers; of a text, for its first letters. `called` is told of the rows of each call."""

    batch_size = 8

    def __init__(
        self, seed: int = 0, dtype: KeptType = "float16", called: Callable[[int], object] = lambda number: None
    ) -> None:
        self.dtype, self.called = dtype, called
        self.weight_DE = torch.randn(5, 3, generator=torch.Generator().manual_seed(seed))

    def check(self, inputs: Rows) -> None:
        """Anything."""

    def weights(self) -> list[tuple[str, torch.Tensor]]:
        """One tensor."""
        return [("weight", self.weight_DE)]

    def __call__(self, rows: Rows, device: str) -> torch.Tensor:
        """(N, 5) -> (N, 3)."""
        self.called(len(rows))
        if isinstance(rows, tuple):
            rows = torch.tensor([[ord(letter) / 100 for letter in text.ljust(5)[:5]] for text in rows])
        return (rows @ self.weight_DE).tanh()
