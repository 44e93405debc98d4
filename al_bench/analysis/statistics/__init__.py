"""Statistics of tables of results, without files."""
