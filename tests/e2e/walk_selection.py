"""What a person does on the Selection and Scores pages, as steps that a test puts together."""

from __future__ import annotations

from playwright.sync_api import Page, expect

IDLE = '[data-testid="stApp"][data-test-script-state="notRunning"]'


def open_selection_page(page: Page, url: str, dataset_id: str, **query: str) -> None:
    """Go to the page of a dataset and wait until it is drawn."""
    extra = "".join(f"&{name}={value}" for name, value in query.items())
    page.goto(f"{url}/selection?dataset={dataset_id}{extra}")
    expect(page.get_by_role("heading", name="Selection", exact=True)).to_be_visible()
    page.wait_for_selector(IDLE)


def fill_budget(page: Page, n_rows: int) -> None:
    """Open the form and ask for so many rows; the button then names them."""
    other = page.get_by_role("radio", name="New selection")
    if other.is_enabled():  # without any selection the form is all there is
        other.click()
    budget = page.get_by_role("spinbutton", name="Budget")
    budget.fill(str(n_rows))
    budget.press("Enter")
    expect(page.get_by_text(f"= {n_rows:,} of")).to_be_visible()


def submit_selection(page: Page, n_rows: int) -> str:
    """Start the selection, wait for its result and return its id."""
    page.get_by_role("button", name=f"Select {n_rows:,} rows").click()
    # The address first: results of before may stand until the form is drawn.
    page.wait_for_url(lambda url: "selection=" in url and "view=new" not in url, timeout=60_000)
    expect(page.get_by_role("button", name="Export these rows")).to_be_visible(timeout=60_000)
    expect(page.get_by_text("Rows per cluster")).to_be_visible()
    return page.url.rpartition("selection=")[2].partition("&")[0]


def add_random_pick(page: Page) -> None:
    """Ask for the baseline and come back to the selection it is to be compared with."""
    chosen = page.url
    page.get_by_role("button", name="Add a random pick of the same size").click()
    expect(page.get_by_role("button", name="Add a random pick of the same size")).to_have_count(
        0, timeout=60_000
    )
    page.goto(chosen)
    page.wait_for_selector(IDLE)


def open_scores_page(page: Page, url: str, dataset_id: str) -> None:
    """Go to the scores of a dataset and wait until they are drawn."""
    page.goto(f"{url}/scoring?dataset={dataset_id}")
    expect(page.get_by_role("heading", name="Scores", exact=True)).to_be_visible()
    page.wait_for_selector(IDLE)
