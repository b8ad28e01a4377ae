"""What a person does on the Review page with the keyboard alone, as steps that a test puts together."""

from __future__ import annotations

from urllib.parse import parse_qs, urlparse

from playwright.sync_api import Page, expect

from pages.parts.review.pace import LOOK_S
from tests.e2e.walk_import import settle

IDLE = '[data-testid="stApp"][data-test-script-state="notRunning"]'
PROPOSED = '[data-testid="review-lane"] button.main'  # the button of what is proposed for the row on screen
KEYS = {
    "drop": "d",
    "keep": "k",
    "take": "t",
    "edit": "e",
    "skip": "s",
    "undo": "u",
    "redo": "y",
    "previous": "p",
    "next": "n",
}


def open_review(page: Page, url: str, dataset_id: str, **query: str) -> None:
    """Go to the page of a dataset and wait until it is drawn."""
    extra = "".join(f"&{name}={value}" for name, value in query.items())
    page.goto(f"{url}/review?dataset={dataset_id}{extra}")
    expect(page.get_by_role("heading", name="Review", exact=True)).to_be_visible()
    page.wait_for_selector(IDLE)


def start_as(page: Page, name: str) -> None:
    """Say who reviews, by keyboard."""
    field = page.get_by_role("textbox", name="Your name")
    expect(field).to_be_visible()
    field.focus()
    page.keyboard.type(name)
    page.keyboard.press("Enter")
    expect(field).to_be_hidden()
    # Asked once: the browser keeps it for the next time.
    page.wait_for_function("name => localStorage.getItem('tamis_reviewer') === name", arg=name)


def wait_for_item(page: Page) -> int:
    """Wait until a row is on the desk; returns it."""
    expect(page.locator(PROPOSED)).to_be_visible()
    page.wait_for_url("**row=*")
    page.wait_for_selector(IDLE)
    return row_in(page)


def row_in(page: Page) -> int:
    """The row that the address names; -1 for none."""
    named = parse_qs(urlparse(page.url).query).get("row")
    return int(named[0]) if named else -1


def key_of(page: Page, what: str) -> str:
    """The key of an action; of ``approve`` that of what is proposed, drop or take, and of ``reject`` the one that keeps."""
    if what == "approve":
        what = "take" if "Take" in page.locator(PROPOSED).inner_text() else "drop"
    return KEYS["keep" if what == "reject" else what]


def press(page: Page, what: str) -> int:
    """Press the key of an action and wait until another row is on the desk; returns it."""
    before = row_in(page)
    page.keyboard.press(key_of(page, what))
    page.wait_for_function(
        "before => new URL(location.href).searchParams.get('row') !== before", arg=str(before)
    )
    after = row_in(page)
    if after >= 0:
        expect(page.get_by_test_id("review-lane").get_by_text(f"Row {after:,}", exact=True)).to_be_visible()
    return after


def rest(page: Page) -> None:
    """Wait until every decision is saved, and the page stands where the keys have arrived."""
    page.wait_for_function(
        """() => [...globalThis.__tamis_lanes.values()].every(
            one => !one.outbox.waiting() && !one.isAhead && !one.dirty)"""
    )
    page.wait_for_selector(IDLE)


def look(page: Page) -> None:
    """See the row that came up, as long as the page asks for before a key may decide about it."""
    page.wait_for_timeout(LOOK_S * 1000 + 100)


def edit_response(page: Page, text: str) -> None:
    """Open the editor by its key, type another last answer, save by the keyboard; ends on the next row."""
    page.keyboard.press(KEYS["edit"])
    field = page.get_by_role("textbox").last
    expect(field).to_be_focused()
    page.keyboard.press("ControlOrMeta+a")
    # Letters of which every one is a key of the review, or one that Streamlit keeps.
    page.keyboard.type(text)
    expect(page.get_by_text("The conversation is well formed.")).to_be_visible()
    page.wait_for_selector(IDLE)  # what was typed has been read
    before = row_in(page)
    page.keyboard.press("Control+Enter")
    page.wait_for_function(
        "before => new URL(location.href).searchParams.get('row') !== before", arg=str(before)
    )
    wait_for_item(page)


def edit_turn(page: Page, number: int, text: str) -> None:
    """Open the editor by its key, type another text of a turn, counted from 1, and save."""
    page.keyboard.press(KEYS["edit"])
    field = page.get_by_role("textbox", name=f"Text of turn {number}", exact=True)
    field.fill(text)
    # What is typed is sent a moment later, and draws the buttons anew.
    settle(page)
    settle(page)
    expect(page.get_by_text("The conversation is well formed.")).to_be_visible()
    page.get_by_role("button", name="Save").click()
    expect(field).to_be_hidden()
    page.wait_for_selector(IDLE)
