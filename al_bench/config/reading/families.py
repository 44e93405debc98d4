"""The family of each strategy of conf/strategy, as the class behind it says; none is imported for that."""

from functools import cache

from al_bench.config.reading.sources import constant, targets

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
    for option, target in targets("strategy").items():
        found.get(_family(target), []).append(option)
    place = {option: number for number, option in enumerate(LOOKED_FIRST)}
    return {
        family: tuple(sorted(options, key=lambda option: place.get(option, len(place))))
        for family, options in found.items()
    }


def shipped() -> set[str]:
    """The options that al_bench comes with; in a clone, conf/strategy may hold a user's own, too."""
    return {option for option, target in targets("strategy").items() if target.startswith("al_bench.")}


def _family(target: str) -> str:
    return ORACLES if constant(target, "is_oracle") else str(constant(target, "family"))
