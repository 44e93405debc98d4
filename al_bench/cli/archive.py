"""`al-bench archive`: runs packed into compressed files, and restored from there."""

import sys
from collections.abc import Sequence
from pathlib import Path

from al_bench.cli.parsing import Called, CommandParser, results_folder
from al_bench.core.errors import UserError

DESCRIPTION = """Pack runs into compressed files, or restore them from there: results that
outlive a machine.

    {command} pack outputs/badge_small archives
    {command} restore archives outputs/badge_small

A folder has an archive for each setting (runs_mnist_mlp_b100.tar.xz);
`....tar.xz` is one archive of all. What is packed is added to what is there
already, so a sweep goes on from what was restored. With --unfinished the
committed rounds of runs that are not done are kept beside them, in
unfinished.tar.xz: restored, they go on, and they leave it once they are packed
as finished. With --predictions what was saved by save=predictions is packed,
too; weights never are. Nothing is changed if a run has different results here
and there."""


def parser(called: Called) -> CommandParser:
    """The command's options, not parsed yet."""
    parser = CommandParser(called, DESCRIPTION)
    parser.add_argument("command", choices=["pack", "restore"], metavar="pack|restore", help="what to do")
    parser.add_argument(
        "source",
        type=results_folder,
        metavar="SOURCE",
        help="pack: a folder with run directories; restore: an archive, or a folder of archives",
    )
    parser.add_argument(
        "target",
        type=Path,
        metavar="TARGET",
        help="pack: an archive, or a folder of archives; restore: a folder",
    )
    parser.add_argument("--unfinished", action="store_true", help="pack: keep runs that are not finished, too")
    parser.add_argument("--predictions", action="store_true", help="pack: keep saved predictions, too")
    parser.add_argument(
        "--max-bytes", type=int, default=0, help="how large an archive may be, unpacked (2 GB, and 200 MB a file)"
    )
    return parser


def main(arguments: Sequence[str], called: Called) -> None:
    """Pack runs into an archive, or restore them from one."""
    options = (its := parser(called)).read(arguments)
    source, target, is_packed = options.source, options.target, options.command == "pack"
    if options.unfinished and not is_packed:
        its.error("--unfinished is for pack: restore takes all that there is")
    if options.predictions and not is_packed:
        its.error("--predictions is for pack: restore takes all that there is")
    from al_bench.records.archive.moving import pack, restore
    from al_bench.records.archive.safety import USUAL

    limits = USUAL.raised_to(options.max_bytes)
    try:
        if is_packed:
            chosen = {"with_unfinished": options.unfinished, "with_predictions": options.predictions}
            moved = pack(source, target, limits=limits, **chosen)
        else:
            moved = restore(source, target, limits)
    except (UserError, OSError) as error:
        sys.exit(f"{called.name}: {error}")
    except KeyboardInterrupt:
        sys.exit(f"{called.name}: interrupted; the same command again goes on")
    for line in moved.left:
        called.warn(f"left as it is: {line}")
    unfinished = f"; {moved.num_unfinished} are not finished" if moved.num_unfinished else ""
    called.say(f"{target}: {moved.num_added} of {moved.num_runs} runs were added{unfinished}")
