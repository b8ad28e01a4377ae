"""What one look at the jobs does, with a backend that says what it is told to say."""

from __future__ import annotations

import multiprocessing
import threading
import time
from pathlib import Path

import pytest

from tamis.jobs import job_table
from tamis.jobs.backends import BackendState, Phase
from tamis.jobs.model import ErrorKind, Job, JobResult, JobState, Progress
from tamis.jobs.scheduler import queue
from tamis.jobs.scheduler.reconcile import CLAIM_GRACE_S, KILL_AFTER_S, MAX_CLAIMS, TERM_AFTER_S
from tamis.jobs.scheduler.start import MAX_STARTS, spec_of
from tests.core.jobs.engine import DATASET, Engine
from tests.core.jobs.fakes import FakeBackend, succeed
from tests.support import scale

ENDED = BackendState(Phase.ENDED)
UNKNOWN = BackendState(Phase.UNKNOWN, "the scheduler does not answer")


@pytest.fixture
def fake() -> FakeBackend:
    return FakeBackend()


@pytest.fixture
def still(tmp_path: Path, fake: FakeBackend) -> Engine:
    """An engine with one slot whose workers do nothing by themselves."""
    return Engine.over(tmp_path, backends={"local": fake}, cpu_slots=1, gpu_slots=1)


def started(engine: Engine, *, resources: object = None) -> Job:
    job = engine.submit("nothing", resources=resources)
    assert engine.tick().started == (job.job_id,)
    return engine.job(job)


def report(engine: Engine, job: Job, **values: object) -> None:
    progress = Progress(**{"attempt": job.attempt, "stage": "work", "beat": 1, **values})
    engine.folder(job).write(engine.folder(job).progress_path, progress)


def later(seconds: float) -> object:
    moment = time.time() + seconds
    return lambda: moment


def test_only_as_many_jobs_run_as_there_are_slots(still: Engine, fake: FakeBackend) -> None:
    jobs = [still.submit("nothing", number=number) for number in range(3)]
    assert still.tick().started == (jobs[0].job_id,)
    assert still.tick().started == ()
    succeed(still.folder(jobs[0]), spec_of(still.job(jobs[0])))
    seen = still.tick()
    assert (seen.finished, seen.started, seen.n_under_way) == ((jobs[0].job_id,), (jobs[1].job_id,), 2)
    assert still.job(jobs[2]).state is JobState.QUEUED


def test_a_job_takes_a_slot_for_each_of_its_workers_and_never_waits_for_more_than_there_are(
    tmp_path: Path, fake: FakeBackend
) -> None:
    engine = Engine.over(tmp_path, backends={"local": fake}, cpu_slots=3)
    wants = ({"workers": 2}, {"workers": 2}, {"workers": 50})
    two, two_more, many = (engine.submit("nothing", number=n, resources=r) for n, r in enumerate(wants))
    order = []
    for _ in range(3):
        (job_id,) = engine.tick().started
        order.append(job_id)
        job = job_table.get(engine.database, job_id)
        succeed(engine.folder(job), spec_of(job))
    assert order == [two.job_id, two_more.job_id, many.job_id]


def test_priority_comes_first_then_order_of_submission(still: Engine) -> None:
    low, high, high_too = (still.submit("nothing", number=n, priority=p) for n, p in enumerate((0, 7, 7)))
    order = []
    for _ in range(3):
        (job_id,) = still.tick().started
        order.append(job_id)
        succeed(
            still.folder(job_table.get(still.database, job_id)),
            spec_of(job_table.get(still.database, job_id)),
        )
    assert order == [high.job_id, high_too.job_id, low.job_id]


def test_a_gpu_job_takes_gpus_and_lets_a_cpu_job_run_beside_it(still: Engine) -> None:
    wants = ({"gpus": 1}, {"gpus": 1}, {})
    first, second, third = (
        still.submit("nothing", number=n, resources=resources) for n, resources in enumerate(wants)
    )
    assert still.tick().started == (first.job_id, third.job_id)
    assert still.job(second).state is JobState.QUEUED


def test_a_job_that_wants_more_gpus_than_there_are_fails_and_says_so(still: Engine) -> None:
    job = still.submit("nothing", resources={"gpus": 4})
    still.tick()
    assert still.job(job).error_kind is ErrorKind.REQUEST
    assert "asks for 4 GPUs and this machine lends 1" in still.job(job).reason


def test_a_dependant_waits_until_its_input_is_there(still: Engine) -> None:
    first, second = still.submit("count"), still.submit("double", priority=9)
    assert still.tick().started == (first.job_id,)
    succeed(still.folder(first), spec_of(still.job(first)))
    assert still.tick().started == (second.job_id,)


def test_a_cancelled_dependency_fails_its_dependants(still: Engine) -> None:
    first, second = still.submit("count"), still.submit("double")
    queue.cancel(still.workspace, first.job_id)
    still.tick()
    failed = still.job(second)
    assert (failed.state, failed.error_kind) == (JobState.FAILED, ErrorKind.DEPENDENCY)
    assert f"count (job {first.job_id}), which it needs, was cancelled" in failed.reason


def test_progress_reaches_the_row(still: Engine) -> None:
    job = started(still)
    report(still, job, done=3, total=12)
    still.tick()
    assert still.job(job).progress.fraction == 0.25


@pytest.mark.parametrize("content", [b"", b"{", b'{"stage": 7}', b"\xff\xfe\x00", b"[]", b"null"])
def test_a_half_written_report_changes_nothing(still: Engine, content: bytes) -> None:
    job = started(still)
    report(still, job, done=3, total=12)
    still.tick()
    still.folder(job).progress_path.write_bytes(content)
    still.folder(job).result_path.write_bytes(content)
    still.tick()
    assert still.job(job).state is JobState.RUNNING
    assert still.job(job).progress.done == 3


def test_files_of_an_earlier_attempt_are_not_believed(still: Engine) -> None:
    job = started(still)
    report(still, job, done=3, attempt=7)
    stale = JobResult(attempt=7, state=JobState.FAILED, artifact_id=job.artifact_id, reason="long ago")
    still.folder(job).write(still.folder(job).result_path, stale)
    still.tick()
    assert still.job(job).state is JobState.RUNNING
    assert still.job(job).progress.done == 0


def test_a_worker_that_ended_without_a_result_is_lost(still: Engine, fake: FakeBackend) -> None:
    job = started(still)
    still.folder(job).log_path.write_text("the last words\n")
    fake.states[job.handle] = BackendState(Phase.ENDED, "its process ended with exit code 9")
    assert still.tick().finished == (job.job_id,)
    lost = still.job(job)
    assert (lost.state, lost.error_kind, lost.log_tail) == (
        JobState.FAILED,
        ErrorKind.LOST,
        "the last words",
    )
    assert lost.reason.startswith("worker lost: its process ended with exit code 9")
    assert (job.handle, True) in fake.cancelled, "what the worker had started is ended with it"


def test_a_backend_that_knows_why_is_believed(still: Engine, fake: FakeBackend) -> None:
    job = started(still)
    fake.states[job.handle] = BackendState(Phase.ENDED, "TIMEOUT after 60 min", ErrorKind.TIME_LIMIT)
    still.tick()
    assert still.job(job).error_kind is ErrorKind.TIME_LIMIT
    assert "TIMEOUT after 60 min" in still.job(job).reason


def test_a_success_without_its_artifact_is_a_failure(still: Engine) -> None:
    job = started(still)
    result = JobResult(attempt=1, state=JobState.SUCCEEDED, artifact_id=job.artifact_id)
    still.folder(job).write(still.folder(job).result_path, result)
    still.tick()
    assert still.job(job).state is JobState.FAILED
    assert "is not there" in still.job(job).reason


def test_a_backend_that_cannot_be_reached_loses_nothing_while_the_heart_beats(
    still: Engine, fake: FakeBackend
) -> None:
    job = started(still)
    fake.unreachable = True
    timeout = still.settings.heartbeat_timeout_s
    for beat in range(1, 5):
        # The worker's clock is years off: only that the count changed is looked at.
        report(still, job, beat=beat, heartbeat="1999-01-01T00:00:00+00:00")
        still.tick(now=later(beat * timeout * 0.9))
    assert still.job(job).state is JobState.RUNNING
    still.tick(now=later(6 * timeout))
    lost = still.job(job)
    assert lost.state is JobState.FAILED
    assert "no sign of life for 120 s" in lost.reason
    assert "the cluster does not answer" in lost.reason


def test_a_silent_worker_that_its_backend_says_is_alive_goes_on(still: Engine) -> None:
    job = started(still)
    still.tick(now=later(3600))
    assert still.job(job).state is JobState.RUNNING


def test_a_worker_that_ignores_its_time_limit_is_ended(still: Engine, fake: FakeBackend) -> None:
    job = started(still, resources={"time_limit_min": 2})
    began = "1999-01-01T00:00:00+00:00"
    report(still, job, beat=1, started_at=began, heartbeat="1999-01-01T00:02:20+00:00")
    still.tick()
    assert still.job(job).state is JobState.RUNNING, "it may still stop by itself"
    report(still, job, beat=2, started_at=began, heartbeat="1999-01-01T00:02:40+00:00")
    still.tick()
    assert (still.job(job).state, still.job(job).error_kind) == (JobState.FAILED, ErrorKind.TIME_LIMIT)
    assert fake.cancelled == [(job.handle, True)]


def test_cancelling_escalates_from_asking_to_force(still: Engine, fake: FakeBackend) -> None:
    job = started(still)
    queue.cancel(still.workspace, job.job_id)
    assert still.folder(job).cancel_path.exists()
    still.tick()
    assert fake.cancelled == []
    still.tick(now=later(TERM_AFTER_S + 0.1))
    assert fake.cancelled == [(job.handle, False)]
    still.tick(now=later(KILL_AFTER_S + 0.1))
    assert fake.cancelled[-1] == (job.handle, True)
    still.tick()
    assert still.job(job).state is JobState.CANCELLED


def test_a_worker_that_saw_our_signal_before_our_request_is_cancelled_and_not_lost(
    still: Engine, fake: FakeBackend
) -> None:
    job = started(still)
    queue.cancel(still.workspace, job.job_id)
    still.tick(now=later(TERM_AFTER_S + 0.1))
    folder = still.folder(job)
    told = {"state": JobState.FAILED, "error_kind": ErrorKind.TERMINATED, "reason": "stopped by SIGTERM"}
    folder.write(folder.result_path, JobResult(attempt=1, artifact_id=job.artifact_id, **told))
    fake.states[job.handle] = BackendState(Phase.ENDED)
    still.tick(now=later(TERM_AFTER_S + 0.2))
    assert (still.job(job).state, still.job(job).error_kind) == (JobState.CANCELLED, ErrorKind.NONE)


def test_a_job_that_waits_in_its_scheduler_is_cancelled_there_at_once(
    still: Engine, fake: FakeBackend
) -> None:
    job = started(still)
    fake.states[job.handle] = BackendState(Phase.WAITING)
    queue.cancel(still.workspace, job.job_id)
    still.tick()
    still.tick()
    assert still.job(job).state is JobState.CANCELLED


def test_a_refused_submission_fails_the_job_with_the_refusal(still: Engine, fake: FakeBackend) -> None:
    fake.refusal = "sbatch: error: invalid partition 'gpus'. Known: main."
    job = still.submit("nothing")
    assert still.tick().started == ()
    failed = still.job(job)
    assert (failed.state, failed.error_kind) == (JobState.FAILED, ErrorKind.BACKEND)
    assert "invalid partition" in failed.reason
    fake.refusal = ""
    queue.resume(still.workspace, job.job_id)
    assert still.tick().started == (job.job_id,)


def test_jobs_wait_while_their_backend_is_not_available(still: Engine, fake: FakeBackend) -> None:
    fake.unavailable = "No Ray head answers at 127.0.0.1:8265. Start one."
    job = still.submit("nothing")
    still.tick()
    assert (still.job(job).state, still.job(job).reason) == (JobState.QUEUED, fake.unavailable)
    fake.unavailable = None
    assert still.tick().started == (job.job_id,)
    assert still.job(job).reason == ""


def test_jobs_of_a_backend_that_is_gone_wait_and_say_so(still: Engine) -> None:
    queued, running = still.submit("nothing", number=1), started_on(still, "moon")
    assert still.tick().started == (queued.job_id,)
    with still.database.writing() as connection:
        connection.execute("UPDATE jobs SET state = 'queued' WHERE backend = 'moon'")
    still.tick()
    assert "no backend 'moon'" in still.job(running).reason


def started_on(engine: Engine, backend: str) -> Job:
    job = engine.submit("nothing", number=2)
    with engine.database.writing() as connection:
        connection.execute(
            "UPDATE jobs SET state = 'running', handle = 'x', backend = ?, beat_at = ? WHERE job_id = ?",
            (backend, time.time(), job.job_id),
        )
    return job


def claimed_by_a_submitter_that_died(engine: Engine, fake: FakeBackend) -> Job:
    job = started(engine)
    with engine.database.writing() as connection:
        connection.execute("UPDATE jobs SET handle = ''")
    fake.submitted.clear()
    return engine.job(job)


def test_a_claim_without_a_submission_is_queued_again_after_a_while(still: Engine, fake: FakeBackend) -> None:
    job = claimed_by_a_submitter_that_died(still, fake)
    assert still.tick().requeued == ()
    seen = still.tick(now=later(CLAIM_GRACE_S + 1))
    assert seen.requeued == (job.job_id,)
    assert seen.started == (job.job_id,)
    again = still.job(job)
    assert (again.attempt, again.handle) == (2, f"{job.job_id}/2")
    assert still.folder(job).read_spec().attempt == 2, "a late worker of attempt 1 sees that it is too late"


def test_a_claim_whose_submission_is_found_goes_on_with_it(still: Engine, fake: FakeBackend) -> None:
    job = claimed_by_a_submitter_that_died(still, fake)
    fake.found[job.job_id] = "found"
    still.tick(now=later(CLAIM_GRACE_S + 1))
    assert (still.job(job).handle, still.job(job).attempt) == ("found", 1)
    assert not fake.submitted


def test_a_claim_that_fails_again_and_again_is_lost(still: Engine, fake: FakeBackend) -> None:
    job = claimed_by_a_submitter_that_died(still, fake)
    for number in range(1, MAX_CLAIMS):
        still.tick(now=later(number * (CLAIM_GRACE_S + 1)))
        with still.database.writing() as connection:
            connection.execute("UPDATE jobs SET handle = ''")
    still.tick(now=later(MAX_CLAIMS * (CLAIM_GRACE_S + 1)))
    assert still.job(job).state is JobState.FAILED
    assert "could not be started" in still.job(job).reason


def test_a_submission_that_comes_too_late_is_taken_back(still: Engine, fake: FakeBackend) -> None:
    class Slow(FakeBackend):
        def submit(self, folder: object, spec: object) -> str:
            with still.database.writing() as connection:
                connection.execute("UPDATE jobs SET state = 'queued', attempt = attempt + 1")
            return "late"

    slow = Slow()
    engine = Engine.over(still.workspace.path, backends={"local": slow})
    job = engine.submit("nothing")
    assert engine.tick().started == ()
    assert slow.cancelled == [("late", True)]
    assert engine.job(job).handle == ""


def test_a_full_disk_at_the_start_fails_the_job_and_nothing_else(still: Engine) -> None:
    job = still.submit("nothing")
    (still.workspace.path / "jobs").write_text("a file where the folder should be")
    still.tick()
    assert still.job(job).state is JobState.FAILED
    assert still.job(job).error_kind is ErrorKind.BACKEND


def test_finished_jobs_cost_nothing(still: Engine) -> None:
    job = still.submit("nothing")
    with still.database.writing() as connection:
        for number in range(5000):
            connection.execute(
                "INSERT INTO jobs SELECT 'old-' || ?, dataset_id, step, options, inputs, input_kinds, kind, "
                "'a' || ?, format_version, identity, waits_for, backend, resources, priority, 'succeeded', handle, "
                "reason, error_kind, log_tail, progress, attempt, claims, beat_at, submitted_at, started_at, "
                "finished_at, cancelled_at, sequence FROM jobs WHERE job_id = ?",
                (number, number, job.job_id),
            )
    still.tick()
    begun = time.perf_counter()
    for _ in range(10):
        still.tick()
    assert (time.perf_counter() - begun) / 10 < 0.1


def submit_all(workspace: Path, numbers: range) -> None:
    own = Engine.over(workspace, backends={"local": FakeBackend()})
    for number in numbers:
        own.submit("nothing", number=number)


@pytest.mark.slow
def test_many_jobs_from_four_submitters_run_exactly_once_each(tmp_path: Path) -> None:
    fake = FakeBackend(finish=True)
    engine = Engine.over(tmp_path, backends={"local": fake}, cpu_slots=MAX_STARTS)
    n_jobs, n_submitters = scale.times(200, 2000), 4
    errors: list[BaseException] = []

    def look() -> None:
        own = Engine.over(tmp_path, backends={"local": fake}, cpu_slots=MAX_STARTS)
        deadline = time.monotonic() + 120
        while job_table.counts(own.database)[JobState.SUCCEEDED] < n_jobs and time.monotonic() < deadline:
            own.tick()

    threading.excepthook, before = (lambda hook: errors.append(hook.exc_value)), threading.excepthook
    # Submitters are processes, as several command lines are; the lookers share the one backend that counts.
    spawned = multiprocessing.get_context("spawn")
    numbers = [range(first, n_jobs, n_submitters) for first in range(n_submitters)]
    submitters = [spawned.Process(target=submit_all, args=(tmp_path, mine)) for mine in numbers]
    lookers = [threading.Thread(target=look) for _ in range(2)]
    for one in (*submitters, *lookers):
        one.start()
    for one in (*submitters, *lookers):
        one.join()
    threading.excepthook = before
    assert errors == []
    assert [one.exitcode for one in submitters] == [0] * n_submitters
    assert job_table.counts(engine.database) == {
        JobState.QUEUED: 0,
        JobState.RUNNING: 0,
        JobState.SUCCEEDED: n_jobs,
        JobState.FAILED: 0,
        JobState.CANCELLED: 0,
    }
    assert len(fake.submitted) == n_jobs
    assert set(fake.submitted.values()) == {1}
    begun = time.perf_counter()
    assert len(job_table.list_jobs(engine.database, dataset_id=DATASET, limit=100)) == 100
    assert time.perf_counter() - begun < 0.5


def test_two_lookers_never_start_more_than_there_are_slots(tmp_path: Path) -> None:
    fake = FakeBackend()
    engines = [Engine.over(tmp_path, backends={"local": fake}, cpu_slots=3) for _ in range(4)]
    for number in range(20):
        engines[0].submit("nothing", number=number)
    threads = [threading.Thread(target=engine.tick) for engine in engines]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(fake.submitted.values()) == 3
