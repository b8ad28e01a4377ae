"""A real Slurm of one node for tests: private, on loopback only, gone with whoever started it.

``python -m tests.core.jobs.slurm_cluster FOLDER`` is the process that owns the daemons. It says ``ready``, and stops
everything once its standard input is closed; so also when the test run is killed.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

PACKAGES = ("slurmctld", "slurmd", "slurm-client", "munge")
PROGRAMS = ("slurmctld", "slurmd", "sbatch", "squeue", "scancel", "munged")
READY_WITHIN_S = 15.0
N_CPUS = 2

CONFIG = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
SlurmctldPort={controller_port}
SlurmdPort={node_port}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.sock
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/log/slurmctld.log
SlurmdLogFile={folder}/log/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SwitchType=switch/none
MpiDefault=none
MailProg=/bin/true
ReturnToService=2
KillWait=3
SchedulerParameters=batch_sched_delay=0
EnforcePartLimits=ALL
NodeName={host} NodeAddr=127.0.0.1 CPUs={n_cpus} RealMemory=4000 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def why_not() -> str:
    """Why no real Slurm can run here, after trying to install it; empty when one can."""
    if os.geteuid() != 0 or not Path("/etc/debian_version").exists():
        return "a real Slurm is only started by root on Debian"
    if not all(map(shutil.which, PROGRAMS)):
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for command in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", *PACKAGES]):
            with suppress(OSError, subprocess.TimeoutExpired):
                subprocess.run(["apt-get", *command], env=environment, capture_output=True, timeout=120)
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    return f"these programs could not be installed by apt-get: {', '.join(missing)}" if missing else ""


@contextmanager
def slurm_cluster() -> Iterator[Path]:
    """A running cluster of one node with two CPUs; yields its slurm.conf."""
    folder = Path(tempfile.mkdtemp(prefix="slurm-", dir="/tmp"))
    folder.chmod(0o755)
    owner = subprocess.Popen(
        [sys.executable, "-m", __name__, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert owner.stdin is not None
    assert owner.stdout is not None
    try:
        answer = owner.stdout.readline().strip()
        assert answer == "ready", f"Slurm did not start: {answer}"
        yield folder / "slurm.conf"
    finally:
        owner.stdin.close()
        owner.wait(30)
        owner.stdout.close()


def main(folder: Path) -> int:
    """Own the daemons until standard input closes."""
    os.environ["SLURM_CONF"] = str(folder / "slurm.conf")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    daemons: list[subprocess.Popen[bytes]] = []
    try:
        _configure(folder)
        daemons += _start(folder)
        print(_await_idle(folder), flush=True)
        sys.stdin.read()
    finally:
        _stop(daemons)
        shutil.rmtree(folder, ignore_errors=True)
    return 0


def _configure(folder: Path) -> None:
    for name in ("state", "spool", "log"):
        (folder / name).mkdir()
    key = folder / "munge.key"
    key.write_bytes(os.urandom(128))
    key.chmod(0o600)
    text = CONFIG.format(
        host=socket.gethostname().split(".")[0],
        folder=folder,
        controller_port=_free_port(),
        node_port=_free_port(),
        n_cpus=min(N_CPUS, os.cpu_count() or 1),
    )
    (folder / "slurm.conf").write_text(text)


def _start(folder: Path) -> list[subprocess.Popen[bytes]]:
    munged = [
        "munged", "--foreground", "--force", f"--key-file={folder}/munge.key", f"--socket={folder}/munge.sock",
        f"--pid-file={folder}/munged.pid", f"--log-file={folder}/log/munged.log",
        f"--seed-file={folder}/munge.seed",
    ]  # fmt: skip
    started = [_daemon(munged)]
    deadline = time.monotonic() + READY_WITHIN_S
    while not (folder / "munge.sock").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    return [*started, _daemon(["slurmctld", "-D"]), _daemon(["slurmd", "-D"])]


def _daemon(command: list[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def _await_idle(folder: Path) -> str:
    deadline = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < deadline:
        if _output("sinfo", "-h", "-o", "%T") == "idle":
            return "ready"
        time.sleep(0.1)
    logs = [path.read_text(errors="replace")[-500:] for path in (folder / "log").iterdir()]
    return " ".join(" ".join(logs).split())


def _stop(daemons: list[subprocess.Popen[bytes]]) -> None:
    jobs = _output("squeue", "-h", "-o", "%A").split()
    if jobs:
        _output("scancel", "--full", "--signal=KILL", *jobs)
        _output("scancel", *jobs)
    deadline = time.monotonic() + 10
    while _output("squeue", "-h") and time.monotonic() < deadline:
        time.sleep(0.1)
    for daemon in reversed(daemons):
        for process in [*_children(daemon.pid), daemon]:
            with suppress(psutil.NoSuchProcess, ProcessLookupError):
                process.terminate()
        try:
            daemon.wait(5)
        except subprocess.TimeoutExpired:
            daemon.kill()
            daemon.wait(5)


def _children(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _output(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=15).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        return ""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
