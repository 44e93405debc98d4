"""How diverse and how uncertain the batches of k-means++, a k-DPP, k-means and k-centres are, and what they cost.

See `papers.batch_diversity`.
"""

from papers.batch_diversity import main

if __name__ == "__main__":
    main()
