"""Finished runs of a folder of results in one compressed file, and out of it again.

    python scripts/archive.py pack outputs/badge_small docs/results/badge/runs.tar.xz
    python scripts/archive.py restore docs/results/badge/runs.tar.xz outputs/badge_small

What is packed is added to what the archive has. Runs that are there already are left as they are, so a sweep goes on
from what was restored. Nothing is changed if a run has different results here and there.
"""

import argparse
import sys
from pathlib import Path

from al_bench.analysis.archive import pack, restore
from al_bench.errors import UserError


def main() -> None:
    """Pack or restore."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=["pack", "restore"])
    parser.add_argument("source", type=Path, help="pack: a folder with run directories; restore: an archive")
    parser.add_argument("target", type=Path, help="pack: an archive; restore: a folder")
    arguments = parser.parse_args()
    source, target = arguments.source, arguments.target
    try:
        moved = pack(source, target) if arguments.command == "pack" else restore(source, target)
    except (UserError, OSError) as error:
        sys.exit(f"archive: {error}")
    except KeyboardInterrupt:
        sys.exit("archive: interrupted; the same command again goes on")
    for line in moved.left:
        print(f"archive: left as it is: {line}", file=sys.stderr)
    print(f"{target}: {moved.num_added} of {moved.num_runs} runs were added")


if __name__ == "__main__":
    main()
