"""The columns of rounds.csv: whole numbers, real numbers, and what is neither."""

IDENTITY_COLUMNS = ("dataset", "model", "strategy", "batch_size", "variant", "seed")
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
