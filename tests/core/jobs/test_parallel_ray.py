"""One job's chunks over the actors of a real Ray head."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from threadpoolctl import threadpool_limits

from tamis.jobs import job_table
from tamis.jobs.backends.ray_jobs import RayBackend, ray_resources
from tamis.jobs.folder import JobFolder
from tamis.jobs.model import Job, JobState, Resources
from tamis.jobs.scheduler import queue
from tamis.settings import Settings
from tamis.store.artifacts.store import Artifact, ArtifactStore
from tests.core.jobs import clusters
from tests.core.jobs.engine import Engine, alive
from tests.core.jobs.ray_head import ray_head, why_not
from tests.core.jobs.test_kill_and_resume import DATASET, run_here, write_examples
from tests.core.jobs.test_parallel import same_bytes

pytestmark = [pytest.mark.slow, pytest.mark.nightly]
HASHING = {"encoder": "hashing", "encoder_options": {"dimension": 32}}
N_ROWS = 40_000


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    if reason := why_not():
        pytest.skip(reason)
    with pytest.MonkeyPatch.context() as patch, ray_head() as (found, token):
        patch.setenv("TAMIS_RAY_ADDRESS", found)
        patch.setenv("RAY_AUTH_TOKEN_PATH", str(token))
        patch.delenv("RAY_AUTH_TOKEN", raising=False)
        yield found


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    """What one process makes with the one thread that the jobs below ask for: the layout's last bits depend on that."""
    store = ArtifactStore(tmp_path_factory.mktemp("calm"))
    write_examples(store, N_ROWS)
    with threadpool_limits(1):
        return run_here(store, "embed", HASHING)


@pytest.fixture
def ray(address: str, tmp_path: Path) -> Iterator[Engine]:
    settings = Settings(workspace=tmp_path)
    engine = Engine.over(
        tmp_path, backends={"ray": RayBackend(settings)}, backend="ray", ray_address=settings.ray_address
    )
    write_examples(engine.store, N_ROWS)
    yield engine
    engine.stop_everything()


def test_members_die_the_job_dies_and_the_bytes_are_the_same(ray: Engine, expected: Artifact) -> None:
    job = submit(ray)
    actor = until_an_actor_works(ray, job)
    actor.kill()
    log = JobFolder.of(ray.workspace.path, job.job_id).log_path
    ray.until(job, lambda _: "Process 1 of this job has ended" in log.read_text())
    assert re.search(r"it had chunk \d+", log.read_text()), log.read_text()
    running = ray.until(job, lambda seen: seen.progress.done >= 3000)
    assert ray.job(job).state is JobState.RUNNING
    members = members_of(ray, job)
    os.kill(running.progress.pid, signal.SIGKILL)
    lost = clusters.until_lost(ray, job)
    assert lost.reason.startswith("worker lost: its process was killed by signal 9 (SIGKILL)"), lost.reason
    wait_for(lambda: not any(alive(process.pid) for process in members))
    parts = {path.name: path.stat().st_mtime_ns for path in parts_of(ray, job).glob("*.npz")}
    assert parts
    queue.resume(ray.workspace, job.job_id)
    ray.until(job, lambda seen: seen.progress.stage == "embed" and seen.progress.done > 0)
    now = {path.name: path.stat().st_mtime_ns for path in parts_of(ray, job).glob("*.npz")}
    assert parts.items() <= now.items(), "a finished part was made again"
    done = ray.run(job)
    assert done.state is JobState.SUCCEEDED, f"{done.reason}\n{ray.folder(job).log_tail()}"
    same_bytes(ray.store.get(DATASET, job.kind, job.artifact_id), expected)
    shares = re.findall(r"Chunks computed by each process: 0: (\d+), 1: (\d+)", log.read_text())
    assert shares, log.read_text()


def test_a_job_with_actors_is_cancelled_in_time(ray: Engine) -> None:
    job = submit(ray)
    until_an_actor_works(ray, job)
    members = members_of(ray, job)
    begun = time.monotonic()
    queue.cancel(ray.workspace, job.job_id)
    cancelled = ray.run(job)
    assert cancelled.state is JobState.CANCELLED, f"{cancelled.reason}\n{ray.folder(job).log_tail()}"
    assert time.monotonic() - begun < 5
    wait_for(lambda: not any(alive(process.pid) for process in members))


def test_every_process_asks_for_its_share() -> None:
    assert ray_resources(Resources(cpus=8, gpus=2, mem_gb=8, workers=4)) == {
        "entrypoint_num_cpus": 2,
        "entrypoint_num_gpus": 0.5,
        "entrypoint_memory": 2_000_000_000,
    }
    assert ray_resources(Resources(cpus=1, workers=2)) == {"entrypoint_num_cpus": 0.5}
    assert ray_resources(Resources(workers=2)) == {"entrypoint_num_cpus": 1}


def submit(engine: Engine) -> Job:
    resources = Resources(workers=2, cpus=1)
    return queue.submit(engine.workspace, DATASET, "embed", HASHING, backend="ray", resources=resources).job


def until_an_actor_works(engine: Engine, job: Job) -> psutil.Process:
    found: list[psutil.Process] = []

    def works(_: Job) -> bool:
        found[:] = actors("ray::Chunker.answer")
        return bool(found) and job_table.get(engine.database, job.job_id).progress.done > 0

    engine.until(job, works)
    return found[0]


def actors(title: str = "ray::Chunker") -> list[psutil.Process]:
    return [p for p in psutil.process_iter(["cmdline"]) if title in " ".join(p.info["cmdline"] or [])]


def members_of(engine: Engine, job: Job) -> list[psutil.Process]:
    return [*actors(), *psutil.Process(engine.job(job).progress.pid).children()]


def parts_of(engine: Engine, job: Job) -> Path:
    final = engine.store.artifact_path(DATASET, job.kind, job.artifact_id)
    return final.parent / f".{final.name}.partial" / "parts"


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
