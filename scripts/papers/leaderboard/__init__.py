"""The leaderboard: everything in docs/results/leaderboard but the runs, from the runs."""
