"""The costs of all published runs, which dry runs estimate from: see `papers.costs`."""

from papers.costs import main

if __name__ == "__main__":
    main()
