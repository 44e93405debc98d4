"""Numbers with their range, for the annotations of whatever the configuration sets; config values are checked
against them before anything is loaded.
"""

from typing import Annotated

from annotated_types import Ge, Gt, Le, Lt

PositiveInt = Annotated[int, Gt(0), Le(2**31 - 1)]
NumThreads = Annotated[int, Gt(0), Le(1024)]
NonNegativeInt = Annotated[int, Ge(0)]
PositiveFloat = Annotated[float, Gt(0)]
Fraction = Annotated[float, Gt(0), Lt(1)]
