"""In which order a sweep does its jobs: so that strategies can be compared early, and share what disturbs them."""

from collections.abc import Sequence

from al_bench.config.overrides import plain_key

SETTING_KEYS = ("setting", "experiment", "dataset", "model", "batch_size", "batch_size.size")
FIRST = "random"  # what the others are compared with


def in_order(jobs: Sequence[Sequence[str]]) -> list[list[str]]:
    """Setting by setting, in each the seeds outermost, at each seed Random first.

    What else is swept varies fastest; values follow each other as they are given.

    Args:
        jobs: the overrides of each, `key=value`; the same keys in all, of which the last one varies fastest.
    """
    swept = _swept(jobs)
    outer = [place for keys in _ranked(swept)[:-1] for place in keys]
    ranks = {
        place: {value: (not _is_first(swept[place][0], value), rank) for rank, value in enumerate(swept[place][1])}
        for place in outer
    }

    def rank(job: Sequence[str]) -> list[tuple[bool, int]]:
        return [ranks[place][job[place]] for place in outer]

    return [list(job) for job in sorted(jobs, key=rank)]  # which keeps the order given where these are equal


def described_order(jobs: Sequence[Sequence[str]]) -> str:
    """A line that names the keys by which jobs are in order, the one that varies slowest first; "" without any."""
    swept = _swept(jobs)
    names = []
    for place in (place for places in _ranked(swept) for place in places):
        key, values = swept[place]
        names.append(f"{key} (random first)" if any(_is_first(key, value) for value in values) else key)
    return f"in this order: by {', then by '.join(names)}" if names else ""


def _swept(jobs: Sequence[Sequence[str]]) -> dict[int, tuple[str, list[str]]]:
    """The places among a job's overrides that have more than one value: the key, and these in the order given."""
    columns = (list(dict.fromkeys(column)) for column in zip(*jobs, strict=True))
    return {place: (plain_key(column[0]), column) for place, column in enumerate(columns) if len(column) > 1}


def _ranked(swept: dict[int, tuple[str, list[str]]]) -> tuple[list[int], list[int], list[int], list[int]]:
    """The places of settings, of seeds, of strategies, and of all others."""
    of_seeds, of_strategies = (
        [place for place, (key, _) in swept.items() if key == each] for each in ("seed", "strategy")
    )
    of_settings = [place for place, (key, _) in swept.items() if key in SETTING_KEYS]
    others = [place for place in swept if place not in {*of_settings, *of_seeds, *of_strategies}]
    return of_settings, of_seeds, of_strategies, others


def _is_first(key: str, override: str) -> bool:
    return key == "strategy" and override.partition("=")[2] == FIRST
