"""The command line: `al-bench`, or `python -m al_bench.run`."""

import faulthandler
import logging
import os
import sys
from contextlib import chdir, redirect_stderr, redirect_stdout, suppress
from io import StringIO
from pathlib import Path
from traceback import walk_tb
from typing import TYPE_CHECKING

from al_bench.cli import completion
from al_bench.cli.commands import COMMANDS, no_run
from al_bench.core.errors import BusyError, ConfigError, UserError, described, shortened
from al_bench.sweeps.outcome import Outcome, Status

if TYPE_CHECKING:  # Hydra takes half a second, which a command that is no run need not wait
    from hydra.conf import HydraConf
    from omegaconf import DictConfig

    from al_bench.config.planning import Planned

log = logging.getLogger(__name__)


def main() -> None:
    """Do what the command line says: a command of another name, or runs; exit with 0 if all of it ended well.

    What a user can mend is one message without a stack trace (error.json in the run directory has the trace).
    """
    _show_crashes()
    words = completion.asked_for(sys.argv[1:], os.environ)
    try:
        if words is not None:
            _complete(words)
        elif sys.argv[1:] and sys.argv[1] in COMMANDS:
            COMMANDS[sys.argv[1]].main(sys.argv[2:])
        else:
            _run()
    except KeyboardInterrupt:
        sys.stderr.write("\nal-bench: interrupted; the same command goes on where it stopped\n")
        sys.exit(130)
    except BrokenPipeError:  # whoever read our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


def _complete(words: list[str]) -> None:
    """What the last word may become, line by line; a shell that asks is told of no mistake in those before."""
    from al_bench.config.schema import CONF

    for word in completion.completed(words, CONF):
        sys.stdout.write(f"{word}\n")
    if completion.is_of_a_command(words):
        return
    offered, code = StringIO(), 0
    try:
        with redirect_stderr(StringIO()), redirect_stdout(offered):
            _run()
    except SystemExit as end:
        code = 1 if end.code else 0
    for word in completion.leading_on(offered.getvalue().split(), words[:-1]):
        sys.stdout.write(f"{word}\n")
    sys.exit(code)


def _run() -> None:
    """The run, or the sweep, that the command line says."""
    import hydra

    from al_bench.config.arguments import in_order, with_own_folder, without_value
    from al_bench.config.explain import explained, unexplained
    from al_bench.config.overrides import said_once
    from al_bench.config.schema import CONF
    from al_bench.config.tuned import taken_in

    sys.path.append(str(Path.cwd()))  # a user's own parts; a console script does not look there by itself
    logging.raiseExceptions = False  # a log line that a full disk or a closed pipe does not take is no error
    wants_trace = os.environ.get("HYDRA_FULL_ERROR") == "1"
    os.environ["HYDRA_FULL_ERROR"] = "1"  # errors come to us, not to Hydra's printer
    typed = sys.argv[1:]
    try:
        sys.argv[1:] = in_order(typed)
        for word in without_value(sys.argv[1:]):
            raise ConfigError(no_run(word, typed[0]))
        sys.argv[1:] = with_own_folder(said_once(taken_in(sys.argv[1:])))
        hydra.main(config_path=str(CONF), config_name="config", version_base="1.3")(job)()
    except BrokenPipeError:
        raise
    except Exception as error:
        message = explained(error, sys.argv[1:])
        if wants_trace or (message is None and _is_of_a_run(error)):
            raise
        sys.exit(f"al-bench: {unexplained(error, sys.argv[1:]) if message is None else message}")


def job(cfg: "DictConfig") -> Outcome:
    """One run. A single one exits with 1 on an error; in a sweep nothing is raised, so a failure stops nothing."""
    from hydra.core.hydra_config import HydraConfig
    from hydra.types import RunMode

    from al_bench.cli.display import log_to_stdout
    from al_bench.config.composing import check_hydra_overrides
    from al_bench.config.planning import planned
    from al_bench.sweeps.workers import end_with_parent

    hydra_config = HydraConfig.get()
    is_sweep = hydra_config.mode == RunMode.MULTIRUN
    _show_crashes()  # in a worker, too
    log_to_stdout(is_sweep)
    if not is_sweep:
        if hydra_config.sweeper.get("params"):
            log.warning(
                "hydra.sweeper.params are not followed, as this is one run; -m makes it the sweep that they say"
            )
        try:
            check_hydra_overrides()
            return _done(planned(cfg, hydra_config), is_sweep=False)
        except UserError as error:
            sys.exit(f"al-bench: {shortened(str(error))}")
    if cfg.dry_run and not str(hydra_config.sweeper._target_).startswith("hydra_plugins.al_bench"):
        sys.exit("al-bench: dry_run=true: this sweeper chooses its runs as it goes, so there is no list of them")
    end_with_parent()
    with chdir("."):  # whatever a run of a user's part does, the next one is back here
        return _job_of_sweep(cfg, hydra_config)


def _job_of_sweep(cfg: "DictConfig", hydra_config: "HydraConf") -> Outcome:
    from al_bench.config.composing import check_hydra_overrides, task_overrides
    from al_bench.config.planning import planned

    name = " ".join(task_overrides())
    try:
        check_hydra_overrides()
        run = planned(cfg, hydra_config)
        name = run.identity.title
        return _done(run, is_sweep=True)
    except BusyError as error:
        return Outcome(name, Status.BUSY, str(error))
    except UserError as error:
        return Outcome(name, Status.FAILED, str(error))
    except KeyboardInterrupt as error:
        from al_bench.job.gpus import is_child

        if not is_child():  # in a worker, Ctrl-C is for the command to see to
            raise
        return Outcome(name, Status.FAILED, described(error))
    except BaseException as error:  # SystemExit, too: whatever a part of the user's raises
        log.exception("%s: failed", name)
        return Outcome(name, Status.FAILED, described(error))


def _show_crashes() -> None:
    """A crash inside of a library says in which line of Python it was, where standard error can take it."""
    with suppress(OSError, ValueError, RuntimeError, AttributeError):  # there is none, or one without a descriptor
        if not faulthandler.is_enabled():
            faulthandler.enable()


def _is_of_a_run(error: Exception) -> bool:
    """Whether it was raised in a run, where a trace may show a mistake in a part; before, it is what was typed."""
    return any(frame.f_code is job.__code__ for frame, _ in walk_tb(error.__traceback__))


def _done(run: "Planned", is_sweep: bool) -> Outcome:
    """Run, unless that is done or not wanted."""
    from al_bench.cli.display import console, display_for, draw_curve
    from al_bench.config.composing import model_nodes
    from al_bench.config.planning import warn_of_code

    display = display_for(is_sweep)
    identity, path = run.identity, run.path
    if run.config.dry_run:
        from al_bench.sweeps import dry_run  # pandas

        finished, to_do = ([run], []) if run.is_finished() else ([], [run])
        dry_run.show(to_do, finished, run.config.folder, console)
        return Outcome(identity.title, Status.SKIPPED)
    if run.is_finished():
        warn_of_code([run])
        display.skip(identity, path, None if is_sweep else draw_curve(path))
        return Outcome(identity.title, Status.SKIPPED, path=path)
    from al_bench.job import one_run  # torch, a second that skipping and --help need not wait
    from al_bench.job.built import Parts

    one_run.run(run, Parts.checked(run.config), [display], model_nodes)
    display.done(None if is_sweep else draw_curve(path))
    return Outcome(identity.title, Status.FINISHED, path=path)


if __name__ == "__main__":
    from al_bench.run import main as importable_main  # workers find the job by its module's name

    importable_main()
