"""Hydra's sweepers and launchers, as al_bench wants them."""
