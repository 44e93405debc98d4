"""The columns of rounds.csv: their types, and what their values can be."""

import math
import sys

IDENTITY_COLUMNS = ("dataset", "model", "strategy", "batch_size", "variant", "seed")
SETTING_COLUMNS = ("dataset", "model", "batch_size", "variant")
TYPES: dict[str, type] = {
    "dataset": str,
    "model": str,
    "strategy": str,
    "batch_size": int,
    "variant": str,
    "seed": int,
    "round": int,
    "num_labelled": int,
    "train_accuracy": float,
    "test_accuracy": float,
    "test_balanced_accuracy": float,
    "test_loss": float,
    "num_epochs": int,
    "epoch_limit_hit": bool,
    "fit_seconds": float,
    "query_seconds": float,
    "class_counts": str,  # numbers, with spaces between
    "num_validation": int,
    "validation_accuracy": float,
    "validation_loss": float,
    "unlabelled_entropy": float,
    "unlabelled_class_marginals": str,
    "num_steps": int,
    "fit_cpu_seconds": float,
    "query_cpu_seconds": float,
    "num_copies": int,
    "queries_digest": str,  # hexadecimal
}
ROUND_COLUMNS = tuple(TYPES)
REQUIRED = (*IDENTITY_COLUMNS, "round", "num_labelled", "test_accuracy")  # the others were not always there
WHOLE = tuple(name for name, kind in TYPES.items() if kind is int)
REAL = tuple(name for name, kind in TYPES.items() if kind is float)
MAY_BE_EMPTY = ("variant", "validation_accuracy", "validation_loss", "unlabelled_entropy", "unlabelled_class_marginals")
MOST = 2**63 - 1  # of a whole number that tables hold
RANGES: dict[str, tuple[float, float]] = {
    **dict.fromkeys(WHOLE, (0, MOST)),
    **dict.fromkeys(REAL, (0, sys.float_info.max)),
    "batch_size": (1, MOST),
    "seed": (0, math.inf),
    "num_labelled": (1, MOST),
    "num_epochs": (1, MOST),
    **dict.fromkeys((name for name in REAL if name.endswith("_accuracy")), (0, 1)),
    "unlabelled_entropy": (-1e-6, sys.float_info.max),  # of rounding
}
PATTERNS = {  # and what they say
    "epoch_limit_hit": ("True|False", "True or False"),
    "class_counts": (r"(?=.*[1-9])\d+( \d+)*", "a number of examples for each class"),
    "unlabelled_class_marginals": (r"[0-9.e-]+( [0-9.e-]+)*", "a probability of each class"),
    "queries_digest": ("[0-9a-f]{16}", "16 hexadecimal digits"),
}
