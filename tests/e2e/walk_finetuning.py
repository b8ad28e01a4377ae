"""What a person does on the Fine-tune page, as steps that a test puts together."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page, expect

IDLE = '[data-testid="stApp"][data-test-script-state="notRunning"]'


def open_finetune_page(page: Page, url: str, dataset_id: str, **query: str) -> None:
    """Go to the page of a dataset and wait until it is drawn."""
    extra = "".join(f"&{name}={value}" for name, value in query.items())
    page.goto(f"{url}/finetuning?dataset={dataset_id}{extra}")
    expect(page.get_by_role("heading", name="Fine-tune", exact=True)).to_be_visible()
    page.wait_for_selector(IDLE)


def choose_model(page: Page, folder: Path) -> None:
    """Train the model in a folder instead of the bundled one."""
    page.get_by_text("Folder or hub id", exact=True).first.click()
    page.wait_for_selector(IDLE)
    field = page.get_by_role("textbox", name="Folder or hub id")
    field.fill(str(folder))
    field.press("Enter")
    expect(page.get_by_text("Found on this machine")).to_be_visible()
    page.wait_for_selector(IDLE)


def set_number(page: Page, label: str, value: str) -> None:
    """Fill in a number of the form."""
    field = page.get_by_role("spinbutton", name=label, exact=True)
    field.fill(value)
    field.press("Enter")
    page.wait_for_selector(IDLE)


def hold_nothing_out(page: Page) -> None:
    """Train on every row."""
    page.get_by_role("slider", name="Held-out share").press("Home")
    expect(page.get_by_text("none held out")).to_be_visible()
    page.wait_for_selector(IDLE)


def start_and_wait(page: Page, *, timeout_s: int = 240) -> str:
    """Press the button, wait until the run is done and return its id."""
    expect(page.get_by_text("Before it starts", exact=True)).to_be_visible()
    page.get_by_role("button", name="Fine-tune on").click()
    page.wait_for_url("**run=*")
    # The parts of a run appear when it is done.
    expect(page.get_by_text("Blind vote", exact=True)).to_be_visible(timeout=timeout_s * 1000)
    page.wait_for_selector(IDLE)
    return page.url.rpartition("run=")[2].partition("&")[0]


def open_part(page: Page, name: str) -> None:
    """Open Evaluation, Answers, Tokens, Blind vote, Curves or Options of the run."""
    page.get_by_role("radiogroup", name="Part").get_by_text(name, exact=True).click()
    page.wait_for_selector(IDLE)


def read_answers(page: Page) -> None:
    """See the three answers to one prompt, then those to the next."""
    open_part(page, "Answers")
    for title in ("Reference", "Base model", "Tuned model"):
        expect(page.get_by_text(title, exact=True).first).to_be_visible()
    page.get_by_role("button", name="chevron_right").click()
    page.wait_for_url("**answer=*")
    page.wait_for_selector(IDLE)


def vote_by_key(page: Page, key: str) -> None:
    """Vote on the pair that is shown: a, t (a tie) or b."""
    progress = page.get_by_text("voted on by")
    before = progress.inner_text()
    page.keyboard.press(key)
    expect(progress).not_to_have_text(before)
    expect(page.get_by_text("A was the", exact=False)).to_be_visible()


def download_adapter(page: Page, folder: Path) -> Path:
    """Save the adapter as a ZIP file."""
    page.get_by_role("button", name="Export").click()
    with page.expect_download(timeout=60_000) as started:
        page.get_by_role("button", name="Download as ZIP").click()
    path = folder / started.value.suggested_filename
    started.value.save_as(path)
    page.keyboard.press("Escape")
    return path
