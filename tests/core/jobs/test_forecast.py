"""What is known before a job is submitted."""

from __future__ import annotations

from pathlib import Path

import pytest

from tamis.actions.forecast import Check, Forecast, duration_text, forecast
from tamis.actions.submit import RunTarget
from tamis.errors import InvalidOptions
from tamis.jobs import causes, job_table
from tamis.jobs.backends import BACKENDS, Backends
from tamis.jobs.forecast import checks as module
from tamis.jobs.forecast import requirements
from tamis.jobs.forecast.forecast import submission_script
from tamis.jobs.forecast.measured import MeasuredRun, forecast_from_runs
from tamis.jobs.model import JobState, Progress, Resources
from tamis.jobs.scheduler import queue
from tamis.settings import Settings
from tamis.store.artifacts.store import ArtifactStore, make_manifest
from tamis.store.workspace import Workspace, open_workspace
from tests.core.jobs.fakes import FakeBackend

SMALL, LARGE = "small-000001", "large-000002"
HASHING = {"encoder": "hashing"}


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Two datasets that are only counted: 1,000 and 50,000 rows."""
    workspace = open_workspace(tmp_path)
    for dataset_id, n_rows in ((SMALL, 1000), (LARGE, 50_000)):
        make(workspace.artifacts, dataset_id, "examples", f"examples-{n_rows}", n_rows=n_rows)
    return workspace


def make(
    store: ArtifactStore, dataset_id: str, kind: str, artifact_id: str, *, n_rows: int, n_bytes: int = 0
) -> None:
    with store.writing(dataset_id, kind, artifact_id) as writer:
        (writer.path / "data.bin").write_bytes(bytes(n_bytes))
        writer.commit(
            make_manifest(
                writer,
                kind=kind,
                identifier=artifact_id,
                dataset_id=dataset_id,
                step="import",
                options={},
                inputs={},
                format_version=1,
                summary={"n_examples": n_rows},
            )
        )


def ran(workspace: Workspace, *, seconds: float, peak_gb: float, n_bytes: int = 0) -> None:
    """Record an embed of the small dataset as done."""
    job = queue.submit(workspace, SMALL, "embed", HASHING).job
    make(workspace.artifacts, SMALL, job.kind, job.artifact_id, n_rows=1000, n_bytes=n_bytes)
    timings = {"starting": 0.5, "load model": 2.0, "embed": seconds}
    progress = Progress(attempt=1, timings=timings, peak_memory_gb=peak_gb)
    with workspace.database.writing() as connection:
        job_table.change(connection, job, {"state": JobState.SUCCEEDED, "progress": progress})


def look(
    workspace: Workspace, dataset_id: str = LARGE, *, backend: str = "local", **asked: object
) -> Forecast:
    return forecast(
        workspace,
        dataset_id,
        "embed",
        HASHING,
        target=RunTarget(backend, asked),
        backends={"local": FakeBackend(), "slurm": FakeBackend()},
    )


def check(found: Forecast, name: str) -> Check:
    return next(check for check in found.checks if check.name == name)


def test_without_an_earlier_run_nothing_is_made_up(workspace: Workspace) -> None:
    found = look(workspace)
    assert found.rows == 50_000
    assert (found.seconds, found.memory_gb, found.disk_gb) == (None, None, None)
    assert check(found, "time").ok is None
    assert "No earlier run" in check(found, "time").message
    assert found.ok


def test_time_and_disk_grow_with_the_rows_and_loading_a_model_does_not(
    workspace: Workspace,
) -> None:
    ran(workspace, seconds=4.0, peak_gb=0.5, n_bytes=2_000_000)
    found = look(workspace)
    assert found.seconds == pytest.approx(2.5 + 4.0 * 50)
    assert found.disk_gb == pytest.approx(2 * 0.1)
    assert found.memory_gb == pytest.approx(0.5)
    assert "About 3 min, as measured in 1 earlier run" in check(found, "time").message


def test_workers_share_the_work_and_each_takes_its_own_memory(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran(workspace, seconds=4.0, peak_gb=0.5)
    found = look(workspace, backend="slurm", workers=4)
    assert found.seconds == pytest.approx(2.5 + 4.0 * 50 / 4)
    assert found.memory_gb == pytest.approx(2.0)
    monkeypatch.setattr(module.psutil, "cpu_count", lambda: 2)
    here = look(workspace, workers=4)
    assert here.seconds == pytest.approx(2.5 + 4.0 * 50 / 2)
    assert check(here, "workers").ok is False


def test_the_weights_of_a_model_are_held_against_the_memory_of_the_gpus(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tmp_path / "model"
    model.mkdir()
    with (model / "model.safetensors").open("wb") as file:
        file.truncate(10_000_000_000)  # sparse: it takes no room
    values = {"encoder": "sentence_transformer", "encoder_options": {"model": str(model)}}
    for free_gb, fits in (([8.0, 8.0], False), ([80.0], True)):
        monkeypatch.setattr(module, "_gpu_memory_gb", lambda free=free_gb: free)
        found = forecast(
            workspace, LARGE, "embed", values, backends={"local": FakeBackend()}, target=RunTarget("local", {"gpus": 1}),
        )  # fmt: skip
        assert check(found, "gpu memory").ok is fits
        assert "weights take 10.0 GB" in check(found, "gpu memory").message


def test_a_result_that_is_there_is_said_to_be(workspace: Workspace) -> None:
    ran(workspace, seconds=4.0, peak_gb=0.5)
    assert look(workspace, SMALL).already_done
    assert not look(workspace, LARGE).already_done


def test_a_time_limit_that_is_too_short_is_named_with_a_better_one(
    workspace: Workspace,
) -> None:
    ran(workspace, seconds=40.0, peak_gb=0.5)
    found = look(workspace, time_limit_min=10)
    assert not found.ok
    assert check(found, "time").next_step == "Set time_limit_min to 51."
    assert look(workspace, time_limit_min=51).ok


def test_memory_is_held_against_what_is_asked_for_on_a_cluster_and_what_is_free_here(
    workspace: Workspace,
) -> None:
    ran(workspace, seconds=1.0, peak_gb=100_000.0)
    assert check(look(workspace), "memory").ok is False
    assert check(look(workspace, backend="slurm", mem_gb=4), "memory").ok is False
    assert check(look(workspace, backend="slurm"), "memory").ok is True
    assert "under this very path" in check(look(workspace, backend="slurm"), "workspace").message


def test_a_full_disk_stands_in_the_way(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "free_bytes", lambda _: 5_000_000)
    found = check(look(workspace), "disk")
    assert found.ok is False
    assert "old datasets" in found.next_step
    assert causes.free_bytes(Path("/")) is not None


def test_gpus_that_this_machine_does_not_lend_are_named_and_unknown_memory_is_said_to_be(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_gpu_memory_gb", list)
    assert check(look(workspace, gpus=8), "gpus").ok is False
    here = check(look(workspace, gpus=1), "gpu memory")
    assert (here.ok, "not known" in here.message) == (None, True)
    assert check(look(workspace, backend="slurm", gpus=8), "gpu memory").ok is None


def test_a_missing_input_names_the_step_to_run_first(workspace: Workspace) -> None:
    found = forecast(workspace, LARGE, "cluster", {})
    assert check(found, "inputs").ok is False
    assert "tamis run embed" in check(found, "inputs").message
    queue.submit(workspace, LARGE, "embed", HASHING)
    found = forecast(workspace, LARGE, "cluster", {})
    assert "after 1 job" in check(found, "inputs").message


def test_options_that_are_wrong_are_an_error_and_not_a_check(workspace: Workspace) -> None:
    with pytest.raises(InvalidOptions):
        forecast(workspace, LARGE, "embed", {"colour": "red"})


def test_a_backend_that_takes_nothing_says_why(workspace: Workspace) -> None:
    closed = FakeBackend()
    closed.unavailable = "The cluster is asleep."
    found = forecast(workspace, LARGE, "embed", HASHING, backends={"local": closed})
    assert check(found, "backend").message == "The cluster is asleep."
    assert not found.ok


def test_missing_packages_and_models_are_found_without_importing_them(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    lines = [
        'torch==2 ; extra == "models"',
        'not-there-at-all>=1; extra == "models"',
        'absent; extra == "map"',
        "numpy",
    ]
    monkeypatch.setattr(requirements.importlib.metadata, "requires", lambda _: lines)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    values = {"encoder": "sentence_transformer", "encoder_options": {"model": "someone/unheard-of"}}
    found = forecast(workspace, LARGE, "embed", values)
    assert "not-there-at-all" in check(found, "packages").message
    assert "absent" not in check(found, "packages").message
    assert "tamis[models]" in check(found, "packages").next_step
    assert check(found, "models").ok is False
    monkeypatch.delenv("HF_HUB_OFFLINE")
    found = forecast(workspace, LARGE, "embed", values)
    assert "is downloaded" in check(found, "models").message
    (tmp_path / "hub" / "models--someone--unheard-of" / "snapshots" / "abc").mkdir(parents=True)
    found = forecast(workspace, LARGE, "embed", values)
    assert all(check.name != "models" for check in found.checks)


@pytest.mark.parametrize("name", list(BACKENDS))
def test_every_backend_shows_what_it_would_run(tmp_path: Path, name: str) -> None:
    settings = Settings(workspace=tmp_path / "work space")
    backend = Backends(settings)[name]
    shown = submission_script(backend, settings.workspace, "embed", Resources(cpus=3))
    assert "tamis.jobs.worker" in shown
    assert "work space/jobs/JOB" in shown
    assert "OMP_NUM_THREADS=3" in shown
    assert not settings.workspace.exists()


def test_memory_follows_a_line_when_the_runs_differ_in_size() -> None:
    runs = [MeasuredRun(n, 1.0, 1.0, gb, 10) for n, gb in ((1000, 1.1), (2000, 1.2), (4000, 1.4))]
    assert forecast_from_runs(runs, 10_000).memory_gb == pytest.approx(2.0)
    assert forecast_from_runs(runs, 10).memory_gb == pytest.approx(1.4)
    assert forecast_from_runs([], 10).n_runs == 0


def test_durations_are_rounded_as_estimates_deserve() -> None:
    assert [duration_text(s) for s in (0.2, 80, 600, 9000, 400_000)] == [
        "1 s", "80 s", "10 min", "2.5 h", "4.6 days",
    ]  # fmt: skip
