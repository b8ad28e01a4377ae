"""The whole path with every click, field and key counted: half of what it took, and the file holds the active selection."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tamis.actions.active import active_selection
from tamis.actions.decisions import decision_snapshot
from tamis.actions.jobs import active_jobs, list_jobs
from tamis.actions.manifests import read_manifest
from tamis.jobs.model import JobState
from tamis.store.artifacts.readers import read_examples, read_selected_ids
from tamis.store.workspace import open_workspace
from tests.e2e import walk_export, walk_map
from tests.e2e.conftest import Server, running_app
from tests.e2e.walk_import import settle
from tests.pages.page_workspace import alpaca_file

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.nightly]

JOBS_MS = 420_000
N_ROWS = 200
# Clicks, fields and keys that each part took when this was written down.
BEFORE = {
    "import": 3 + 1, "pipeline": 2, "search": 3, "tag": 2 + 2, "select": 4, "compare": 2, "propose": 5, "decide": 20, "apply": 2,
    "refine": 5, "export": 2,
}  # fmt: skip


class Hand:
    """Does what a person does, and counts it."""

    def __init__(self, page: Page) -> None:
        self.page, self.counts, self._part = page, dict.fromkeys(BEFORE, 0), ""

    def begin(self, part: str) -> None:
        self._part = part

    def click(self, target: Locator) -> None:
        self.counts[self._part] += 1
        target.click()
        settle(self.page)

    def fill(self, field: Locator, text: str) -> None:
        """A field, with the Enter that ends it."""
        self.counts[self._part] += 1
        field.fill(text)
        field.press("Enter")
        settle(self.page)

    def upload(self, file: Path) -> None:
        self.counts[self._part] += 1
        self.page.locator('input[type="file"]').set_input_files([str(file)])

    def go(self, title: str) -> None:
        """By the rail, which is on every page."""
        link = self.page.get_by_test_id("stSidebar").get_by_role("link", name=re.compile(rf"\b{title}$"))
        folded = self.page.get_by_test_id("stExpandSidebarButton")
        expect(self.page.locator("h1").first).to_be_visible(timeout=60_000)
        settle(self.page)
        if (
            self.page.get_by_test_id("stSidebar").get_attribute("data-collapsed") == "true"
        ):  # as the map has it
            self.click(folded)
        self.click(link)
        expect(self.page.get_by_role("heading", name=title, exact=True)).to_be_visible(timeout=60_000)
        settle(self.page)

    def command(self, words: str) -> None:
        """By the command menu: its keys, and the words with the Enter behind them."""
        self.counts[self._part] += 2
        self.page.keyboard.press("ControlOrMeta+k")
        expect(self.page.get_by_role("dialog", name="Command menu").get_by_role("combobox")).to_be_focused()
        self.page.keyboard.type(words)
        self.page.keyboard.press("Enter")
        settle(self.page)

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name)


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Server]:
    """An empty workspace of a person whose name is known."""
    with running_app(tmp_path / "workspace", reviewer="Kim", sample_on_empty="false") as server:
        yield server


def ended(app: Server, page: Page, step: str, n_jobs: int = 1) -> None:
    """Wait until so many jobs of a step have succeeded."""
    workspace, waited = open_workspace(app.workspace), 0
    while len(list_jobs(workspace, step=step, states=[JobState.SUCCEEDED])) < n_jobs:
        failed = list_jobs(workspace, step=step, states=[JobState.FAILED])
        assert not failed, failed[0].reason
        assert waited < JOBS_MS, f"no {step} after {waited / 1000:.0f} s"
        page.wait_for_timeout(500)
        waited += 500
    settle(page)


def wait_for_rest(app: Server, page: Page) -> None:
    """Wait until nothing is under way: a page that is drawn anew because a job has ended can lose a click."""
    workspace, waited = open_workspace(app.workspace), 0
    while active_jobs(workspace):
        assert waited < JOBS_MS
        page.wait_for_timeout(500)
        waited += 500
    page.wait_for_timeout(6_000)  # as long as a page takes at most to look again
    settle(page)


def test_the_whole_path_takes_half_of_what_it_took(app: Server, page: Page, tmp_path: Path) -> None:
    hand = Hand(page)
    page.set_default_timeout(180_000)  # beside the jobs of a whole pipeline
    page.goto(app.url)
    dataset_id = _import_and_run(hand, app, tmp_path)
    _search_and_tag(hand)
    picked = _select(hand, app)
    _compare(hand, app)
    _propose_decide_apply(hand, app)
    _refine(hand, app)

    hand.begin("export")
    hand.go("Export")
    hand.counts["export"] += 1  # the button that writes; what follows it is the browser's
    written = walk_export.write_and_download(page, tmp_path)

    workspace = open_workspace(app.workspace)
    active = active_selection(workspace, dataset_id)
    rows = read_selected_ids(active).tolist()
    assert rows == picked, "neither the comparison's picks nor a refinement's became the active ones"
    applied = read_manifest(next(app.workspace.glob("exports/*.manifest.json"))).decisions
    decided = decision_snapshot(workspace, dataset_id).by_row if applied else {}
    rows = [row for row in rows if row not in decided or decided[row].verdict != "drop"]
    prompts = read_examples(workspace.artifacts.examples(dataset_id), ["prompt"])["prompt"].to_pylist()
    lines = [json.loads(line)["instruction"] for line in written.read_text(encoding="utf-8").splitlines()]
    assert sorted(lines) == sorted(prompts[row] for row in rows)

    print(hand.counts)
    assert {part: n for part, n in hand.counts.items() if n > BEFORE[part]} == {}
    assert sum(hand.counts.values()) <= sum(BEFORE.values()) / 2, hand.counts


def _import_and_run(hand: Hand, app: Server, tmp_path: Path) -> str:
    hand.begin("import")
    hand.go("Import")
    hand.upload(alpaca_file(tmp_path, N_ROWS))
    expect(hand.page.get_by_text("How it is read")).to_be_visible(timeout=60_000)
    settle(hand.page)
    hand.begin("pipeline")
    hand.click(hand.page.get_by_text("Then run the pipeline"))
    hand.begin("import")
    hand.click(hand.button(f"Import {N_ROWS} rows"))
    ended(app, hand.page, "select")
    (dataset_id,) = open_workspace(app.workspace).artifacts.dataset_ids()
    return dataset_id


def _search_and_tag(hand: Hand) -> None:
    hand.begin("search")
    hand.go("Map")
    walk_map.wait_for_map(hand.page)
    hand.fill(hand.page.get_by_role("textbox", name="Search", exact=True), "bread")
    walk_map.wait_for_map(hand.page)
    assert walk_map.matching(hand.page) == N_ROWS // 4
    hand.begin("tag")
    hand.click(hand.button(f"Tag {N_ROWS // 4} rows"))
    hand.fill(hand.page.get_by_role("combobox", name="Tag", exact=True), "baking")
    hand.click(hand.button(f"Add to {N_ROWS // 4} rows"))


def _select(hand: Hand, app: Server) -> list[int]:
    hand.begin("select")
    hand.command("Select a subset")  # as on every page
    hand.fill(hand.page.get_by_role("spinbutton", name="Budget"), "30")
    hand.click(hand.button("Select 30 rows"))
    ended(app, hand.page, "select", 2)
    workspace = open_workspace(app.workspace)
    (dataset_id,) = workspace.artifacts.dataset_ids()
    rows: list[int] = read_selected_ids(active_selection(workspace, dataset_id)).tolist()
    assert len(rows) == 30
    return rows


def _compare(hand: Hand, app: Server) -> None:
    hand.begin("compare")
    hand.go("Compare")
    hand.click(hand.page.get_by_role("button", name="and compare"))
    ended(app, hand.page, "compare")
    wait_for_rest(app, hand.page)


def _propose_decide_apply(hand: Hand, app: Server) -> None:
    page = hand.page
    hand.begin("propose")
    hand.go("Review")
    hand.click(hand.button(f"Propose for {N_ROWS} rows"))
    ended(app, page, "propose")
    wait_for_rest(app, page)
    hand.begin("decide")
    hand.click(page.get_by_role("radio", name="By rule"))
    approve = page.get_by_role("button", name=re.compile(r"Approve \d+ rows"))
    assert (
        abs(int(re.sub(r"\D", "", approve.inner_text())) - N_ROWS // 10) <= 1
    )  # a tenth of the rows is proposed
    hand.click(approve)
    expect(page.get_by_text("rows decided").first).to_be_visible(timeout=30_000)
    hand.begin("apply")
    hand.click(page.get_by_role("radio", name="Apply"))
    hand.click(hand.button("Make a new version"))
    ended(app, page, "curate")
    wait_for_rest(app, page)


def _refine(hand: Hand, app: Server) -> None:
    hand.begin("refine")
    hand.go("Refinement")
    hand.click(hand.button("Refine in "))
    workspace, waited = open_workspace(app.workspace), 0
    while not list_jobs(workspace, step="refine", states=[JobState.RUNNING, JobState.SUCCEEDED]):
        assert waited < JOBS_MS
        hand.page.wait_for_timeout(500)
        waited += 500
