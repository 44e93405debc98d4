"""`al-bench status`, called as a script of a clone."""

import sys

from al_bench.cli import status
from al_bench.cli.parsing import Called

if __name__ == "__main__":
    status.main(sys.argv[1:], Called.as_script(sys.argv[0]))
