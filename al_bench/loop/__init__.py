"""The one training/query loop."""

from al_bench.moved import old_names

__getattr__ = old_names(__name__)
