"""Ray, on a real head with token authentication."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tamis.jobs.backends import Phase
from tamis.jobs.backends.ray_client import RayClient
from tamis.jobs.backends.ray_jobs import RayBackend
from tamis.settings import Settings
from tests.core.jobs import clusters
from tests.core.jobs.engine import Engine
from tests.core.jobs.ray_head import ray_head, why_not

pytestmark = [pytest.mark.slow, pytest.mark.nightly]


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    if reason := why_not():
        pytest.skip(reason)
    with pytest.MonkeyPatch.context() as patch, ray_head() as (found, token):
        patch.setenv("TAMIS_RAY_ADDRESS", found)
        patch.setenv("RAY_AUTH_TOKEN_PATH", str(token))
        patch.delenv("RAY_AUTH_TOKEN", raising=False)
        yield found


@pytest.fixture
def ray(address: str, tmp_path: Path) -> Iterator[Engine]:
    engine = clusters.open_engine("ray", tmp_path / "work space $x'")
    yield engine
    engine.stop_everything()


def test_a_chain_succeeds_and_its_files_are_where_a_local_job_puts_them(ray: Engine) -> None:
    clusters.check_success_with_a_chain(ray)


def test_a_failure_keeps_its_reason(ray: Engine) -> None:
    clusters.check_failure(ray)


@pytest.mark.parametrize(("how", "within_s"), [("patient", 5), ("stubborn", 15)])
def test_a_job_can_be_cancelled(ray: Engine, how: str, within_s: float) -> None:
    clusters.check_cancel(ray, how=how, within_s=within_s)


def test_a_waiting_job_can_be_cancelled_and_resumed(ray: Engine) -> None:
    clusters.check_cancel_while_waiting(ray)


def test_a_killed_server_is_replaced(ray: Engine) -> None:
    clusters.check_a_killed_server_is_replaced(ray)


def test_a_killed_worker_is_lost_and_resumes(ray: Engine) -> None:
    clusters.check_a_killed_worker_is_lost_and_resumes(ray)


def test_a_workspace_that_the_node_does_not_see_is_named(ray: Engine) -> None:
    clusters.check_an_unseen_folder(ray)


def test_many_jobs_are_polled_by_one_request_and_an_unknown_one_has_ended(
    ray: Engine, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests: list[str] = []
    answer = RayClient._answer

    def counted(self: RayClient, method: str, path: str, *rest: object, **more: object) -> object:
        requests.append(path)
        return answer(self, method, path, *rest, **more)

    monkeypatch.setattr(RayClient, "_answer", counted)
    handles = [f"{address}#tamis-never-{number}" for number in range(200)]
    states = ray.backends["ray"].poll(handles)
    assert requests == [
        "/api/jobs/",
        "/api/version",
    ]  # whether it is Ray is asked once, from within the first request
    assert {state.phase for state in states.values()} == {Phase.ENDED}
    assert "started again" in states[handles[0]].detail


def test_the_head_listens_on_loopback_only(address: str) -> None:
    port = int(address.rpartition(":")[2])
    listening = [c for c in psutil.net_connections("tcp") if c.status == psutil.CONN_LISTEN and c.pid]
    dashboard = next(c.pid for c in listening if c.laddr.port == port)
    session = os.getsid(dashboard)
    mine = [c.laddr.ip for c in listening if os.getsid(c.pid) == session]
    assert len(mine) >= 4
    assert set(mine) <= {"127.0.0.1", "::1", "::ffff:127.0.0.1"}


def test_a_missing_and_a_wrong_token_say_what_to_set(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(workspace=tmp_path, ray_address=address)
    assert RayBackend(settings).available() is None
    monkeypatch.setenv("RAY_AUTH_TOKEN", "wrong" * 8)
    assert "does not accept the token" in str(RayBackend(settings).available())
    monkeypatch.delenv("RAY_AUTH_TOKEN")
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(tmp_path / "none"))
    reason = str(RayBackend(settings).available())
    assert "no token was given (HTTP 401)" in reason
    assert "RAY_AUTH_TOKEN" in reason
