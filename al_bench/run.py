"""The command line: `al-bench`, or `python -m al_bench.run`."""

import logging
import os
import sys
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from al_bench.config import CONF, check_hydra_overrides, model_nodes, task_overrides
from al_bench.console import console, display_for, draw_curve, log_to_stdout
from al_bench.errors import BusyError, UserError
from al_bench.explain import explained
from al_bench.outcome import Outcome, Status
from al_bench.planning import planned
from al_bench.workers import end_with_parent

log = logging.getLogger(__name__)


def main() -> None:
    """Run what the command line says; exit with 0 if all of it ended well.

    What a user can mend is one message without a stack trace (error.json in the run directory has the trace).
    """
    sys.path.append(str(Path.cwd()))  # a user's own parts; a console script does not look there by itself
    logging.raiseExceptions = False  # a log line that a full disk or a closed pipe does not take is no error
    wants_trace = os.environ.get("HYDRA_FULL_ERROR") == "1"
    os.environ["HYDRA_FULL_ERROR"] = "1"  # errors come to us, not to Hydra's printer
    try:
        hydra.main(config_path=str(CONF), config_name="config", version_base="1.3")(job)()
    except KeyboardInterrupt:
        sys.stderr.write("\nal-bench: interrupted; the same command goes on where it stopped\n")
        sys.exit(130)
    except BrokenPipeError:  # whoever read our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as error:
        message = explained(error, sys.argv[1:])
        if wants_trace or message is None:
            raise
        sys.exit(f"al-bench: {message}")


def job(cfg: DictConfig) -> Outcome:
    """One run. A single one exits with 1 on an error; in a sweep nothing is raised, so a failure stops nothing."""
    hydra_config = HydraConfig.get()
    is_sweep = hydra_config.mode == RunMode.MULTIRUN
    run_name = " ".join(task_overrides())
    log_to_stdout(is_sweep)
    if is_sweep:
        end_with_parent()
    try:
        check_hydra_overrides()
        run = planned(cfg, hydra_config)
        run_name = run.identity.title
        display = display_for(is_sweep)
        if run.config["dry_run"]:
            from al_bench import dry_run  # pandas

            to_do = [] if run.is_finished() else [run.identity]
            dry_run.show(to_do, 1 - len(to_do), run.folder, console)
            return Outcome(run_name, Status.SKIPPED)
        if run.is_finished():
            display.skip(run.identity, run.path, None if is_sweep else draw_curve(run.path))
            return Outcome(run_name, Status.SKIPPED, path=run.path)
        from al_bench import experiment  # torch, a second that skipping and --help need not wait

        parts = experiment.Parts.checked(run.config)
        experiment.run(run.config, run.identity, run.path, parts, display, model_nodes)
        display.finish(None if is_sweep else draw_curve(run.path))
    except UserError as error:
        if not is_sweep:
            sys.exit(f"al-bench: {error}")
        return Outcome(run_name, Status.BUSY if isinstance(error, BusyError) else Status.FAILED, str(error))
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # SystemExit, too: whatever a part of the user's raises
        if not is_sweep:
            raise
        log.exception("%s: failed", run_name)
        return Outcome(run_name, Status.FAILED, f"{type(error).__name__}: {error}")
    return Outcome(run_name, Status.FINISHED, path=run.path)


if __name__ == "__main__":
    from al_bench.run import main as importable_main  # workers find the job by its module's name

    importable_main()
