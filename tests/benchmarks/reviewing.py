"""Time from a key press to the next row in a real browser, with 10,000 rows waiting; the limit is 50 ms.

    python -m tests.benchmarks.reviewing [--pending 10000] [--presses 30]

The clock is the browser's: it starts at the key and ends behind the frame that draws the next row. Every third press rejects,
the others approve.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from statistics import median, quantiles

from playwright.sync_api import Page, sync_playwright

from pages.parts.review.pace import LOOK_S
from tamis.store.artifacts.store import ArtifactStore
from tests.benchmarks.measure import print_table
from tests.benchmarks.pages import DATASET, write_dataset
from tests.browser_setup import find_browser
from tests.e2e.conftest import CHROMIUM_FLAGS, running_app
from tests.e2e.walk_review import key_of, open_review, wait_for_item
from tests.pages.review_workspace import mixed_rows, write_proposals

LIMIT_MS = 50
PENDING_FRACTION = 0.75  # of the proposals that mixed_rows makes
WARM_UP = 3
TAKEN = "() => [...globalThis.__tamis_lanes.values()][0].taken"


def measure(page: Page, n_presses: int) -> list[float]:
    """Milliseconds of every press."""
    for number in range(n_presses):
        page.wait_for_timeout(LOOK_S * 1000 + 200)
        page.keyboard.press(key_of(page, "reject" if number % 3 == 2 else "approve"))
        page.wait_for_function(f"n => ({TAKEN})().length > n", arg=number)
    taken: list[float] = page.evaluate(TAKEN)
    return taken


def main() -> None:
    """Write the dataset, press, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pending", type=int, default=10_000)
    parser.add_argument("--presses", type=int, default=30)
    asked = parser.parse_args()
    n_rows = int(asked.pending / PENDING_FRACTION) // 4 * 4
    with tempfile.TemporaryDirectory() as folder:
        workspace = Path(folder) / "workspace"
        store = ArtifactStore(workspace)
        write_dataset(store, n_rows)
        write_proposals(workspace, DATASET, mixed_rows(n_rows))
        with (
            running_app(workspace, reviewer="bench", sample_on_empty="false") as app,
            sync_playwright() as driver,
        ):
            browser = driver.chromium.launch(executable_path=find_browser(), args=CHROMIUM_FLAGS)
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            open_review(page, app.url, DATASET)
            wait_for_item(page)
            taken = measure(page, asked.presses + WARM_UP)[WARM_UP:]
            browser.close()
    rows = [
        [f"{asked.pending:,}", len(taken), f"{median(taken):.0f} ms", f"{quantiles(taken, n=10)[8]:.0f} ms"]
    ]
    print_table(
        f"Key press to next row (limit {LIMIT_MS} ms)", ["pending", "presses", "median", "90 %"], rows
    )


if __name__ == "__main__":
    main()
