"""A Ray head on this machine: started when a job needs one, shared by all servers, stopped when idle.

``python -m tamis.jobs.backends.ray_head FOLDER`` is the process that owns it, in a session of its own, so that the head
outlives whoever started it. It listens on loopback only and asks for a token, because whoever can submit a job to it
can run anything as this user.
"""

from __future__ import annotations

import logging
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import orjson
import psutil

from tamis.errors import CurationError
from tamis.jobs.backends import Phase
from tamis.jobs.backends.local import LocalBackend, handle_of
from tamis.jobs.backends.ray_client import RayClient, read_token
from tamis.settings import Settings, source_folder
from tamis.store.artifacts.store import write_atomically
from tamis.store.locks import FileLock

logger = logging.getLogger(__name__)

IDLE_S = 600.0
LOOK_EVERY_S = 2.0
READY_WITHIN_S = 90.0
STOP_WITHIN_S = 5.0
OBJECT_STORE_BYTES = 80_000_000  # jobs here pass nothing through it
FAILED = "head.failed"
FAILED_FOR_S = 60.0
BUSY = ("PENDING", "RUNNING")
NOT_INSTALLED = (
    "Ray is not installed here, so no head can be started: run pip install 'tamis[ray]', or set TAMIS_RAY_ADDRESS to "
    "the dashboard of a cluster."
)


@dataclass(frozen=True, slots=True)
class Head:
    """A head that answers, or is about to."""

    address: str  # empty while it starts
    token: str


@dataclass(frozen=True, slots=True)
class LocalHead:
    """The head of a workspace on this machine; everything about it is in files, so any process can use it."""

    folder: Path

    @classmethod
    def of(cls, settings: Settings) -> LocalHead:
        """The one of a workspace; each machine that shares the workspace has its own."""
        return cls(settings.workspace.absolute() / "ray" / socket.gethostname())

    def current(self) -> Head | None:
        """The head that runs or starts; None without one."""
        try:
            state = orjson.loads((self.folder / "head.json").read_bytes())
            handle, address = str(state["handle"]), str(state["address"])
        except (OSError, orjson.JSONDecodeError, KeyError, TypeError):
            return None
        if LocalBackend(Settings()).poll([handle])[handle].phase is not Phase.ALIVE:
            return None
        return Head(address, read_token(self.folder / "token"))

    def start(self) -> None:
        """Begin to start a head unless one is there; returns at once. Raises CurationError without Ray."""
        if not ray_is_installed():
            raise CurationError(NOT_INSTALLED)
        if self.current() is not None:
            return
        if self._failed_lately():
            raise CurationError(
                f"The Ray head of this machine did not start; {self.folder / 'head.log'} says why. Mend that and "
                "resume the job."
            )
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (self.folder / "head.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", __name__, str(self.folder)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                env={**os.environ, "PYTHONPATH": str(source_folder())},
                start_new_session=True,
            )
        # Let go: it is nobody's child, and several of them settle by a lock which one stays.
        process.returncode = 0

    def _failed_lately(self) -> bool:
        try:
            failed_at = (self.folder / FAILED).stat().st_mtime
        except OSError:
            return False
        return abs(time.time() - failed_at) < FAILED_FOR_S

    def stop(self) -> None:
        """End the head and everything that runs on it; harmless without one."""
        with suppress(OSError, orjson.JSONDecodeError, KeyError, TypeError):
            handle = str(orjson.loads((self.folder / "head.json").read_bytes())["handle"])
            LocalBackend(Settings()).cancel(handle, force=False)


def ray_is_installed() -> bool:
    """Whether a head can be started here."""
    return find_spec("ray") is not None


def main(arguments: Sequence[str] | None = None) -> int:
    """Own a head until it is idle, ends, or SIGTERM comes."""
    folder = Path((sys.argv[1:] if arguments is None else arguments)[0])
    logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(asctime)s %(message)s")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    lock = FileLock(folder / "head.lock")
    if not lock.acquire():
        return 0
    _end_leftovers(folder)
    temporary = Path(tempfile.mkdtemp(prefix="tamis-ray-"))
    try:
        _own(folder, temporary)
    finally:
        (folder / "head.json").unlink(missing_ok=True)
        _end_session()
        shutil.rmtree(temporary, ignore_errors=True)
    return 0


def _own(folder: Path, temporary: Path) -> None:
    token = secrets.token_hex(32)
    token_file = folder / "token"
    token_file.unlink(missing_ok=True)
    descriptor = os.open(token_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        stream.write(token)
    _publish(folder, "")
    port = _free_port()
    address = f"http://127.0.0.1:{port}"
    # A person's own token or cluster would win over these.
    inherited = {k: v for k, v in os.environ.items() if k not in ("RAY_AUTH_TOKEN", "RAY_ADDRESS")}
    environment = {**inherited, **_environment(token_file)}
    process = subprocess.Popen(_command(port, temporary), cwd=folder, env=environment)
    client = RayClient(address, token=token, pause_s=0.0)
    deadline = time.monotonic() + READY_WITHIN_S
    while not _answers(client):
        if process.poll() is not None or time.monotonic() > deadline:
            logger.error("Ray did not answer within %.0f s, or ended (%s)", READY_WITHIN_S, process.poll())
            (folder / FAILED).touch()
            return
        time.sleep(0.2)
    (folder / FAILED).unlink(missing_ok=True)
    _publish(folder, address)
    _stay(process, client)


def _stay(process: subprocess.Popen[bytes], client: RayClient) -> None:
    """Return once the head has ended, or has had nothing to do for a while."""
    busy_at = time.monotonic()
    while process.poll() is None and time.monotonic() - busy_at < IDLE_S:
        time.sleep(LOOK_EVERY_S)
        with suppress(CurationError):
            if any(job["status"] in BUSY for job in client.jobs()):
                busy_at = time.monotonic()
    logger.info("Ray ended (%s)" if process.poll() is not None else "Idle: stopping Ray (%s)", process.poll())


def _command(port: int, temporary: Path) -> list[str]:
    return [
        sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block", "--node-ip-address=127.0.0.1",
        "--dashboard-host=127.0.0.1", f"--dashboard-port={port}", f"--port={_free_port()}",
        f"--dashboard-agent-listen-port={_free_port()}", f"--ray-client-server-port={_free_port()}",
        f"--object-store-memory={OBJECT_STORE_BYTES}", f"--temp-dir={temporary}", "--disable-usage-stats",
    ]  # fmt: skip


def _environment(token_file: Path) -> dict[str, str]:
    return {
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(token_file),
        # Despite its name: without it the loopback address is replaced by this machine's public one.
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
        "RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S": "0",
        # A job may wait for its turn as long as it takes; Ray's own limit is a quarter of an hour.
        "RAY_JOB_START_TIMEOUT_SECONDS": str(30 * 24 * 3600),
        "RAY_USAGE_STATS_ENABLED": "0",
    }


def _publish(folder: Path, address: str) -> None:
    write_atomically(
        folder / "head.json", orjson.dumps({"handle": handle_of(os.getpid()), "address": address})
    )


def _answers(client: RayClient) -> bool:
    with suppress(CurationError):
        return bool(client.version())
    return False


def _end_leftovers(folder: Path) -> None:
    """End the Ray that an owner which was killed has left running in its session."""
    with suppress(OSError, orjson.JSONDecodeError, KeyError, TypeError, ValueError):
        handle = str(orjson.loads((folder / "head.json").read_bytes())["handle"])
        # Its number may have been given to somebody else's session in the meantime.
        _end([process for process in _session(int(handle.split(":")[0])) if _is_ray(process)])


def _end_session() -> None:
    """End everything below this process, by session: Ray's agents outlive a head that was killed."""
    if os.getsid(0) != os.getpid():
        return
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    # A worker is the leader of a session of its own, below one of those.
    found = {child for process in _session(os.getpid()) for child in [process, *_children(process)]}
    _end(list(found))
    _end(_session(os.getpid()))
    signal.signal(signal.SIGTERM, before)


def _end(processes: Sequence[psutil.Process]) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.terminate()
    _, left = psutil.wait_procs(processes, timeout=STOP_WITHIN_S)
    for process in left:
        with suppress(psutil.NoSuchProcess):
            process.kill()


def _session(number: int) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        with suppress(OSError, psutil.Error):
            if process.pid not in (number, os.getpid()) and os.getsid(process.pid) == number:
                found.append(process)
    return found


def _is_ray(process: psutil.Process) -> bool:
    spec = find_spec("ray")
    folders = [] if spec is None else [str(folder) for folder in spec.submodule_search_locations or ()]
    with suppress(psutil.Error):
        command = " ".join(process.cmdline())
        return command.startswith("ray::") or any(folder in command for folder in folders)
    return False


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return list(process.children(recursive=True))
    except psutil.NoSuchProcess:
        return []


def _free_port() -> int:
    """A port of the kernel's own range, which is beyond the range that Ray deals out to its workers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    sys.exit(main())
