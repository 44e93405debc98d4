"""What Hydra would compute once more for each composition: it gives the same, from what is known already."""
