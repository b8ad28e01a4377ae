"""What every cluster backend must get right, played through with real workers on a real cluster.

Where the cluster is stands in the environment, so that a second process of a test finds the same one.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from tamis.jobs.backends import Backend, Phase
from tamis.jobs.backends.ray_jobs import RayBackend
from tamis.jobs.backends.slurm import SlurmBackend
from tamis.jobs.folder import JobFolder
from tamis.jobs.model import ErrorKind, Job, JobState
from tamis.jobs.scheduler import queue
from tamis.settings import Settings
from tests.core.jobs.engine import WORKER, Engine, alive
from tests.core.jobs.test_folder import SPEC

POLL_S = 0.2


def open_engine(name: str, workspace: Path) -> Engine:
    """An engine whose jobs run on a cluster."""
    settings = Settings(workspace=workspace)
    backend: Backend = RayBackend(settings, module=WORKER)
    if name == "slurm":
        backend = SlurmBackend(settings, module=WORKER, poll_every_s=POLL_S)
    return Engine.over(workspace, backends={name: backend}, backend=name, ray_address=settings.ray_address)


def serve(name: str, workspace: str) -> None:
    """A server that looks after the jobs of a workspace until it is killed."""
    engine = open_engine(name, Path(workspace))
    while True:
        engine.tick()
        time.sleep(0.1)


def check_success_with_a_chain(engine: Engine) -> None:
    first = engine.submit("count", n_parts=3, resources={"cpus": 1, "mem_gb": 0.5, "time_limit_min": 5})
    last = engine.submit("double")
    done = engine.run(last)
    assert done.state is JobState.SUCCEEDED, f"{done.reason}\n{engine.folder(first).log_tail()}"
    assert engine.job(first).state is JobState.SUCCEEDED
    assert (engine.workspace.path / "ledger.txt").read_text().splitlines() == ["0 0", "0 1", "0 2"]
    assert engine.artifact(last).manifest.inputs == last.inputs
    log = engine.folder(first).log_tail()
    assert log.count("attempt 1: count") == 1
    assert engine.job(first).progress.timings["count"] >= 0.0


def check_failure(engine: Engine) -> None:
    failed = engine.run(engine.submit("misbehave", how="bug"))
    assert failed.state is JobState.FAILED
    assert failed.error_kind is ErrorKind.BUG
    assert "seven is not a colour" in failed.reason
    assert "Traceback" in failed.log_tail


def check_cancel(engine: Engine, *, how: str, within_s: float) -> None:
    job = engine.submit("misbehave", how=how)
    running = engine.until_stage(job, "misbehave")
    pid = running.progress.pid
    began = time.monotonic()
    queue.cancel(engine.workspace, job.job_id)
    cancelled = engine.run(job)
    took_s = time.monotonic() - began
    assert cancelled.state is JobState.CANCELLED, cancelled.reason
    while alive(pid) and time.monotonic() - began < within_s + 5:
        time.sleep(0.05)
    assert not alive(pid)
    assert took_s < within_s


def check_cancel_while_waiting(engine: Engine) -> None:
    """Two jobs that each need the whole cluster: the second is cancelled while it waits."""
    first = engine.submit("misbehave", how="patient", resources={"cpus": 2})
    engine.until_stage(first, "misbehave")
    second = engine.submit("count", n_parts=1, resources={"cpus": 2})
    waiting = engine.until(second, lambda job: bool(job.handle) and bool(job.reason))
    assert waiting.state is JobState.RUNNING
    assert waiting.progress.beat == 0
    began = time.monotonic()
    queue.cancel(engine.workspace, second.job_id)
    cancelled = engine.run(second)
    assert cancelled.state is JobState.CANCELLED
    assert "before" in cancelled.reason
    assert time.monotonic() - began < 5
    queue.cancel(engine.workspace, first.job_id)
    engine.run(first)
    # It never runs, also once there is room for it, and can be resumed.
    queue.resume(engine.workspace, second.job_id)
    assert engine.run(second).state is JobState.SUCCEEDED
    assert (engine.workspace.path / "ledger.txt").read_text().splitlines() == ["0 0"]


def check_a_killed_server_is_replaced(engine: Engine) -> None:
    job = engine.submit("count", n_parts=8, part_s=0.2)
    code = "import sys; from tests.core.jobs.clusters import serve; serve(*sys.argv[1:])"
    server = subprocess.Popen([sys.executable, "-c", code, engine.backend, str(engine.workspace.path)])
    try:
        deadline = time.monotonic() + 60
        while engine.job(job).progress.done < 2:
            assert time.monotonic() < deadline, engine.folder(job).log_tail()
            time.sleep(0.05)
    finally:
        server.kill()
        server.wait()
    seen = engine.job(job)
    assert seen.state is JobState.RUNNING
    # Another server, which has never seen the job.
    other = open_engine(engine.backend, engine.workspace.path)
    done = other.run(job)
    assert done.state is JobState.SUCCEEDED, f"{done.reason}\n{other.folder(job).log_tail()}"
    assert done.attempt == 1
    assert done.handle == seen.handle
    ledger = (engine.workspace.path / "ledger.txt").read_text().splitlines()
    assert ledger == [f"0 {number}" for number in range(8)]


def check_a_killed_worker_is_lost_and_resumes(engine: Engine) -> None:
    job = engine.submit("count", n_parts=8, part_s=0.2)
    running = engine.until_stage(job, "count", done=3)
    os.kill(running.progress.pid, signal.SIGKILL)
    lost = until_lost(engine, job)
    assert lost.state is JobState.FAILED
    assert lost.error_kind is ErrorKind.LOST
    assert lost.reason.startswith("worker lost: its process was killed by signal 9 (SIGKILL)"), lost.reason
    queue.resume(engine.workspace, job.job_id)
    done = engine.run(job)
    assert done.state is JobState.SUCCEEDED, f"{done.reason}\n{engine.folder(job).log_tail()}"
    ledger = (engine.workspace.path / "ledger.txt").read_text().splitlines()
    assert sorted(set(ledger)) == sorted(f"0 {number}" for number in range(8))
    assert len(ledger) <= 9


def check_an_unseen_folder(engine: Engine) -> None:
    """The folder is gone when the node looks for it, as if the workspace were not mounted there."""
    backend = engine.backends[engine.backend]
    folder = JobFolder.of(engine.workspace.path, SPEC.job_id)
    folder.prepare(SPEC)
    spec = SPEC.model_copy(update={"attempt": int(time.time())})
    hidden = JobFolder(folder.path.with_name("not-mounted"))
    handle = backend.submit(hidden, spec)
    deadline = time.monotonic() + 30
    while backend.poll([handle])[handle].phase is not Phase.ENDED:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    state = backend.poll([handle])[handle]
    assert state.kind is ErrorKind.BACKEND
    assert "does not see the job's folder" in state.detail
    assert backend.find(hidden, spec) == handle


def until_lost(engine: Engine, job: Job) -> Job:
    """Wait until the cluster says that it ended, then for the grace that late files have, by a faster clock."""
    backend = engine.backends[engine.backend]
    deadline = time.monotonic() + 30
    while backend.poll([job_handle := engine.job(job).handle])[job_handle].phase is not Phase.ENDED:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    engine.tick()
    engine.tick(now=lambda: time.time() + 30)
    return engine.job(job)
