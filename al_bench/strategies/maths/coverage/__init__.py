"""Covering a pool greedily: similarities between points whose sums have no rounding."""
