"""What a person does on the Compare page, as steps that a test puts together."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from playwright.sync_api import Page, expect

IDLE = '[data-testid="stApp"][data-test-script-state="notRunning"]'


def open_compare_page(page: Page, url: str, dataset_id: str, **query: str) -> None:
    """Go to the page of a dataset and wait until it is drawn."""
    extra = "".join(f"&{name}={value}" for name, value in query.items())
    page.goto(f"{url}/compare?dataset={dataset_id}{extra}")
    expect(page.get_by_role("heading", name="Compare", exact=True)).to_be_visible()
    page.wait_for_selector(IDLE)


def choose_methods(page: Page, titles: Sequence[str]) -> None:
    """Leave exactly these methods chosen in the form."""
    pills = page.get_by_role("toolbar", name="Methods").get_by_role("button")
    expect(pills.first).to_be_visible()
    for at in range(pills.count()):
        pill = pills.nth(at)
        chosen = pill.get_attribute("aria-pressed") == "true"
        if chosen != (pill.inner_text().strip() in titles):
            pill.click()
            page.wait_for_selector(IDLE)


def draw_and_compare(
    page: Page, *, budget: int, n_seeds: int, n_selections: int, timeout_s: int = 240
) -> str:
    """Ask for a budget and seeds, press the button, wait for the comparison and return its id."""
    for label, value in (("Budget of each", budget), ("Seeds", n_seeds)):
        field = page.get_by_role("spinbutton", name=label)
        field.fill(str(value))
        field.press("Enter")
        page.wait_for_selector(IDLE)
    page.get_by_role("button", name=f"Draw {n_selections} selections and compare").click()
    page.wait_for_url("**comparison=*", timeout=timeout_s * 1000)
    expect(page.get_by_role("button", name="Save the report")).to_be_visible()
    expect(page.get_by_text("On the map", exact=True)).to_be_visible()
    return page.url.rpartition("comparison=")[2].partition("&")[0]


def open_unique_rows(page: Page) -> None:
    """Follow the rows that only the first method picked to the map, filtered by them."""
    page.get_by_role("tab", name="Rows only one picked").click()
    page.get_by_role("button", name="Open these rows on the map").click()
    page.wait_for_url("**/data_map?*scope=*")
    expect(page.get_by_role("heading", name="Map", exact=True)).to_be_visible()
    page.wait_for_selector(IDLE)


def save_report(page: Page, folder: Path) -> Path:
    """Press the button and return the file."""
    with page.expect_download(timeout=60_000) as started:
        page.get_by_role("button", name="Save the report").click()
    path = folder / started.value.suggested_filename
    started.value.save_as(path)
    return path


def move_the_first_map(page: Page) -> None:
    """Take the first map in hand and come closer."""
    page.get_by_role("tab", name="On the map").click()
    drawn = "globalThis.__tamis_map?.length === 5 && globalThis.__tamis_map.every(m => Number(m.root.dataset.painted) > 0)"
    page.wait_for_function(drawn)
    first = page.get_by_test_id("tamis-map").first
    before = page.evaluate("globalThis.__tamis_map[4].view.state.camera.scale")
    first.focus()
    page.keyboard.press("+")
    page.wait_for_function(
        "before => globalThis.__tamis_map[4].view.state.camera.scale > 1.3 * before", arg=before
    )


def choose_calibrations(page: Page, n_sets: int) -> None:
    """Take the first of the selections that are left, so many times; a page that is drawn anew closes the menu."""
    for _ in range(n_sets):
        field, options = page.get_by_role("combobox", name="Calibrations"), page.get_by_role("option")
        field.click()
        page.wait_for_timeout(500)
        if not options.first.is_visible():
            page.wait_for_selector(IDLE)
            field.click()
        options.first.click()
        page.wait_for_selector(IDLE)
    page.keyboard.press("Escape")
