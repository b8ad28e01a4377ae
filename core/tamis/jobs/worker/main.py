"""``python -m tamis.jobs.worker JOB_DIR ATTEMPT``: run one attempt of one job, say how it goes, and how it ended.

A worker touches its job folder and the artifact it makes, and never the database; so it runs the same as a local
process, a Ray job or a Slurm job.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import nullcontext, suppress
from functools import partial
from pathlib import Path
from types import FrameType

from tamis import __version__
from tamis.errors import CurationError, JobCancelled, JobConflict
from tamis.jobs.backends.node_script import ARRAY_TASK
from tamis.jobs.causes import (
    RESUME,
    explain_failure,
    offer_to_be_killed_first,
    peak_memory_gb,
    time_limit_text,
)
from tamis.jobs.folder import RESERVE_BYTES, JobFolder
from tamis.jobs.limited_process import run_limited
from tamis.jobs.limits import ReadLimits, limited_for_good
from tamis.jobs.model import ErrorKind, JobResult, JobSpec, JobState
from tamis.jobs.worker.array_pool import help_out
from tamis.jobs.worker.parallel import choose_parallel
from tamis.jobs.worker.reporter import FolderReporter, Stop
from tamis.models.endpoints import KeyHolder, ask_in_this_process_for
from tamis.models.pulse import listening
from tamis.registry import Table, parse_options
from tamis.settings import Settings
from tamis.steps import STEPS
from tamis.steps.chunks import Parallel
from tamis.steps.execute import Task, execute
from tamis.steps.plan import name_result
from tamis.steps.spec import Step
from tamis.store.artifacts.store import ArtifactStore, utc_now
from tamis.store.locks import FileLock
from tamis.store.modes import write_privately

logger = logging.getLogger("worker")

LOCK_WAIT_S = 10.0
NO_RESULT = 3  # exit code when the result could not be written; otherwise 0 succeeded, 1 anything else
Outcome = tuple[JobState, ErrorKind, str]


def main(arguments: Sequence[str] | None = None, *, steps: Table[Step] = STEPS) -> int:
    """Run the attempt that the command line names; returns the exit code."""
    path, attempt = (sys.argv[1:] if arguments is None else list(arguments))[:2]
    write_privately()  # a cluster starts it with an umask of its own
    _start_log()
    offer_to_be_killed_first()
    folder = JobFolder(Path(path))
    if task := int(os.environ.get(ARRAY_TASK, "0")):
        help_out(folder, int(attempt), task)
    return run_attempt(folder, int(attempt), steps=steps)


def run_attempt(folder: JobFolder, attempt: int, *, steps: Table[Step] = STEPS) -> int:
    """Run one attempt unless it has been superseded or another worker has it; returns the exit code."""
    lock = FileLock(folder.lock_path)
    if not _acquire(lock):
        logger.warning("Another worker has this job; nothing to do.")
        return 0
    try:
        spec = folder.read_spec()
    except CurationError as error:
        logger.error("%s", error)
        unread = JobResult(
            attempt=attempt,
            state=JobState.FAILED,
            artifact_id="",
            reason=str(error),
            error_kind=ErrorKind.REQUEST,
            finished_at=utc_now(),
        )
        return _write_result(folder, unread)
    if spec.attempt != attempt:
        logger.warning("Attempt %d was superseded by attempt %d; nothing to do.", attempt, spec.attempt)
        return 0
    return _run(folder, spec, steps)


def _run(folder: JobFolder, spec: JobSpec, steps: Table[Step]) -> int:
    reporter = FolderReporter(folder, spec)

    def terminate(_number: int, _frame: FrameType | None) -> None:
        reporter.request_stop(Stop.TERMINATED)

    signal.signal(signal.SIGTERM, terminate)
    logger.info("Job %s, attempt %d: %s (Tamis %s, process %d)", *_introduction(spec))
    _reserve(folder)
    reporter.start()
    state, kind, reason = _outcome(folder, spec, steps, reporter)
    folder.reserve_path.unlink(missing_ok=True)
    timings = reporter.close()
    if reporter.superseded():
        logger.warning("Attempt %d was superseded; its end is not recorded.", spec.attempt)
        return 0
    logger.info("%s after %s %s", state, ", ".join(f"{k} {v:.1f} s" for k, v in timings.items()), reason)
    result = JobResult(
        attempt=spec.attempt,
        state=state,
        artifact_id=spec.artifact_id,
        reason=reason,
        error_kind=kind,
        timings=timings,
        peak_memory_gb=peak_memory_gb(),
        finished_at=utc_now(),
    )
    return _write_result(folder, result)


def _outcome(folder: JobFolder, spec: JobSpec, steps: Table[Step], reporter: FolderReporter) -> Outcome:
    store = ArtifactStore(folder.workspace)
    ask_in_this_process_for(KeyHolder(spec.account, spec.roles, spec.at_machine))
    try:
        task = _checked(spec, steps)
        parallel = choose_parallel(spec.resources, folder, spec.attempt)
        # What an import reads comes from anybody; the other steps read what an import wrote, and now and then a file.
        limits = ReadLimits.of_import(Settings())
        limited = limited_for_good(limits) if spec.step == "import" else nullcontext()
        with limited, listening(reporter.hear):
            _execute(store, task, reporter, steps, parallel, limits)
    except JobCancelled:
        return _stopped(reporter.stop, spec)
    except BaseException as error:  # noqa: B036 - the process ends here; native extensions panic past Exception
        logger.exception("The step failed")
        if reporter.stop is Stop.CANCELLED:
            return _stopped(reporter.stop, spec)
        return JobState.FAILED, *explain_failure(error, store.workspace)
    return JobState.SUCCEEDED, ErrorKind.NONE, ""


def _checked(spec: JobSpec, steps: Table[Step]) -> Task:
    """The task, after checking that this version of Tamis would give it the same name."""
    step = steps[spec.step]
    options = parse_options(step.options, spec.options)
    if step.makes != spec.makes or name_result(step, options, spec.inputs) != spec.artifact_id:
        raise JobConflict(
            f"This job was submitted for {spec.step} (version {spec.format_version}) by Tamis {spec.tamis_version}; "
            f"Tamis {__version__} (version {step.format_version}) would make something else under that name. "
            "Submit the step again."
        )
    return Task(
        spec.dataset_id, spec.step, spec.options, spec.inputs, spec.input_kinds, artifact_id=spec.artifact_id
    )


def _execute(
    store: ArtifactStore,
    task: Task,
    reporter: FolderReporter,
    steps: Table[Step],
    parallel: Parallel,
    limits: ReadLimits,
) -> None:
    """Run the task; a worker that was stopped a moment ago may hold the artifact's lock for a little longer."""
    deadline = time.monotonic() + LOCK_WAIT_S
    while True:
        try:
            limited = partial(run_limited, limits=limits)
            execute(store, task, reporter, steps=steps, parallel=parallel, limited=limited)
            return
        except JobConflict:
            if time.monotonic() > deadline:
                raise
        time.sleep(0.2)


def _stopped(why: Stop, spec: JobSpec) -> Outcome:
    if why is Stop.TIME_LIMIT:
        return JobState.FAILED, ErrorKind.TIME_LIMIT, time_limit_text(spec.resources.time_limit_min)
    if why is Stop.TERMINATED:
        reason = f"worker lost: stopped by SIGTERM (a shutdown, or a scheduler's limit). {RESUME}"
        return JobState.FAILED, ErrorKind.TERMINATED, reason
    return JobState.CANCELLED, ErrorKind.NONE, f"Cancelled. {RESUME}"


def _write_result(folder: JobFolder, result: JobResult) -> int:
    try:
        folder.write(folder.result_path, result)
    except OSError:
        logger.exception("The result could not be written")
        return NO_RESULT
    return 0 if result.state is JobState.SUCCEEDED else 1


def _acquire(lock: FileLock) -> bool:
    deadline = time.monotonic() + LOCK_WAIT_S
    while not lock.acquire():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True


def _reserve(folder: JobFolder) -> None:
    """Keep some space back: removed before the result is written, so that a full disk can still be reported."""
    with suppress(OSError):
        folder.reserve_path.write_bytes(os.urandom(RESERVE_BYTES))


def _introduction(spec: JobSpec) -> tuple[str, int, str, str, int]:
    return spec.job_id, spec.attempt, spec.step, __version__, os.getpid()


def _start_log() -> None:
    logging.basicConfig(
        stream=sys.stdout, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
