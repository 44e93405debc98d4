"""Runs in compressed files, and out of them again."""
