"""Wait for a job in the foreground, doing the app's part meanwhile in case no app is running."""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Callable, Mapping

from tamis.jobs import job_table
from tamis.jobs.backends import Backend, Backends
from tamis.jobs.model import Job
from tamis.jobs.scheduler.tick import tick
from tamis.store.workspace import Workspace

logger = logging.getLogger(__name__)


def wait(
    workspace: Workspace,
    job_id: str,
    *,
    backends: Mapping[str, Backend] | None = None,
    on_progress: Callable[[Job], None] | None = None,
    poll_s: float = 0.2,
    timeout_s: float | None = None,
) -> Job:
    """Return the job once it is final; ``on_progress`` is called with the row whenever it changed.

    With ``timeout_s`` the job is returned as it is then, perhaps not final. Raises UnknownName.
    """
    chosen = Backends(workspace.settings) if backends is None else backends
    deadline = None if timeout_s is None else time.monotonic() + timeout_s
    last: Job | None = None
    while True:
        try:
            tick(workspace, backends=chosen)
        except sqlite3.OperationalError as error:
            logger.warning("The database is busy (%s); trying again.", error)
        job = job_table.get(workspace.database, job_id)
        if on_progress is not None and job != last:
            on_progress(job)
        last = job
        if job.state.final or (deadline is not None and time.monotonic() > deadline):
            return job
        time.sleep(poll_s)
