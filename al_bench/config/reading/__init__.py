"""What is read of configurations and parts without running them."""
