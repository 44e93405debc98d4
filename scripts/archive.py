"""Pack runs into compressed files, or restore them from there: results that outlive a machine.

    python scripts/archive.py pack outputs/badge_small docs/results/badge [--unfinished]
    python scripts/archive.py restore docs/results/badge outputs/badge_small

A folder has an archive for each setting (runs_mnist_mlp_b100.tar.xz); `....tar.xz` is one archive of all. What is
packed is added to what is there already, so a sweep goes on from what was restored. With --unfinished the committed
rounds of runs that are not done are kept beside them, in unfinished.tar.xz: restored, they go on, and they leave it
once they are packed as finished. Nothing is changed if a run has different results here and there.
"""

import argparse
import sys
from pathlib import Path

from al_bench.core.errors import UserError
from al_bench.records.archive.moving import pack, restore
from al_bench.records.archive.safety import USUAL


def main() -> None:
    """Pack or restore."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=["pack", "restore"])
    parser.add_argument(
        "source", type=Path, help="pack: a folder with run directories; restore: an archive, or a folder of archives"
    )
    parser.add_argument("target", type=Path, help="pack: an archive, or a folder of archives; restore: a folder")
    parser.add_argument("--unfinished", action="store_true", help="pack: keep runs that are not finished, too")
    parser.add_argument(
        "--max-bytes", type=int, default=0, help="how large an archive may be, unpacked (2 GB, and 200 MB a file)"
    )
    arguments = parser.parse_args()
    source, target, is_packed = arguments.source, arguments.target, arguments.command == "pack"
    if arguments.unfinished and not is_packed:
        parser.error("--unfinished is for pack: restore takes all that there is")
    limits = USUAL.raised_to(arguments.max_bytes)
    try:
        if is_packed:
            moved = pack(source, target, with_unfinished=arguments.unfinished, limits=limits)
        else:
            moved = restore(source, target, limits)
    except (UserError, OSError) as error:
        sys.exit(f"archive: {error}")
    except KeyboardInterrupt:
        sys.exit("archive: interrupted; the same command again goes on")
    for line in moved.left:
        print(f"archive: left as it is: {line}", file=sys.stderr)
    unfinished = f"; {moved.num_unfinished} are not finished" if moved.num_unfinished else ""
    print(f"{target}: {moved.num_added} of {moved.num_runs} runs were added{unfinished}")


if __name__ == "__main__":
    main()
