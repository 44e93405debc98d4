"""What things take."""
