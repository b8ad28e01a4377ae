"""A real Ray head for tests, as ``ray start --head`` starts it, with a token; gone with whoever started it.

``python -m tests.core.jobs.ray_head FOLDER`` starts it, says its address, and stops it once its standard input is
closed; so also when the test run is killed.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path

import psutil

from tamis.errors import CurationError
from tamis.jobs.backends.ray_client import RayClient

READY_WITHIN_S = 90.0
STOP_WITHIN_S = 5.0


def why_not() -> str:
    """Why no real Ray can run here; empty when one can."""
    return "" if find_spec("ray") else "Ray is not installed: pip install 'tamis[ray]'"


@contextmanager
def ray_head() -> Iterator[tuple[str, Path]]:
    """A running head; yields the address of its dashboard and the file with its token."""
    folder = Path(tempfile.mkdtemp(prefix="ray-head-"))
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
        address = owner.stdout.readline().strip()
        log = folder / "head.log"
        assert address, log.read_text()[-2000:] if log.exists() else "no log"
        yield address, folder / "token"
    finally:
        owner.stdin.close()
        owner.wait(30)
        owner.stdout.close()


def main(folder: Path) -> int:
    """Own the head until standard input closes."""
    token = folder / "token"
    token.write_text(secrets.token_hex(32))
    token.chmod(0o600)
    port = _free_port()
    try:
        with (folder / "head.log").open("ab") as log:
            head = subprocess.Popen(
                _command(port, folder), cwd=folder, env=_environment(token), stdout=log, stderr=log
            )
        print(_await_address(head, f"http://127.0.0.1:{port}", token.read_text()), flush=True)
        sys.stdin.read()
    finally:
        _end_session()
        shutil.rmtree(folder, ignore_errors=True)
    return 0


def _command(port: int, folder: Path) -> list[str]:
    return [
        sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block", "--node-ip-address=127.0.0.1",
        "--dashboard-host=127.0.0.1", f"--dashboard-port={port}", f"--port={_free_port()}",
        f"--dashboard-agent-listen-port={_free_port()}", f"--ray-client-server-port={_free_port()}",
        "--object-store-memory=80000000", f"--temp-dir={folder}", "--disable-usage-stats",
    ]  # fmt: skip


def _environment(token: Path) -> dict[str, str]:
    # A person's own token or cluster would win over these.
    inherited = {k: v for k, v in os.environ.items() if k not in ("RAY_AUTH_TOKEN", "RAY_ADDRESS")}
    return inherited | {
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(token),
        # Despite its name: without it the loopback address is replaced by this machine's public one.
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
        "RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S": "0",
        "RAY_USAGE_STATS_ENABLED": "0",
    }


def _await_address(head: subprocess.Popen[bytes], address: str, token: str) -> str:
    client = RayClient(address, token=token, pause_s=0.0)
    deadline = time.monotonic() + READY_WITHIN_S
    while head.poll() is None and time.monotonic() < deadline:
        with suppress(CurationError):
            client.version()
            return address
        time.sleep(0.2)
    return ""


def _end_session() -> None:
    """End everything of this session, and what is below it: Ray's agents outlive a head that was killed."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    # A worker of Tamis is the leader of a session of its own, below one of these.
    found = {child for process in _session() for child in [process, *_children(process)]}
    for processes in (list(found), _session()):
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.terminate()
        for process in psutil.wait_procs(processes, timeout=STOP_WITHIN_S)[1]:
            with suppress(psutil.NoSuchProcess):
                process.kill()


def _session() -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        with suppress(OSError, psutil.Error):
            if process.pid != os.getpid() and os.getsid(process.pid) == os.getsid(0):
                found.append(process)
    return found


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
    sys.exit(main(Path(sys.argv[1])))
