"""What finished runs have bought, for strategies that buy it again: read from their folders; nothing there is run."""

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from al_bench.config.schema import BY_STRATEGY, UNIFORM
from al_bench.core.errors import ConfigError, DataError, RunDirectoryError
from al_bench.core.rounds import Batch
from al_bench.files.writing import open_regular
from al_bench.records.committed import found_in
from al_bench.records.identity import Identity, canonical
from al_bench.records.layout import CONFIG, check_files, folder_named, identity_of_path
from al_bench.records.run_config import RunConfig, read_config
from al_bench.records.starts.told import split_digest, starts_of
from al_bench.records.state import Done, done_of, is_finished
from al_bench.strategies.replay import Bought

SHAPE = "outputs/<name>/<dataset>/<model>/<strategy>/b<batch size>[/<variant>]"
BEFORE: Mapping[str, Any] = {"num_validation": 0, "initial": {"_target_": UNIFORM}}  # there were these keys


class Purchases:
    """For one run: called with a folder of others, above `s0`, it tells what the one of the same seed has bought."""

    def __init__(self, config: RunConfig) -> None:
        self._config = config
        self._told: list[tuple[str, Path, Bought]] = []

    def __call__(self, of: str) -> Bought:
        """ConfigError unless that run is finished, and has bought as many labels in as many rounds."""
        said = f"strategy.of={of}"
        path = _run_of_seed(of, self._config.seed, said)
        try:
            if path.is_symlink():
                open_regular(path, os.O_RDONLY | os.O_NOFOLLOW)  # which says what it is
            check_files(path)
            found = found_in(path, Identity(**identity_of_path(path)))  # type: ignore[arg-type]
            stored, done = read_config(path / CONFIG), done_of(path)
            is_done = is_finished(path)
        except FileNotFoundError:
            is_done = False
        except Exception as error:  # whatever lies there
            raise ConfigError(f"{said}: {path.name} in it cannot be read: {error}") from error
        if not is_done or done is None or not isinstance(stored, dict):
            raise ConfigError(f"{said}: its run of seed {self._config.seed} is not finished")
        batches = [batch.indices for batch in found.committed.batches]
        self._check_beginning(stored, said)
        self._check_batches(batches, done, said)
        starts = starts_of(path)
        bought = Bought(np.concatenate(batches), is_oracle=bool(starts) and starts[-1].get("is_oracle") is True)
        self._told.append((said, path, bought))
        return bought

    def check(self, examples_digest: str, committed: Sequence[Batch]) -> None:
        """Once the data is there, whose digest, before features, that is; and what the run has bought so far.

        Raises:
            DataError: if the others were on other data.
            RunDirectoryError: if the run has bought what others have, before.
        """
        for said, path, bought in self._told:
            starts = starts_of(path)
            theirs = split_digest(starts[-1]) if starts else None
            if theirs != examples_digest:
                raise DataError(f"{said}: its runs are on other data than this one, where an index is another example")
            ours = np.concatenate([bought.indices[:0], *(batch.indices for batch in committed)])
            if not np.array_equal(ours, bought.indices[: len(ours)]):
                raise RunDirectoryError(
                    f"{said}: this run has bought what others had, whose runs are called the same; say name=... for "
                    "these"
                )

    def _check_beginning(self, stored: Mapping[str, Any], said: str) -> None:
        """ConfigError if their labels before the first query are not ours."""
        ours = self._config.plain
        keys = ["num_initial", "num_validation", "initial"]
        if ours["initial"].get("_target_") not in (UNIFORM, BY_STRATEGY):
            keys.append("features")  # which a rule may go by
        for key in keys:
            if (theirs := stored.get(key, BEFORE.get(key))) != ours[key]:
                raise ConfigError(
                    f"{said}: its runs have {key}={canonical(theirs)}, and this one {key}={canonical(ours[key])}; they "
                    "must begin with the same labels"
                )

    def _check_batches(self, batches: Sequence[NDArray[np.int64]], done: Done, said: str) -> None:
        """ConfigError if they are not ours, or fewer; the last may be cut by our budget."""
        config, run = self._config, f"its run of seed {self._config.seed}"
        wanted = config.wanted.within(done.pool_size)
        if done.num_labelled < wanted:
            raise ConfigError(
                f"{said}: {run} has {done.num_labelled:,} labels, and this one asks for {wanted:,}; say "
                f"budget={done.num_labelled}"
            )
        labels = config.num_validation + len(batches[0])
        for round, batch in enumerate(batches[1:], 1):
            size = min(config.batch_size, wanted - labels)
            if len(batch) < size or len(batch) > config.batch_size:
                raise ConfigError(
                    f"{said}: {run} has bought {len(batch):,} labels in round {round}, where this one buys "
                    f"{config.batch_size:,}; they must have the same batches"
                )
            labels += size


def _run_of_seed(of: str, seed: int, said: str) -> Path:
    """Its directory, which may be anything; ConfigError if there is none."""
    folder = folder_named(of)
    if re.fullmatch(r"s\d+", folder.name):
        raise ConfigError(f"{said}: that is one run; name the folder above it, which has all seeds")
    if not folder.is_dir() or not identity_of_path(folder / "s0"):
        raise ConfigError(f"{said}: there is no such folder of runs; name the one above s0, {SHAPE}")
    seeds = sorted(int(each.name[1:]) for each in folder.iterdir() if re.fullmatch(r"s\d{1,18}", each.name))
    if seed not in seeds:
        known = ", ".join(map(str, seeds)) or "none"
        raise ConfigError(f"{said}: there is no run of seed {seed} in it (there: {known})")
    return folder / f"s{seed}"
