"""What is read out of results folders, without torch and without Hydra."""
