"""Every hand on a map of 200,000 rows, drawn without any graphics card."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from tamis.compute.map.polygon import points_in_box
from tests.e2e import walk_map
from tests.e2e.conftest import Server, running_app
from tests.e2e.walk_map import MAP
from tests.support.large_map import DATASET, clouds, write_large_map
from tests.support.large_refinement import ROUNDS, write_refinement

pytestmark = [pytest.mark.browser, pytest.mark.slow]
N_ROWS = 200_000
VIEW = "globalThis.__tamis_map.at(-1).view"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    path = tmp_path_factory.mktemp("clouds") / "workspace"
    store = write_large_map(path, N_ROWS)
    for seed in (0, 1):
        write_refinement(store, seed=seed)
    with running_app(path) as server:
        yield server


@pytest.fixture(scope="module")
def shared(app: Server, browser: Browser) -> Iterator[Page]:
    """One tab for all of these tests, which notes what the map asks the server for."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    page.asked = []  # type: ignore[attr-defined]
    page.on(
        "request", lambda request: page.asked.append(request.url) if "/tamis/map/" in request.url else None
    )  # type: ignore[attr-defined]
    walk_map.open_map(page, app.url, DATASET)
    walk_map.wait_for_map(page)
    yield page
    context.close()


@pytest.fixture
def page(shared: Page) -> Page:
    """The map of all rows, all of it in view."""
    walk_map.wait_until_idle(shared)
    chip = shared.locator(".st-key-chip_0 button").first
    while chip.count():
        chip.click()
        walk_map.wait_until_idle(shared)
    walk_map.wait_for_map(shared)
    _press(shared, "v", "0")
    shared.asked.clear()  # type: ignore[attr-defined]
    return shared


def _state(page: Page, what: str) -> Any:
    return page.evaluate(f"{VIEW}.state.{what}")


def _press(page: Page, *keys: str) -> None:
    page.locator(MAP).focus()
    for key in keys:
        page.keyboard.press(key)
        page.wait_for_timeout(350)


def _asked(page: Page, what: str) -> list[str]:
    return [url for url in page.asked if f"/{what}/" in url]  # type: ignore[attr-defined]


def _ink(page: Page) -> dict[str, Any]:
    """Which share of the picture is painted, and in how many colours."""
    return page.evaluate("""() => {
        const canvas = globalThis.__tamis_map.at(-1).root.querySelector(".points");
        const copy = document.createElement("canvas");
        [copy.width, copy.height] = [canvas.width, canvas.height];
        const pen = copy.getContext("2d");
        pen.drawImage(canvas, 0, 0);
        const pixels = new Uint32Array(pen.getImageData(0, 0, copy.width, copy.height).data.buffer), colours = new Set();
        let painted = 0;
        for (const pixel of pixels) if (pixel >>> 24) { painted++; colours.add(pixel & 0xffffff); }
        return { share: painted / pixels.length, colours: colours.size };
    }""")


def test_every_row_is_drawn_and_the_picture_comes_first(page: Page) -> None:
    assert walk_map.n_drawn(page) == N_ROWS
    assert page.locator(MAP).get_attribute("data-kind") == "canvas2d"
    ink = _ink(page)
    assert 0.1 < ink["share"] < 0.9
    assert ink["colours"] > 20
    box = page.locator(MAP).bounding_box()
    assert box is not None
    assert box["width"] * box["height"] >= 0.65 * 1280 * 800
    assert box["y"] + box["height"] <= 800


def test_names_never_overlap_and_deepen_close_up(page: Page) -> None:
    far = _state(page, "placed.map(l => [l.id, l.px, l.py, l.text.length])")
    assert len(far) > 8
    for (_, ax, ay, a), (_, bx, by, b) in combinations(far, 2):
        assert abs(ay - by) >= 16 or abs(ax - bx) >= 3 * (a + b) / 2, (ax, ay, bx, by)
    _press(page, "+", "+", "+")
    assert max(_state(page, "placed.map(l => l.level)")) > 0


def test_wheel_keys_double_click_and_drag_move_the_view_and_fetch_no_position_twice(page: Page) -> None:
    box = page.locator(MAP).bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 3, box["y"] + box["height"] / 3
    before = _state(page, "camera")
    page.mouse.move(x, y)
    under = page.evaluate(f"{VIEW}.at({box['width'] / 3}, {box['height'] / 3})")
    page.mouse.wheel(0, -400)
    page.wait_for_timeout(300)
    assert _state(page, "camera.scale") > before["scale"] * 1.5
    # What was under the pointer stays under it.
    assert np.allclose(page.evaluate(f"{VIEW}.at({box['width'] / 3}, {box['height'] / 3})"), under, atol=1e-3)
    scale = _state(page, "camera.scale")
    page.mouse.dblclick(x, y)
    page.wait_for_timeout(500)
    assert _state(page, "camera.scale") == pytest.approx(2 * scale, rel=0.01)
    assert "row" not in walk_map.address(page)
    centre = _state(page, "camera")
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 60, y + 30, steps=4)
    page.mouse.up()
    moved = _state(page, "camera")
    assert (centre["x"] - moved["x"]) * moved["scale"] == pytest.approx(60, abs=2)
    assert (moved["y"] - centre["y"]) * moved["scale"] == pytest.approx(30, abs=2)
    _press(page, "-", "0")
    assert _state(page, "camera.scale") == pytest.approx(before["scale"], rel=0.01)
    assert not _asked(page, "xy")


def test_two_fingers_zoom_and_move(page: Page) -> None:
    box = page.locator(MAP).bounding_box()
    assert box is not None
    x, y = box["x"] + 300, box["y"] + 300
    fingers = page.context.new_cdp_session(page)
    before = _state(page, "camera.scale")
    for kind, apart in (("touchStart", 50), ("touchMove", 70), ("touchMove", 100), ("touchEnd", None)):
        points = (
            [] if apart is None else [{"x": x - apart, "y": y, "id": 0}, {"x": x + apart, "y": y, "id": 1}]
        )
        fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
        page.wait_for_timeout(50)
    assert _state(page, "camera.scale") == pytest.approx(2 * before, rel=0.05)
    assert "row" not in walk_map.address(page)


def test_box_and_lasso_add_take_away_and_intersect(page: Page) -> None:
    xy, _ = clouds(N_ROWS)
    walk_map.draw_box(page, (0.3, 0.3), (0.6, 0.6))
    walk_map.wait_for_map(page)
    first = walk_map.matching(page)
    ((_, corners),) = _state(page, "regions")
    low, side = xy.min(axis=0), float(np.ptp(xy, axis=0).max())
    (left, bottom), (right, top) = np.min(corners, axis=0) * side + low, np.max(corners, axis=0) * side + low
    assert first == pytest.approx(int(points_in_box(xy, (left, right), (bottom, top)).sum()), abs=5)
    walk_map.draw_lasso(page, [(0.65, 0.65), (0.9, 0.65), (0.9, 0.9)], "Shift")
    added = walk_map.matching(page)
    assert added > first
    walk_map.draw_box(page, (0.4, 0.4), (0.5, 0.5), "Alt")
    left_over = walk_map.matching(page)
    assert left_over < added
    walk_map.draw_box(page, (0.3, 0.3), (0.6, 0.6), "Control")
    both = walk_map.matching(page)
    assert both < min(first, left_over) + 1
    assert len(_state(page, "regions")) == 4
    # Kept over colour, zoom and a reload; what is filtered is a bit a row, and no position moves.
    assert not _asked(page, "xy")
    walk_map.choose_colour(page, "source")
    walk_map.wait_for_map(page)
    assert walk_map.matching(page) == both
    assert not _asked(page, "xy")
    _press(page, "+", "f")
    page.reload()
    walk_map.wait_for_map(page)
    assert walk_map.matching(page) == both
    assert len(_state(page, "regions")) == 4
    assert _state(page, "mask") != ""


def test_a_click_opens_the_row_and_hovering_shows_its_first_words_as_text(page: Page) -> None:
    walk_map.click_row(page, 777)
    assert walk_map.address(page)["row"] == "777"
    expect(page.get_by_role("heading", name="Row 777")).to_be_visible()
    assert _state(page, "mark") is not None
    box = page.locator(MAP).bounding_box()
    assert box is not None
    x, y = page.evaluate("globalThis.__tamis_map.at(-1).pixelsOf(777)")
    page.mouse.move(box["x"] + x + 2, box["y"] + y)
    page.mouse.move(box["x"] + x, box["y"] + y)
    card = page.locator(f"{MAP} .card")
    expect(card).to_be_visible()
    expect(card).to_contain_text("<b>Question</b>")
    assert card.locator("b").count() == 0


def test_keys_walk_from_row_to_row_and_open_one(page: Page) -> None:
    _press(page, "ArrowRight")
    first = _state(page, "cursor")
    _press(page, "ArrowRight")
    second = _state(page, "cursor")
    assert second[0] > first[0]
    _press(page, "ArrowUp")
    assert _state(page, "cursor")[1] > second[1]
    expect(page.locator(f"{MAP} .live")).to_contain_text(re.compile("Row [0-9]+"))
    _press(page, "Enter")
    walk_map.wait_until_idle(page)
    assert walk_map.address(page)["row"].isdigit()
    _press(page, "/")
    expect(page.get_by_role("textbox", name="Search", exact=True)).to_be_focused()


def test_colour_and_legend_filter_without_a_new_map(page: Page) -> None:
    page.evaluate("globalThis.__first = globalThis.__tamis_map.at(-1)")
    walk_map.choose_colour(page, "metadata: topic")
    walk_map.wait_for_map(page)
    assert len(_asked(page, "column")) <= 3
    legend = page.locator(f"{MAP} .legend")
    legend.get_by_role("button", name=re.compile("algebra")).click()
    walk_map.wait_for_map(page)
    assert 0 < walk_map.matching(page) < N_ROWS / 4
    expect(page.get_by_role("button", name=re.compile('Topic is "algebra"'))).to_be_visible()
    legend.get_by_role("button", name=re.compile("烹饪")).click(modifiers=["Shift"])
    walk_map.wait_for_map(page)
    assert walk_map.matching(page) > N_ROWS / 4
    assert page.evaluate("globalThis.__first === globalThis.__tamis_map.at(-1)")
    assert not _asked(page, "xy")


def test_the_legend_of_a_number_is_brushed(page: Page) -> None:
    walk_map.choose_colour(page, "score: alignment")
    walk_map.wait_for_map(page)
    bars = page.locator(f"{MAP} .bars").bounding_box()
    assert bars is not None
    y = bars["y"] + bars["height"] / 2
    page.mouse.move(bars["x"] + 0.5 * bars["width"], y)
    page.mouse.down()
    page.mouse.move(bars["x"] + bars["width"] - 1, y, steps=4)
    page.mouse.up()
    walk_map.wait_for_map(page)
    assert 0 < walk_map.matching(page) < N_ROWS / 4
    expect(page.get_by_role("button", name=re.compile("Alignment is between"))).to_be_visible()


def test_density_shows_bands_in_place_of_points(page: Page) -> None:
    _press(page, "d")
    assert _ink(page)["share"] == 0
    over = page.evaluate("""() => {
        const canvas = globalThis.__tamis_map.at(-1).root.querySelector(".over");
        const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
        let painted = 0;
        for (let i = 3; i < data.length; i += 4) painted += data[i] > 0;
        return painted / (data.length / 4);
    }""")
    assert over > 0.1
    _press(page, "d")
    assert _ink(page)["share"] > 0.1


def test_a_view_is_sent_as_a_file_that_works_from_disk(page: Page, tmp_path: Path) -> None:
    walk_map.choose_colour(page, "cluster")
    walk_map.wait_for_map(page)
    map_ = page.locator(MAP)
    with page.expect_download() as got:
        map_.get_by_role("button", name="Save as a picture (PNG)").click()
    assert Path(got.value.path()).read_bytes().startswith(b"\x89PNG")
    map_.get_by_role("button", name="Share this view").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text(f"All {N_ROWS:,} rows; no text of any.")).to_be_visible()
    with page.expect_download() as got:
        dialog.get_by_role("button", name="Download").click()
    file = tmp_path / "map.html"
    got.value.save_as(file)
    page.keyboard.press("Escape")
    asked: list[str] = []
    sent = page.context.new_page()
    sent.on("request", lambda request: asked.append(request.url))
    sent.on("pageerror", lambda error: asked.append(str(error)))
    sent.goto(file.as_uri())
    walk_map.wait_for_drawing(sent)
    assert walk_map.n_drawn(sent) == N_ROWS
    x, y = sent.evaluate("globalThis.__tamis_map.at(-1).pixelsOf(777)")
    box = sent.locator(MAP).bounding_box()
    assert box is not None
    sent.mouse.move(box["x"] + x + 2, box["y"] + y)
    sent.mouse.move(box["x"] + x, box["y"] + y)
    card = sent.locator(f"{MAP} .card")
    expect(card).to_contain_text("Row ")
    assert "Question" not in card.inner_text()
    legend = sent.locator(f"{MAP} .legend")
    legend.get_by_role("button", name=re.compile("cluster")).click()
    legend.locator(".items button").first.click()
    assert sent.evaluate(f"{VIEW}.state.local !== null")
    assert asked == [file.as_uri()]
    sent.close()


@pytest.fixture
def rounds(shared: Page, app: Server) -> Iterator[Page]:
    """The rounds of the newest refinement on the map; afterwards the map itself."""
    shared.goto(f"{app.url}/refinement?dataset={DATASET}&part=Map")
    walk_map.wait_for_map(shared)
    yield shared
    walk_map.open_map(shared, app.url, DATASET)
    walk_map.wait_for_map(shared)


PLAYER = "globalThis.__tamis_map.at(-1).player"


def test_rounds_are_played_without_asking_the_page(rounds: Page) -> None:
    bar = rounds.get_by_role("group", name="Rounds")
    bar.get_by_role("slider").fill("0")
    rounds.wait_for_timeout(900)
    walk_map.wait_until_idle(rounds)
    rounds.evaluate("globalThis.__first = globalThis.__tamis_map.at(-1)")
    start = _ink(rounds)["colours"]
    rounds.asked.clear()  # type: ignore[attr-defined]
    bar.get_by_role("button", name="Play the rounds").click()
    rounds.wait_for_function(f"{PLAYER}.at >= 3", timeout=60_000)
    # The server is asked for nothing, and the page is not told before it rests.
    assert rounds.asked == []  # type: ignore[attr-defined]
    assert "0.change" in walk_map.address(rounds).values()
    bar.get_by_role("button", name="Pause").click()
    rounds.wait_for_timeout(900)
    walk_map.wait_until_idle(rounds)
    at = rounds.evaluate(f"{PLAYER}.at")
    assert rounds.get_by_text(f"Round {at} of {ROUNDS}").is_visible()
    assert _ink(rounds)["colours"] > start
    assert any(value == f"{at}.change" for value in walk_map.address(rounds).values())
    # The same map: nothing was mounted again, no position was fetched.
    assert rounds.evaluate("globalThis.__first === globalThis.__tamis_map.at(-1)")
    assert not _asked(rounds, "xy")
    card = rounds.locator(f"{MAP} .card")
    x, y = rounds.evaluate("globalThis.__tamis_map.at(-1).pixelsOf(12)")
    box = rounds.locator(MAP).bounding_box()
    assert box is not None
    rounds.mouse.move(box["x"] + x + 2, box["y"] + y)
    rounds.mouse.move(box["x"] + x, box["y"] + y)
    expect(card.locator(".curve")).to_be_visible()


def test_two_runs_stand_beside_each_other_and_change_rounds_together(rounds: Page) -> None:
    rounds.get_by_role("combobox", name="Beside it").click()
    rounds.get_by_role("option").nth(2).click()
    rounds.wait_for_function(
        "globalThis.__tamis_map.filter(one => one.root.isConnected).length === 2", timeout=60_000
    )
    walk_map.wait_for_map(rounds)
    rounds.get_by_role("group", name="Rounds").first.get_by_role("slider").fill("2")
    rounds.wait_for_function("globalThis.__tamis_map.every(one => one.player.at === 2)")
    rounds.wait_for_timeout(900)
    walk_map.wait_until_idle(rounds)
    before = rounds.evaluate("globalThis.__tamis_map[1].view.state.camera.scale")
    rounds.evaluate("globalThis.__tamis_map[0].view.zoom(2)")
    rounds.wait_for_function(f"globalThis.__tamis_map[1].view.state.camera.scale > {1.5 * before}")


def test_a_flag_leads_to_the_review_of_its_rows(rounds: Page) -> None:
    flag = rounds.locator(f"{MAP} .flag:visible").first
    n = int(flag.inner_text().split()[-1])
    flag.click(force=True)
    rounds.wait_for_url("**/review?**", timeout=60_000)
    expect(rounds.get_by_role("button", name=f"Propose for {n} row")).to_be_visible(timeout=60_000)


@pytest.mark.nightly
def test_both_renderers_paint_the_same_picture(app: Server, browser: Browser) -> None:
    """A graphics card in software stands for a real one: what is asked is the picture, not the pace."""
    shares = []
    for way in ("off", "on"):
        context = browser.new_context(viewport={"width": 1280, "height": 800})
        context.add_init_script(f"globalThis.__tamis_gl = '{way}'")
        page = context.new_page()
        walk_map.open_map(page, app.url, DATASET)
        walk_map.wait_for_map(page)
        kind = "webgl2" if way == "on" else "canvas2d"
        page.wait_for_selector(f"{MAP}[data-kind={kind}]")
        page.wait_for_timeout(3_000)
        shares.append(_ink(page)["share"])
        context.close()
    assert shares[0] == pytest.approx(shares[1], rel=0.02)


def test_the_sieve_lights_what_would_be_picked_while_a_hand_drags(page: Page) -> None:
    page.get_by_text("Sieve", exact=True).click()
    walk_map.wait_for_sieve(page)
    asked = len(_asked(page, "xy")) + len(_asked(page, "column"))
    before = walk_map.sifted(page)
    assert walk_map.n_lit(page) == before == N_ROWS // 10
    walk_map.drag_sieve(page, 0.3, 0.6)
    picked = walk_map.sifted(page)
    assert picked > before
    assert walk_map.n_lit(page) == picked
    expect(page.get_by_role("button", name=f"Keep these {picked:,} rows")).to_be_enabled()
    page.get_by_role("slider", name="Budget in rows").press("ArrowRight")
    expect(page.get_by_role("button", name=f"Keep these {picked + 1:,} rows")).to_be_visible()
    # Neither a position nor a colour moved, and the page did not run.
    assert len(_asked(page, "xy")) + len(_asked(page, "column")) == asked
    page.get_by_text("Sieve", exact=True).click()
    walk_map.wait_for_map(page)
    assert _state(page, "sieved") is None
