"""What a person does on the Map page, as steps that any browser test can take."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Page, expect

MAP = "[data-testid=tamis-map]"
SIEVE = "[data-testid=tamis-sieve]"
TIMEOUT_MS = 180_000  # a busy machine loads an encoder in more than a minute
Fractions = Sequence[tuple[float, float]]

QUIET_MS = 300  # what one does reaches the server in less
_QUIET = """ms => {
    const idle = document.querySelector("[data-testid=stApp]")?.dataset.testScriptState === "notRunning";
    if (!idle) globalThis.__busy = performance.now();
    return idle && performance.now() - globalThis.__busy > ms;
}"""
_COUNT = r"([\d,]+) of [\d,]+ rows match"
# What the map's own module keeps for tests: its newest view, once all of it is drawn that the view needs.
_DRAWN = """() => {
    const map = globalThis.__tamis_map?.at(-1);
    if (!map?.root.isConnected || !(Number(map.root.dataset.painted) > 0)) return false;
    const { column, mask, settled } = map.root.dataset;
    return settled === `${column} ${mask}` && map.view.state.local === null;
}"""

# The answer that is shown is that of where the hand has left it.
_SIFTED = """selector => {
    const root = globalThis.__tamis_map.at(-1).root.getRootNode(), bar = root.querySelector(selector);
    return bar.dataset.at && JSON.parse(bar.dataset.at).at === Number(root.querySelector(".exact").value);
}"""
_LIT = """globalThis.__tamis_map.at(-1).view.entries()
    .reduce((sum, { inside, count }) => sum + inside.subarray(0, count).reduce((a, b) => a + b, 0), 0)"""


def open_map(page: Page, base_url: str, dataset_id: str, **address: str) -> None:
    """Open the Map page of a dataset, with more parameters of the address if wanted."""
    query = "&".join(f"{name}={value}" for name, value in {"dataset": dataset_id, **address}.items())
    page.goto(f"{base_url}/data_map?{query}")
    page.get_by_role("heading", name="Map", exact=True).wait_for(timeout=TIMEOUT_MS)
    wait_until_idle(page)


def wait_for_map(page: Page) -> None:
    """Wait until the points are drawn, in the colours and with the filter that the page asked for."""
    page.wait_for_function(_DRAWN, timeout=TIMEOUT_MS)
    wait_until_idle(page)
    page.wait_for_function(_DRAWN, timeout=TIMEOUT_MS)


def wait_for_drawing(page: Page) -> None:
    """Wait until the points are drawn, where no server is asked."""
    page.wait_for_function(_DRAWN, timeout=TIMEOUT_MS)


def wait_until_idle(page: Page) -> None:
    """Wait until the server has nothing left to send."""
    page.evaluate("globalThis.__busy = performance.now()")
    page.wait_for_function(_QUIET, arg=QUIET_MS, timeout=TIMEOUT_MS)


def draw_lasso(page: Page, points: Fractions, key: str = "") -> None:
    """Draw a lasso through points given as fractions of the map's width and height, from its top left."""
    _choose_tool(page, "Lasso (L)")
    _drag(page, [*points, points[0]], key)


def draw_box(page: Page, first: tuple[float, float], second: tuple[float, float], key: str = "") -> None:
    """Draw a box between two corners given as fractions of the map; ``key`` is held meanwhile."""
    _choose_tool(page, "Box (B)")
    _drag(page, [first, second], key)


def click_row(page: Page, row: int) -> None:
    """Click the point of a row on the map."""
    box = page.locator(MAP).bounding_box()
    assert box is not None
    x, y = page.evaluate("row => globalThis.__tamis_map.at(-1).pixelsOf(row)", row)
    page.mouse.click(box["x"] + x, box["y"] + y)
    page.wait_for_timeout(300)
    wait_until_idle(page)


def n_drawn(page: Page) -> int:
    """How many points are drawn."""
    return int(page.evaluate("globalThis.__tamis_map.at(-1).view.state.painted"))


def search_words(page: Page, words: str) -> None:
    """Filter by words in the search box."""
    box = page.get_by_role("textbox", name="Search", exact=True)
    box.fill(words)
    box.press("Enter")
    # The box is empty again once the page has taken the words: on a busy machine that is later than a first look.
    expect(box).to_have_value("", timeout=TIMEOUT_MS)
    wait_until_idle(page)


def search_meaning(page: Page, sentence: str) -> None:
    """Rank by the meaning of a sentence; loads the encoder."""
    page.get_by_role("radio", name="Meaning").or_(page.get_by_role("button", name="Meaning")).first.click()
    wait_until_idle(page)
    search_words(page, sentence)


def tag_everything(page: Page, tag: str) -> None:
    """Put a new tag on all matching rows."""
    page.get_by_role("button", name=re.compile(r"Tag [\d,]+ rows?")).click()
    box = page.get_by_role("combobox", name="Tag", exact=True)
    box.fill(tag)
    box.press("Enter")
    wait_until_idle(page)
    page.get_by_role("button", name=re.compile(r"Add to [\d,]+ rows?")).click()
    wait_until_idle(page)
    page.keyboard.press("Escape")


def remove_filter(page: Page, text: str) -> None:
    """Click the chip that says this."""
    page.get_by_role("button", name=re.compile(re.escape(text), re.IGNORECASE)).first.click()
    wait_until_idle(page)


def matching(page: Page) -> int:
    """How many rows the page says match; all of them when nothing is filtered."""
    said = page.get_by_text(re.compile(rf"^{_COUNT}$")).first
    said.wait_for(timeout=TIMEOUT_MS)
    found = re.search(_COUNT, said.inner_text())
    assert found is not None
    return int(found.group(1).replace(",", ""))


def address(page: Page) -> dict[str, str]:
    """The parameters of the address."""
    return {name: values[0] for name, values in parse_qs(urlsplit(page.url).query).items()}


def _choose_tool(page: Page, name: str) -> None:
    page.locator(MAP).get_by_role("button", name=name).click()


def _drag(page: Page, points: Fractions, key: str) -> None:
    box = page.locator(MAP).bounding_box()
    assert box is not None
    at = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
    if key:
        page.keyboard.down(key)
    page.mouse.move(*at[0])
    page.mouse.down()
    for x, y in at[1:]:
        page.mouse.move(x, y, steps=8)
    page.mouse.up()
    if key:
        page.keyboard.up(key)
    page.wait_for_timeout(300)
    wait_until_idle(page)


def choose_colour(page: Page, label: str) -> None:
    """Colour the map by what has this name in the list."""
    page.get_by_role("combobox", name="Colour by").click()
    page.get_by_role("option", name=label, exact=True).click()
    wait_until_idle(page)


def wait_for_sieve(page: Page) -> None:
    """Wait until the sieve under the map has its first picks, and then until it has those of where it stands."""
    page.locator(f"{SIEVE} .figures .picked").wait_for(timeout=TIMEOUT_MS)
    wait_for_map(page)


def drag_sieve(page: Page, start: float, end: float) -> None:
    """Drag the budget between two places of its way, and let go."""
    box = page.locator(f"{SIEVE} [data-line=budget] input[type=range]").bounding_box()
    assert box is not None
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + start * box["width"], y)
    page.mouse.down()
    page.mouse.move(box["x"] + end * box["width"], y, steps=12)
    page.mouse.up()
    page.wait_for_function(_SIFTED, arg=SIEVE, timeout=TIMEOUT_MS)
    wait_until_idle(page)


def sifted(page: Page) -> int:
    """How many rows the sieve says it picks."""
    return int(page.locator(SIEVE).get_attribute("data-picked") or 0)


def n_lit(page: Page) -> int:
    """How many points are drawn as picked."""
    return int(page.evaluate(_LIT))
