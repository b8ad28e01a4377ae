"""Ray where it goes wrong, on a dashboard that says what the test tells it to say."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import ValidationError

from tamis.actions.doctor import examine
from tamis.cli.exit_codes import WRONG_USAGE
from tamis.cli.main import run
from tamis.errors import CurationError
from tamis.jobs.backends import Phase
from tamis.jobs.backends.ray_client import RayClient
from tamis.jobs.backends.ray_jobs import RayBackend, ray_resources
from tamis.jobs.model import ErrorKind, Job, JobState, Progress, Resources
from tamis.jobs.scheduler import queue
from tamis.settings import Settings
from tests.core.jobs.engine import Engine
from tests.core.jobs.fake_dashboard import Dashboard, dashboard

DAY_S = 24 * 3600.0


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Dashboard]:
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(tmp_path / "no-token"))
    monkeypatch.delenv("RAY_AUTH_TOKEN", raising=False)
    with dashboard() as made:
        yield made


@pytest.fixture
def engine(cluster: Dashboard, tmp_path: Path) -> Engine:
    return open_engine(tmp_path / "workspace", cluster.address)


def open_engine(workspace: Path, address: str) -> Engine:
    settings = Settings(workspace=workspace, ray_address=address)
    backends = {"ray": RayBackend(settings, pause_s=0.0)}
    return Engine.over(workspace, backends=backends, backend="ray", ray_address=address)


def later(seconds: float) -> object:
    return lambda: time.time() + seconds


def begin(engine: Engine, cluster: Dashboard) -> tuple[Job, str]:
    job = engine.submit("nothing")
    engine.tick()
    job_id = engine.job(job).handle.rpartition("#")[2]
    cluster.set(job_id, "RUNNING")
    folder = engine.folder(job)
    folder.write(folder.progress_path, Progress(attempt=1, stage="work", beat=1))
    engine.tick()
    return engine.job(job), job_id


@pytest.mark.parametrize(
    ("values", "kind", "text"),
    [
        ({"status": "FAILED", "driver_exit_code": -9}, ErrorKind.LOST, "signal 9 (SIGKILL)"),
        ({"status": "FAILED", "driver_exit_code": 3}, ErrorKind.LOST, "exit code 3"),
        ({"status": "FAILED", "driver_exit_code": 77}, ErrorKind.BACKEND, "does not see the job's folder"),
        ({"status": "FAILED", "driver_exit_code": 78}, ErrorKind.BACKEND, "no Python"),
        (
            {"status": "FAILED", "message": "The node  died.\nSorry."},
            ErrorKind.LOST,
            "Ray: The node died. Sorry.",
        ),
        (
            {"status": "FAILED", "error_type": "JOB_SUPERVISOR_ACTOR_START_TIMEOUT"},
            ErrorKind.BACKEND,
            "RAY_JOB_START_TIMEOUT_SECONDS",
        ),
        ({"status": "STOPPED"}, ErrorKind.TERMINATED, "stopped in Ray"),
        ({"status": "SUCCEEDED", "driver_exit_code": 0}, ErrorKind.LOST, "left no result"),
    ],
)
def test_every_ending_without_a_result_is_named(
    engine: Engine, cluster: Dashboard, values: dict[str, object], kind: ErrorKind, text: str
) -> None:
    job, job_id = begin(engine, cluster)
    cluster.jobs[job_id].update(values)
    engine.tick()
    assert engine.job(job).state is JobState.RUNNING
    engine.tick(now=later(11))
    ended = engine.job(job)
    assert (ended.state, ended.error_kind) == (JobState.FAILED, kind)
    assert text in ended.reason
    # Nothing came into the job's own log, so what Ray kept is shown.
    assert ended.log_tail == "its output"


def test_a_head_that_was_started_again_has_lost_its_jobs(engine: Engine, cluster: Dashboard) -> None:
    job, _ = begin(engine, cluster)
    cluster.jobs.clear()
    engine.tick(now=later(11))
    lost = engine.job(job)
    assert lost.error_kind is ErrorKind.LOST
    assert "its head was started again" in lost.reason
    queue.resume(engine.workspace, job.job_id)
    engine.tick()
    assert engine.job(job).handle.endswith("-2")


def test_a_cluster_that_is_gone_loses_no_waiting_job_and_comes_back(
    engine: Engine, cluster: Dashboard
) -> None:
    job = engine.submit("nothing")
    engine.tick()
    cluster.override = (503, "no upstream")
    engine.tick(now=later(DAY_S))
    unseen = engine.job(job)
    assert unseen.state is JobState.RUNNING
    assert "does not answer: HTTP 503" in unseen.reason
    cluster.override = None
    engine.tick()
    assert engine.job(job).reason == "Ray: It may be waiting for resources."


def test_a_worker_of_a_cluster_that_is_gone_is_lost_only_when_it_falls_silent(
    engine: Engine, cluster: Dashboard
) -> None:
    job, _ = begin(engine, cluster)
    cluster.override = (502, "")
    engine.tick(now=later(60))
    assert engine.job(job).state is JobState.RUNNING
    engine.tick(now=later(200))
    assert "no sign of life for 120 s, Ray at" in engine.job(job).reason


def test_a_wrong_address_keeps_jobs_in_the_queue_and_says_what_to_set(tmp_path: Path) -> None:
    engine = open_engine(tmp_path / "workspace", "http://127.0.0.1:9")
    job = engine.submit("nothing")
    engine.tick()
    waiting = engine.job(job)
    assert waiting.state is JobState.QUEUED
    assert "Ray at http://127.0.0.1:9 does not answer" in waiting.reason
    assert "TAMIS_RAY_ADDRESS" in waiting.reason


@pytest.mark.parametrize("answer", [(200, "<html>Welcome</html>"), (302, ""), (200, '["no", "object"]')])
def test_something_else_at_the_address_is_not_taken_for_ray(
    engine: Engine, cluster: Dashboard, answer: tuple[int, str]
) -> None:
    cluster.override = answer
    assert "is not the dashboard of a Ray cluster" in str(engine.backends["ray"].available())


def test_a_refused_request_fails_the_job_with_the_last_line_of_the_trouble(
    engine: Engine, cluster: Dashboard
) -> None:
    failed = engine.submit("nothing", resources={"cpus": 2000})
    engine.tick()
    assert engine.job(failed).error_kind is ErrorKind.BACKEND
    assert "ValueError: that is too many CPUs" in engine.job(failed).reason


def test_an_attempt_that_is_submitted_twice_runs_once(engine: Engine, cluster: Dashboard) -> None:
    job = engine.submit("nothing")
    engine.tick()
    folder = engine.folder(job)
    spec = folder.read_spec()
    assert engine.backends["ray"].submit(folder, spec) == engine.job(job).handle
    assert len(cluster.submitted) == 2
    assert len(cluster.jobs) == 1
    assert engine.backends["ray"].find(folder, spec) == engine.job(job).handle
    assert engine.backends["ray"].find(folder, spec.model_copy(update={"attempt": 7})) is None


def test_a_job_stays_with_the_cluster_it_was_given_to(engine: Engine, cluster: Dashboard) -> None:
    job, _ = begin(engine, cluster)
    moved = open_engine(engine.workspace.path, "http://127.0.0.1:9")
    assert moved.backends["ray"].poll([job.handle])[job.handle].phase is Phase.ALIVE


def test_two_hundred_jobs_of_two_clusters_are_two_requests(engine: Engine, cluster: Dashboard) -> None:
    with dashboard() as other:
        other.set("tamis-0", "RUNNING")
        handles = [f"{c.address}#tamis-{n}" for n in range(100) for c in (cluster, other)]
        states = engine.backends["ray"].poll(handles)
        assert len(cluster.requests) == len(other.requests) == 1
        assert len(states) == 200
        assert states[f"{other.address}#tamis-0"].phase is Phase.ALIVE


def test_the_token_is_sent_and_not_carried_to_another_place(
    cluster: Dashboard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_AUTH_TOKEN", "secret")
    backend = RayBackend(Settings(workspace=tmp_path, ray_address=cluster.address))
    assert backend.available() is None
    assert cluster.requests[-1][2]["Authorization"] == "Bearer secret"


@pytest.mark.parametrize(
    "answer", [(200, "{}"), (200, "[]"), (200, "<html>"), (401, ""), (404, ""), (500, "")]
)
def test_the_token_is_not_sent_to_what_does_not_say_that_it_is_ray(
    cluster: Dashboard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: tuple[int, str]
) -> None:
    monkeypatch.setenv("RAY_AUTH_TOKEN", "secret")
    cluster.override = answer
    backend = RayBackend(Settings(workspace=tmp_path, ray_address=cluster.address))
    assert backend.available() is not None
    assert cluster.requests
    assert not any("Authorization" in headers for _, _, headers in cluster.requests)


def test_a_cluster_that_tells_nothing_without_a_token_is_known_by_its_words(cluster: Dashboard) -> None:
    cluster.token = "secret"
    assert RayClient(cluster.address, token="secret").jobs() == []
    with pytest.raises(CurationError, match="does not accept the token"):
        RayClient(cluster.address, token="another").jobs()


def test_what_answers_after_a_silence_is_asked_anew_whether_it_is_ray(
    cluster: Dashboard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = RayClient(cluster.address, token="secret", pause_s=0)
    client.jobs()
    with monkeypatch.context() as patch, pytest.raises(CurationError):
        patch.setattr(client, "address", "http://127.0.0.1:9")
        client.jobs()
    cluster.requests.clear()
    cluster.override = (200, "{}")  # somebody else's program has taken the port
    with pytest.raises(CurationError):
        client.jobs()
    assert cluster.requests
    assert not any("Authorization" in headers for _, _, headers in cluster.requests)


def test_resources_are_translated_and_one_cpu_is_the_least() -> None:
    assert ray_resources(Resources()) == {"entrypoint_num_cpus": 1}
    assert ray_resources(Resources(cpus=4, gpus=1, mem_gb=2, time_limit_min=3)) == {
        "entrypoint_num_cpus": 4,
        "entrypoint_num_gpus": 1,
        "entrypoint_memory": 2_000_000_000,
    }


def test_the_head_that_tamis_no_longer_starts_is_refused_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TAMIS_RAY_ADDRESS", "local")
    with pytest.raises(ValidationError, match=r"not the address .* Start a head \(ray start --head\)"):
        Settings()
    assert run(["doctor"]) == WRONG_USAGE
    said = capsys.readouterr().err
    assert said.startswith(
        "tamis: TAMIS_RAY_ADDRESS = 'local': this is not the address of a Ray dashboard. Start"
    )
    assert "ray start --head" in said


def test_a_job_of_a_head_that_an_earlier_version_started_is_left_to_its_heartbeat(engine: Engine) -> None:
    state = engine.backends["ray"].poll(["local#tamis-old-1"])["local#tamis-old-1"]
    assert state.phase is Phase.UNKNOWN
    assert "no Ray head of its own" in state.detail


def test_doctor_says_whether_a_head_answers(
    cluster: Dashboard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TAMIS_RAY_ADDRESS", cluster.address)
    assert examine(tmp_path)["Backends"]["ray"] == "available"
    monkeypatch.setenv("TAMIS_RAY_ADDRESS", "http://127.0.0.1:9")
    said = examine(tmp_path)["Backends"]["ray"]
    assert said.startswith("not available: Ray at http://127.0.0.1:9 does not answer")
    assert "ray start --head" in said
