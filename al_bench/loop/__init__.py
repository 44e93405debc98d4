"""The one training/query loop."""
