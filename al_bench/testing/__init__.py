"""For the tests of those who write parts of their own: the contract, as a function that a test calls."""

from al_bench.testing.contexts import made_context
from al_bench.testing.strategies import check_strategy

__all__ = ["check_strategy", "made_context"]
