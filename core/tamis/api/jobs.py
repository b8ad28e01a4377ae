"""A job as the front door has it: where it stands, its log, a bar while one waits, and what it made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from tamis.actions import jobs
from tamis.api.show import Shown
from tamis.errors import JobFailed
from tamis.reprs import as_percent, shortened

if TYPE_CHECKING:
    from tamis.actions.submit import Submission
    from tamis.jobs.model import Job, JobState, Progress
    from tamis.store.workspace import Workspace

R = TypeVar("R")
_BAR = "{desc} {percentage:3.0f}%|{bar}| {elapsed}{postfix}"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class JobHandle(Shown, Generic[R]):
    """A job by its id; every look at it is a look at how it is now, and moves on what may start."""

    _workspace: Workspace
    id: str
    _open: Callable[[Job], R]

    @property
    def status(self) -> JobState:
        """``queued``, ``running``, ``succeeded``, ``failed`` or ``cancelled``; equal to these texts."""
        return self._job().state

    @property
    def progress(self) -> Progress:
        """How far it is: ``stage``, ``done`` of ``total``, ``fraction``, ``rate``, ``seconds_left``, ``message``."""
        return self._job().progress

    @property
    def reason(self) -> str:
        """Why it failed, or what it waits for; empty otherwise."""
        return self._job().reason

    @property
    def step(self) -> str:
        """The step that it runs."""
        return jobs.get_job(self._workspace, self.id).step

    @property
    def options(self) -> dict[str, Any]:
        """What it was asked for."""
        return jobs.get_job(self._workspace, self.id).options

    def log(self) -> str:
        """Everything that its worker printed, over all attempts."""
        return jobs.read_log(self._workspace, self.id)

    def curves(self) -> dict[str, list[tuple[float, float]]]:
        """The curves that it has reported so far: position and value, by name."""
        metrics = jobs.read_metrics(self._workspace, self.id)
        return {name: [(point.position, point.value) for point in curve] for name, curve in metrics.items()}

    def wait(self, timeout_s: float | None = None, *, progress: bool = True) -> JobHandle[R]:
        """Wait until it has ended, however, or ``timeout_s`` are over; returns itself.

        Interrupting stops the waiting and not the job.
        """
        wait_for(self._workspace, self.id, timeout_s=timeout_s, progress=progress)
        return self

    def result(self, timeout_s: float | None = None, *, progress: bool = True) -> R:
        """What it made, after waiting for it; raises JobFailed when it made nothing, TimeoutError after ``timeout_s``."""
        job = wait_for(self._workspace, self.id, timeout_s=timeout_s, progress=progress)
        if not job.state.final:
            raise TimeoutError(f"Job {job.job_id} is still {job.state} after {timeout_s:g} s; it goes on.")
        return opened(job, self._open)

    def cancel(self, *, with_inputs: bool = False, wait: bool = True) -> JobHandle[R]:
        """Stop it and wait until it has; ``with_inputs`` also the jobs it waits for that no other needs.

        Raises JobConflict when it has ended already.
        """
        jobs.cancel_job(self._workspace, self.id, with_inputs=with_inputs)
        if wait:
            jobs.wait_for_job(self._workspace, self.id)
        return self

    def run_first(self) -> JobHandle[R]:
        """Put it before all other jobs that wait, with those it needs itself; raises JobConflict when it waits no more."""
        jobs.run_job_first(self._workspace, self.id)
        jobs.refresh_jobs(self._workspace)
        return self

    def resume(self, *, fresh: bool = False) -> JobHandle[R]:
        """Queue it again after it failed or was cancelled, from its finished parts unless ``fresh``; raises JobConflict."""
        jobs.refresh_jobs(self._workspace)
        jobs.resume_job(self._workspace, self.id, fresh=fresh)
        jobs.refresh_jobs(self._workspace)
        return self

    def delete(self) -> None:
        """Forget it once it has ended; what it made stays. Raises JobConflict while it is under way."""
        jobs.delete_job(self._workspace, self.id)

    def _job(self) -> Job:
        jobs.refresh_jobs(self._workspace)
        return jobs.get_job(self._workspace, self.id)

    def _line(self) -> str:
        job = self._job()
        return f"Job {job.job_id}: {said_of(job)}"


def wait_for(
    workspace: Workspace, job_id: str, *, timeout_s: float | None = None, progress: bool = True
) -> Job:
    """The job as it is when it has ended or the time is over, with a bar meanwhile where there is one to wait for."""
    job = jobs.get_job(workspace, job_id)
    if job.state.final or not progress:
        return jobs.wait_for_job(workspace, job_id, timeout_s=timeout_s)
    # Imported here: a script that shows no bar needs none.
    from tqdm.auto import tqdm

    with tqdm(total=1.0, bar_format=_BAR, desc=job.step) as bar:

        def show(now: Job) -> None:
            bar.n = 1.0 if now.state == "succeeded" else now.progress.fraction or 0.0
            bar.set_description_str(shortened(_stage(now), 40), refresh=False)
            bar.set_postfix_str(_remark(now), refresh=False)
            bar.refresh()

        return jobs.wait_for_job(workspace, job_id, on_progress=show, timeout_s=timeout_s)


def wait_unless(
    workspace: Workspace,
    submission: Submission,
    open_result: Callable[[Job], R],
    *,
    wait: bool = True,
    progress: bool = True,
) -> R | JobHandle[R]:
    """What a job made, after waiting for it; or the job at once. Raises JobFailed."""
    if not wait:
        jobs.refresh_jobs(workspace)
        return JobHandle(workspace, submission.job.job_id, open_result)
    return opened(wait_for(workspace, submission.job.job_id, progress=progress), open_result)


def opened(job: Job, open_result: Callable[[Job], R]) -> R:
    """What an ended job made; raises JobFailed when it failed or was cancelled."""
    if job.state != "succeeded":
        raise JobFailed(job.step, job.job_id, str(job.state), job.reason)
    return open_result(job)


def said_of(job: Job) -> str:
    """Where a job stands, in one line."""
    reason = f" ({job.reason.splitlines()[0]})" if job.reason else ""
    share = (
        f" {as_percent(job.progress.fraction)}"
        if job.state == "running" and job.progress.fraction is not None
        else ""
    )
    return f"{job.step} of {job.dataset_id}, {job.state}{share}{reason}"


def _stage(job: Job) -> str:
    if job.state == "queued":
        return f"{job.step}: waiting"
    return f"{job.step}: {job.progress.stage}" if job.progress.stage else job.step


def _remark(job: Job) -> str:
    progress = job.progress
    parts = [f"{progress.rate:,.0f}/s"] if progress.rate and progress.rate >= 1 else []
    parts += [f"{progress.seconds_left:,.0f} s left"] if progress.seconds_left else []
    return ", ".join([*parts, *([shortened(progress.message, 40)] if progress.message else [])])
