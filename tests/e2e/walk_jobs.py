"""What a person does on the Jobs page, as steps that a test puts together."""

from __future__ import annotations

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
