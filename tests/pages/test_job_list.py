"""The Jobs page: a list that filters and stays quick, and everything about one job."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from pages.parts.job_list import table
from tamis.actions.job_words import job_title
from tamis.actions.pipeline import submit_missing
from tamis.errors import UnknownName
from tamis.jobs import job_table
from tamis.jobs.folder import JobFolder
from tamis.jobs.model import ErrorKind, Job, JobState, Progress
from tamis.jobs.scheduler import queue
from tamis.store.database.database import Database
from tamis.store.workspace import open_workspace
from tests.pages.page_workspace import alpaca_file, checked, import_file, open_page, said

N_MANY = 2000


@pytest.fixture
def dataset_id(workspace: Path, tmp_path: Path) -> str:
    return import_file(workspace, alpaca_file(tmp_path))


def submit(workspace: Path, dataset_id: str, **options: object) -> Job:
    values = {"scorer": "length", **options}
    return queue.submit(open_workspace(workspace), dataset_id, "score", values).job


def change(workspace: Path, job: Job, **columns: object) -> None:
    with Database(workspace).writing() as connection:
        assert job_table.change(connection, job, columns)


def labels(app: object) -> list[str]:
    return [button.label for button in app.button]


def test_the_list_shows_newest_first_and_counts_the_states(workspace: Path, dataset_id: str) -> None:
    first = submit(workspace, dataset_id)
    submit(workspace, dataset_id, scorer_options={"unit": "characters"})
    change(workspace, first, state=JobState.FAILED, reason="It broke.", finished_at=first.submitted_at)
    app = open_page("job_list")
    assert "**1**] waiting" in said(app)
    assert "**1**] failed" in said(app)
    assert [state[0] for state in app.dataframe[0].value["state"]] == ["Waiting", "Failed"]


def test_a_pipeline_is_one_line_that_unfolds_into_its_steps(workspace: Path, dataset_id: str) -> None:
    submitted = submit_missing(open_workspace(workspace), dataset_id)
    jobs = [one.job for one in submitted if one.job is not None]
    progress = Progress(attempt=1, stage="embed", done=30, total=40)
    change(workspace, jobs[0], state=JobState.RUNNING, started_at=jobs[0].submitted_at, progress=progress)
    submit(workspace, dataset_id, scorer_options={"unit": "characters"})
    app = open_page("job_list")
    table = app.dataframe[0].value
    n = len(jobs) - 1  # the length of responses waits for nothing, and nothing for it
    assert f"▸ {n} steps" in list(table["step"])
    line = table[table["step"] == f"▸ {n} steps"].iloc[0]
    assert line["state"][0] == "Running"
    assert "Embed: embed · 30 of 40" in line["says"]
    assert f"0 of {n} done" in line["says"]
    assert line["progress"] == pytest.approx(75 / n)
    assert list(table["says"])[0].startswith("behind ")  # the one that was asked for last
    unfolded = open_page("job_list", unfolded=jobs[0].job_id).dataframe[0].value
    assert f"▾ {n} steps" in list(unfolded["step"])
    steps = [one.strip() for one in unfolded["step"] if one.startswith("\u2003")]
    assert steps == [job_title(job) for job in jobs if job.options.get("scorer") != "length"]
    assert any("waits for Embed, which it needs" in said for said in unfolded["says"])
    checked(app.selectbox(key="in_step").set_value("embed").run())
    assert list(app.dataframe[0].value["step"]) == ["Embed"]


def test_a_page_holds_pipelines_and_not_their_jobs(
    workspace: Path, dataset_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pipeline is told whole on its page, whatever number of jobs it has."""
    monkeypatch.setattr(table, "PAGE_LINES", 2)
    submit(workspace, dataset_id)
    submit_missing(
        open_workspace(workspace), import_file(workspace, alpaca_file(workspace.parent, 41), "More")
    )
    lines = [open_page("job_list", jobs_page=str(page)).dataframe[0].value["step"] for page in (1, 2)]
    assert [len(one) for one in lines] == [2, 1]
    assert sum("steps" in step for one in lines for step in one) == 1


def test_filters_narrow_the_list(workspace: Path, dataset_id: str) -> None:
    first = submit(workspace, dataset_id)
    submit(workspace, dataset_id, scorer_options={"unit": "characters"})
    change(workspace, first, state=JobState.FAILED, reason="It broke.", finished_at=first.submitted_at)
    app = open_page("job_list")
    checked(app.pills(key="in_state").set_value([JobState.FAILED]).run())
    assert list(app.dataframe[0].value["says"]) == ["It broke."]
    checked(app.selectbox(key="in_step").set_value("embed").run())
    assert "No job meets these filters" in said(app)


def test_two_thousand_jobs_are_drawn_in_half_a_second(workspace: Path, dataset_id: str) -> None:
    job = submit(workspace, dataset_id)
    change(workspace, job, state=JobState.CANCELLED, finished_at=job.submitted_at)
    with Database(workspace).writing() as connection:
        names = ", ".join(job_table.COLUMNS)
        others = ", ".join("job_id || '-' || n" if name == "job_id" else name for name in job_table.COLUMNS)
        connection.execute(
            f"WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < {N_MANY}) "
            f"INSERT INTO jobs ({names}) SELECT {others} FROM jobs, c WHERE job_id = ?",
            (job.job_id,),
        )
    app = open_page("job_list")
    took = []
    for _ in range(3):
        began = time.perf_counter()
        checked(app.run())
        took.append(time.perf_counter() - began)
    assert f"**{N_MANY + 1:,}**] cancelled" in said(app)
    assert len(app.dataframe[0].value) == 25
    assert min(took) < 0.5


def test_a_running_job_shows_how_far_it_is_and_can_be_cancelled(workspace: Path, dataset_id: str) -> None:
    job = submit(workspace, dataset_id)
    progress = Progress(attempt=1, stage="score", done=30, total=40, rate=10.0, seconds_left=1.0)
    change(workspace, job, state=JobState.RUNNING, started_at=job.submitted_at, progress=progress)
    app = open_page("job_list", job=job.job_id)
    assert {"Cancel", "Clone and change"} <= set(labels(app))
    next(button for button in app.button if button.label == "Cancel").click()
    checked(app.run())
    assert job_table.get(Database(workspace), job.job_id).cancelling
    assert "Cancel" not in labels(app)


def test_a_failed_job_says_why_what_to_do_and_resumes(workspace: Path, dataset_id: str) -> None:
    job = submit(workspace, dataset_id)
    change(
        workspace,
        job,
        state=JobState.FAILED,
        error_kind=ErrorKind.LOST,
        reason="Worker lost.",
        log_tail="last words",
        finished_at=job.submitted_at,
    )
    app = open_page("job_list", job=job.job_id)
    assert app.error[0].value == "Worker lost\\."
    assert "went away without a word" in said(app)
    assert "last words" in app.code[0].value
    next(button for button in app.button if button.label == "Resume").click()
    checked(app.run())
    assert job_table.get(Database(workspace), job.job_id).state is JobState.QUEUED


def test_timings_log_curves_and_options_of_a_job_are_shown(workspace: Path, dataset_id: str) -> None:
    job = submit(workspace, dataset_id)
    folder = JobFolder.of(workspace.resolve(), job.job_id)
    folder.path.mkdir(parents=True)
    folder.log_path.write_text("\n".join(f"line {i}" for i in range(50)))
    for position in range(3):
        folder.add_metric("loss", 1.0 / (position + 1), position)
    done = Progress(attempt=1, timings={"starting": 0.5, "score": 4.0})
    change(workspace, job, state=JobState.SUCCEEDED, progress=done, finished_at=job.submitted_at)
    app = open_page("job_list", job=job.job_id)
    assert "line 49" in app.code[0].value
    assert "line 1\n" not in app.code[0].value
    assert "Curves" in said(app)
    options = app.dataframe[0].value.set_index("Option")["Value"]
    assert options["Scorer: unit"] == "words"
    checked(app.toggle(key="whole_log").set_value(True).run())
    assert "line 1\n" in app.code[1].value


def test_deleting_a_job_forgets_it_and_goes_back_to_the_list(workspace: Path, dataset_id: str) -> None:
    job = submit(workspace, dataset_id)
    change(workspace, job, state=JobState.CANCELLED, finished_at=job.submitted_at)
    app = open_page("job_list", job=job.job_id)
    checked(app.button(key=f"delete_{job.job_id}").click().run())
    with pytest.raises(UnknownName):
        job_table.get(Database(workspace), job.job_id)
    assert "job" not in app.query_params


def test_a_job_that_is_gone_is_said_and_the_list_shown(workspace: Path, dataset_id: str) -> None:
    app = open_page("job_list", job="20200101-000000-000000-dead")
    assert "There is no job" in app.warning[0].value
    assert app.title[0].value == "Jobs"
