"""`al-bench report`, called as a script of a clone."""

import sys

from al_bench.cli import report
from al_bench.cli.parsing import Called

if __name__ == "__main__":
    report.main(sys.argv[1:], Called.as_script(sys.argv[0]))
