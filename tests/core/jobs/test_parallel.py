"""One job's chunks over several processes: the artifact is the one a single process makes, whoever dies meanwhile."""

from __future__ import annotations

import math
import os
import signal
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

import pytest

from tamis.errors import CurationError, JobCancelled
from tamis.jobs.causes import FailedElsewhere, explain_failure
from tamis.jobs.folder import JobFolder
from tamis.jobs.model import ErrorKind, JobSpec, Resources
from tamis.jobs.worker.local_pool import LocalPool, gpus_of, threads_each
from tamis.jobs.worker.parallel import choose_parallel
from tamis.jobs.worker.worker_pool import ChunkResult, PoolWorker, WorkerPool
from tamis.steps.chunks import ChunkWork, InThisProcess, Parallel
from tamis.steps.embed import step as embed
from tamis.steps.embed.step import CHUNK_ROWS
from tamis.steps.execute import Task, execute
from tamis.steps.plan import plan_step
from tamis.steps.score import step as score
from tamis.store.artifacts.store import Artifact, ArtifactStore
from tests.core.jobs.engine import alive
from tests.core.jobs.test_kill_and_resume import (
    DATASET,
    Silent,
    run_here,
    spec_of,
    start,
    wait_for_parts,
    write_examples,
)

HASHING = {"encoder": "hashing", "encoder_options": {"dimension": 32}}
N_ROWS = 10_000


@dataclass(frozen=True)
class Marks:
    """Chunks that leave a file each, or misbehave."""

    folder: Path
    how: str = ""

    def open(self) -> Callable[[int], None]:
        def compute(number: int) -> None:
            if number == 2:
                self._misbehave()
            (self.folder / str(number)).write_text(str(os.getpid()))

        return compute

    def _misbehave(self) -> None:
        first = self.folder / "first"
        if self.how == "always dies" or (self.how == "dies once" and not first.exists()):
            first.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        if self.how == "refuses":
            raise CurationError("chunk 2 is not a colour")
        if self.how == "sleeps":
            (self.folder / "sleeper").write_text(str(os.getpid()))
            time.sleep(60)


def local_pool(workspace: Path, n: int = 2) -> Parallel:
    return LocalPool(Resources(workers=n, cpus=n), workspace)


def run_parallel(store: ArtifactStore, step: str, values: dict, parallel: Parallel) -> Artifact:
    plan = plan_step(store, DATASET, step, values)
    task = Task(
        DATASET, step, plan.options.model_dump(mode="json"), plan.inputs, plan.input_kinds, plan.artifact_id
    )
    return execute(store, task, Silent(), parallel=parallel)


def same_bytes(one: Artifact, other: Artifact) -> None:
    assert one.manifest.files == other.manifest.files
    for name in one.manifest.files:
        assert one.file(name).read_bytes() == other.file(name).read_bytes(), name


@pytest.mark.parametrize(
    ("step", "values", "n_rows"),
    [("embed", HASHING, 16 * CHUNK_ROWS), ("score", {"scorer": "length"}, 20_000)],
    ids=["embed", "score"],
)
def test_a_pool_makes_the_bytes_that_one_process_makes(
    tmp_path: Path, step: str, values: dict, n_rows: int
) -> None:
    calm, shared = ArtifactStore(tmp_path / "calm"), ArtifactStore(tmp_path / "shared")
    write_examples(calm, n_rows)
    write_examples(shared, n_rows)
    expected = run_here(calm, step, values)
    made = run_parallel(shared, step, values, local_pool(shared.workspace))
    same_bytes(made, expected)
    summary = dict(made.summary)
    if step == "embed":
        # Every text stands twice: what one process had just encoded, another may have encoded at the same time.
        assert summary.pop("n_reused") <= expected.summary["n_reused"]
        assert summary["n_texts"] == 2 * n_rows
    assert summary == {name: expected.summary[name] for name in summary}


def test_embeddings_are_read_by_every_process_at_the_right_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(score, "CHUNK_ROWS", 97)
    calm, shared = ArtifactStore(tmp_path / "calm"), ArtifactStore(tmp_path / "shared")
    for store in (calm, shared):
        write_examples(store, 1000)
        run_here(store, "embed", HASHING)
    expected = run_here(calm, "score", {"scorer": "alignment"})
    made = run_parallel(shared, "score", {"scorer": "alignment"}, local_pool(shared.workspace))
    same_bytes(made, expected)


def test_what_a_model_was_asked_is_counted_over_all_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(score, "LLM_CHUNK_ROWS", 10)
    calm, shared = ArtifactStore(tmp_path / "calm"), ArtifactStore(tmp_path / "shared")
    write_examples(calm, 60)
    write_examples(shared, 60)
    values = {"scorer": "llm_rating", "llm": "scripted", "llm_options": {"answers": ["4", "2"]}}
    expected = run_here(calm, "score", values)
    made = run_parallel(shared, "score", values, local_pool(shared.workspace))
    same_bytes(made, expected)
    assert made.summary == expected.summary
    assert made.summary["n_questions"] + made.summary["n_reused"] >= 60


@pytest.mark.slow
@pytest.mark.nightly
def test_a_transformer_gives_the_same_vectors_up_to_rounding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import numpy as np

    pytest.importorskip("sentence_transformers")
    monkeypatch.setattr(embed, "CHUNK_ROWS", 32)
    calm, shared = ArtifactStore(tmp_path / "calm"), ArtifactStore(tmp_path / "shared")
    # Two chunks of the same texts, each side of the one being the other side of the other.
    write_examples(calm, 64)
    write_examples(shared, 64)
    values = {"encoder": "minilm"}
    expected = run_here(calm, "embed", values)
    made = run_parallel(shared, "embed", values, local_pool(shared.workspace))
    one, other = (np.load(artifact.file("vectors.npy")) for artifact in (made, expected))
    assert (one * other).sum(axis=1).min() > 0.999
    assert made.file("tokens.npy").read_bytes() == expected.file("tokens.npy").read_bytes()


def test_a_killed_job_of_several_processes_resumes_from_its_parts(tmp_path: Path) -> None:
    calm, shaken = ArtifactStore(tmp_path / "calm"), ArtifactStore(tmp_path / "shaken")
    write_examples(calm, N_ROWS)
    write_examples(shaken, N_ROWS)
    expected = run_here(calm, "embed", HASHING)
    spec = spec_of(shaken, "embed", HASHING, "job").model_copy(update={"resources": Resources(workers=2)})
    folder, parts = JobFolder.of(shaken.workspace, spec.job_id), parts_of(shaken, spec)
    worker = start(folder, spec)
    wait_for_parts(parts, 3, worker)
    members = [child.pid for child in children(worker.pid)]
    assert worker.poll() is None, "the job was done before it could be killed"
    worker.kill()
    worker.wait()
    until(lambda: not any(alive(pid) for pid in members), "members outlived their job")
    before = {path.name: path.stat().st_mtime_ns for path in parts.glob("*.npz")}
    assert len(members) == 2
    n_chunks = math.ceil(N_ROWS / CHUNK_ROWS)
    assert 3 <= len(before) < n_chunks
    again = Kept(before, parts)
    made = run_parallel(shaken, "embed", HASHING, again)
    assert again.asked_for == n_chunks - len(before)
    same_bytes(made, expected)


def test_a_member_that_dies_is_replaced_and_its_chunk_computed_again(tmp_path: Path) -> None:
    landed: list[int | None] = []
    local_pool(tmp_path).run(Marks(tmp_path, "dies once"), range(6), landed.append)
    numbers = [number for number in landed if number is not None]
    assert sorted(numbers) == list(range(6))
    assert {path.name for path in tmp_path.iterdir()} == {"first", *"012345"}


def test_a_chunk_that_kills_every_process_ends_the_job(tmp_path: Path) -> None:
    with pytest.raises(
        FailedElsewhere, match=r"Chunk 2 ended 3 processes.*SIGKILL.*Lower the batch"
    ) as caught:
        local_pool(tmp_path).run(Marks(tmp_path, "always dies"), range(6), lambda _: None)
    assert explain_failure(caught.value, tmp_path)[0] is ErrorKind.LOST


def test_a_failure_in_a_member_is_the_jobs_own(tmp_path: Path) -> None:
    with pytest.raises(FailedElsewhere) as caught:
        local_pool(tmp_path).run(Marks(tmp_path, "refuses"), range(6), lambda _: None)
    assert explain_failure(caught.value, tmp_path) == (ErrorKind.REQUEST, "chunk 2 is not a colour")


def test_cancelling_ends_a_member_in_the_middle_of_a_chunk(tmp_path: Path) -> None:
    def listen(_: int | None) -> None:
        if (tmp_path / "sleeper").exists() and (tmp_path / "sleeper").read_text():
            raise JobCancelled("stop")

    begun = time.monotonic()
    with pytest.raises(JobCancelled):
        local_pool(tmp_path).run(Marks(tmp_path, "sleeps"), range(6), listen)
    assert time.monotonic() - begun < 30
    pid = int((tmp_path / "sleeper").read_text())
    assert not alive(pid)


def test_members_without_a_place_are_not_waited_for(tmp_path: Path) -> None:
    pool = Scripted({0: "works", 1: "never ready"})
    landed: list[int | None] = []
    pool.run(Marks(tmp_path), range(4), landed.append)
    assert [number for number in landed if number is not None] == [0, 1, 2, 3]
    assert pool.ended == 2
    assert pool.closed


def test_a_place_that_never_starts_is_given_up_and_the_others_go_on(tmp_path: Path) -> None:
    pool = Scripted({0: "works", 1: "never starts"})
    pool.run(Marks(tmp_path), range(40), lambda _: None)
    assert pool.hired[1] <= 3
    with pytest.raises(FailedElsewhere, match="No process of this job could start: no room"):
        Scripted({0: "never starts"}).run(Marks(tmp_path), range(4), lambda _: None)


def test_one_process_needs_no_pool_and_several_divide_cores_and_gpus(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = JobFolder.of(tmp_path, "job")
    assert isinstance(choose_parallel(Resources(), folder, 1), InThisProcess)
    assert isinstance(choose_parallel(Resources(workers=3), folder, 1), LocalPool)
    assert threads_each(Resources(cpus=8, workers=3)) == 2
    assert threads_each(Resources(cpus=1, workers=3)) == 1
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,5,6")
    asked = Resources(gpus=3, workers=2)
    assert [gpus_of(place, asked)["CUDA_VISIBLE_DEVICES"] for place in range(2)] == ["4,6", "5"]
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    four = Resources(gpus=2, workers=4)
    assert [gpus_of(place, four)["CUDA_VISIBLE_DEVICES"] for place in range(4)] == ["0", "1", "0", "1"]
    assert gpus_of(0, Resources(workers=4)) == {}


class Scripted(WorkerPool):
    """Workers inside the test."""

    def __init__(self, how: dict[int, str]) -> None:
        super().__init__(len(how))
        self.how = how
        self.hired = dict.fromkeys(how, 0)
        self.ended = 0
        self.closed = False

    def hire(self, place: int, work: ChunkWork) -> PoolWorker:
        self.hired[place] += 1
        return Puppet(self, self.how[place])

    def close(self) -> None:
        self.closed = True


class Puppet:
    def __init__(self, pool: Scripted, how: str) -> None:
        self.pool, self.how = pool, how

    def submit(self, number: int | None) -> Future[ChunkResult]:
        answer: Future[ChunkResult] = Future()
        if self.how == "never starts":
            answer.set_exception(OSError("no room"))
        if self.how == "works":
            answer.set_result(ChunkResult())
        return answer

    def end(self) -> None:
        self.pool.ended += 1


class Kept:
    """A pool that first looks whether the finished parts are as they were."""

    def __init__(self, before: dict[str, int], parts: Path) -> None:
        self.before, self.parts, self.asked_for = before, parts, 0

    def run(self, work: ChunkWork, numbers: list[int], landed: Callable[[int | None], None]) -> None:
        self.asked_for = len(numbers)
        local_pool(self.parts).run(work, numbers, landed)
        now = {path.name: path.stat().st_mtime_ns for path in self.parts.glob("*.npz")}
        assert self.before.items() <= now.items(), "a finished part was made again"


def parts_of(store: ArtifactStore, spec: JobSpec) -> Path:
    final = store.artifact_path(DATASET, spec.makes, spec.artifact_id)
    return final.parent / f".{final.name}.partial" / "parts"


def children(pid: int) -> list:
    """Its workers, without the trackers of semaphores that loky and Python start beside them."""
    import psutil

    found = psutil.Process(pid).children()
    return [child for child in found if "resource_tracker" not in " ".join(child.cmdline())]


def until(condition: Callable[[], bool], message: str) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, message
        time.sleep(0.02)
