"""`al-bench new`: files of a user's own to begin with."""
