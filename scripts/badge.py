"""Everything in docs/results/badge but the runs, from the runs: figures, tables, and the page that shows them.

See `papers.badge`.
"""

from papers.badge import main

if __name__ == "__main__":
    main()
