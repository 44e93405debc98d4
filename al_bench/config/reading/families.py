"""The family of each strategy of conf/strategy, as the class behind it says; none is imported for that."""

import re
from functools import cache

from al_bench.config.reading.sources import CONF, constant

ORACLES = "oracles"
IN_ORDER = ("uncertainty", "diversity", "both", "Bayesian", ORACLES)
LOOKED_FIRST = (  # whose looks in figures stay as they are; of what is not named here they follow, by name
    *("confidence", "margin", "entropy", "power_margin", "power_entropy", "power_confidence"),
    *("random", "coreset", "kmeans", "typiclust", "facility_location", "maxherding", "probcover"),
    *("badge", "kdpp", "joint", "uherding", "lcmd", "clue", "albl", "cal", "falcun", "bait", "alfamix"),
    *("dropquery", "refine", "joint_random", "bald", "power_bald", "epig"),
)


@cache
def families() -> dict[str, tuple[str, ...]]:
    """The options of each family; those that say none, as `replay`, are of none."""
    found: dict[str, list[str]] = {family: [] for family in IN_ORDER}
    for file in sorted((CONF / "strategy").rglob("*.yaml"), key=lambda file: file.stem):
        if target := re.search(r"^_target_: ([\w.]+)", file.read_text(encoding="utf-8"), re.MULTILINE):
            found.get(_family(target[1]), []).append(file.stem)
    place = {option: number for number, option in enumerate(LOOKED_FIRST)}
    return {
        family: tuple(sorted(options, key=lambda option: place.get(option, len(place))))
        for family, options in found.items()
    }


def _family(target: str) -> str:
    return ORACLES if constant(target, "is_oracle") else str(constant(target, "family"))
