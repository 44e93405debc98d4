"""`al-bench features`: features of a data set ahead of the runs that need them."""

import sys
from argparse import ArgumentTypeError
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from al_bench.cli.parsing import Called, CommandParser
from al_bench.core.errors import ConfigError, UserError, shortened

if TYPE_CHECKING:
    from al_bench.records.run_config import RunConfig

DESCRIPTION = """Features of a data set by a network that does not learn, computed once and kept
in <data_dir>/features, where all runs find them: ahead of a sweep, or on a
machine with a GPU.

    {command} cifar10 efficientnet_lite0 device=cuda

DATASET and EXTRACTOR are options of the groups dataset and features; key=value
as for runs. What runs compute themselves is the same."""


def parser(called: Called) -> CommandParser:
    """The command's options, not parsed yet."""
    parser = CommandParser(called, DESCRIPTION)
    parser.add_argument("dataset", type=_option, metavar="DATASET", help="cifar10, or any other")
    parser.add_argument("features", type=_option, metavar="EXTRACTOR", help="efficientnet_lite0, or any other")
    parser.add_argument("overrides", nargs="*", default=[], metavar="key=value", help="options of both, and others")
    parser.add_argument("--config-dir", type=Path, metavar="DIR", help="with yaml files of your own (conf)")
    parser.groups = {"dataset": "dataset", "features": "features"}
    return parser


def _option(text: str) -> str:
    if "=" in text:
        raise ArgumentTypeError(f"{text}: the name of an option is due here, without a key")
    return text


def main(arguments: Sequence[str], called: Called) -> None:
    """Compute them, unless they are there."""
    options = (its := parser(called)).read(arguments)
    for word in options.overrides:
        if "=" not in word and not word.startswith("~"):
            its.error(f"{word}: one word too many")
    from al_bench.cli.display import log_to_stdout  # torch, Hydra: seconds that --help need not wait

    log_to_stdout(is_sweep=False)
    choices = [f"dataset={options.dataset}", f"features={options.features}", *options.overrides]
    try:
        called.say(_computed(_composed(choices, options.config_dir), options.features))
    except UserError as error:
        sys.exit(f"{called.name}: {shortened(str(error))}")


def _composed(choices: Sequence[str], config_dir: Path | None) -> "RunConfig":
    """The configuration of a run with these choices."""
    from omegaconf import OmegaConf

    from al_bench.config.arguments import composed_of, own_folder
    from al_bench.config.explain import explained, unexplained
    from al_bench.config.schema import checked_root

    sys.path.append(str(Path.cwd()))  # a user's own parts; a console script does not look there by itself
    config_dir = config_dir or own_folder()
    typed = [*choices, *([] if config_dir is None else ["--config-dir", str(config_dir)])]
    try:
        composed = composed_of(choices, typed)
        own = OmegaConf.masked_copy(composed, [str(key) for key in composed if key != "hydra"])
    except Exception as error:  # of Hydra, for what was typed
        raise ConfigError(explained(error, typed) or unexplained(error, typed)) from error
    return checked_root(own)


def _computed(config: "RunConfig", choice: str) -> str:
    """What there is now, for people."""
    from al_bench.core.features import Extractor
    from al_bench.job.built import checked_features
    from al_bench.job.features.replacing import Where, on_features
    from al_bench.job.gpus import device_of
    from al_bench.job.loading import checked_node, loaded
    from al_bench.job.one_run import set_up_torch

    features, node = checked_features(config.features), checked_node(config.dataset)
    if not isinstance(features, Extractor):
        raise ConfigError(
            f"features={choice}: nothing of them is kept, as they take little time or are fitted to the "
            "pool of a run: runs make them as they start"
        )
    device = device_of(config.device)
    set_up_torch(config.num_threads, device)
    where = Where(config.features, config.data_dir, device, must_keep=True)
    dataset = on_features(loaded(node, config.data_dir, config.seed), features, where).dataset
    return f"pool {len(dataset.train):,}, test set {len(dataset.test):,}: {dataset.input_shape[0]:,} features of each"
