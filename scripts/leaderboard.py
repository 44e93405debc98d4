"""Everything in docs/results/leaderboard but the runs, from the runs: tables, figures, and the page that shows them.

See `papers.leaderboard.made`.
"""

from papers.leaderboard.made import main

if __name__ == "__main__":
    main()
