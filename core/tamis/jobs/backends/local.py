"""Workers as detached processes on this machine, each in its own session, which outlive whoever started them."""

from __future__ import annotations

import os
import shlex
import signal
import socket
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from tamis.jobs.backends import WORKER_MODULE, BackendState, Phase, worker_command, worker_environment
from tamis.jobs.causes import exit_text
from tamis.jobs.folder import JobFolder
from tamis.jobs.model import JobSpec
from tamis.settings import Settings, source_folder

GONE_WITHIN_S = 0.5


class LocalBackend:
    """Detached processes. A handle is ``pid:start:host``, so that a reused pid or another machine's is told apart."""

    def __init__(self, settings: Settings, *, module: str = WORKER_MODULE) -> None:
        self._module = module

    def submit(self, folder: JobFolder, spec: JobSpec) -> str:
        """Start the worker; its output goes straight into the log, so nobody has to stay to read a pipe."""
        with folder.log_path.open("ab") as log:
            process = subprocess.Popen(
                worker_command(folder, spec, module=self._module),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=source_folder(),
                env={**os.environ, **worker_environment(spec)},
                start_new_session=True,
            )
        # Read before anything can reap it: a zombie still has its start time.
        handle = handle_of(process.pid)
        # Let go: otherwise subprocess would reap it behind our back, and its end with it, whenever another one starts.
        process.returncode = 0
        return handle

    def find(self, folder: JobFolder, spec: JobSpec) -> str | None:
        """The process that runs this attempt, looked for by its command line."""
        command = worker_command(folder, spec, module=self._module)
        for process in psutil.process_iter(["cmdline", "status"]):
            if process.info["cmdline"] == command and process.info["status"] != psutil.STATUS_ZOMBIE:
                with suppress(psutil.NoSuchProcess, OSError):
                    return handle_of(process.pid)
        return None

    def poll(self, handles: Sequence[str]) -> dict[str, BackendState]:
        """Alive or ended; unknown for the processes of another machine."""
        return {handle: _state(handle) for handle in handles}

    def cancel(self, handle: str, *, force: bool) -> None:
        """Signal the whole process group; also what a dead worker left behind in it."""
        pid, start, host = _parse(handle)
        if host != socket.gethostname() or _start_time(pid) not in (start, None):
            return
        with suppress(ProcessLookupError, PermissionError):
            # The group keeps the number in use while anything is left in it, so it cannot be somebody else's.
            os.killpg(pid, signal.SIGKILL if force else signal.SIGTERM)
            if force:
                with suppress(psutil.Error):
                    psutil.Process(pid).wait(GONE_WITHIN_S)

    def preview(self, folder: JobFolder, spec: JobSpec) -> str:
        """The command, as a shell would be given it."""
        variables = [f"{name}={shlex.quote(value)}" for name, value in worker_environment(spec).items()]
        command = worker_command(folder, spec, module=self._module)
        return " \\\n  ".join([*variables, shlex.join(command)])

    def log(self, handle: str) -> str:
        """Nothing: all output goes into the job's own log."""
        return ""

    def available(self) -> str | None:
        """Return None: the machine that asks is there."""
        return None


def _state(handle: str) -> BackendState:
    pid, start, host = _parse(handle)
    if host != socket.gethostname():
        return BackendState(Phase.UNKNOWN, f"it runs on {host}, not on this machine")
    if _start_time(pid) != start:
        return BackendState(Phase.ENDED)
    with suppress(psutil.NoSuchProcess):
        if psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
            return BackendState(Phase.ALIVE)
    return _reaped(pid)


def _reaped(pid: int) -> BackendState:
    """How our own ended child ended; nothing is known of one that another process started."""
    try:
        reaped, status = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return BackendState(Phase.ENDED)
    if not reaped:
        # Its main thread has ended and another one is still on its way out: how it ended is known in a moment.
        return BackendState(Phase.ALIVE)
    return BackendState(Phase.ENDED, exit_text(os.waitstatus_to_exitcode(status)))


def handle_of(pid: int) -> str:
    """The handle of a process of this machine."""
    return f"{pid}:{_start_time(pid)}:{socket.gethostname()}"


def _parse(handle: str) -> tuple[int, str, str]:
    pid, _, rest = handle.partition(":")
    start, _, host = rest.partition(":")
    # What is no handle of a process here must not end the look at all the others.
    return (int(pid), start, host) if pid.isdecimal() and host else (0, "", "another machine")


def _start_time(pid: int) -> str | None:
    """When the process started, as text to compare; None when there is no such process."""
    try:
        # Clock ticks since boot. psutil adds the boot time, which moves whenever somebody sets the clock.
        fields = Path(f"/proc/{pid}/stat").read_text("utf-8", errors="replace").rpartition(")")[2].split()
        return fields[19]
    except OSError:
        pass
    try:
        return str(int(psutil.Process(pid).create_time()))
    except psutil.NoSuchProcess:
        return None
