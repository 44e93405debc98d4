"""What every data set must fulfil before anything is trained on it, and which one it is."""

import hashlib

import torch

from al_bench.core.data import Dataset, Examples
from al_bench.core.errors import DataError


def check_dataset(dataset: Dataset) -> None:
    """DataError unless there are two classes or more, all of them in the training pool, and all inputs finite."""
    if dataset.num_classes < 2:
        raise DataError(f"the data set has {dataset.num_classes} class; classification needs two or more")
    for name, examples in (("training pool", dataset.train), ("test set", dataset.test)):
        _check_examples(name, examples, dataset.num_classes)
    if dataset.train.inputs.shape[1:] != dataset.test.inputs.shape[1:]:
        raise DataError(
            f"inputs of the training pool have shape {dataset.input_shape}, those of the test set "
            f"{tuple(dataset.test.inputs.shape[1:])}; they must be the same"
        )
    _check_modalities(dataset)
    counts_C = dataset.train.targets.bincount(minlength=dataset.num_classes)
    missing = torch.nonzero(counts_C == 0).flatten().tolist()
    if missing:
        raise DataError(f"no example of class {', '.join(map(str, missing))} is in the training pool")


def digest(dataset: Dataset) -> str:
    """A hash of inputs, in their order, targets and modalities: two data sets of one digest are the same."""
    hashed = hashlib.blake2b(digest_size=16)
    for examples in (dataset.train, dataset.test):
        for tensor in (examples.inputs, examples.targets):
            hashed.update(repr((tensor.dtype, tuple(tensor.shape))).encode())
            hashed.update(tensor.contiguous().numpy().data)
    if dataset.modalities:
        hashed.update(repr(list(dataset.modalities.items())).encode())
    return hashed.hexdigest()


def _check_modalities(dataset: Dataset) -> None:
    columns = list(dataset.modalities.values())
    if columns and (min(columns) < 1 or dataset.input_shape != (sum(columns),)):
        listed = ", ".join(f"{name} {number}" for name, number in dataset.modalities.items())
        raise DataError(f"the modalities have {listed} columns, but the inputs have shape {dataset.input_shape}")


def _check_examples(name: str, examples: Examples, num_classes: int) -> None:
    inputs, targets = examples.inputs, examples.targets
    for kind, values in (("inputs", inputs), ("targets", targets)):
        if not isinstance(values, torch.Tensor):
            raise DataError(
                f"the {kind} of the {name} are of the type {type(values).__name__}; a torch.Tensor is needed"
            )
    if len(targets) == 0 or len(inputs) != len(targets):
        raise DataError(f"the {name} has {len(inputs)} inputs and {len(targets)} targets; it needs one for one")
    if inputs[0].numel() == 0:
        raise DataError(f"the inputs of the {name} have shape {tuple(inputs.shape)}: they are empty")
    if targets.dtype != torch.int64 or targets.min() < 0 or targets.max() >= num_classes:
        raise DataError(f"the targets of the {name} must be int64 in 0 .. {num_classes - 1}")
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
