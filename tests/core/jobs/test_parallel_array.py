"""One job's chunks over the tasks of an array, as processes of this machine that see each other by the folder alone."""

from __future__ import annotations

import math
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tamis.errors import CurationError
from tamis.jobs.backends import worker_command, worker_environment
from tamis.jobs.backends.node_script import ARRAY_TASK
from tamis.jobs.causes import FailedElsewhere, explain_failure
from tamis.jobs.folder import JobFolder
from tamis.jobs.model import ErrorKind, JobSpec, JobState, Resources
from tamis.jobs.worker import array_pool
from tamis.jobs.worker.array_pool import ArrayPool, Board
from tamis.jobs.worker.worker_pool import ChunkResult
from tamis.settings import app_folder
from tamis.steps.embed.step import CHUNK_ROWS
from tamis.store.artifacts.store import ArtifactStore
from tests.core.jobs.engine import alive
from tests.core.jobs.test_folder import SPEC
from tests.core.jobs.test_kill_and_resume import DATASET, run_here, spec_of, wait_for_parts, write_examples
from tests.core.jobs.test_parallel import HASHING, Marks, parts_of, same_bytes, until

N_ROWS = 20_000


@pytest.fixture
def tasks() -> Iterator[list[subprocess.Popen[bytes]]]:
    started: list[subprocess.Popen[bytes]] = []
    yield started
    for process in started:
        process.kill()
        process.wait()


def start(folder: JobFolder, spec: JobSpec, task: int) -> subprocess.Popen[bytes]:
    """As the script on a node does it."""
    with folder.log_path.open("ab") as log:
        return subprocess.Popen(
            worker_command(folder, spec),
            cwd=app_folder(),
            env={**os.environ, **worker_environment(spec), ARRAY_TASK: str(task)},
            stdout=log,
            stderr=log,
        )


def prepared(store: ArtifactStore, n_rows: int, attempt: int = 1) -> tuple[JobFolder, JobSpec]:
    if attempt == 1:
        write_examples(store, n_rows)
    spec = spec_of(store, "embed", HASHING, "job")
    spec = spec.model_copy(update={"resources": Resources(workers=3), "attempt": attempt})
    folder = JobFolder.of(store.workspace, spec.job_id)
    folder.prepare(spec)
    return folder, spec


def test_a_lost_task_costs_nothing_but_time_and_the_others_end_with_the_job(
    tmp_path: Path, tasks: list[subprocess.Popen[bytes]]
) -> None:
    calm, shared = ArtifactStore(tmp_path / "calm"), ArtifactStore(tmp_path / "shared")
    write_examples(calm, N_ROWS)
    expected = run_here(calm, "embed", HASHING)
    folder, spec = prepared(shared, N_ROWS)
    tasks += [start(folder, spec, task) for task in (1, 2)]
    until(lambda: folder.log_tail().count("ready to help") == 2, "the others are not ready")
    tasks.append(start(folder, spec, 0))
    wait_for_parts(parts_of(shared, spec), 2, tasks[2])
    tasks[0].send_signal(signal.SIGKILL)
    assert tasks[2].wait(60) == 0, folder.log_tail()
    result = folder.read_result(1)
    assert result is not None
    assert result.state is JobState.SUCCEEDED
    same_bytes(shared.get(DATASET, spec.makes, spec.artifact_id), expected)
    assert tasks[1].wait(20) == 0
    assert "Chunks computed by each task of the array: " in folder.log_tail()
    assert not list(folder.path.glob("chunks-*"))


def test_a_lost_job_takes_its_helpers_along_and_is_resumed_from_its_parts(
    tmp_path: Path, tasks: list[subprocess.Popen[bytes]]
) -> None:
    calm, shaken = ArtifactStore(tmp_path / "calm"), ArtifactStore(tmp_path / "shaken")
    write_examples(calm, N_ROWS)
    expected = run_here(calm, "embed", HASHING)
    folder, spec = prepared(shaken, N_ROWS)
    tasks += [start(folder, spec, task) for task in (1, 0)]
    wait_for_parts(parts_of(shaken, spec), 3, tasks[1])
    for process in tasks:  # as the scheduler does it, once the job's worker is lost
        process.kill()
        process.wait()
    before = {path.name: path.stat().st_mtime_ns for path in parts_of(shaken, spec).glob("*.npz")}
    assert 3 <= len(before) < math.ceil(N_ROWS / CHUNK_ROWS)
    folder, spec = prepared(shaken, N_ROWS, attempt=2)
    tasks += [start(folder, spec, task) for task in (0, 1)]
    wait_for_parts(parts_of(shaken, spec), len(before) + 1, tasks[2])
    now = {path.name: path.stat().st_mtime_ns for path in parts_of(shaken, spec).glob("*.npz")}
    assert not now or before.items() <= now.items(), "a finished part was made again"
    assert tasks[2].wait(60) == 0, folder.log_tail()
    same_bytes(shaken.get(DATASET, spec.makes, spec.artifact_id), expected)
    assert tasks[3].wait(20) == 0


def test_a_helper_ends_in_the_middle_of_a_chunk_once_the_job_is_cancelled_or_begun_anew(
    tmp_path: Path, tasks: list[subprocess.Popen[bytes]]
) -> None:
    folder, spec = prepared(ArtifactStore(tmp_path), 10)
    Board.lay_out(folder, 1, Marks(tmp_path, "sleeps"), [2])
    tasks.append(start(folder, spec, 1))
    until((tmp_path / "sleeper").exists, "the helper does not begin")
    folder.request_cancel()
    until(lambda: not alive(tasks[0].pid), "the helper outlives its job")
    (tmp_path / "sleeper").unlink()
    folder, _ = prepared(ArtifactStore(tmp_path), 10, attempt=2)
    tasks.append(start(folder, spec, 1))
    assert tasks[1].wait(20) == 0


def test_task_0_computes_what_others_have_taken_and_not_done(tmp_path: Path) -> None:
    folder = job_folder(tmp_path)
    landed: list[int | None] = []

    def listen(number: int | None) -> None:
        landed.append(number)
        if number == 0:
            (board,) = Board.of(folder, 1)
            assert [board.take(taken) for taken in (3, 4)] == [True, True]
            board.finish(4, 1, ChunkResult())

    ArrayPool(folder, 1).run(Marks(tmp_path), range(6), listen)
    assert sorted(number for number in landed if number is not None) == list(range(6))
    assert {path.name for path in tmp_path.iterdir()} == {"jobs", *"01235"}


def test_a_failure_in_another_task_is_the_jobs_own(tmp_path: Path) -> None:
    folder = job_folder(tmp_path)

    def listen(_: int | None) -> None:
        for board in Board.of(folder, 1):
            board.finish(5, 1, ChunkResult(ErrorKind.REQUEST, "chunk 5 is not a colour"))

    with pytest.raises(FailedElsewhere) as caught:
        ArrayPool(folder, 1).run(Marks(tmp_path), range(6), listen)
    assert explain_failure(caught.value, tmp_path) == (ErrorKind.REQUEST, "chunk 5 is not a colour")
    assert not Board.of(folder, 1)


def test_a_helper_leaves_a_silent_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ends: list[int] = []
    monkeypatch.setattr(array_pool.os, "_exit", ends.append)
    monkeypatch.setattr(array_pool, "SILENCE_S", 0.2)
    monkeypatch.setattr(array_pool, "LOOK_EVERY_S", 0.05)
    array_pool._end_with_task_0(job_folder(tmp_path), 1)
    assert ends == [0]


def test_work_of_another_user_is_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    board = Board.lay_out(job_folder(tmp_path), 1, Marks(tmp_path), [0])
    monkeypatch.setattr(array_pool.os, "getuid", lambda: -1)
    with pytest.raises(CurationError, match="another user"):
        board.read_work()


def job_folder(workspace: Path) -> JobFolder:
    folder = JobFolder.of(workspace, SPEC.job_id)
    folder.prepare(SPEC)
    return folder
