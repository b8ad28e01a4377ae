"""What a person does on the Augment page, as steps that a test puts together."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.e2e.walk_import import settle

IDLE = '[data-testid="stApp"][data-test-script-state="notRunning"]'
JOB_MS = 240_000


def open_augment(page: Page, url: str, dataset_id: str, **query: str) -> None:
    """Go to the page of a dataset and wait until it is drawn."""
    extra = "".join(f"&{name}={value}" for name, value in query.items())
    page.goto(f"{url}/augment?dataset={dataset_id}{extra}")
    expect(page.get_by_role("heading", name="Augment", exact=True)).to_be_visible()
    page.wait_for_selector(IDLE)


def choose(page: Page, label: str, option: str) -> None:
    """Choose from a menu; what was filled in before may draw the page anew, which closes a menu that was just opened."""
    wanted = page.get_by_role("option", name=option, exact=True)
    page.get_by_role("combobox", name=label, exact=True).click()
    page.wait_for_timeout(500)
    if not wanted.is_visible():
        page.wait_for_selector(IDLE)
        page.get_by_role("combobox", name=label, exact=True).click()
    wanted.click()
    settle(page)


def fill(page: Page, label: str, value: str, *, number: bool = False) -> None:
    """Fill in a field."""
    field = page.get_by_role("spinbutton" if number else "textbox", name=label, exact=True)
    field.fill(value)
    field.press("Enter")
    settle(page)


def name_endpoint(page: Page, address: str) -> None:
    """Say where the chosen endpoint is; its options are folded away."""
    page.get_by_text("OpenAI-compatible endpoint options").last.click()
    settle(page)
    fill(page, "Base url", address)
    fill(page, "Model", "m")


def examine(page: Page, url: str, dataset_id: str, address: str) -> None:
    """Let the model of an endpoint answer the rows, marked by the last number."""
    open_augment(page, url, dataset_id, view="new")
    choose(page, "Model that answers", "OpenAI-compatible endpoint")
    name_endpoint(page, address)
    choose(page, "When an answer is right", "Same last number")
    page.get_by_role("button", name="Examine on").click()
    expect(
        page.get_by_text("answered wrongly, ").or_(page.get_by_text("Nothing was answered wrongly"))
    ).to_be_visible(timeout=JOB_MS)
    page.wait_for_selector(IDLE)


def start_campaign(page: Page, url: str, dataset_id: str, title: str) -> None:
    """Start a campaign on a dataset with its usual options."""
    open_augment(page, url, dataset_id)
    page.get_by_role("button", name="Start a campaign").click()
    choose(page, "Campaign", title)
    page.get_by_role("button", name="Start", exact=True).click()
    page.wait_for_selector(IDLE)


def wait_for_campaign(page: Page, url: str, dataset_id: str, said: str) -> None:
    """Open the page and wait until it says this of a campaign; it looks by itself for jobs that end."""
    open_augment(page, url, dataset_id)
    expect(page.get_by_text(said).first).to_be_visible(timeout=JOB_MS)
    page.wait_for_selector(IDLE)
