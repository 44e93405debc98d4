"""Which run a composed configuration is, before anything of it is built: for a job, and for the sweeper that skips."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hydra.conf import HydraConf
from omegaconf import DictConfig

from al_bench.config.composing import identity_of_job
from al_bench.config.own_code import own_code
from al_bench.config.parts import checked_part
from al_bench.config.schedule import check_schedule
from al_bench.config.schema import checked_root
from al_bench.records.identity import Identity
from al_bench.records.run_config import RunConfig
from al_bench.records.starts.told import changed_modules, starts_of
from al_bench.records.state import is_finished

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Planned:
    """A run: its checked configuration, what it is called, and what its choices alone give."""

    config: RunConfig
    identity: Identity
    default: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def path(self) -> Path:
        """The run directory, below the folder of the run's name."""
        return self.config.folder / self.identity.path

    def changed_code(self) -> list[str]:
        """The modules of a user's that are not as they were when the run was last started."""
        code = own_code(self.config.plain)
        return changed_modules(starts_of(self.path), code) if code else []

    def is_finished(self) -> bool:
        """See `al_bench.records.state.is_finished`."""
        return is_finished(self.path, self.config.plain, self.default)


def planned(cfg: DictConfig, hydra: HydraConf) -> Planned:
    """The run of a configuration, whose Hydra node is `hydra`; ConfigError for what can be told to be wrong by now."""
    check_schedule(cfg, hydra)
    config = checked_root(cfg)
    checked_part("tracker", config.tracker)  # no part of the identity: skipping must not hide a mistake in it
    identity, default = identity_of_job(config.plain, hydra)
    return Planned(config, identity, default)


def warn_of_code(runs: Sequence[Planned]) -> None:
    """Warn of each module of a user's that has changed since the finished runs that use it, which are skipped."""
    changed: dict[str, list[Planned]] = {}
    for run in runs:
        for module in run.changed_code():
            changed.setdefault(module, []).append(run)
    for module, those in changed.items():
        more = f" and {len(those) - 1} more" * (len(those) > 1)
        log.warning(
            "%s%s: finished before %s was changed; another name=... starts again", those[0].identity.title, more, module
        )
