"""``tamis serve``: the app in the foreground."""

from __future__ import annotations

import html
import ipaddress
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
import webbrowser
from pathlib import Path

import click

from tamis.cli.command import command
from tamis.cli.exit_codes import DONE
from tamis.cli.session import Session
from tamis.errors import InvalidOptions

FIRST_PORT = 8501
LEADING_PAGE = ".open.html"
EVERYWHERE = ("0.0.0.0", "::")  # every address of this machine; none that a browser could open


@command("tamis serve", "tamis serve --port 8600 --workspace ~/tamis", "tamis serve --host 0.0.0.0")
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Address to listen on; this machine only by default.",
)
@click.option("--port", default=FIRST_PORT, show_default=True, help="Port to listen on.")
@click.option(
    "--no-token", is_flag=True, help="Let everybody on this machine in; for addresses of this machine only."
)
def serve(session: Session, host: str, port: int, *, no_token: bool) -> int:
    """Start the app in the foreground and print its address; the token in it lets you in, and nobody else.

    With TAMIS_ACCOUNTS people log in instead, and each may do what the role of the account reaches to.
    """
    return run_app(session, host, port, no_token=no_token)


def run_app(
    session: Session, host: str, port: int, *, no_token: bool = False, page: str = "", browser: bool = False
) -> int:
    """Keep the app running in the foreground until it ends or is interrupted; ``page`` is what its address leads to.

    ``browser`` opens that address once the app answers. Raises InvalidOptions for what must not be served.
    """
    from tamis.actions.accounts import check_accounts
    from tamis.actions.campaigns import go_on_with_all
    from tamis.actions.jobs import keep_jobs_moving
    from tamis.actions.uploads import sweep_uploads

    has_accounts = session.settings.accounts is not None
    check_accounts(session.settings)
    _refuse(host, port, no_token=no_token and not has_accounts)
    folder = session.workspace.path
    token = "" if no_token or has_accounts else session.settings.token or secrets.token_urlsafe(24)
    address = _say_address(session, host, port, page, token)
    sweep_uploads(session.workspace)
    os.environ.pop("TAMIS_TOKEN", None)  # of the server alone: jobs that are started here inherit the rest
    # Jobs go on and are followed from the first second, also when nobody has opened a page yet.
    ticker = keep_jobs_moving(session.workspace, also=lambda: go_on_with_all(session.workspace))
    environment = os.environ | {"TAMIS_WORKSPACE": str(folder), "TAMIS_TOKEN": token}
    # -P: a file of the user's called random.py, or a folder called pages, is no module of the app.
    command = [sys.executable, "-P", "-m", "tamis.cli.app_process", host, str(port)]
    app = subprocess.Popen(command, env=environment)
    if browser:
        first = _leading_page(folder, address).as_uri() if token else address
        threading.Thread(target=_open_browser, args=(app, port, first), daemon=True).start()
    # A service manager asks with SIGTERM; the app must not go on without the command that started it.
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return app.wait()
    except KeyboardInterrupt:
        return DONE
    finally:
        signal.signal(signal.SIGTERM, before)
        app.terminate()
        app.wait()
        ticker.stop()
        (folder / LEADING_PAGE).unlink(missing_ok=True)


def free_port(first: int = FIRST_PORT) -> int:
    """The first port of this machine from ``first`` on that nobody listens on; raises InvalidOptions after a hundred."""
    for port in range(first, first + 100):
        if not _is_taken("127.0.0.1", port):
            return port
    raise InvalidOptions(f"No port from {first} to {first + 99} is free. Name one: --port PORT")


def _say_address(session: Session, host: str, port: int, page: str, token: str) -> str:
    """Print where the app is and who is let in; returns the address."""
    shown = host if host not in EVERYWHERE else socket.gethostname()
    query = f"{'&' if '?' in page else '?'}token={token}" if token else ""
    address = f"http://{shown}:{port}{f'/{page}{query}' if page or query else ''}"
    session.say(f"Tamis on {address} over {session.workspace.path}")
    if session.settings.accounts is not None:
        session.say(f"People log in; {session.settings.accounts} says who may do what.")
    elif not token:
        session.say("Everybody who can reach this machine's own addresses comes in: --no-token was given.")
    return address


def _leading_page(folder: Path, address: str) -> Path:
    """A page of the operator's alone that leads to an address with a token, which the command of a browser would show to
    everybody who lists processes. It is gone when the server is.
    """
    path = folder / LEADING_PAGE
    path.unlink(missing_ok=True)
    target = html.escape(address)
    text = f'<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="0;url={target}"><a href="{target}">Tamis</a>'
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    return path.resolve()


def _open_browser(app: subprocess.Popen[bytes], port: int, address: str) -> None:
    """Open the address in the person's browser as soon as somebody answers there."""
    while app.poll() is None:
        if _is_taken("127.0.0.1", port):
            webbrowser.open(address)
            return
        time.sleep(0.1)


def _refuse(host: str, port: int, *, no_token: bool) -> None:
    """Raise InvalidOptions for what must not be served, or cannot be."""
    if no_token and not _is_here(host):
        raise InvalidOptions(
            f"{host} is reached from other machines, and --no-token would let everybody on the network in. Leave --no-token "
            "out, give people accounts (TAMIS_ACCOUNTS), or listen on 127.0.0.1 behind a proxy that asks who they are."
        )
    if _is_taken(host, port):
        raise InvalidOptions(
            f"Port {port} on {host} is in use. Take another one: make run PORT={port + 1}, or tamis serve --port {port + 1}."
        )


def _is_here(host: str) -> bool:
    """Whether an address is reached from this machine alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_taken(host: str, port: int) -> bool:
    with socket.socket() as probe:
        # A server that has just ended leaves its port in a state in which only this option may take it over.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return True
    return False
