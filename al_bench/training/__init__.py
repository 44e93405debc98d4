"""A network, from scratch, and what it says."""
