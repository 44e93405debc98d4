"""In which order a sweep does its jobs: so that strategies can be compared early, and share what disturbs them."""

from collections.abc import Sequence

SETTING_KEYS = ("setting", "experiment", "dataset", "model", "batch_size", "batch_size.size")
FIRST = "random"  # what the others are compared with


def in_order(jobs: Sequence[Sequence[str]]) -> list[list[str]]:
    """Setting by setting, in each the seeds outermost, at each seed Random first.

    What else is swept varies fastest; values follow each other as they are given.

    Args:
        jobs: the overrides of each, `key=value`; the same keys in all, of which the last one varies fastest.
    """
    values = _swept(jobs)
    ranks = {
        key: {value: (not (key == "strategy" and value == FIRST), rank) for rank, value in enumerate(given)}
        for key, given in values.items()
    }
    outer = [*_settings(values), *(key for key in ("seed", "strategy") if key in values)]

    def rank(job: Sequence[str]) -> list[tuple[bool, int]]:
        own = dict(_split(override) for override in job)
        return [ranks[key][own[key]] for key in outer]

    return [list(job) for job in sorted(jobs, key=rank)]  # which keeps the order given where these are equal


def described_order(jobs: Sequence[Sequence[str]]) -> str:
    """A line that names the keys by which jobs are in order, the one that varies slowest first; "" without any."""
    values = _swept(jobs)
    settings = _settings(values)
    others = [key for key in values if key not in (*settings, "seed", "strategy")]
    first = " (random first)" * (FIRST in values.get("strategy", ()))
    keys = [
        *settings,
        *["seed"] * ("seed" in values),
        *[f"strategy{first}"] * ("strategy" in values),
        *others,
    ]
    return f"in this order: by {', then by '.join(keys)}" if keys else ""


def _swept(jobs: Sequence[Sequence[str]]) -> dict[str, list[str]]:
    """The keys that have more than one value, with these; both in the order given."""
    values: dict[str, dict[str, None]] = {}
    for job in jobs:
        for override in job:
            key, value = _split(override)
            values.setdefault(key, {})[value] = None
    return {key: list(given) for key, given in values.items() if len(given) > 1}


def _settings(values: dict[str, list[str]]) -> list[str]:
    return [key for key in values if key in SETTING_KEYS]


def _split(override: str) -> tuple[str, str]:
    key, _, value = override.partition("=")
    return key.lstrip("+"), value
