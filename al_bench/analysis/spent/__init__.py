"""What strategies spend, and what they buy for it: steps, seconds, classes, copies."""
