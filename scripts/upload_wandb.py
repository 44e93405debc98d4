"""`al-bench upload`, called as a script of a clone."""

import sys

from al_bench.cli import upload
from al_bench.cli.parsing import Called

if __name__ == "__main__":
    upload.main(sys.argv[1:], Called.as_script(sys.argv[0]))
