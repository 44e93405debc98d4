"""Features computed batch by batch: a bar in a terminal, else a line a minute."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress
from torch import Tensor

from al_bench.core.clock import SECONDS_BETWEEN_LINES, duration
from al_bench.core.errors import ConfigError, DataError, first_line
from al_bench.core.features import Extractor, Rows
from al_bench.job.gpus import is_child

log = logging.getLogger(__name__)


def extracted(
    extractor: Extractor, rows: Rows, positions: Sequence[int], device: str, advance: Callable[[int], None]
) -> NDArray[Any]:
    """Features (N, D), in the type that they are kept in, of the rows at some positions, in that order.

    Args:
        extractor: makes them.
        rows: of a data set.
        positions: of N rows.
        device: on which they are computed.
        advance: is told of each batch how many rows it had.

    Raises:
        ConfigError: if the extractor cannot make them.
        DataError: for what is no features, or does not fit into that type.
    """
    parts = []
    for start in range(0, len(positions), extractor.batch_size):
        batch = positions[start : start + extractor.batch_size]
        some = tuple(rows[each] for each in batch) if isinstance(rows, tuple) else rows[torch.tensor(batch)]
        try:
            with torch.inference_mode():
                features = extractor(some, device)
        except (ValueError, RuntimeError, MemoryError) as error:
            raise ConfigError(f"they cannot be made of {len(batch)} rows: {first_line(error)}") from error
        parts.append(_checked(features, len(batch), extractor.dtype))
        advance(len(batch))
    return np.concatenate(parts)


def _checked(features: Tensor, num_rows: int, dtype: str) -> NDArray[Any]:
    """Of one batch, as it is kept."""
    if not isinstance(features, Tensor) or features.ndim != 2 or len(features) != num_rows:
        shape = tuple(features.shape) if isinstance(features, Tensor) else type(features).__name__
        raise DataError(f"of {num_rows} rows they are {shape}; a tensor ({num_rows}, D) is needed")
    if not features.isfinite().all():
        raise DataError("some are missing or infinite, so the network cannot be used for these inputs")
    with np.errstate(over="ignore"):  # which the next line finds
        kept = features.cpu().numpy().astype(dtype)
    if not np.isfinite(kept).all():
        raise DataError(f"they go to {features.abs().max():.3g}, which {dtype} cannot hold; say features.dtype=float32")
    return kept


@contextmanager
def watched(what: str, num_rows: int) -> Iterator[Callable[[int], None]]:
    """What is entered gives a function that is told of rows as they are done, and shows them."""
    console = Console()
    if console.is_terminal and not is_child():
        with Progress(console=console, transient=True) as bar:
            yield partial(bar.advance, bar.add_task(what, total=num_rows))
        return
    start = told = time.perf_counter()
    num_done = 0

    def advance(number: int) -> None:
        nonlocal num_done, told
        num_done += number
        now = time.perf_counter()
        if now - told >= SECONDS_BETWEEN_LINES:
            told = now
            left = (now - start) / num_done * (num_rows - num_done)
            log.info("%s: %s of %s rows, %s left", what, f"{num_done:,}", f"{num_rows:,}", duration(left))

    yield advance
