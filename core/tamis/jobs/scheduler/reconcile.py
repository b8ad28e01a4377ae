"""From a running job's folder and its backend's answer to the columns of its row that should change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from tamis.jobs.backends import BackendState, Phase
from tamis.jobs.backends.safe_backend import SafeBackend
from tamis.jobs.causes import explain_loss, time_limit_text
from tamis.jobs.folder import JobFolder
from tamis.jobs.job_table import seconds_since, timestamp
from tamis.jobs.model import ErrorKind, Job, JobResult, JobSpec, JobState, Progress
from tamis.store.artifacts.store import MANIFEST, ArtifactStore

STOPPED = "Cancelled; the worker did not stop by itself and was ended."
TERM_AFTER_S = (
    1.5  # after the cancel file was ignored; together with a tick a second an end comes within five
)
KILL_AFTER_S = 3.0
CLAIM_GRACE_S = 15.0  # for a claimed job to get a handle: sbatch on a busy cluster takes seconds
MAX_CLAIMS = 3
TIME_LIMIT_GRACE_S = 30.0  # for a worker to stop by itself at its time limit

Columns = dict[str, object]


@dataclass(frozen=True, slots=True)
class Observation:
    """What reconciling needs to know besides the job."""

    store: ArtifactStore
    clock: float
    heartbeat_timeout_s: float
    grace_s: float
    backend: SafeBackend
    spec: Callable[[Job], JobSpec]
    queues: bool = False


def reconcile(job: Job, state: BackendState, observation: Observation) -> Columns:
    """Columns to change, empty when nothing did. ``state`` must be older than this call: then a worker that had
    ended has written its last files.
    """
    folder = JobFolder.of(observation.store.workspace, job.job_id)
    result = folder.read_result(job.attempt)
    if result is not None and (settled := _settle(job, result, state, folder, observation)):
        return settled
    if not job.handle:
        return _unrecorded(job, folder, observation)
    progress = folder.read_progress(job.attempt)
    columns = _observe(job, progress, observation.clock) | _remark(job, state)
    quiet_s = 0.0 if "beat_at" in columns else abs(observation.clock - job.beat_at)
    if _is_over(job, state, progress, quiet_s, observation):
        return columns | _lose(job, state, folder, observation)
    if (
        progress is None
        and state.phase in (Phase.WAITING, Phase.ALIVE)
        and quiet_s > observation.grace_s / 2 > 0
    ):
        # In a cluster's queue nobody beats but the cluster itself.
        columns["beat_at"] = observation.clock
    if job.cancelled_at is not None:
        _escalate(job, state, folder, observation)
    elif _overdue(job, progress, quiet_s):
        return columns | _overrun(job, folder, observation)
    return columns


def _is_over(
    job: Job, state: BackendState, progress: Progress | None, quiet_s: float, observation: Observation
) -> bool:
    """Whether no worker will write a result any more, as far as anyone can tell."""
    if state.phase is Phase.ENDED:
        # Nobody waits for the last words of a job that is to be cancelled.
        return quiet_s >= observation.grace_s or job.cancelled_at is not None
    if state.phase is not Phase.UNKNOWN or quiet_s <= observation.heartbeat_timeout_s:
        return False
    # Silence says nothing about a job that may still be in the queue of a cluster that does not answer now.
    return not observation.queues or progress is not None or job.cancelled_at is not None


def _remark(job: Job, state: BackendState) -> Columns:
    """What a backend says of a job that is waiting there, or that it cannot see now, as the row's reason."""
    remark = state.detail if state.phase in (Phase.WAITING, Phase.UNKNOWN) else ""
    return {} if remark == job.reason else {"reason": remark}


def _settle(
    job: Job, result: JobResult, state: BackendState, folder: JobFolder, observation: Observation
) -> Columns:
    """The end that the worker wrote down; empty while the artifact it names, or a better explanation than the
    worker has, is still on its way.
    """
    columns: Columns = {"finished_at": timestamp(observation.clock)}
    if result.error_kind is ErrorKind.TERMINATED and job.cancelled_at is not None:
        # It was still starting when it was asked to stop, and saw the signal before the request.
        return columns | _ending(JobState.CANCELLED, ErrorKind.NONE, STOPPED, folder)
    if result.error_kind is ErrorKind.TERMINATED and observation.grace_s > 0 and job.handle:
        if state.phase is not Phase.ENDED and abs(observation.clock - job.beat_at) < observation.grace_s:
            return {}
        if state.phase is Phase.ENDED and state.kind is not ErrorKind.LOST:
            # A worker only sees the signal; the scheduler knows what it was for.
            kind, reason = explain_loss(job, state.detail, state.kind, observation.store.workspace)
            return columns | _ending(JobState.FAILED, kind, reason, folder)
    if result.state is JobState.SUCCEEDED and not _artifact_exists(job, observation):
        if abs(observation.clock - job.beat_at) < observation.grace_s:
            return {}
        missing = (
            f"The worker said it succeeded, but {job.kind} {job.artifact_id} is not there. Resume the job."
        )
        return columns | _ending(JobState.FAILED, ErrorKind.LOST, missing, folder)
    last = folder.read_progress(job.attempt) or job.progress
    columns["progress"] = last.model_copy(
        update={
            "timings": result.timings,
            "peak_memory_gb": result.peak_memory_gb,
            "rate": None,
            "seconds_left": None,
        }
    )
    return columns | _ending(result.state, result.error_kind, result.reason, folder)


def _artifact_exists(job: Job, observation: Observation) -> bool:
    return (observation.store.artifact_path(job.dataset_id, job.kind, job.artifact_id) / MANIFEST).exists()


def _ending(state: JobState, kind: ErrorKind, reason: str, folder: JobFolder) -> Columns:
    tail = "" if state is JobState.SUCCEEDED else folder.log_tail()
    return {"state": state, "error_kind": kind, "reason": reason, "log_tail": tail}


def _observe(job: Job, progress: Progress | None, clock: float) -> Columns:
    """What the last report changes. Only that it changed counts as a sign of life, never its time of day."""
    if progress is None or progress == job.progress:
        return {}
    columns: Columns = {"progress": progress}
    if progress.beat != job.progress.beat:
        columns["beat_at"] = clock
    return columns


def _lose(job: Job, state: BackendState, folder: JobFolder, observation: Observation) -> Columns:
    """The worker is gone without a result."""
    # Whatever it had started must not go on writing beside a resumed attempt.
    observation.backend.cancel(job.handle, force=True)
    columns: Columns = {"finished_at": timestamp(observation.clock)}
    if job.cancelled_at is not None:
        reason = STOPPED
        if folder.read_progress(job.attempt) is None:
            reason = "Cancelled before its worker began."
        return columns | _ending(JobState.CANCELLED, ErrorKind.NONE, reason, folder)
    detail = state.detail
    if state.phase is Phase.UNKNOWN:
        detail = f"no sign of life for {observation.heartbeat_timeout_s:.0f} s" + (
            f", {detail}" if detail else ""
        )
    kind, reason = explain_loss(job, detail, state.kind, observation.store.workspace)
    columns |= _ending(JobState.FAILED, kind, reason, folder)
    return columns | {"log_tail": columns["log_tail"] or observation.backend.log(job.handle)}


def _unrecorded(job: Job, folder: JobFolder, observation: Observation) -> Columns:
    """A claimed job without a handle: its submitter is at it, or died before or after the submission."""
    if seconds_since(job.started_at, observation.clock) < CLAIM_GRACE_S:
        return {}
    looked, handle = observation.backend.find(folder, observation.spec(job))
    if not looked:
        return {}
    if handle is not None:
        return {"handle": handle, "beat_at": observation.clock}
    if job.cancelled_at is not None:
        ending = _ending(JobState.CANCELLED, ErrorKind.NONE, "Cancelled before it started.", folder)
        return ending | {"finished_at": timestamp(observation.clock)}
    if job.claims >= MAX_CLAIMS:
        reason = f"worker lost: it could not be started in {job.claims} attempts; the app's own log says why."
        ending = _ending(JobState.FAILED, ErrorKind.LOST, reason, folder)
        return ending | {"finished_at": timestamp(observation.clock)}
    # The next attempt has another number, so a submission that is only slow ends as soon as it sees that.
    return {"state": JobState.QUEUED, "attempt": job.attempt + 1, "started_at": None}


def _overdue(job: Job, progress: Progress | None, quiet_s: float) -> bool:
    """Whether a worker is far beyond its time limit, by its own clock and by how long it has been silent here."""
    if progress is None or not job.resources.time_limit_min or not progress.heartbeat:
        return False
    began, last = (datetime.fromisoformat(moment) for moment in (progress.started_at, progress.heartbeat))
    return (last - began).total_seconds() + quiet_s > job.resources.time_limit_min * 60 + TIME_LIMIT_GRACE_S


def _overrun(job: Job, folder: JobFolder, observation: Observation) -> Columns:
    observation.backend.cancel(job.handle, force=True)
    reason = time_limit_text(job.resources.time_limit_min)
    ending = _ending(JobState.FAILED, ErrorKind.TIME_LIMIT, reason, folder)
    return ending | {"finished_at": timestamp(observation.clock)}


def _escalate(job: Job, state: BackendState, folder: JobFolder, observation: Observation) -> None:
    """Ask again, then louder: the file may have been written just before the folder was made ready."""
    folder.request_cancel()
    waited_s = seconds_since(job.cancelled_at, observation.clock)
    if state.phase is Phase.WAITING or waited_s >= KILL_AFTER_S:
        observation.backend.cancel(job.handle, force=True)
    elif waited_s >= TERM_AFTER_S:
        observation.backend.cancel(job.handle, force=False)
