"""What the run directories of a folder say, kept in one file beside them."""
