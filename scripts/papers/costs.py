"""The costs of all published runs, which dry runs estimate from: one file of the package, from docs/results.

PYTHONPATH=scripts python -m papers.costs
"""

from pathlib import Path

from al_bench.analysis.run_costs import PUBLISHED
from al_bench.files.writing import replace_text

RESULTS = Path(__file__).parents[2] / "docs" / "results"


def published_costs() -> str:
    """The costs.csv files of docs/results, one after another under one header."""
    tables = [path.read_text().splitlines(keepends=True) for path in sorted(RESULTS.glob("*/costs.csv"))]
    return "".join([*tables[0][:1], *(line for table in tables for line in table[1:])])


def main() -> None:
    """Write the file."""
    replace_text(PUBLISHED, published_costs())


if __name__ == "__main__":
    main()
