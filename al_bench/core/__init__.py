"""What all modules speak of."""
