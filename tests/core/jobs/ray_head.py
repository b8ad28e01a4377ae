"""A real Ray head for tests, the one that Tamis itself starts; gone with whoever started it.

``python -m tests.core.jobs.ray_head FOLDER`` starts it, says its address, and stops it once its standard input is
closed; so also when the test run is killed.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tamis.jobs.backends.ray_head import LocalHead, ray_is_installed

READY_WITHIN_S = 60.0


def why_not() -> str:
    """Why no real Ray can run here; empty when one can."""
    return "" if ray_is_installed() else "Ray is not installed: pip install 'tamis[ray]'"


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
    head = LocalHead(folder)
    try:
        head.start()
        print(_await_address(head), flush=True)
        sys.stdin.read()
    finally:
        head.stop()
        deadline = time.monotonic() + 20
        while (folder / "head.json").exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        shutil.rmtree(folder, ignore_errors=True)
    return 0


def _await_address(head: LocalHead) -> str:
    deadline = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < deadline:
        current = head.current()
        if current is not None and current.address:
            return current.address
        time.sleep(0.1)
    return ""


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
