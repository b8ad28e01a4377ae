"""The local backend: handles that survive a restart and are never mistaken for another process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tamis.jobs import job_table
from tamis.jobs.backends import BACKENDS, Backends, Phase
from tamis.jobs.backends.local import LocalBackend
from tamis.jobs.folder import JobFolder
from tamis.jobs.model import JobState, Resources
from tamis.jobs.scheduler.start import spec_of
from tamis.jobs.scheduler.ticker import Ticker
from tamis.jobs.scheduler.wait import wait
from tamis.settings import Settings
from tests.core.jobs.engine import WORKER, Engine, alive, pid_of
from tests.core.jobs.test_folder import SPEC
from tests.support import scale


@pytest.fixture
def backend(tmp_path: Path) -> LocalBackend:
    return LocalBackend(Settings(workspace=tmp_path), module=WORKER)


def test_every_backend_in_the_table_can_be_made_and_says_whether_it_is_available(tmp_path: Path) -> None:
    backends = Backends(Settings(workspace=tmp_path))
    for name, row in BACKENDS.items():
        assert row.options is Resources
        reason = backends[name].available()
        assert reason is None or reason.strip(), name
    assert list(backends) == list(BACKENDS)


def test_a_reused_pid_is_not_mistaken_for_the_worker(backend: LocalBackend) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, start_new_session=True
    )
    try:
        host = os.uname().nodename
        handle = f"{process.pid}:12345:{host}"
        assert backend.poll([handle])[handle].phase is Phase.ENDED
        backend.cancel(handle, force=True)
        time.sleep(0.2)
        assert alive(process.pid)
        elsewhere = f"{process.pid}:12345:another-machine"
        assert backend.poll([elsewhere])[elsewhere].phase is Phase.UNKNOWN
        for strange in ("x", "", ":", "-1:2:h", f"{process.pid}:12345"):
            assert backend.poll([strange, handle])[strange].phase is Phase.UNKNOWN
            backend.cancel(strange, force=True)
    finally:
        process.kill()
        process.communicate()


def test_an_unread_spec_becomes_a_failed_result(tmp_path: Path, backend: LocalBackend) -> None:
    folder = JobFolder.of(tmp_path, "j1")
    folder.prepare(SPEC)
    folder.spec_path.write_text('{"job_id": "j1", "st')
    handle = backend.submit(folder, SPEC)
    _until_ended(backend, handle)
    result = folder.read_result(1)
    assert result is not None
    assert result.state is JobState.FAILED
    assert "no job specification" in result.reason


def test_a_worker_of_a_superseded_attempt_does_nothing(tmp_path: Path, backend: LocalBackend) -> None:
    folder = JobFolder.of(tmp_path, "j1")
    folder.prepare(SPEC.model_copy(update={"attempt": 2}))
    _until_ended(backend, backend.submit(folder, SPEC))
    assert not folder.result_path.exists()
    assert "superseded by attempt 2" in folder.log_tail()


def test_a_worker_whose_handle_was_never_recorded_is_found_by_its_command(engine: Engine) -> None:
    job = engine.submit("misbehave", how="patient")
    running = engine.until_stage(job, "misbehave")
    found = engine.backends["local"].find(engine.folder(job), spec_of(running))
    assert found == running.handle
    os.kill(pid_of(running), signal.SIGKILL)
    engine.run(job)
    assert engine.backends["local"].find(engine.folder(job), spec_of(running)) is None


def test_a_dead_worker_of_another_server_is_seen_at_once(engine: Engine) -> None:
    job = engine.submit("misbehave", how="patient")
    code = (
        "import sys; from pathlib import Path; from tests.core.jobs.engine import Engine\n"
        "print(Engine.over(Path(sys.argv[1])).tick().started)"
    )
    subprocess.run([sys.executable, "-c", code, str(engine.workspace.path)], check=True, timeout=60)
    running = engine.until_stage(job, "misbehave")
    os.kill(pid_of(running), signal.SIGKILL)
    lost = engine.run(job)
    assert lost.state is JobState.FAILED
    assert lost.reason.startswith("worker lost: ")


def test_two_tickers_run_each_job_of_four_submitters_exactly_once(engine: Engine) -> None:
    n_jobs = scale.times(8, 16)

    def submit(first: int) -> None:
        for number in range(first, n_jobs, 4):
            engine.submit("count", n_parts=1, seed=number)

    submitters = [threading.Thread(target=submit, args=(first,)) for first in range(4)]
    tickers = [Ticker(engine.workspace, interval_s=0.05, backends=engine.backends) for _ in range(2)]
    for part in (*tickers, *submitters):
        part.start()
    deadline = time.monotonic() + 80
    while job_table.counts(engine.database)[JobState.SUCCEEDED] < n_jobs and time.monotonic() < deadline:
        time.sleep(0.1)
    for ticker in tickers:
        ticker.stop()
        assert not ticker.running
    assert job_table.counts(engine.database)[JobState.SUCCEEDED] == n_jobs
    computed = (engine.workspace.path / "ledger.txt").read_text().splitlines()
    assert sorted(computed) == sorted(f"{number} 0" for number in range(n_jobs))
    logs = [JobFolder(path).log_tail() for path in (engine.workspace.path / "jobs").iterdir()]
    assert all(log.count("attempt 1: count") == 1 for log in logs)


def test_waiting_runs_a_whole_chain_and_reports_on_the_way(engine: Engine) -> None:
    engine.submit("count", n_parts=2)
    engine.submit("double")
    last = engine.submit("triple")
    seen: list[JobState] = []
    done = wait(
        engine.workspace,
        last.job_id,
        backends=engine.backends,
        on_progress=lambda job: seen.append(job.state),
        poll_s=0.05,
    )
    assert done.state is JobState.SUCCEEDED, done.reason
    assert seen[0] is JobState.QUEUED
    assert seen[-1] is JobState.SUCCEEDED
    assert engine.artifact(last).manifest.inputs == last.inputs


def test_a_ticker_outlives_a_broken_database_and_a_bug(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    import sqlite3

    from tamis.jobs.scheduler import ticker as module

    happened: list[str] = []

    def look(*_: object, **__: object) -> None:
        happened.append("look")
        if len(happened) == 1:
            raise sqlite3.OperationalError("database is locked")
        if len(happened) == 2:
            raise KeyError("a bug")

    monkeypatch.setattr(module, "tick", look)
    bugs: list[object] = []
    monkeypatch.setattr(threading, "excepthook", lambda hook: bugs.append(hook.exc_value))
    ticker = Ticker(engine.workspace, interval_s=0.02)
    ticker.start()
    deadline = time.monotonic() + 10
    while len(happened) < 5 and time.monotonic() < deadline:
        time.sleep(0.02)
    ticker.stop()
    assert len(happened) >= 5
    assert "database is locked" in caplog.text
    assert [type(bug) for bug in bugs] == [KeyError]


def _until_ended(backend: LocalBackend, handle: str) -> None:
    deadline = time.monotonic() + 60
    while backend.poll([handle])[handle].phase is not Phase.ENDED:
        assert time.monotonic() < deadline
        time.sleep(0.05)
