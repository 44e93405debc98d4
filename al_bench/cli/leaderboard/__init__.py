"""`al-bench leaderboard`."""
