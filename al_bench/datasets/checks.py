"""What every data set must fulfil before anything is trained on it, and which one it is."""

import hashlib
import json
import re
from typing import Any

import torch

from al_bench.core.data import Dataset, Examples, Texts
from al_bench.core.errors import DataError


def check_dataset(dataset: Dataset[Any]) -> None:
    """DataError unless there are two classes or more, all in the training pool, and all inputs are finite, or texts."""
    if dataset.num_classes < 2:
        raise DataError(f"the data set has {dataset.num_classes} class; classification needs two or more")
    for name, examples in (("training pool", dataset.train), ("test set", dataset.test)):
        _check_examples(name, examples, dataset.num_classes)
    shapes = [_shape(examples) for examples in (dataset.train, dataset.test)]
    if shapes[0] != shapes[1]:
        raise DataError(
            f"inputs of the training pool have shape {shapes[0]}, those of the test set {shapes[1]}; they must be the "
            "same"
        )
    _check_modalities(dataset)
    counts_C = dataset.train.targets.bincount(minlength=dataset.num_classes)
    missing = torch.nonzero(counts_C == 0).flatten().tolist()
    if missing:
        raise DataError(f"no example of class {', '.join(map(str, missing))} is in the training pool")


def digest(dataset: Dataset[Any]) -> str:
    """A hash of inputs, in their order, targets and modalities: two data sets of one digest are the same."""
    hashed = hashlib.blake2b(digest_size=16)
    for examples in (dataset.train, dataset.test):
        for values in (examples.inputs, examples.targets):
            if isinstance(values, tuple):
                hashed.update(json.dumps(values).encode())
                continue
            hashed.update(repr((values.dtype, tuple(values.shape))).encode())
            hashed.update(values.contiguous().numpy().data)
    if dataset.modalities:
        hashed.update(repr(list(dataset.modalities.items())).encode())
    return hashed.hexdigest()


def _shape(examples: Examples[Any]) -> tuple[int, ...] | str:
    return "(texts)" if isinstance(examples.inputs, tuple) else tuple(examples.inputs.shape[1:])


def _check_modalities(dataset: Dataset[Any]) -> None:
    columns = list(dataset.modalities.values())
    if columns and (min(columns) < 1 or dataset.input_shape != (sum(columns),)):
        listed = ", ".join(f"{name} {number}" for name, number in dataset.modalities.items())
        raise DataError(f"the modalities have {listed} columns, but the inputs have shape {dataset.input_shape}")


def _check_examples(name: str, examples: Examples[Any], num_classes: int) -> None:
    inputs, targets = examples.inputs, examples.targets
    for kind, values, allowed in (("inputs", inputs, torch.Tensor | tuple), ("targets", targets, torch.Tensor)):
        if not isinstance(values, allowed):
            raise DataError(
                f"the {kind} of the {name} are of the type {type(values).__name__}; a torch.Tensor is needed"
                + ", or a tuple of str for texts" * (kind == "inputs")
            )
    if len(targets) == 0 or len(inputs) != len(targets):
        raise DataError(f"the {name} has {len(inputs)} inputs and {len(targets)} targets; it needs one for one")
    if not isinstance(inputs, tuple) and inputs[0].numel() == 0:
        raise DataError(f"the inputs of the {name} have shape {tuple(inputs.shape)}: they are empty")
    if targets.dtype != torch.int64 or targets.min() < 0 or targets.max() >= num_classes:
        raise DataError(f"the targets of the {name} must be int64 in 0 .. {num_classes - 1}")
    if isinstance(inputs, tuple):
        _check_texts(name, inputs)
    else:
        _check_numbers(name, inputs)


def _check_texts(name: str, inputs: Texts) -> None:
    for row, text in enumerate(inputs):
        if not isinstance(text, str):
            raise DataError(f"input {row} of the {name} is of the type {type(text).__name__}; all must be str")
        if not text.strip():
            raise DataError(f"the text at index {row} of the {name} is empty; fill in or drop such examples")
        if not text.isascii() and re.search("[\ud800-\udfff]", text):
            raise DataError(f"the text at index {row} of the {name} holds half a character (a lone surrogate): mend it")


def _check_numbers(name: str, inputs: torch.Tensor) -> None:
    if inputs.dtype == torch.uint8:
        return
    if inputs.dtype != torch.float32:
        raise DataError(f"the inputs of the {name} are {inputs.dtype}; they must be float32 or uint8")
    is_finite_N = inputs.flatten(start_dim=1).isfinite().all(dim=1)
    if not is_finite_N.all():
        rows = torch.nonzero(~is_finite_N).flatten().tolist()
        raise DataError(
            f"{len(rows)} of {len(inputs)} examples of the {name} have missing or infinite inputs (the first at "
            f"index {rows[0]}); fill in or drop them"
        )
