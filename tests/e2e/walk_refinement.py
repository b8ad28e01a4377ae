"""What a person does on the Refinement page, as steps that a test puts together."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Page, expect

IDLE = '[data-testid="stApp"][data-test-script-state="notRunning"]'
TIMEOUT_MS = 60_000  # the first page of a server loads much, on a machine that may have other things to do
HEATMAP = "[data-testid=stPlotlyChart] .js-plotly-plot .heatmaplayer"


def open_refinement_page(page: Page, url: str, dataset_id: str, **query: str) -> None:
    """Go to the page of a dataset and wait until it is drawn."""
    extra = "".join(f"&{name}={value}" for name, value in query.items())
    page.set_default_timeout(TIMEOUT_MS)
    page.goto(f"{url}/refinement?dataset={dataset_id}{extra}")
    expect(page.get_by_role("heading", name="Refinement", exact=True)).to_be_visible(timeout=TIMEOUT_MS)
    wait_until_idle(page)


def wait_until_idle(page: Page) -> None:
    """Wait until the server has nothing left to send."""
    page.wait_for_timeout(300)
    page.wait_for_selector(IDLE, timeout=TIMEOUT_MS)


def fill_form(page: Page, *, rounds: int, budget: int, model: Path, max_new_tokens: int) -> None:
    """A small refinement with a model of this machine."""
    _fill_number(page, "Rounds", rounds)
    _fill_number(page, "Rows to select", budget)
    page.get_by_text("More options", exact=True).click()
    page.get_by_role("radio", name="Folder or hub id").click()
    folder = page.get_by_role("textbox", name="Folder or hub id")
    folder.fill(str(model))
    folder.press("Enter")
    expect(page.get_by_text("Found on this machine")).to_be_visible(timeout=TIMEOUT_MS)
    page.get_by_text("Answers and scores", exact=True).click()
    _fill_number(page, "Longest answer (tokens)", max_new_tokens)


def start(page: Page, rounds: int) -> str:
    """Submit the form; returns the id of the refinement, which the address has from then on."""
    page.get_by_role("button", name=f"Refine in {rounds} rounds").click()
    page.wait_for_url("**run=*", timeout=TIMEOUT_MS)
    return opened(page)


def opened(page: Page) -> str:
    """The id of the refinement in the address."""
    found = re.search(r"[?&]run=([0-9a-f]+)", page.url)
    assert found is not None, page.url
    return found.group(1)


def see_a_round(page: Page, rounds: int) -> None:
    """Wait until the page shows the weights after a round that has finished, while the next one runs."""
    said = page.get_by_text(re.compile(rf"^[1-{rounds - 1}] of {rounds} rounds finished"))
    expect(said.first).to_be_visible(timeout=TIMEOUT_MS)
    expect(page.locator(HEATMAP).first).to_be_attached(timeout=TIMEOUT_MS)


def wait_until_done(page: Page, *, timeout_s: int = 240) -> None:
    """Wait until the refinement is done."""
    # What the page showed before stays until all of the new one is drawn.
    expect(page.get_by_text(opened(page), exact=True)).to_be_visible(timeout=TIMEOUT_MS)
    wait_until_idle(page)
    done, failed = page.get_by_role("button", name="Add rounds"), page.get_by_text("The refinement failed")
    expect(done.or_(failed).first).to_be_visible(timeout=timeout_s * 1000)
    assert not failed.count(), "the refinement failed"
    wait_until_idle(page)


def open_part(page: Page, name: str) -> None:
    """Look at one of the parts of a finished refinement."""
    page.get_by_role("radio", name=re.compile(rf"^{re.escape(name)}")).click()
    wait_until_idle(page)


def add_round(page: Page, *, leave_out: str, n_rows: int) -> str:
    """Continue with one more round that leaves a cluster out; returns the id of the longer refinement."""
    before = opened(page)
    page.get_by_role("button", name="Add rounds").click()
    _fill_number(page, "Rows to add", n_rows)
    box = page.get_by_role("combobox", name=re.compile("Leave out from now on"))
    box.fill(leave_out)
    page.get_by_role("option", name=leave_out).first.click()
    # The list stays open for a second choice, over the button.
    page.get_by_text("The rows picked so far stay").click()
    wait_until_idle(page)
    page.get_by_role("button", name="Add 1 round").click()
    page.wait_for_url(re.compile(rf"run=(?!{before})"), timeout=TIMEOUT_MS)
    return opened(page)


def export(page: Page) -> None:
    """Go to the export of the rows after the last round."""
    page.get_by_role("button", name=re.compile(r"^Export \d")).click()
    page.wait_for_url("**/export_data?*selection=*")


def fine_tune(page: Page) -> None:
    """Go to the form of a fine-tuning run on the rows after the last round."""
    page.get_by_role("button", name="Fine-tune on these").click()
    page.wait_for_url("**/finetuning?*selection=*")
    expect(page.get_by_role("heading", name="Fine-tune", exact=True)).to_be_visible(timeout=TIMEOUT_MS)
    wait_until_idle(page)


def _fill_number(page: Page, name: str, value: int) -> None:
    field = page.get_by_role("spinbutton", name=name)
    field.fill(str(value))
    field.press("Enter")
    wait_until_idle(page)
