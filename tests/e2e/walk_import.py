"""Import in a real browser: pick a file, see three rows, change nothing, agree, wait, look at what was rejected."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page, expect

IMPORT_TIMEOUT_MS = 60_000


def upload_and_import(page: Page, base_url: str, files: list[Path], name: str) -> str:
    """Upload files, check the preview, import, wait until it is done; returns the dataset's id."""
    page.goto(f"{base_url}/import_data")
    page.locator('input[type="file"]').set_input_files([str(file) for file in files])
    expect(page.get_by_text("How it is read")).to_be_visible(timeout=IMPORT_TIMEOUT_MS)
    expect(page.get_by_text("In the file")).to_be_visible()
    return agree(page, name)


def import_from_server(page: Page, base_url: str, label: str, name: str) -> str:
    """Import a file that the server lists under ``label``; returns the dataset's id."""
    page.goto(f"{base_url}/import_data?from=This+server&path={label}")
    page.get_by_role("button", name="Take it").click()
    expect(page.get_by_text("How it is read")).to_be_visible(timeout=IMPORT_TIMEOUT_MS)
    return agree(page, name)


def agree(page: Page, name: str) -> str:
    """Type the name, press Import, and wait for the counts."""
    settle(page)
    field = page.get_by_role("textbox", name="Name")
    field.fill(name)
    field.press("Enter")
    settle(page)
    page.get_by_role("button", name="Import ").click()
    expect(page.get_by_text("imported as")).to_be_visible(timeout=IMPORT_TIMEOUT_MS)
    return dataset_in(page)


def settle(page: Page) -> None:
    """Wait until the script has ended: what is typed while a page is still being drawn may be drawn over."""
    page.wait_for_timeout(300)
    app = page.locator('[data-testid="stApp"]')
    expect(app).to_have_attribute("data-test-script-state", "notRunning", timeout=IMPORT_TIMEOUT_MS)


def start_pipeline(page: Page) -> None:
    """From the result of an import, queue everything that is missing."""
    page.get_by_role("button", name="Run the whole pipeline").click()


def dataset_in(page: Page) -> str:
    """The dataset that the address names."""
    return str(page.evaluate("() => new URL(location.href).searchParams.get('imported')"))
