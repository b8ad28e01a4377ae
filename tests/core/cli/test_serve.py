"""The command that starts the app: it ends with it, however it is asked to."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import psutil
import pytest

from tamis.cli.exit_codes import WRONG_USAGE
from tamis.cli.main import run
from tests.pages.page_workspace import alpaca_file


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
        command,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        preexec_fn=_heed_interrupts,
        # A worker that brings in the sample data would outlive the server.
        env=os.environ | {"TAMIS_SAMPLE_ON_EMPTY": "false"},
    )
    try:
        assert wait_until(lambda: answers(port), 60)
        started.send_signal(number)
        assert started.wait(60) == (-number if number is signal.SIGKILL else 0)
        assert wait_until(lambda: not answers(port), 30)
    finally:
        started.kill()


def test_a_file_is_opened_by_its_name_alone(tmp_path: Path) -> None:
    file = alpaca_file(tmp_path)
    command = [
        sys.executable,
        "-m",
        "tamis.cli",
        "--workspace",
        str(tmp_path / "w"),
        str(file),
        "--no-browser",
    ]
    started = subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, env=os.environ | {"TAMIS_TOKEN": "t"}
    )
    try:
        assert started.stderr is not None
        said = [started.stderr.readline() for _ in range(2)]
        found = re.search(r"http://127.0.0.1:(\d+)/data_map\?dataset=(\S+)&token=t", said[1])
        assert found, said
        assert f"Importing as {found[2]}" in said[0]
        assert wait_until(lambda: answers(int(found[1])), 60)
    finally:
        workers = psutil.Process(started.pid).children(recursive=True)
        started.send_signal(signal.SIGTERM)
        assert started.wait(60) == 0
        for (
            worker
        ) in workers:  # which outlive a server: the file's pipeline would run beside the tests that follow
            if worker.is_running():
                worker.kill()


def test_a_file_that_is_misspelt_is_said_to_be_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["--workspace", str(tmp_path / "w"), str(tmp_path / "nothing.jsonl")]) == WRONG_USAGE
    assert "nothing.jsonl" in capsys.readouterr().err
    assert run(["--workspace", str(tmp_path / "w"), "improt"]) == WRONG_USAGE
    assert "import" in capsys.readouterr().err
