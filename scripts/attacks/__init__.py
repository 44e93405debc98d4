"""Attacks on the runner: what is malformed, and kills."""
