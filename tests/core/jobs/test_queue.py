"""Submitting, attaching, cancelling, resuming and deleting, without running anything."""

from __future__ import annotations

import os
import signal
import threading
import time
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path

import pytest

from tamis.errors import ArtifactMissing, InvalidOptions, JobConflict, UnknownName
from tamis.jobs import job_table
from tamis.jobs.model import ErrorKind, Job, JobState
from tamis.jobs.scheduler import queue
from tests.core.jobs.engine import DATASET, PATIENCE_S, Engine, alive, pid_of
from tests.core.jobs.fakes import FakeBackend
from tests.core.jobs.steps_for_tests import STEPS


@pytest.fixture
def still(tmp_path: Path) -> Engine:
    """An engine whose workers never do anything by themselves."""
    return Engine.over(tmp_path, backends={"local": FakeBackend()}, cpu_slots=1)


def force(engine: Engine, job: Job, **columns: object) -> None:
    with engine.database.writing() as connection:
        assert job_table.change(connection, engine.job(job), columns)


def test_a_submitted_job_is_queued_with_complete_options(still: Engine) -> None:
    job = still.submit("count", n_parts=3, resources={"cpus": 2})
    assert still.job(job) == job
    assert job.state is JobState.QUEUED
    assert job.options == {"n_parts": 3, "part_s": 0.0, "seed": 0}
    assert job.resources.cpus == 2
    assert not still.folder(job).path.exists()


def test_a_second_request_for_the_same_result_attaches_and_raises_the_priority(still: Engine) -> None:
    first = still.submission("count", n_parts=3)
    second = still.submission("count", n_parts=3, part_s=0.0, priority=5)
    assert not first.attached
    assert second.attached
    assert second.job.job_id == first.job.job_id
    assert second.job.priority == 5
    assert not still.submission("count", n_parts=4).attached


def test_a_job_that_waits_for_a_place_that_is_down_moves_to_the_place_asked_for_next(still: Engine) -> None:
    waiting = still.submission("count", n_parts=3, resources={"cpus": 1})
    again = queue.submit(
        still.workspace, DATASET, "count", {"n_parts": 3},
        backend="slurm", resources={"cpus": 4}, steps=STEPS,
    )  # fmt: skip
    assert (again.attached, again.moved, again.job.job_id) == (True, True, waiting.job.job_id)
    assert (again.job.backend, again.job.resources.cpus) == ("slurm", 4)
    force(still, again.job, state=JobState.RUNNING)
    back = still.submission("count", n_parts=3)
    assert (back.attached, back.moved, back.job.backend) == (True, False, "slurm")


def test_a_result_that_is_there_is_not_computed_again(engine: Engine) -> None:
    done = engine.run(engine.submit("count", n_parts=2))
    again = engine.submission("count", n_parts=2)
    assert again.already_done
    assert again.job == done
    queue.delete(engine.workspace, done.job_id)
    recorded = engine.submission("count", n_parts=2)
    assert recorded.already_done
    assert (recorded.job.state, recorded.job.reason) == (JobState.SUCCEEDED, queue.ALREADY_COMPUTED)
    assert engine.tick().started == ()


def test_the_next_run_waits_for_no_worker_that_was_killed(engine: Engine) -> None:
    dead = engine.submit("count", n_parts=500, part_s=0.2)
    engine.tick()
    pid = pid_of(engine.job(dead))
    os.kill(pid, signal.SIGKILL)
    while alive(pid):
        time.sleep(0.02)
    again = engine.submission("count", n_parts=500, part_s=0.2)  # nobody has looked at the jobs in between
    assert not again.attached
    assert engine.job(dead).state is JobState.FAILED
    assert "worker lost" in engine.job(dead).reason
    queue.cancel(engine.workspace, again.job.job_id)


def test_what_a_worker_finished_after_its_command_was_killed_is_found(engine: Engine) -> None:
    job = engine.submit("count", n_parts=2)
    engine.tick()
    deadline = time.monotonic() + PATIENCE_S
    while engine.store.find(DATASET, job.kind, job.artifact_id) is None:  # nobody looks at the jobs
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert engine.job(job).state is JobState.RUNNING
    again = engine.submission("count", n_parts=2)
    assert (again.already_done, again.job.job_id) == (True, job.job_id)
    assert engine.run(job).state is JobState.SUCCEEDED


def test_bad_requests_are_refused_with_what_would_be_right(still: Engine) -> None:
    with pytest.raises(UnknownName, match="no step called 'dubble'.*double"):
        still.submit("dubble")
    with pytest.raises(InvalidOptions, match="n_prats is not an option here. Known: n_parts"):
        still.submit("count", n_prats=3)
    with pytest.raises(InvalidOptions, match="cores is not an option"):
        still.submit("count", resources={"cores": 3})
    with pytest.raises(ArtifactMissing, match="has no numbers yet"):
        still.submit("double")
    with pytest.raises(UnknownName, match="backend"):
        queue.submit(still.workspace, DATASET, "embed", {}, backend="moon")
    assert sum(job_table.counts(still.database).values()) == 0


def test_a_chain_can_be_submitted_at_once_and_each_waits_for_the_one_it_reads(still: Engine) -> None:
    numbers, doubled, tripled = still.submit("count"), still.submit("double"), still.submit("triple")
    assert doubled.waits_for == (numbers.job_id,)
    assert doubled.inputs == {"numbers": numbers.artifact_id}
    assert tripled.waits_for == (doubled.job_id,)


def test_the_newest_pending_result_is_read_unless_one_is_chosen(still: Engine) -> None:
    old, new = still.submit("count", seed=1), still.submit("count", seed=2)
    assert still.submit("double").inputs == {"numbers": new.artifact_id}
    assert still.submit("double", numbers=old.artifact_id).waits_for == (old.job_id,)


def test_a_job_that_is_being_cancelled_promises_nothing(still: Engine) -> None:
    job = still.submit("count")
    still.tick()
    assert queue.cancel(still.workspace, job.job_id).cancelling
    with pytest.raises(ArtifactMissing):
        still.submit("double")


def test_a_queued_job_is_cancelled_at_once(still: Engine) -> None:
    job = queue.cancel(still.workspace, still.submit("count").job_id)
    assert job.state is JobState.CANCELLED
    assert job.finished_at is not None
    assert still.tick().started == ()
    with pytest.raises(JobConflict, match="cancelled already"):
        queue.cancel(still.workspace, job.job_id)


def test_a_job_that_is_put_first_brings_along_what_it_needs(still: Engine) -> None:
    early, numbers, doubled = still.submit("count", seed=7), still.submit("count"), still.submit("double")
    assert doubled.waits_for == (numbers.job_id,)
    queue.run_first(still.workspace, doubled.job_id)
    assert still.job(numbers).priority == still.job(doubled).priority == 1 > still.job(early).priority
    assert still.tick().started == (numbers.job_id,)  # one slot
    with pytest.raises(JobConflict, match="only one that waits"):
        queue.run_first(still.workspace, numbers.job_id)
    with pytest.raises(UnknownName):
        queue.run_first(still.workspace, "20260101-000000-zzzz")


def test_resume_is_for_failed_and_cancelled_jobs_only(still: Engine) -> None:
    job = still.submit("count")
    with pytest.raises(JobConflict, match="queued; only failed and cancelled"):
        queue.resume(still.workspace, job.job_id)
    force(still, job, state=JobState.SUCCEEDED)
    with pytest.raises(JobConflict, match="succeeded"):
        queue.resume(still.workspace, job.job_id)


def test_resume_queues_the_same_job_with_a_new_attempt(still: Engine) -> None:
    job = still.submit("count")
    force(still, job, state=JobState.FAILED, reason="r", error_kind=ErrorKind.LOST, log_tail="l", claims=2)
    again = queue.resume(still.workspace, job.job_id)
    assert again.job_id == job.job_id
    assert (again.state, again.attempt, again.claims) == (JobState.QUEUED, 2, 0)
    assert (again.reason, again.error_kind, again.log_tail) == ("", ErrorKind.NONE, "")


def test_resume_is_refused_while_another_job_makes_the_same(still: Engine) -> None:
    job = still.submit("count")
    force(still, job, state=JobState.FAILED)
    still.submit("count")
    with pytest.raises(JobConflict, match="already making"):
        queue.resume(still.workspace, job.job_id)


def test_resuming_the_root_of_a_failed_chain_brings_the_chain_along(still: Engine) -> None:
    chain = [still.submit("count"), still.submit("double"), still.submit("triple")]
    force(still, chain[0], state=JobState.FAILED, reason="the disk is full")
    still.tick()
    failed = [still.job(job) for job in chain]
    assert [job.state for job in failed] == [JobState.FAILED] * 3
    assert [job.error_kind for job in failed[1:]] == [ErrorKind.DEPENDENCY] * 2
    for job in failed[1:]:
        assert "count" in job.reason
        assert chain[0].job_id in job.reason
        assert "the disk is full" in job.reason
    with pytest.raises(JobConflict, match="resume that one"):
        queue.resume(still.workspace, chain[2].job_id)
    queue.resume(still.workspace, chain[0].job_id)
    assert [still.job(job).state for job in chain] == [JobState.QUEUED] * 3


def test_a_job_under_way_cannot_be_deleted(still: Engine) -> None:
    job = still.submit("count")
    with pytest.raises(JobConflict, match="Cancel it first"):
        queue.delete(still.workspace, job.job_id)
    assert still.job(job).state is JobState.QUEUED


def test_deleting_a_failed_job_removes_its_folder_and_leftovers(still: Engine) -> None:
    job = still.submit("count")
    still.tick()
    leftover = still.store.artifact_path(DATASET, job.kind, f".{job.artifact_id}.partial")
    leftover.mkdir(parents=True)
    (leftover / "half").touch()
    force(still, job, state=JobState.FAILED)
    queue.delete(still.workspace, job.job_id)
    assert not leftover.exists()
    assert not still.folder(job).path.exists()
    with pytest.raises(UnknownName, match="no job called"):
        job_table.get(still.database, job.job_id)


def test_leftovers_stay_while_another_job_may_go_on_from_them(still: Engine) -> None:
    first = still.submit("count")
    force(still, first, state=JobState.FAILED)
    still.submit("count")
    leftover = still.store.artifact_path(DATASET, first.kind, f".{first.artifact_id}.partial")
    leftover.mkdir(parents=True)
    queue.delete(still.workspace, first.job_id)
    assert leftover.exists()


def test_deleting_a_succeeded_job_keeps_its_artifact(engine: Engine) -> None:
    done = engine.run(engine.submit("count", n_parts=1))
    queue.delete(engine.workspace, done.job_id)
    assert engine.artifact(done).file("numbers.npy").is_file()


def test_jobs_are_listed_newest_first_by_every_filter(still: Engine) -> None:
    jobs = [still.submit("nothing", number=number) for number in range(5)] + [still.submit("count")]
    force(still, jobs[0], state=JobState.FAILED)
    ids = [job.job_id for job in jobs]
    assert [job.job_id for job in job_table.list_jobs(still.database)] == ids[::-1]
    assert [job.job_id for job in job_table.list_jobs(still.database, limit=2, offset=1)] == ids[::-1][1:3]
    assert [j.job_id for j in job_table.list_jobs(still.database, states=(JobState.FAILED,))] == ids[:1]
    assert [j.job_id for j in job_table.list_jobs(still.database, dataset_id=DATASET, step="count")] == ids[
        -1:
    ]
    assert job_table.list_jobs(still.database, dataset_id="' OR 1=1 --") == []
    assert job_table.counts(still.database)[JobState.QUEUED] == 5
    assert job_table.counts(still.database, step="nothing")[JobState.FAILED] == 1


def test_ids_sort_by_time_and_are_unique(still: Engine) -> None:
    ids = [still.submit("nothing", number=number).job_id for number in range(30)]
    assert ids == sorted(set(ids))


def test_many_submitters_of_one_result_get_one_job(still: Engine) -> None:
    found: list[str] = []
    threads = [
        threading.Thread(target=lambda: found.append(still.submit("count", n_parts=9).job_id))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1


def test_cancelling_all_of_it_spares_what_another_job_needs(still: Engine) -> None:
    shared, own = still.submit("count", n_parts=2), still.submit("count", n_parts=3)
    last, other = still.submit("nothing", number=1), still.submit("nothing", number=2)
    force(still, last, waits_for=(shared.job_id, own.job_id))
    force(still, other, waits_for=(shared.job_id,))
    stopped = queue.cancel_with_inputs(still.workspace, last.job_id)
    assert [job.job_id for job in stopped] == [last.job_id, own.job_id]
    states = [still.job(job).state for job in (shared, own, last, other)]
    assert states == [JobState.QUEUED, JobState.CANCELLED, JobState.CANCELLED, JobState.QUEUED]


def test_jobs_are_in_the_order_of_asking_after_the_clock_went_back(
    still: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = still.submit("nothing")

    class YearAgo(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:
            return datetime.now(tz or UTC) - timedelta(days=365)

    monkeypatch.setattr(queue, "datetime", YearAgo)
    second = still.submit("count", n_parts=2)
    assert second.submitted_at < first.submitted_at
    assert [one.job_id for one in job_table.list_jobs(still.database)] == [second.job_id, first.job_id]
    assert second.sequence > first.sequence
