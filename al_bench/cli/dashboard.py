"""`al-bench dashboard`: saved views of a folder of results in Weights & Biases."""

import sys
from collections.abc import Sequence

from al_bench.cli.parsing import Called, CommandParser, folder_parser
from al_bench.core.errors import UserError

DESCRIPTION = """A dashboard in Weights & Biases: a saved view for each setting of a folder of
results, and one of its reports.

    {command} outputs/default --entity my-team

The runs are those that were tracked online or uploaded (`al-bench upload`), the
reports those of `al-bench report --wandb online`. Curves are against the number
of labels, a line for each strategy: the mean over seeds and its standard error.
Of more than twelve strategies there is a view for each family and setting.
Needs `pip install 'al-bench[dashboard]'` and a wandb key."""


def parser(called: Called) -> CommandParser:
    """The command's options, not parsed yet."""
    parser = folder_parser(called, DESCRIPTION)
    parser.add_argument("--entity", required=True, metavar="TEAM", help="user or team of wandb")
    parser.add_argument("--project", default="al_bench", help="of wandb (al_bench)")
    parser.add_argument("--dry-run", action="store_true", help="say which views would be saved; needs no key")
    return parser


def main(arguments: Sequence[str], called: Called) -> None:
    """Save the views, and say where they are."""
    options = parser(called).read(arguments)
    try:
        from al_bench.tracking.wandb_dashboard import dashboard
    except ImportError as error:
        sys.exit(f"{called.name}: {error}; pip install 'al-bench[dashboard]'")
    from al_bench.analysis.families import families
    from al_bench.analysis.pictures.style import looks
    from al_bench.analysis.results import load_results
    from al_bench.analysis.settings import setting_curves
    from al_bench.analysis.strategies import by_mean_gain

    try:
        rounds = load_results(options.folder).rounds
    except (UserError, OSError) as error:
        sys.exit(f"{called.name}: {error}")
    settings = setting_curves(rounds, with_oracles=True)
    oracles = rounds["strategy"][rounds["is_oracle"]].unique().tolist()
    looks_of = looks(by_mean_gain(rounds, families(rounds)), oracles)
    for view in dashboard(settings, looks_of, options.folder.resolve().name, options.entity, options.project):
        try:
            where = "not saved" if options.dry_run else view.save().url
        except Exception as error:  # whatever wandb raises
            sys.exit(f"{called.name}: {view.name}: {type(error).__name__}: {error}")
        called.say(f"{view.name}: {sum(len(section.panels) for section in view.sections)} panels, {where}")
