"""Real workers in real processes: they succeed, fail, die and are resumed."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

import numpy as np
import pytest

from tamis.jobs.model import ErrorKind, JobState
from tamis.jobs.scheduler import queue
from tests.core.jobs.engine import DATASET, Engine, alive, pid_of

N_PARTS = 30


def expected_numbers(seed: int, n_parts: int) -> np.ndarray:
    seeds = np.random.default_rng(seed).integers(0, 2**31, n_parts)
    return np.concatenate([np.random.default_rng(s).normal(size=100) for s in seeds])


def test_a_job_succeeds_and_leaves_artifact_result_curve_log_and_timings(engine: Engine) -> None:
    job = engine.submit("count", n_parts=3, resources={"cpus": 1})
    done = engine.run(job)
    assert (done.state, done.reason, done.error_kind) == (JobState.SUCCEEDED, "", ErrorKind.NONE)
    artifact = engine.artifact(job)
    np.testing.assert_array_equal(np.load(artifact.file("numbers.npy")), expected_numbers(0, 3))
    assert artifact.manifest.options == {"n_parts": 3, "part_s": 0.0, "seed": 0}
    assert artifact.manifest.step == "count"
    folder = engine.folder(job)
    assert [p.value for p in folder.read_metrics()["part"]] == [0, 1, 2]
    assert set(done.progress.timings) == {"starting", "count"}
    assert done.progress.peak_memory_gb > 0.01
    assert "attempt 1: count" in folder.log_tail()
    assert not folder.reserve_path.exists()
    assert done.started_at is not None
    assert done.finished_at is not None
    assert done.started_at <= done.finished_at


@pytest.mark.parametrize(
    ("how", "kind", "said"),
    [
        ("request", ErrorKind.REQUEST, "line 3 of data.jsonl is no JSON. Mend it and import again."),
        ("bug", ErrorKind.BUG, "ValueError: seven is not a colour. The log has the traceback."),
        ("memory", ErrorKind.OUT_OF_MEMORY, "Lower the batch size"),
        ("disk", ErrorKind.OUT_OF_DISK, "bytes are free there"),
        ("exit", ErrorKind.LOST, "exit code 7"),
    ],
)
def test_a_failure_names_its_cause(engine: Engine, how: str, kind: ErrorKind, said: str) -> None:
    job = engine.submit("misbehave", how=how)
    failed = engine.run(job)
    assert (failed.state, failed.error_kind) == (JobState.FAILED, kind)
    assert said in failed.reason
    assert "Traceback" not in failed.reason
    if how != "exit":
        assert "Traceback" in engine.folder(job).log_tail()
    if how == "disk":
        assert "half.txt" in failed.reason


def test_a_long_log_is_cut_to_its_tail(engine: Engine) -> None:
    failed = engine.run(engine.submit("misbehave", how="flood"))
    assert len(failed.log_tail) < 10_000
    assert "seven is not a colour" in failed.log_tail


def test_a_killed_worker_is_lost_and_resumes_from_its_parts(engine: Engine) -> None:
    job = engine.submit("count", n_parts=N_PARTS, part_s=0.1)
    rng = random.Random(5)
    for attempt in range(2):
        running = engine.until_stage(job, "count", done=1 + 10 * attempt)
        time.sleep(rng.uniform(0, 0.3))
        os.kill(pid_of(running), signal.SIGKILL)
        lost = engine.run(job)
        assert (lost.state, lost.error_kind) == (JobState.FAILED, ErrorKind.LOST)
        assert lost.reason.startswith("worker lost: its process was killed by signal 9 (SIGKILL)")
        assert "resume" in lost.reason
        assert queue.resume(engine.workspace, job.job_id).attempt == attempt + 2
    done = engine.run(job)
    assert done.state is JobState.SUCCEEDED, done.reason
    np.testing.assert_array_equal(
        np.load(engine.artifact(job).file("numbers.npy")), expected_numbers(0, N_PARTS)
    )
    computed = (engine.workspace.path / "ledger.txt").read_text().splitlines()
    assert set(computed) == {f"0 {n}" for n in range(N_PARTS)}
    assert len(computed) <= N_PARTS + 2, "at most the part under way is computed twice for each kill"
    assert sorted(engine.artifact(job).manifest.files) == ["numbers.npy"]


def test_half_written_files_of_a_killed_attempt_are_not_in_the_artifact(engine: Engine) -> None:
    job = engine.submit("count", n_parts=2)
    partial = engine.store.artifact_path(DATASET, job.kind, job.artifact_id)
    partial = partial.with_name(f".{partial.name}.partial")
    (partial / "folder").mkdir(parents=True)
    (partial / "numbers.npy.tmp").write_text("half")
    assert engine.run(job).state is JobState.SUCCEEDED
    assert sorted(engine.artifact(job).manifest.files) == ["numbers.npy"]


@pytest.mark.parametrize("how", ["patient", "stubborn"])
def test_cancelling_takes_less_than_five_seconds(engine: Engine, how: str) -> None:
    job = engine.submit("misbehave", how=how)
    pid = pid_of(engine.until_stage(job, "misbehave"))
    begun = time.monotonic()
    assert queue.cancel(engine.workspace, job.job_id).cancelling
    cancelled = engine.run(job)
    assert time.monotonic() - begun < 5.0
    assert cancelled.state is JobState.CANCELLED
    assert cancelled.reason.startswith("Cancelled")
    deadline = time.monotonic() + 2.0
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not alive(pid)


def test_a_cancelled_job_resumes_from_its_parts(engine: Engine) -> None:
    job = engine.submit("count", n_parts=N_PARTS, part_s=0.1)
    engine.until_stage(job, "count", done=2)
    queue.cancel(engine.workspace, job.job_id)
    assert engine.run(job).state is JobState.CANCELLED
    before = len((engine.workspace.path / "ledger.txt").read_text().splitlines())
    assert 2 <= before < N_PARTS
    queue.resume(engine.workspace, job.job_id)
    assert engine.run(job).state is JobState.SUCCEEDED
    assert len((engine.workspace.path / "ledger.txt").read_text().splitlines()) == N_PARTS


def test_a_fresh_resume_starts_over(engine: Engine) -> None:
    job = engine.submit("count", n_parts=3)
    parts = engine.store.artifact_path(DATASET, job.kind, f".{job.artifact_id}.partial") / "parts"
    parts.mkdir(parents=True)
    (parts / "0000.npy").write_text("not an array")
    failed = engine.run(job)
    assert failed.state is JobState.FAILED
    queue.resume(engine.workspace, job.job_id, fresh=True)
    assert engine.run(job).state is JobState.SUCCEEDED


def test_sigterm_that_nobody_asked_for_is_a_resumable_failure(engine: Engine) -> None:
    job = engine.submit("misbehave", how="patient")
    os.kill(pid_of(engine.until_stage(job, "misbehave")), signal.SIGTERM)
    stopped = engine.run(job)
    assert (stopped.state, stopped.error_kind) == (JobState.FAILED, ErrorKind.TERMINATED)
    assert "SIGTERM" in stopped.reason


def test_a_worker_outlives_the_engine_that_started_it_and_another_one_finishes_it(engine: Engine) -> None:
    job = engine.submit("count", n_parts=8, part_s=0.1)
    pid = pid_of(engine.until_stage(job, "count"))
    another = Engine.over(engine.workspace.path)
    assert another.job(job).state is JobState.RUNNING
    assert another.run(job).state is JobState.SUCCEEDED
    assert os.getsid(os.getpid()) != pid


def test_an_artifact_that_appears_meanwhile_is_not_computed_again(engine: Engine) -> None:
    done = engine.run(engine.submit("count", n_parts=2))
    with engine.database.writing() as connection:
        connection.execute("UPDATE jobs SET state = 'queued', attempt = 2, handle = ''")
    again = engine.run(done)
    assert again.state is JobState.SUCCEEDED
    assert len((engine.workspace.path / "ledger.txt").read_text().splitlines()) == 2


def test_a_step_that_no_longer_exists_fails_with_the_names_that_do(engine: Engine) -> None:
    job = engine.submit("nothing")
    with engine.database.writing() as connection:
        connection.execute("UPDATE jobs SET step = 'embiggen'")
    failed = engine.run(job)
    assert failed.state is JobState.FAILED
    assert "There is no step called 'embiggen'. Known: count, double" in failed.reason


def test_a_step_whose_version_changed_asks_to_submit_again(engine: Engine) -> None:
    job = engine.submit("nothing")
    with engine.database.writing() as connection:
        connection.execute("UPDATE jobs SET artifact_id = '0123456789abcdef'")
    failed = engine.run(job)
    assert failed.error_kind is ErrorKind.REQUEST
    assert "Submit the step again" in failed.reason


@pytest.mark.parametrize(
    "name", ['it\'s a "test"', "two  words\nand a line", "répertoire été 文件夹 🧪", "-rf $HOME;x"]
)
def test_hostile_folder_names_do_no_harm(tmp_path: Path, name: str) -> None:
    engine = Engine.over(tmp_path / name)
    job = engine.submit("count", n_parts=2)
    assert engine.run(job).state is JobState.SUCCEEDED
    assert engine.artifact(job).file("numbers.npy").is_file()


def test_an_input_that_was_deleted_is_named(engine: Engine) -> None:
    first = engine.submit("count", n_parts=2)
    second = engine.submit("double")
    engine.run(first)
    (engine.artifact(first).path / "manifest.json").unlink()
    failed = engine.run(second)
    assert failed.error_kind is ErrorKind.REQUEST
    assert "has no numbers" in failed.reason
