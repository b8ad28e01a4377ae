"""Jobs that were queued to wait for each other are one group, whatever state each is in."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tamis.actions.job_groups import JobGroup, group_jobs
from tamis.jobs.model import Job, JobState, Progress, Resources


def job(number: int, step: str, *waits_for: int, **changed: object) -> Job:
    made = Job(
        job_id=f"job-{number}", dataset_id="d", step=step, options={}, identity={}, inputs={}, input_kinds={}, kind="", artifact_id="",
        format_version=1, waits_for=tuple(f"job-{one}" for one in waits_for), backend="local", resources=Resources(),
        priority=0, state=JobState.QUEUED, submitted_at=f"2026-01-01T00:00:{number:02}+00:00", sequence=number,
    )  # fmt: skip
    return replace(made, **changed)


def groups(*jobs: Job) -> list[list[str]]:
    """As the newest first are listed."""
    return [[one.job_id for one in group.jobs] for group in group_jobs(reversed(jobs))]


def test_what_waits_for_each_other_is_one_group_in_the_order_it_was_asked_for() -> None:
    chain = [job(1, "embed"), job(2, "cluster", 1), job(3, "project", 1), job(4, "select", 2, 9)]
    other = [job(5, "embed"), job(6, "cluster", 5)]
    assert groups(*chain, *other, job(7, "score")) == [
        ["job-7"],
        ["job-5", "job-6"],
        ["job-1", "job-2", "job-3", "job-4"],
    ]


def test_a_group_is_what_matters_most_of_its_jobs() -> None:
    def state(*states: JobState) -> JobState:
        return JobGroup(tuple(job(i, "embed", state=one) for i, one in enumerate(states))).state

    done, failed, waits, runs = JobState.SUCCEEDED, JobState.FAILED, JobState.QUEUED, JobState.RUNNING
    assert state(done, runs, failed, waits) is runs
    assert state(done, failed, waits) is failed
    assert state(done, waits) is waits
    assert state(done, JobState.CANCELLED) is JobState.CANCELLED
    assert state(done, done) is done


def test_it_says_how_far_it_is_and_what_it_waits_behind() -> None:
    ended = {
        "state": JobState.SUCCEEDED,
        "started_at": "2026-01-01T00:01:00+00:00",
        "finished_at": "2026-01-01T00:02:00+00:00",
    }
    first = job(1, "embed", **ended)
    running = job(
        2, "cluster", 1, state=JobState.RUNNING, progress=Progress(stage="k-means", done=1, total=2)
    )
    group = JobGroup((first, running, job(3, "project", 1)))
    assert group.fraction == pytest.approx(0.5)
    assert group.seconds is None
    assert group.says({}) == "Cluster: k-means · 1 of 2 · 1 of 3 done"
    waiting = JobGroup((first, job(2, "cluster", 1)))
    assert waiting.says({"job-2": "behind Embed of Other"}) == "Cluster behind Embed of Other · 1 of 2 done"
    whole = JobGroup((first, job(2, "cluster", 1, **ended | {"finished_at": "2026-01-01T00:03:00+00:00"})))
    assert whole.seconds == 120
    assert whole.says({}) == "Embed → Cluster"
    broken = JobGroup((first, job(2, "cluster", 1, state=JobState.FAILED, reason="It broke.")))
    assert broken.says({}) == "Cluster: It broke."
