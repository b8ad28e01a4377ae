"""``tamis serve``: the app in the foreground."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys

import click

from tamis.cli.command import command
from tamis.cli.exit_codes import DONE
from tamis.cli.session import Session
from tamis.errors import InvalidOptions


@command("tamis serve", "tamis serve --port 8600 --workspace ~/tamis")
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Address to listen on; this machine only by default.",
)
@click.option("--port", default=8501, show_default=True, help="Port to listen on.")
def serve(session: Session, host: str, port: int) -> int:
    """Start the app in the foreground."""
    from tamis.actions.jobs import keep_jobs_moving
    from tamis.actions.uploads import sweep_uploads
    from tamis.settings import app_folder

    folder = session.workspace.path
    # -P: a file of the user's called random.py, or a folder called pages, is no module of the app.
    command = [sys.executable, "-P", "-m", "tamis.cli.app_process", "run", str(app_folder() / "app.py")]
    command += [f"--server.address={host}", f"--server.port={port}"]
    if _is_taken(host, port):
        raise InvalidOptions(
            f"Port {port} on {host} is in use. Take another one: make run PORT={port + 1}, or tamis serve --port {port + 1}."
        )
    session.say(f"Tamis on http://{host}:{port} over {folder}")
    sweep_uploads(session.workspace)
    # Jobs go on and are followed from the first second, also when nobody has opened a page yet.
    ticker = keep_jobs_moving(session.workspace)
    app = subprocess.Popen(command, env=os.environ | {"TAMIS_WORKSPACE": str(folder)})
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


def _is_taken(host: str, port: int) -> bool:
    with socket.socket() as probe:
        # A server that has just ended leaves its port in a state in which only this option may take it over.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return True
    return False
