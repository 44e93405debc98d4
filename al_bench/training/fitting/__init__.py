"""The ways to fit a network to labelled examples."""
