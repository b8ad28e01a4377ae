"""The map of a large dataset in a real browser without a graphics card: how soon it is seen, how it moves, what it sends."""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np
import psutil
from playwright.sync_api import Browser, Page, sync_playwright

from tamis.compute.map.tiles import build_tiles
from tests.benchmarks.measure import print_table
from tests.browser_setup import find_browser
from tests.e2e import walk_map
from tests.e2e.conftest import CHROMIUM_FLAGS, Server, running_app
from tests.support.large_map import DATASET, clouds, write_large_map

TIMES = 3
SHOWN = "() => Number(globalThis.__tamis_map?.at(-1)?.root.dataset.painted) > 0"
FIRST = """() => {
    const first = globalThis.__tamis_map.at(-1).view.state.first;
    const before = performance.getEntriesByType("resource").filter(e => e.name.includes("/tamis/map/") && e.responseEnd <= first);
    return [first / 1000, before.reduce((sum, e) => sum + e.transferSize, 0)];
}"""
COLOURS = ("source", "score: alignment", "tokens", "metadata: topic", "cluster")
BOXES = (((0.3, 0.3), (0.6, 0.6)), ((0.2, 0.4), (0.7, 0.8)), ((0.5, 0.2), (0.8, 0.5)))
FRAMES = """async () => {
    const view = globalThis.__tamis_map.at(-1).view, found = [];
    for (let i = 0; i < 24; i++) {
        view.pan(6, 3);
        await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
        found.push(view.state.ms);
    }
    return found.sort((a, b) => a - b)[12];
}"""


def _open(browser: Browser, url: str) -> tuple[Page, float, float]:
    """A fresh browser that has nothing kept: its page, seconds until the first paint, and bytes of the map until then."""
    page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
    page.goto(f"{url}/data_map?dataset={DATASET}")
    return page, *_first_paint(page)


def _first_paint(page: Page) -> tuple[float, float]:
    """Seconds from the navigation to the first picture, by the browser's own clock, and bytes that came for it."""
    page.wait_for_function(SHOWN, timeout=120_000)
    seconds, sent = page.evaluate(FIRST)
    return float(seconds), float(sent)


def _again(page: Page) -> float:
    page.reload()
    return _first_paint(page)[0]


def _recolour(page: Page, colour: str) -> float:
    before = page.locator(walk_map.MAP).get_attribute("data-column")
    page.get_by_role("combobox", name="Colour by").click()
    started = time.perf_counter()
    page.get_by_role("option", name=colour, exact=True).click()
    page.wait_for_function(
        "before => globalThis.__tamis_map.at(-1).root.dataset.column !== before", arg=before
    )
    return time.perf_counter() - started


def _lasso(page: Page, box: tuple[tuple[float, float], tuple[float, float]]) -> float:
    """From the release of the button until the server's answer is drawn."""
    before = page.locator(walk_map.MAP).get_attribute("data-mask")
    page.locator(walk_map.MAP).get_by_role("button", name="Box (B)").click()
    frame = page.locator(walk_map.MAP).bounding_box()
    assert frame is not None
    (x0, y0), (x1, y1) = ((frame["x"] + x * frame["width"], frame["y"] + y * frame["height"]) for x, y in box)
    page.mouse.move(x0, y0)
    page.mouse.down()
    page.mouse.move(x1, y1, steps=4)
    started = time.perf_counter()
    page.mouse.up()
    page.wait_for_function("before => globalThis.__tamis_map.at(-1).root.dataset.mask !== before", arg=before)
    return time.perf_counter() - started


def measure_page(server: Server) -> list[tuple[str, str]]:
    """What a person waits for, medians."""
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=find_browser(), args=CHROMIUM_FLAGS)
        opened = [_open(browser, server.url) for _ in range(TIMES)]
        page = opened[-1][0]
        walk_map.wait_for_map(page)
        again = [_again(page) for _ in range(TIMES)]
        walk_map.wait_for_map(page)
        frame = page.evaluate(FRAMES)
        for colour in COLOURS:  # each is made on its first use and kept
            _recolour(page, colour)
            walk_map.wait_for_map(page)
        coloured = [_recolour(page, colour) for colour in COLOURS if not page.wait_for_timeout(500)]
        walk_map.wait_for_map(page)
        marked = [_lasso(page, box) for box in BOXES if not page.wait_for_timeout(1_500)]
        drawn = walk_map.n_drawn(page)
        browser.close()
    memory = server.app().memory_info().rss / 2**20
    return [
        ("points drawn", f"{drawn:,}"),
        ("first paint, fresh browser", f"{median(seconds for _, seconds, _ in opened):.2f} s"),
        ("first paint, reload", f"{median(again):.2f} s"),
        ("bytes of the map until first paint", f"{median(size for _, _, size in opened) / 1e6:.2f} MB"),
        ("frame while panning", f"{frame:.0f} ms"),
        ("recolour, column kept", f"{median(coloured):.2f} s"),
        ("box until the server's rows are drawn", f"{median(marked):.2f} s"),
        ("memory of the server", f"{memory:.0f} MB"),
    ]


def measure_tiles(n_rows: int) -> list[tuple[str, str]]:
    """What the step pays once."""
    xy = np.asarray(clouds(n_rows)[0])
    process = psutil.Process()
    before, started = process.memory_info().rss, time.process_time()
    tiles = build_tiles(xy)
    seconds, more = time.process_time() - started, (process.memory_info().rss - before) / 2**20
    return [("tiles built", f"{len(tiles.index)} in {seconds:.2f} s of CPU, {more:.0f} MB more are held")]


def main() -> None:
    """Print the table; ``--rows`` for another size."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1_000_000)
    n_rows = parser.parse_args().rows
    with tempfile.TemporaryDirectory() as folder:
        write_large_map(Path(folder) / "workspace", n_rows)
        with running_app(Path(folder) / "workspace") as server:
            rows = measure_page(server)
    print_table(
        f"The map of {n_rows:,} rows, no graphics card", ("what", "median"), measure_tiles(n_rows) + rows
    )


if __name__ == "__main__":
    main()
