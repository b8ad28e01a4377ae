"""A real server on a loopback port and a real Chromium; both stop with the test."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.browser_setup import find_browser

ROOT = Path(__file__).resolve().parent.parent.parent
START_S = 60
_used_ports: list[int] = []
CHROMIUM_FLAGS = [
    "--no-sandbox",
    # Software WebGL: the map must be drawn on machines without a GPU too.
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--ignore-gpu-blocklist",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    # Pages without WebGL are painted by the processor itself, which the emulated graphics card does at many times the cost.
    "--disable-gpu-compositing",
    "--disable-gpu-rasterization",
    "--disable-gpu-watchdog",
]
# What turns or shimmers while a page is waited for is painted sixty times a second by the processor.
STILL = """addEventListener('DOMContentLoaded', () => {
  const still = new CSSStyleSheet()
  still.replaceSync('*, ::before, ::after { animation-duration: 1ms !important; animation-iteration-count: 1 !important}')
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, still]
})"""
# Colour scheme and width of a window.
SCREENS = [
    ("light", 1280),
    pytest.param("dark", 1920, marks=pytest.mark.nightly),
    pytest.param("dark", 1280, marks=pytest.mark.nightly),
    pytest.param("light", 1920, marks=pytest.mark.nightly),
]


@dataclass(frozen=True, slots=True)
class Server:
    """A running app and where its data lies."""

    url: str
    workspace: Path
    pid: int

    def app(self) -> psutil.Process:
        """The process that answers the browser: the command that serves also starts workers."""
        (app,) = (
            child for child in psutil.Process(self.pid).children() if "app_process" in _command_of(child)
        )
        return app

    def kill(self) -> None:
        """End the server as a crash does, and leave the workers it started alone."""
        app = self.app()
        for process in (psutil.Process(self.pid), app):
            process.kill()
        # Until it is gone its workers still count as its children, and ``running_app`` ends those.
        psutil.wait_procs([app], timeout=20)


def _command_of(process: psutil.Process) -> str:
    """Its command line; empty for a worker that ended and was not yet waited for."""
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:  # a zombie is one of these
        return ""


@contextmanager
def running_app(workspace: Path, port: int = 0, **settings: str) -> Iterator[Server]:
    """Start ``tamis serve`` over a workspace; ends it and every worker it started."""
    port = port or free_port()
    environment = os.environ | {f"TAMIS_{key.upper()}": value for key, value in settings.items()}
    environment["PYTHONPATH"] = str(ROOT / "core")
    command = [
        sys.executable,
        "-m",
        "tamis.cli",
        "--workspace",
        str(workspace),
        "serve",
        "--no-token",
        "--port",
        str(port),
    ]
    with serving(command, port, workspace, cwd=ROOT, environment=environment) as server:
        yield server


@contextmanager
def serving(
    command: Sequence[str], port: int, workspace: Path, *, cwd: Path, environment: Mapping[str, str]
) -> Iterator[Server]:
    """Run a command until its app answers on the port; ends it and every worker it started."""
    with (workspace.parent / f"server-{port}.log").open("ab") as log:
        process = subprocess.Popen(command, cwd=cwd, env=environment, stdout=log, stderr=log)
        try:
            _wait_until_up(f"http://127.0.0.1:{port}", process)
            yield Server(f"http://127.0.0.1:{port}", workspace, process.pid)
        finally:
            end_process_tree(process.pid)
            process.wait(timeout=10)


def end_process_tree(pid: int) -> None:
    """Kill a process and everything it started that is still its descendant."""
    try:
        parent = psutil.Process(pid)
    except psutil.NoSuchProcess:
        return
    for process in [*parent.children(recursive=True), parent]:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue


def free_port() -> int:
    """A port that nobody listens on now; where it can be one that a server of this process had before.

    The browser keeps scripts, fetched and compiled, by address.
    """
    for port in (*_used_ports, 0):
        with socket.socket() as probe:
            # As servers do, or a port would be taken for a minute after its last connection.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            found = int(probe.getsockname()[1])
            if found not in _used_ports:
                _used_ports.append(found)
            return found
    raise AssertionError("no port is free")


def _wait_until_up(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        assert process.poll() is None, "the server ended before it was up"
        try:
            with urllib.request.urlopen(f"{url}/_stcore/health", timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise AssertionError(f"the server at {url} was not up after {START_S} s")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium for the session."""
    path = find_browser()
    assert path, "no Chromium: run python -m tests.browser_setup"
    expect.set_options(timeout=20_000)
    with sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=path, args=CHROMIUM_FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def profile(browser: Browser) -> Iterator[BrowserContext]:
    """A profile for all tests: each new one would fetch and compile the application's scripts again."""
    opened = browser.new_context(
        viewport={"width": 1440, "height": 1000}, accept_downloads=True, reduced_motion="reduce"
    )
    opened.set_default_timeout(20_000)
    opened.add_init_script(STILL)
    yield opened
    opened.close()


@pytest.fixture
def context(profile: BrowserContext) -> Iterator[BrowserContext]:
    """A profile in which nobody has been: no cookie, nothing kept by a page, no open tab."""
    yield profile
    for tab in profile.pages:
        tab.evaluate("() => location.protocol.startsWith('http') && localStorage.clear()")
        tab.close()
    profile.clear_cookies()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    """A tab."""
    return context.new_page()
