"""A Slurm of this machine, for the tests that need one."""

import os
import platform
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

DAEMONS = ("munged", "slurmctld", "slurmd")
COMMANDS = ("sbatch", "squeue", "scontrol", "scancel", "sinfo", "srun")


@pytest.fixture(scope="session")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Environment of a Slurm that was started for the tests: the path of its slurm.conf."""
    missing = [name for name in (*DAEMONS, *COMMANDS) if shutil.which(name, path=_path()) is None]
    if missing:
        pytest.skip(f"NO SLURM: {', '.join(missing)} not found (Debian: slurmctld slurmd slurm-client munge)")
    if os.getuid() != 0:
        pytest.skip("NO SLURM: only root can start one")
    folder = tmp_path_factory.mktemp("slurm")
    for name in ("munge", "state", "spool"):
        (folder / name).mkdir(mode=0o755)
    key = folder / "munge" / "key"
    key.write_bytes(secrets.token_bytes(128))
    key.chmod(0o400)
    told = (Path(__file__).parent / "slurm.conf").read_text()
    configuration = folder / "slurm.conf"
    ports = _free_ports()
    for name, value in (
        ("CONTROL_PORT", ports[0]),
        ("NODE_PORT", ports[1]),
        ("HOST", platform.node()),
        ("FOLDER", folder),
    ):
        told = told.replace(name, str(value))
    configuration.write_text(told)
    (folder / "gres.conf").write_text(f"NodeName={platform.node()} Name=gpu File=/dev/tty[0-1]\n")  # pretended
    environment = os.environ | {"SLURM_CONF": str(configuration), "PATH": _path()}
    munge = {name: folder / "munge" / name for name in ("key-file", "socket", "pid-file", "log-file", "seed-file")}
    munge["key-file"] = key
    commands = [
        ["munged", "--foreground", "--force", *(f"--{name}={path}" for name, path in munge.items())],
        ["slurmctld", "-D", "-c"],
        ["slurmd", "-D"],
    ]
    daemons = []
    try:
        for command in commands:
            with (folder / f"{command[0]}.out").open("w") as out:
                daemons.append(subprocess.Popen(command, env=environment, stdout=out, stderr=out))
            _wait(environment, daemons[-1], command[0], folder)
        yield configuration
    finally:
        subprocess.run(["scancel", "--user=root"], env=environment, check=False)
        for daemon in reversed(daemons):
            daemon.terminate()
            daemon.wait(30)


def _free_ports() -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def _path() -> str:
    return f"{os.environ['PATH']}:/usr/sbin:/sbin"


def _wait(environment: dict[str, str], process: subprocess.Popen[bytes], name: str, folder: Path) -> None:
    """Until the daemon works."""
    is_ready = {
        "munged": lambda: (folder / "munge" / "socket").exists(),
        "slurmctld": lambda: "is UP" in _told(environment, "scontrol", "ping"),
        "slurmd": lambda: "idle" in _told(environment, "sinfo", "--noheader", "--format=%T"),
    }[name]
    for _ in range(240):
        if is_ready():
            return
        if process.poll() is not None:
            break
        time.sleep(0.5)
    pytest.fail(f"{name} does not work: {(folder / f'{name}.out').read_text()}")


def _told(environment: dict[str, str], *command: str) -> str:
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False).stdout
