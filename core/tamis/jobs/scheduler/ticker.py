"""The background thread of the app that looks at the jobs once a second."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable, Mapping

from tamis.errors import CurationError
from tamis.jobs.backends import Backend, Backends
from tamis.jobs.scheduler.tick import tick
from tamis.store.workspace import Workspace

logger = logging.getLogger(__name__)


LOOKS_BETWEEN = 3  # of what follows from jobs that have ended


class Ticker:
    """Calls ``tick`` every ``interval_s`` seconds until it is stopped; trouble is logged, and it goes on.

    ``also`` is called after every third look: what goes on by itself once jobs have ended.
    """

    def __init__(
        self,
        workspace: Workspace,
        *,
        interval_s: float = 1.0,
        backends: Mapping[str, Backend] | None = None,
        also: Callable[[], object] = lambda: None,
    ) -> None:
        self._workspace = workspace
        self._also, self._n_looks = also, 0
        self._interval_s = interval_s
        self._backends = Backends(workspace.settings) if backends is None else backends
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin; harmless when it runs already."""
        if not self.running and not self._workspace.database.is_read_only:
            self._stopping.clear()
            self._spawn()

    def stop(self) -> None:
        """End after the look that is under way; jobs go on, and the next ticker finds them."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(timeout=10.0)

    @property
    def running(self) -> bool:
        """Whether its thread lives."""
        return self._thread is not None and self._thread.is_alive()

    def _spawn(self) -> None:
        self._thread = threading.Thread(target=self._run, name="job ticker", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                self._look()
                self._stopping.wait(self._interval_s)
        finally:
            # Reached early only by a bug: its traceback is shown as for any thread, and another thread takes over
            # after a pause, because jobs of other people must not stand still for it.
            if not self._stopping.wait(self._interval_s):
                self._spawn()

    def _look(self) -> None:
        try:
            tick(self._workspace, backends=self._backends)
            self._workspace.database.copy_daily()
            self._n_looks += 1
            if self._n_looks % LOOKS_BETWEEN == 0:
                self._also()
        except (CurationError, OSError, sqlite3.Error) as error:
            logger.warning("Looking at the jobs failed (%s: %s); trying again.", type(error).__name__, error)
