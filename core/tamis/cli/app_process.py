"""The app's own process, under the command that started it: when that is gone, however it went, the app goes too.

``python -P -m tamis.cli.app_process HOST PORT``; the token of the server is in the environment, where no list of
processes shows it.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
import threading
import time

from tamis.settings import app_folder

LOOK_S = 1.0


def end_with_parent() -> None:
    """Ask this process to end once its parent is another one than now: a killed parent cannot ask any more."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(LOOK_S)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="parent watch", daemon=True).start()


def serve(host: str, port: int) -> None:
    """Serve the app that lies beside the package; its configuration is the one in the same folder."""
    sys.path.insert(0, str(app_folder()))
    sys.argv = [str(app_folder() / "app.py")]  # where Streamlit looks for its configuration
    importlib.import_module("pages.serving.asgi_app").main(host, port)


if __name__ == "__main__":
    end_with_parent()
    serve(sys.argv[1], int(sys.argv[2]))
