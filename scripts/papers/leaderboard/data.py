"""What others compute with: all rounds of the published runs as one table, and what submissions are checked by.

    PYTHONPATH=scripts python -m papers.leaderboard.data

Writes results.csv.gz with its descriptions into docs/results/leaderboard, and published.csv into the package, from the
archives; needs the data sets themselves, to count their test sets.
"""

import gzip
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from al_bench.analysis.results import IDENTITY, combined
from al_bench.analysis.runs import Run, State, runs_in
from al_bench.analysis.statistics.measures import TEST
from al_bench.files.writing import replace_bytes, replace_text
from al_bench.job.built import Parts
from al_bench.job.loading import loaded
from al_bench.leaderboard.board import Board, Place
from al_bench.leaderboard.published import PUBLISHED, First, published_text
from al_bench.records.archive.moving import restore
from al_bench.records.starts.told import split_digest
from al_bench.records.state import RunFiles
from papers.leaderboard.described import FILE, Described, describe
from papers.leaderboard.protocol import RESULTS, Protocol

MEASURES = [measure.column for measure in TEST.values()]
COSTS = ("num_steps", "fit_cpu_seconds", "query_cpu_seconds")
COLUMNS = ["regime", *IDENTITY, "round", "num_labelled", *MEASURES, *COSTS, "queries_digest", "data_digest", "commit"]


def main() -> None:
    """Write the files."""
    protocol, places = Protocol.read(), Board.read().places
    tables: list[pd.DataFrame] = []
    firsts: list[First] = []
    days: list[str] = []
    for regime in protocol.regimes:
        if (RESULTS / regime).is_dir():
            with TemporaryDirectory() as scratch:
                restore(RESULTS / regime, Path(scratch), with_unfinished=False)
                runs = [run for run in runs_in(Path(scratch)) if run.state is State.FINISHED]
                tables.append(long_table(runs, regime))
                firsts.extend(first_rounds(runs, regime, places))
                days.extend(str(start["time"])[:10] for run in runs for start in run.starts)
    rounds = pd.concat(tables, ignore_index=True)[COLUMNS]
    packed = gzip.compress(rounds.to_csv(index=False).encode(), mtime=0)
    replace_bytes(RESULTS / FILE, packed)
    describe(Described(rounds, packed, max(days)), protocol, RESULTS)
    replace_text(PUBLISHED, published_text(firsts))


def long_table(runs: list[Run], regime: str) -> pd.DataFrame:
    """A row for each round of each run, with where its data and code come from."""
    rounds = combined([run.file for run in runs if run.file is not None], regime).rounds
    about = pd.DataFrame(
        {
            **{key: run.identity[key] for key in IDENTITY},
            "data_digest": str(run.starts[-1].get("data", "")),
            "commit": str(run.starts[-1].get("commit", "")),
        }
        for run in runs
    )
    return rounds.merge(about, on=IDENTITY, how="left", validate="many_to_one").assign(regime=regime)


def first_rounds(runs: list[Run], regime: str, all_places: Sequence[Place]) -> Iterator[First]:
    """Random's, of each data set that has them at all seeds."""
    places = {(place.regime, place.setting): place for place in all_places if place.is_checked}
    for place in places.values():
        dataset = place.planned.identity.dataset
        of_it = {
            int(str(run.identity["seed"])): run
            for run in runs
            if place.regime == regime and (run.identity["dataset"], run.identity["strategy"]) == (dataset, "random")
        }
        if {*of_it} >= {*place.seeds}:
            yield from (_first(of_it[seed], place) for seed in place.seeds)


def _first(run: Run, place: Place) -> First:
    assert run.path is not None
    files, start = RunFiles(run.path), run.starts[-1]
    assert files.done is not None
    rounds, seed = files.rounds, int(str(run.identity["seed"]))
    return First(
        regime=place.regime,
        dataset=str(run.identity["dataset"]),
        seed=seed,
        data_digest=str(start["data"]),
        split_digest=str(split_digest(start)),
        pool_size=files.done.pool_size,
        num_test=_num_test(place, seed),
        num_labelled=rounds["num_labelled"][0],
        test_accuracy=rounds["test_accuracy"][0],
        queries_digest=rounds["queries_digest"][0],
    )


def _num_test(place: Place, seed: int) -> int:
    """As it is at this seed: copies may have been taken out of the test set."""
    config = place.planned.config.with_seed(seed)
    return len(loaded(Parts.checked(config).dataset, config.data_dir, config.seed).dataset.test)


if __name__ == "__main__":
    main()
