"""A long job in a real browser: through reloads, closed tabs, a cancelled attempt and a server that dies."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path

import orjson
import psutil
import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tamis.jobs import job_table
from tamis.jobs.folder import JobFolder
from tamis.jobs.model import Job, JobState
from tamis.store.artifacts.store import ArtifactStore
from tamis.store.database.database import Database
from tests.core.jobs.engine import alive
from tests.e2e import walk_jobs
from tests.e2e.conftest import Server, end_process_tree, free_port, running_app
from tests.pages.page_workspace import import_file

pytestmark = [pytest.mark.browser, pytest.mark.slow]
N_ROWS = 20_000
WORDS = (
    40,
    140,
)  # of a prompt and of a response: long enough to be cancelled on the way; while one looks, the worker waits
CANCEL_S = 5.0
END_MS = 420_000


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("jobs") / "workspace"


@pytest.fixture(scope="module")
def dataset_id(workspace: Path) -> str:
    """Rows of random words, imported."""
    draw = random.Random(0)
    words = ["".join(draw.choices("abcdefghijklmnop", k=3)) for _ in range(2000)]
    path = workspace.parent / "many job_table.jsonl"
    with path.open("wb") as out:
        for _ in range(N_ROWS):
            prompt, response = (" ".join(draw.choices(words, k=n)) for n in WORDS)
            out.write(orjson.dumps({"instruction": prompt, "input": "", "output": response}) + b"\n")
    return import_file(workspace, path, "Many rows")


@pytest.fixture
def end_workers(workspace: Path) -> Iterator[None]:
    """A worker outlives its server, so a test that fails half-way must not leave it behind."""
    yield
    for job in job_table.list_jobs(Database(workspace), states=(JobState.RUNNING,)):
        if job.progress.pid:
            end_process_tree(job.progress.pid)


def job_of(workspace: Path, job_id: str) -> Job:
    return job_table.get(Database(workspace), job_id)


def n_parts(workspace: Path, job: Job) -> int:
    """How many chunks of an unfinished artifact are there."""
    made = ArtifactStore(workspace).artifact_path(job.dataset_id, job.kind, job.artifact_id)
    return len(list((made.parent / f".{job.artifact_id}.partial").rglob("*.npz"))) or len(
        [path for path in (made.parent / f".{job.artifact_id}.partial").rglob("*") if path.is_file()]
    )


@contextmanager
def held(workspace: Path, job_id: str, attempt: int) -> Iterator[None]:
    """The worker waits, a part of its rows done, while one looks: so the job need not be longer than the looking."""
    folder, deadline = JobFolder.of(workspace, job_id), time.monotonic() + 60
    while (now := folder.read_progress(attempt)) is None or not now.done:
        assert time.monotonic() < deadline, "nothing of it was done"
        time.sleep(0.02)
    worker = psutil.Process(now.pid)
    worker.suspend()
    try:
        while job_of(workspace, job_id).progress.done < now.done:  # until the app has read it
            assert time.monotonic() < deadline, "the app does not look at its job"
            time.sleep(0.1)
        yield
    finally:
        worker.resume()


def wait_for_more(page: Page, workspace: Path, before: Job) -> Job:
    """The job as soon as more of it is done than before."""
    deadline = time.monotonic() + 60
    while (now := job_of(workspace, before.job_id)).progress.done <= before.progress.done:
        assert time.monotonic() < deadline, "the job stands still"
        page.wait_for_timeout(300)
    return now


def seconds_to_cancel(job: Job) -> float:
    assert job.cancelled_at
    assert job.finished_at
    asked, ended = (datetime.fromisoformat(moment) for moment in (job.cancelled_at, job.finished_at))
    return (ended - asked).total_seconds()


@pytest.mark.nightly
def test_a_job_is_found_as_it_is_whatever_happens_to_the_tab_and_the_server(
    workspace: Path, dataset_id: str, context: BrowserContext, end_workers: None
) -> None:
    port = free_port()
    with ExitStack() as holding:
        with running_app(workspace, port) as server:
            page, job_id = _start_reload_and_reopen(server, dataset_id, context)
            _cancel_and_resume(server, page, job_id)
            holding.enter_context(held(workspace, job_id, 2))
            _expect_the_second_attempt(server, page, job_id)
            before = job_of(workspace, job_id)
            server.kill()
            assert alive(before.progress.pid)
        page.wait_for_timeout(500)
        with running_app(workspace, port) as server:
            # The tab was never touched: it finds the new server by itself.
            walk_jobs.expect_running(page)
            holding.close()
            now = wait_for_more(page, workspace, before)
            _see_it_end(server, page, before, now)
    made = ArtifactStore(workspace).get(dataset_id, "embeddings", now.artifact_id)
    assert made.summary["dimension"] > 0
    assert job_of(workspace, job_id).state is JobState.SUCCEEDED
    assert len(job_table.list_jobs(Database(workspace))) == 1


def _see_it_end(server: Server, page: Page, before: Job, now: Job) -> None:
    assert (now.progress.pid, now.attempt) == (before.progress.pid, 2)
    walk_jobs.expect_done(page, END_MS)
    walk_jobs.open_jobs(page, server.url)
    expect(page.get_by_text("1 done")).to_be_visible()


def _start_reload_and_reopen(server: Server, dataset_id: str, context: BrowserContext) -> tuple[Page, str]:
    page = context.new_page()
    walk_jobs.open_step_form(page, server.url, dataset_id, "embed", embed_encoder="Feature+hashing")
    job_id = walk_jobs.submit_step(page, "Embed")
    with held(server.workspace, job_id, 1):
        walk_jobs.expect_running(page)
        pid = job_of(server.workspace, job_id).progress.pid
        page.reload()
        walk_jobs.expect_running(page)
        link = page.url
        page.close()
        page = context.new_page()
        page.goto(link)
        walk_jobs.expect_running(page)
        job = job_of(server.workspace, job_id)
        assert (job.state, job.progress.pid, job.attempt) == (JobState.RUNNING, pid, 1)
    return page, job_id


def _cancel_and_resume(server: Server, page: Page, job_id: str) -> None:
    walk_jobs.cancel_job(page)
    expect(page.get_by_text("Cancelled").first).to_be_visible()
    stopped = job_of(server.workspace, job_id)
    assert stopped.state is JobState.CANCELLED
    assert seconds_to_cancel(stopped) <= CANCEL_S
    assert not alive(stopped.progress.pid)
    kept = n_parts(server.workspace, stopped)
    assert kept > 0
    walk_jobs.resume_job(page)


def _expect_the_second_attempt(server: Server, page: Page, job_id: str) -> None:
    walk_jobs.expect_running(page)
    expect(page.get_by_text("attempt 2").first).to_be_visible()
    again = job_of(server.workspace, job_id)
    assert again.attempt == 2
    assert again.progress.done > 0, "the finished parts were not used"


@pytest.mark.nightly
def test_a_form_says_where_a_step_may_run_and_what_would_be_submitted(
    workspace: Path, dataset_id: str, page: Page
) -> None:
    with running_app(workspace, ray_address="http://127.0.0.1:9") as server:
        walk_jobs.open_step_form(page, server.url, dataset_id, "embed")
        walk_jobs.open_place(page)
        expect(page.get_by_text("Ray at http://127.0.0.1:9 does not answer")).to_be_visible()
        expect(page.get_by_text("Inputs: Everything it reads is there.")).to_be_visible()
        page.get_by_test_id("stRadio").get_by_text("Slurm", exact=True).click()
        page.get_by_label("CPUs", exact=True).fill("3")
        page.get_by_label("CPUs", exact=True).press("Enter")
        expect(page.get_by_text("--cpus-per-task=3")).to_be_visible()
        # The choice is part of the address, so a reload keeps it.
        page.reload()
        expect(page.get_by_text("Slurm · 3 CPUs")).to_be_visible()
