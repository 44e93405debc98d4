"""`al-bench dashboard`, called as a script of a clone."""

import sys

from al_bench.cli import dashboard
from al_bench.cli.parsing import Called

if __name__ == "__main__":
    dashboard.main(sys.argv[1:], Called.as_script(sys.argv[0]))
