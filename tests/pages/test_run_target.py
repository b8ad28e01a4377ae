"""The part of a form that says where a step runs, and the form of the steps that have no page of their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from pages.shared.forms.run_target import _backends
from tamis.actions.remedies import ERROR_WORDS, NEXT_STEPS
from tamis.jobs import job_table
from tamis.jobs.backends.ray_jobs import RayBackend
from tamis.jobs.backends.slurm import SlurmBackend
from tamis.jobs.model import ErrorKind, Job, JobState, Resources
from tamis.jobs.scheduler import queue
from tamis.scorers import SCORERS
from tamis.settings import app_folder
from tamis.store.database.database import Database
from tamis.store.workspace import open_workspace
from tests.pages.page_workspace import alpaca_file, checked, import_file, open_page, run_pipeline, said

NOBODY = "Nobody answers; ask the person who runs it."


@pytest.fixture(autouse=True)
def clusters(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A Ray that does not answer and a Slurm that does."""
    monkeypatch.setattr(RayBackend, "available", lambda self: NOBODY)
    monkeypatch.setattr(SlurmBackend, "available", lambda self: None)
    _backends.clear()
    yield
    _backends.clear()


@pytest.fixture
def dataset_id(workspace: Path, tmp_path: Path) -> str:
    return import_file(workspace, alpaca_file(tmp_path))


def submit(workspace: Path, dataset_id: str, step: str = "embed", **place: object) -> Job:
    values = {"encoder": "hashing"} if step == "embed" else {"scorer": SCORERS["length"].title}
    return queue.submit(open_workspace(workspace), dataset_id, step, values, **place).job


def change(workspace: Path, job: Job, **columns: object) -> None:
    with Database(workspace).writing() as connection:
        assert job_table.change(connection, job, columns)


def open_form(page: str, **query: str) -> AppTest:
    """A page with its folded part open."""
    app = AppTest.from_file(str(app_folder() / "pages" / f"{page}.py"), default_timeout=60)
    for parameter, value in query.items():
        app.query_params[parameter] = value
    step = {"selection": "select", "scoring": "score"}.get(page, query.get("start", ""))
    app.session_state[f"run_{step}_place"] = True
    return checked(app.run())


def press(app: AppTest, label: str) -> AppTest:
    next(button for button in app.button if button.label == label).click()
    return checked(app.run())


def only_job(workspace: Path) -> Job:
    (job,) = job_table.list_jobs(Database(workspace))
    return job


def test_nothing_has_to_be_chosen_and_no_cluster_is_asked(
    workspace: Path, dataset_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    monkeypatch.setattr(SlurmBackend, "available", asked.append)
    app = open_page("job_list", start="embed", dataset=dataset_id)
    assert "Check before submitting" not in said(app)
    press(app, "Embed")
    job = only_job(workspace)
    assert (job.step, job.backend, job.resources, job.priority) == ("embed", "local", Resources(), 0)
    assert not asked


def test_what_is_chosen_becomes_the_job(workspace: Path, dataset_id: str) -> None:
    app = open_form("job_list", start="embed", dataset=dataset_id)
    app.radio(key="run_embed_backend").set_value("slurm")
    app.number_input(key="run_embed_cpus").set_value(4)
    app.number_input(key="run_embed_mem_gb").set_value(1.5)
    app.number_input(key="run_embed_time_limit_min").set_value(30)
    app.number_input(key="run_embed_priority").set_value(3)
    checked(app.run())
    assert "--cpus-per-task=4" in app.code[0].value
    press(app, "Embed")
    job = only_job(workspace)
    assert (job.backend, job.priority) == ("slurm", 3)
    assert job.resources == Resources(cpus=4, mem_gb=1.5, time_limit_min=30)
    # The page goes on to the job, which says the same.
    assert app.query_params["job"] in (job.job_id, [job.job_id])
    assert r"Slurm · 4 CPUs · 1\.5 GB · at most 30 min" in said(app)


def test_a_backend_that_takes_no_jobs_says_why_beside_its_name(workspace: Path, dataset_id: str) -> None:
    app = open_form("job_list", start="embed", dataset=dataset_id)
    captions = dict(
        zip(app.radio(key="run_embed_backend").options, app.radio(key="run_embed_backend").proto.captions, strict=True)
    )  # fmt: skip
    assert r"Nobody answers; ask the person who runs it\." in captions["Ray"]
    assert "Takes no jobs now" not in captions["Slurm"] + captions["This machine"]


def test_the_check_names_what_stands_in_the_way_and_the_next_step(workspace: Path, dataset_id: str) -> None:
    app = open_form("job_list", start="embed", dataset=dataset_id)
    assert "40 rows · time unknown" in said(app)
    checked(app.radio(key="run_embed_backend").set_value("ray").run())
    (failed,) = [one.value for one in app.markdown if ":red[" in one.value]
    assert "Backend: it takes no jobs now" in failed
    assert r"**A job submitted now waits until it does\.**" in failed


def test_a_step_whose_input_is_missing_says_so_before_and_when_it_is_submitted(
    workspace: Path, dataset_id: str
) -> None:
    app = open_form("job_list", start="cluster", dataset=dataset_id)
    assert ":red[" in said(app)
    press(app, "Cluster")
    assert "embed" in app.error[0].value
    assert not job_table.list_jobs(Database(workspace))


@pytest.mark.parametrize(
    ("page", "step", "button"), [("selection", "select", "Select"), ("scoring", "score", "Compute")]
)
def test_selections_and_scores_run_where_their_form_says(
    workspace: Path, dataset_id: str, page: str, step: str, button: str
) -> None:
    run_pipeline(workspace, dataset_id)
    query = {"view": "new", "dataset": dataset_id, "scorer": SCORERS["length"].title}
    app = open_form(page, **query)
    app.radio(key=f"run_{step}_backend").set_value("slurm")
    if step == "select":
        app.number_input(key="select_budget_rows").set_value(7.0)
    checked(app.run())
    press(app, next(one.label for one in app.button if one.label.startswith(button)))
    assert (only_job(workspace).step, only_job(workspace).backend) == (step, "slurm")


def test_a_clone_starts_with_the_options_and_the_place_of_its_job(workspace: Path, dataset_id: str) -> None:
    job = submit(workspace, dataset_id, backend="slurm", resources={"gpus": 2}, priority=5)
    change(workspace, job, state=JobState.FAILED, finished_at=job.submitted_at)
    app = press(open_page("job_list", job=job.job_id), "Clone and change")
    mark = job.job_id[-4:]
    assert app.selectbox(key=f"embed_encoder_{mark}").value == "hashing"
    assert app.radio(key=f"run_embed_backend_{mark}").value == "slurm"
    assert app.number_input(key=f"run_embed_gpus_{mark}").value == 2
    assert app.number_input(key=f"run_embed_priority_{mark}").value == 5


def test_a_running_job_shows_where_it_is_and_what_its_backend_says(workspace: Path, dataset_id: str) -> None:
    job = submit(workspace, dataset_id, backend="slurm", resources={"cpus": 2})
    change(
        workspace,
        job,
        state=JobState.RUNNING,
        started_at=job.submitted_at,
        handle="17:tamis-x",
        reason="(Priority)",
    )
    app = open_page("job_list", job=job.job_id)
    assert r"Slurm: \(Priority\)" in said(app)
    assert "Slurm · 2 CPUs" in said(app)
    assert "`17:tamis-x`" in said(app)


@pytest.mark.parametrize(
    ("kind", "title"),
    [
        (ErrorKind.OUT_OF_MEMORY, "Embed failed: out of memory"),
        (ErrorKind.OUT_OF_DISK, "Embed failed: out of disk"),
        (ErrorKind.LOST, "Embed failed: worker lost"),
        (ErrorKind.TIME_LIMIT, "Embed failed: time limit reached"),
    ],
)
def test_a_failure_is_named_with_its_next_step(
    workspace: Path, dataset_id: str, kind: ErrorKind, title: str
) -> None:
    job = submit(workspace, dataset_id)
    change(
        workspace,
        job,
        state=JobState.FAILED,
        error_kind=kind,
        reason="So it was.",
        finished_at=job.submitted_at,
    )
    app = open_page("job_list", job=job.job_id)
    assert app.error[0].proto.title == title
    assert NEXT_STEPS[kind] in said(app)
    assert {"Resume", "Start over", "Clone and change", "Delete this job"} <= {
        one.label for one in app.button
    }


def test_every_kind_of_error_has_words_and_a_next_step() -> None:
    kinds = {kind.value for kind in ErrorKind} - {""}
    assert kinds == set(ERROR_WORDS) == set(NEXT_STEPS)
