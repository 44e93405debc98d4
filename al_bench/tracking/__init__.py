"""Observers of runs: wandb."""
