"""The pictures of README's tour, taken of a workspace: ``python -m tests.benchmarks.tour WORKSPACE [PAGE …]``.

Its newest dataset has all steps done, proposals and a refinement. Nothing is measured.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.benchmarks.measure import ROOT
from tests.browser_setup import find_browser
from tests.e2e import conftest, walk_map
from tests.e2e.conftest import CHROMIUM_FLAGS, Server, running_app
from tests.e2e.walk_import import settle

FOLDER = ROOT / "docs" / "pictures"
WIDTH, HEIGHT, TALL = 1280, 800, 1220
UNLIKE = 5  # of 255, in one of the three parts of a colour
# Name of the picture, page, what its address says, colours, and the height of the window.
PICTURES = (
    ("map-light", "data_map", "sieve=true", "light", HEIGHT),
    ("selection-dark", "selection", "view=new", "dark", HEIGHT),
    ("review-light", "review", "", "light", HEIGHT),
    ("refinement-dark", "refinement", "", "dark", TALL),
)


def main() -> None:
    """Take those that are named, or all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workspace", type=Path)
    parser.add_argument("pages", nargs="*", help="Names of pictures; all when left out.")
    asked = parser.parse_args()
    chosen = [one for one in PICTURES if not asked.pages or one[0] in asked.pages]
    conftest.START_S = 300  # nobody waits, and the machine may be busy
    with running_app(asked.workspace, reviewer="Kim") as server, sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=find_browser(), args=CHROMIUM_FLAGS)
        for one in chosen:
            take(browser, server, *one)
        browser.close()


def take(
    browser: Browser, server: Server, name: str, page_name: str, query: str, scheme: str, height: int
) -> None:
    """One picture, with as many colours as it needs to be small."""
    context = browser.new_context(color_scheme=scheme, viewport={"width": WIDTH, "height": height})  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(f"{server.url}/{page_name}?{query}", timeout=120_000)
    wait(page, page_name)
    path = FOLDER / f"{name}.png"
    page.screenshot(path=path)
    with Image.open(path) as taken:
        _with_few_colours(taken.convert("RGB")).save(path, optimize=True)
    print(f"{path.relative_to(ROOT)}: {path.stat().st_size / 1000:.0f} kB")
    context.close()


def _with_few_colours(taken: Image.Image) -> Image.Image:
    """At most 256 colours: the most frequent, each unlike those before it, so that surfaces and single points keep theirs."""
    pixels = np.asarray(taken).reshape(-1, 3)
    colours, counts = np.unique(pixels, axis=0, return_counts=True)
    kept = np.empty((0, 3), dtype=np.int16)
    for colour in colours[np.argsort(-counts)].astype(np.int16):
        if len(kept) == 256:
            break
        if not len(kept) or np.abs(kept - colour).max(axis=1).min() > UNLIKE:
            kept = np.vstack([kept, colour])
    palette = Image.new("P", (1, 1))
    palette.putpalette(kept.astype(np.uint8).tobytes())
    return taken.quantize(palette=palette, dither=Image.Dither.NONE)


def wait(page: Page, page_name: str) -> None:
    """Until all of it is drawn, its map included."""
    page.locator("h1").first.wait_for(timeout=120_000)
    settle(page)
    if page_name in ("data_map", "selection"):
        walk_map.wait_for_map(page)
        walk_map.wait_for_sieve(page)
    expect(page.get_by_test_id("stSkeleton")).to_have_count(0, timeout=120_000)
    page.wait_for_timeout(3_000)


if __name__ == "__main__":
    main()
