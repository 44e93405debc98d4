"""`al-bench features`, called as a script of a clone."""

import sys

from al_bench.cli import features
from al_bench.cli.parsing import Called


def main() -> None:
    """Do what the command line says."""
    features.main(sys.argv[1:], Called.as_script(sys.argv[0]))


if __name__ == "__main__":
    main()
