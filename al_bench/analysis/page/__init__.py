"""The report of a folder of results, as a page and as files."""
