"""Numbers with their range, for the annotations of whatever the configuration sets; config values are checked
against them before anything is loaded.
"""

from typing import Annotated

from annotated_types import Ge, Gt, Le, Lt

from al_bench.core.errors import ConfigError

PositiveInt = Annotated[int, Gt(0), Le(2**31 - 1)]
NumThreads = Annotated[int, Gt(0), Le(1024)]
NonNegativeInt = Annotated[int, Ge(0)]
Seed = Annotated[int, Ge(0), Le(2**63 - 1)]  # as tables hold it
PositiveFloat = Annotated[float, Gt(0)]
NonNegativeFloat = Annotated[float, Ge(0)]
Fraction = Annotated[float, Gt(0), Lt(1)]


def check_budget(budget: int | None, num_initial: int, num_validation: int) -> None:
    """ConfigError if the labels in all are fewer than those that are bought before the first query."""
    if budget is not None and budget < max(num_initial, 1) + num_validation:
        least = f"num_initial={num_initial}" if num_initial else "one"
        validation = f" + num_validation={num_validation}" if num_validation else ""
        raise ConfigError(f"budget={budget}: labels in all, so at least {least}{validation}")
