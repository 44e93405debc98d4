"""Submissions to the leaderboard: checked without running anything of theirs, and added."""
