"""Slurm, on a real cluster of one node."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tamis.jobs.backends.slurm import SlurmBackend
from tamis.jobs.model import ErrorKind, JobState
from tamis.settings import Settings
from tests.core.jobs import clusters
from tests.core.jobs.engine import Engine
from tests.core.jobs.slurm_cluster import slurm_cluster, why_not

pytestmark = pytest.mark.nightly


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    if reason := why_not():
        pytest.skip(reason)
    with pytest.MonkeyPatch.context() as patch, slurm_cluster() as config:
        patch.setenv("SLURM_CONF", str(config))
        yield


@pytest.fixture
def slurm(cluster: None, tmp_path: Path) -> Iterator[Engine]:
    # Characters that mean something to a shell, to sbatch's parser and to its file name patterns.
    engine = clusters.open_engine("slurm", tmp_path / "work space 100%j $x'")
    yield engine
    engine.stop_everything()


def test_a_chain_succeeds_and_its_files_are_where_a_local_job_puts_them(slurm: Engine) -> None:
    clusters.check_success_with_a_chain(slurm)


def test_a_failure_keeps_its_reason(slurm: Engine) -> None:
    clusters.check_failure(slurm)


@pytest.mark.parametrize(("how", "within_s"), [("patient", 5), ("stubborn", 12)])
def test_a_job_can_be_cancelled(slurm: Engine, how: str, within_s: float) -> None:
    clusters.check_cancel(slurm, how=how, within_s=within_s)


def test_a_waiting_job_can_be_cancelled_and_resumed(slurm: Engine) -> None:
    clusters.check_cancel_while_waiting(slurm)


def test_a_killed_server_is_replaced(slurm: Engine) -> None:
    clusters.check_a_killed_server_is_replaced(slurm)


def test_a_killed_worker_is_lost_and_resumes(slurm: Engine) -> None:
    clusters.check_a_killed_worker_is_lost_and_resumes(slurm)


def test_a_workspace_that_the_node_does_not_see_is_named(slurm: Engine) -> None:
    clusters.check_an_unseen_folder(slurm)


def test_a_refusal_has_the_schedulers_words(slurm: Engine) -> None:
    failed = slurm.run(slurm.submit("nothing", resources={"mem_gb": 9_000}))
    assert failed.state is JobState.FAILED
    assert failed.error_kind is ErrorKind.BACKEND
    assert "Memory specification can not be satisfied" in failed.reason
    assert "TAMIS_SLURM_OPTIONS" in failed.reason


def test_the_cluster_is_available_and_one_without_a_controller_is_not(
    slurm: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert slurm.backends["slurm"].available() is None
    monkeypatch.setenv("SLURM_CONF", os.devnull)
    unavailable = SlurmBackend(Settings(workspace=slurm.workspace.path)).available()
    assert unavailable is not None
    assert "Slurm" in unavailable
