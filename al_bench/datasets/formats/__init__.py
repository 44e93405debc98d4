"""Files of data sets: formats and downloads."""
