"""One job's chunks over the array of a real Slurm of one node with two CPUs."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from threadpoolctl import threadpool_limits

from tamis.actions.referee import RefereeRequest, submit_referee
from tamis.actions.submit import RunTarget
from tamis.jobs.backends.slurm import SlurmBackend
from tamis.jobs.model import Job, JobState, Resources
from tamis.jobs.scheduler import queue
from tamis.settings import Settings
from tamis.store.artifacts.store import Artifact, ArtifactStore
from tests.core.jobs import clusters
from tests.core.jobs.engine import Engine
from tests.core.jobs.slurm_cluster import slurm_cluster, why_not
from tests.core.jobs.test_kill_and_resume import DATASET, run_here, write_examples
from tests.core.jobs.test_parallel import HASHING, same_bytes, until
from tests.support.in_process import run_queued
from tests.support.small_trainings import RECIPE, sound_and_noise

pytestmark = [pytest.mark.slow, pytest.mark.nightly]
N_ROWS = 40_000


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    if reason := why_not():
        pytest.skip(reason)
    with pytest.MonkeyPatch.context() as patch, slurm_cluster() as config:
        patch.setenv("SLURM_CONF", str(config))
        yield


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    store = ArtifactStore(tmp_path_factory.mktemp("calm"))
    write_examples(store, N_ROWS)
    with threadpool_limits(1):
        return run_here(store, "embed", HASHING)


@pytest.fixture
def slurm(cluster: None, tmp_path: Path) -> Iterator[Engine]:
    backend = SlurmBackend(Settings(workspace=tmp_path), poll_every_s=clusters.POLL_S)
    engine = Engine.over(tmp_path, backends={"slurm": backend}, backend="slurm")
    write_examples(engine.store, N_ROWS)
    yield engine
    engine.stop_everything()


def submit(engine: Engine) -> Job:
    resources = Resources(workers=2, cpus=2)
    return queue.submit(engine.workspace, DATASET, "embed", HASHING, backend="slurm", resources=resources).job


def states() -> list[str]:
    """Of everything that Slurm still has in its queue."""
    command = ["squeue", "-h", "-r", "-o", "%T"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


def test_both_tasks_compute_and_the_bytes_are_the_same(slurm: Engine, expected: Artifact) -> None:
    job = submit(slurm)
    done = slurm.run(job)
    log = slurm.folder(job).log_path.read_text()
    assert done.state is JobState.SUCCEEDED, f"{done.reason}\n{log}"
    assert done.handle.partition(":")[0].endswith("_0")
    same_bytes(slurm.store.get(DATASET, job.kind, job.artifact_id), expected)
    shares = re.search(r"Chunks computed by each task of the array: 0: (\d+), 1: (\d+)", log)
    assert shares, log
    until(lambda: not states(), "a task outlived its job")


def test_a_killed_job_ends_its_array_and_resumes(slurm: Engine, expected: Artifact) -> None:
    job = submit(slurm)
    running = slurm.until(job, lambda seen: seen.progress.stage == "embed" and seen.progress.done > 2000)
    os.kill(running.progress.pid, signal.SIGKILL)
    lost = clusters.until_lost(slurm, job)
    assert lost.state is JobState.FAILED
    assert "SIGKILL" in lost.reason
    until(lambda: not states(), "a task outlived its job")
    queue.resume(slurm.workspace, job.job_id)
    done = slurm.run(job)
    assert done.state is JobState.SUCCEEDED, f"{done.reason}\n{slurm.folder(job).log_tail()}"
    same_bytes(slurm.store.get(DATASET, job.kind, job.artifact_id), expected)


def test_cancelling_ends_the_whole_array(slurm: Engine) -> None:
    job = submit(slurm)
    slurm.until(job, lambda seen: seen.progress.stage == "embed" and seen.progress.done > 0)
    queue.cancel(slurm.workspace, job.job_id)
    cancelled = slurm.run(job)
    assert cancelled.state is JobState.CANCELLED, cancelled.reason
    until(lambda: not states(), "a task outlived its job")


def test_a_waiting_array_is_cancelled_as_one(slurm: Engine) -> None:
    command = ["sbatch", "--parsable", "--cpus-per-task=2", "--output=/dev/null", "--wrap", "sleep 60"]
    first = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    second = submit(slurm)
    slurm.until(second, lambda seen: bool(seen.handle) and "waits in the queue" in seen.reason)
    queue.cancel(slurm.workspace, second.job_id)
    assert slurm.run(second).state is JobState.CANCELLED
    subprocess.run(["scancel", first], check=True)
    until(lambda: not states(), "a task is left")


def test_trainings_of_a_referee_are_shared_over_the_array(cluster: None, tmp_path: Path) -> None:
    pytest.importorskip("trl")
    workspace, dataset_id, model = sound_and_noise(tmp_path)
    backend = SlurmBackend(Settings(workspace=workspace.path), poll_every_s=clusters.POLL_S)
    engine = Engine.over(workspace.path, backends={"slurm": backend}, backend="slurm")
    request = RefereeRequest(
        budget_tokens=700, step_tokens=100, max_seeds=4, n_held_out=50, model=model, recipe_options=RECIPE
    )
    target = RunTarget("slurm", {"workers": 2, "cpus": 2})
    job = submit_referee(workspace, dataset_id, request, target=target).job
    assert job.resources.workers == 2
    run_queued(workspace, "select")
    deadline = time.monotonic() + 300
    while not engine.job(job).state.final and time.monotonic() < deadline:
        engine.tick()
        time.sleep(0.2)
    log = engine.folder(job).log_tail()
    assert engine.job(job).state is JobState.SUCCEEDED, log
    assert re.search(r"Chunks computed by each task of the array: 0: \d+, 1: \d+", log), log
    made = engine.store.get(dataset_id, "referee", job.artifact_id)
    assert made.summary["n_trainings"] == 12
