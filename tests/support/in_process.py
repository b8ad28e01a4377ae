"""Jobs that are run here, one after the other: what a person asks for is there at once, without a worker."""

from __future__ import annotations

from tamis.jobs import job_table
from tamis.jobs.model import Job, JobState
from tamis.steps.execute import Task, execute
from tamis.store.artifacts.store import utc_now
from tamis.store.workspace import Workspace


class Silent:
    """A reporter nobody listens to."""

    def progress(self, stage: str, done: int, total: int, message: str = "") -> None:
        """Nothing to do."""

    def metric(self, name: str, value: float, position: float) -> None:
        """Nothing to do."""


def run_queued(workspace: Workspace) -> None:
    """Run every job that waits, the oldest first."""
    for job in reversed(job_table.list_jobs(workspace.database, states=[JobState.QUEUED])):
        execute(
            workspace.artifacts,
            Task(job.dataset_id, job.step, job.options, job.inputs, job.input_kinds, job.artifact_id),
            Silent(),
        )
        with workspace.database.writing() as connection:
            job_table.change(connection, job, {"state": JobState.SUCCEEDED, "finished_at": utc_now()})


def wait_here(workspace: Workspace, job_id: str, **_: object) -> Job:
    """In place of waiting for a worker."""
    run_queued(workspace)
    return job_table.get(workspace.database, job_id)
