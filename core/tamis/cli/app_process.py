"""Streamlit under the command that started it: when that is gone, however it went, the app goes too.

``python -m tamis.cli.app_process run app.py …`` takes what ``streamlit`` takes.
"""

from __future__ import annotations

import os
import runpy
import signal
import threading
import time

LOOK_S = 1.0


def end_with_parent() -> None:
    """Ask this process to end once its parent is another one than now: a killed parent cannot ask any more."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(LOOK_S)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="parent watch", daemon=True).start()


if __name__ == "__main__":
    end_with_parent()
    runpy.run_module("streamlit", run_name="__main__", alter_sys=True)
