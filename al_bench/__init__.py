"""A benchmark of deep active learning strategies."""

__version__ = "0.1.0"
