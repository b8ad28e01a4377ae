"""The command that starts the app: it ends with it, however it is asked to."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=2) as answer:
            return answer.status == 200
    except OSError:
        return False


def wait_until(condition, timeout_s: float) -> bool:
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.1)
    return False


def _heed_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_no_server_is_left_behind(tmp_path: Path, number: signal.Signals) -> None:
    port = free_port()
    command = [sys.executable, "-m", "tamis.cli", "--workspace", str(tmp_path), "serve", "--port", str(port)]
    # Its own session, so that the signal reaches the command alone, as from a service manager. A test run in the
    # background ignores SIGINT, and what it starts would inherit that.
    started = subprocess.Popen(
        command, start_new_session=True, stdout=subprocess.DEVNULL, preexec_fn=_heed_interrupts
    )
    try:
        assert wait_until(lambda: answers(port), 60)
        started.send_signal(number)
        assert started.wait(60) == (-number if number is signal.SIGKILL else 0)
        assert wait_until(lambda: not answers(port), 30)
    finally:
        started.kill()
