"""What extractors share whose networks come from packages."""
