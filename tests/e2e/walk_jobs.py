"""What a person does on the Jobs page, as steps that a test puts together."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Page, expect

IDLE = '[data-testid="stApp"][data-test-script-state="notRunning"]'


def open_jobs(page: Page, url: str) -> None:
    """Go to the list and wait until it is drawn."""
    page.goto(f"{url}/job_list")
    expect(page.get_by_role("heading", name="Jobs", exact=True)).to_be_visible()
    page.wait_for_selector(IDLE)


def open_job(page: Page, url: str, job_id: str) -> None:
    """Go to one job by its link."""
    page.goto(f"{url}/job_list?job={job_id}")
    expect(page.get_by_role("button", name="All jobs")).to_be_visible()
    page.wait_for_selector(IDLE)


def filter_by_state(page: Page, state: str) -> None:
    """Toggle one of the state pills; the address then holds it."""
    page.get_by_role("button", name=state, exact=True).click()
    page.wait_for_url(f"**in_state={state}*")


def cancel_job(page: Page) -> None:
    """Cancel the open job and wait until it says so."""
    page.get_by_role("button", name="Cancel", exact=True).click()
    expect(page.get_by_role("button", name="Resume")).to_be_visible(timeout=30_000)


def resume_job(page: Page) -> None:
    """Resume the open job."""
    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_role("button", name="Resume")).to_have_count(0, timeout=30_000)


def open_step_form(page: Page, url: str, dataset_id: str, step: str, **options: str) -> None:
    """Go to the form of a step; options are those of its address."""
    more = "".join(f"&{name}={value}" for name, value in options.items())
    page.goto(f"{url}/job_list?start={step}&dataset={dataset_id}{more}")
    expect(page.get_by_role("heading", name="Run a step")).to_be_visible()
    page.wait_for_selector(IDLE)


def submit_step(page: Page, label: str) -> str:
    """Press the button of the form; returns the id of the job that the page then shows."""
    page.get_by_test_id("stMain").get_by_role("button", name=label, exact=True).click()
    page.wait_for_url("**job=*")
    return parse_qs(urlsplit(page.url).query)["job"][0]


def open_place(page: Page) -> None:
    """Unfold the part of a form that says where its step runs."""
    page.get_by_text("Where it runs", exact=True).click()
    expect(page.get_by_text("Check before submitting")).to_be_visible()
    page.wait_for_selector(IDLE)


def expect_running(page: Page) -> None:
    """The open job is under way: a bar that says how far it is, and a way to stop it."""
    expect(page.get_by_role("button", name="Cancel", exact=True)).to_be_visible(timeout=60_000)
    expect(page.get_by_text(re.compile(r"[\d,]+ of [\d,]+")).first).to_be_visible(timeout=60_000)


def expect_done(page: Page, timeout_ms: float) -> None:
    """The open job has succeeded: its result can be opened."""
    expect(page.get_by_role("button", name="Open the result")).to_be_visible(timeout=timeout_ms)
