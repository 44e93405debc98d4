"""`al-bench penalty-matrix`, called as a script of a clone."""

import sys

from al_bench.cli import penalty_matrix
from al_bench.cli.parsing import Called

if __name__ == "__main__":
    penalty_matrix.main(sys.argv[1:], Called.as_script(sys.argv[0]))
