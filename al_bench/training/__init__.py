"""A network, from scratch, and what it says."""

from al_bench.moved import old_names

__getattr__ = old_names(__name__)
