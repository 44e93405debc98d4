"""Hydra's side: what is configured, composed and checked."""
