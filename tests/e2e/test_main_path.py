"""The main job in a real browser: from a file to a map, a subset of exactly a hundred rows, and the file that holds them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from pages.shared.navigation import APP_PAGES
from tamis.actions.export import ExportRequest, export
from tamis.actions.export_files import exports_folder
from tamis.settings import app_folder
from tamis.store.artifacts.readers import read_examples, read_selected_ids
from tamis.store.artifacts.store import ArtifactStore
from tamis.store.names import dataset_names
from tamis.store.workspace import open_workspace
from tamis.types import JSON
from tests.e2e import walk_export, walk_import, walk_map, walk_selection
from tests.e2e.conftest import SCREENS, Server, running_app
from tests.e2e.contrast import hard_to_read
from tests.pages.page_workspace import import_file, run_step

pytestmark = [pytest.mark.browser, pytest.mark.slow]
PIPELINE_MS = 420_000
N_LIMA = 160
SAMPLE = "Sample"
WRITTEN = "written.jsonl"
FITTED = ("overview", "import_data", "data_map", "scoring", "selection", "job_list", "export_data")
SAMPLE_STEPS: dict[str, dict[str, JSON]] = {
    "embed": {},
    "cluster": {"method_options": {"n_clusters": 8}},
    "project": {"method": "pca"},
    "score": {"scorer": "alignment"},
    "select": {"budget": 20},
}
MIDDLE = [(0.1, 0.1), (0.9, 0.1), (0.9, 0.9), (0.1, 0.9)]


@pytest.fixture
def empty_app(tmp_path: Path) -> Iterator[Server]:
    """An app over an empty workspace, which brings in its sample data by itself."""
    with running_app(tmp_path / "workspace") as server:
        yield server


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """An app over a part of the sample data with all its steps done, the vectors by the bundled model."""
    folder = tmp_path_factory.mktemp("main")
    lines = (app_folder() / "sample_data" / "kitchen_and_home.jsonl").read_text(encoding="utf-8").splitlines()
    wanted = [line for i, line in enumerate(lines) if i < 60 or "garden" in line or "bread" in line]
    (folder / "kitchen.jsonl").write_text("\n".join(wanted) + "\n", encoding="utf-8")
    dataset_id = import_file(folder / "workspace", folder / "kitchen.jsonl", SAMPLE)
    for step, options in SAMPLE_STEPS.items():
        run_step(folder / "workspace", dataset_id, step, options)
    workspace = open_workspace(folder / "workspace")
    export(workspace, ExportRequest(dataset_id=dataset_id), exports_folder(workspace) / WRITTEN)
    with running_app(folder / "workspace") as server:
        yield server


@pytest.fixture
def sample_id(app: Server) -> str:
    """The dataset of the sample."""
    return next(one for one, name in dataset_names(open_workspace(app.workspace)).items() if name == SAMPLE)


def wait_for(store: ArtifactStore, dataset_id: str, kind: str, page: Page) -> str:
    """Wait until the newest artifact of a kind is there; returns its id."""
    waited = 0
    while not store.list(dataset_id, kind):
        assert waited < PIPELINE_MS, f"no {kind} of {dataset_id} after {waited / 1000:.0f} s"
        page.wait_for_timeout(500)
        waited += 500
    return store.list(dataset_id, kind)[0].id


@pytest.mark.nightly
def test_an_empty_workspace_fills_itself_while_one_watches(empty_app: Server, page: Page) -> None:
    page.goto(empty_app.url)
    expect(page.get_by_text("Tamis sample").first).to_be_visible(timeout=60_000)
    store = ArtifactStore(empty_app.workspace)
    for _ in range(120):
        if store.dataset_ids():
            break
        page.wait_for_timeout(500)
    (dataset_id,) = store.dataset_ids()
    assert store.examples(dataset_id).summary["n_examples"] == 472
    for kind in ("embeddings", "clustering", "projection", "scores", "selection"):
        wait_for(store, dataset_id, kind, page)
    # The page followed without a reload: the strip of stages is done and offers what comes next.
    expect(page.get_by_role("button", name="Export")).to_be_visible(timeout=30_000)


def some_of_lima(source: Path, target: Path) -> Path:
    """As many of its rows as a browser test has time for: every kind, and the one that ends without an answer."""
    lines = source.read_text(encoding="utf-8").splitlines()
    target.write_text("\n".join([*lines[: N_LIMA - 9], *lines[-9:]]) + "\n", encoding="utf-8")
    return target


def test_lima_from_upload_to_exactly_the_selected_rows(
    app: Server, page: Page, lima_file: Path, tmp_path: Path
) -> None:
    file = some_of_lima(lima_file, tmp_path / "lima.jsonl")
    dataset_id = walk_import.upload_and_import(page, app.url, [file], "LIMA")
    store = ArtifactStore(app.workspace)
    summary = store.examples(dataset_id).summary
    assert (summary["n_imported"], summary["n_rejected"]) == (N_LIMA - 1, 1)
    walk_import.start_pipeline(page)
    wait_for(store, dataset_id, "projection", page)
    wait_for(store, dataset_id, "scores", page)

    walk_map.open_map(page, app.url, dataset_id)
    walk_map.wait_for_map(page)
    walk_map.draw_lasso(page, MIDDLE)
    inside = walk_map.matching(page)
    assert 0 < inside < N_LIMA
    lassoed = page.url
    walk_map.search_words(page, "python")
    both = walk_map.matching(page)
    assert 0 < both < inside
    # A reload, or the address in another tab, shows the same rows.
    page.reload()
    walk_map.wait_for_map(page)
    assert walk_map.matching(page) == both
    page.goto(lassoed)
    walk_map.wait_for_map(page)
    assert walk_map.matching(page) == inside

    walk_selection.open_selection_page(page, app.url, dataset_id)
    walk_selection.fill_budget(page, 100)
    selection_id = walk_selection.submit_selection(page, 100)
    selected = read_selected_ids(store.get(dataset_id, "selection", selection_id))
    assert len(selected) == 100

    page.goto(
        f"{app.url}/export_data?dataset={dataset_id}&rows=selection&selection={selection_id}&format=source"
    )
    written = walk_export.write_and_download(page, tmp_path)
    raw = read_examples(store.examples(dataset_id), ["raw"]).column("raw").to_pylist()
    assert written.read_text(encoding="utf-8").splitlines() == [raw[row] for row in selected]
    originals = file.read_text(encoding="utf-8").splitlines()
    assert {json.dumps(json.loads(line)) for line in written.read_text().splitlines()} <= {
        json.dumps(json.loads(line)) for line in originals
    }


@pytest.mark.nightly
def test_meaning_finds_what_words_do_not(app: Server, sample_id: str, page: Page) -> None:
    walk_map.open_map(page, app.url, sample_id)
    walk_map.wait_for_map(page)
    walk_map.search_meaning(page, "how do I get rid of insects on my plants")
    page.wait_for_url(re.compile("near|ranked|scope"))
    ranked = walk_map.address(page)
    assert "near" in ranked or "ranked" in ranked or "scope" in ranked, ranked


@pytest.mark.nightly
def test_tags_are_put_on_everything_that_matches_and_can_be_exported(
    app: Server, sample_id: str, page: Page, tmp_path: Path
) -> None:
    walk_map.open_map(page, app.url, sample_id)
    walk_map.wait_for_map(page)
    walk_map.search_words(page, "garden")
    n_matching = walk_map.matching(page)
    walk_map.tag_everything(page, "green")
    page.goto(f"{app.url}/export_data?dataset={sample_id}&rows=tag&tag=green&format=messages")
    written = walk_export.write_and_download(page, tmp_path)
    rows = [json.loads(line) for line in written.read_text(encoding="utf-8").splitlines()]
    assert len(rows) == n_matching > 0
    assert all("garden" in json.dumps(row, ensure_ascii=False).lower() for row in rows)


def test_two_tabs_and_a_deep_link_agree(app: Server, sample_id: str, context: BrowserContext) -> None:
    first, second = context.new_page(), context.new_page()
    walk_map.open_map(first, app.url, sample_id)
    walk_map.wait_for_map(first)
    walk_map.search_words(first, "bread")
    second.goto(first.url)
    walk_map.wait_for_map(second)
    assert walk_map.matching(first) == walk_map.matching(second) > 0


def test_the_command_menu_answers_in_the_browser_and_leads_everywhere(
    app: Server, sample_id: str, page: Page
) -> None:
    asked: list[str] = []
    open_by_address(page, app, "scoring", sample_id)
    page.on("websocket", lambda _: asked.append("a page of its own"))
    menu = page.get_by_role("dialog", name="Command menu")
    option = menu.get_by_role("option", selected=True)
    expect(page.get_by_role("button", name="Go to")).to_be_visible()  # the bar that listens for the keys
    page.keyboard.press("ControlOrMeta+k")
    expect(menu.get_by_role("combobox")).to_be_focused()
    page.keyboard.type("subs")
    expect(option).to_contain_text("Select a subset")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/selection?*dataset={sample_id}*view=new*")
    walk_map.wait_until_idle(page)
    expect(menu).to_be_hidden()
    page.keyboard.press("ControlOrMeta+k")
    page.keyboard.type("row 99999")
    expect(option).to_have_attribute("aria-disabled", "true")
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("row 12")
    page.keyboard.press("Enter")
    page.wait_for_url("**/data_map?*row=12*")
    walk_map.wait_until_idle(page)
    expect(page.get_by_text("Row 12", exact=True).first).to_be_visible()
    page.keyboard.press("ControlOrMeta+k")
    expect(menu).to_be_visible()
    page.keyboard.press("Escape")
    expect(menu).to_be_hidden()
    assert not asked, "the app was not loaded again"
    page.get_by_role("button", name="Jobs").click()
    expect(page.get_by_role("dialog", name="Jobs").get_by_role("link", name="All jobs")).to_be_visible()


def test_the_rail_folds_to_icons_by_key_and_stays_so(app: Server, sample_id: str, page: Page) -> None:
    open_by_address(page, app, "scoring", sample_id)
    rail, fold = page.get_by_test_id("stSidebar"), page.get_by_test_id("rail-fold")
    whole = width_of(rail)
    fold.focus()
    page.keyboard.press("Enter")
    expect(fold).to_have_attribute("aria-expanded", "false")
    wait_for_width(rail, at_most=79)
    assert whole > 80
    # An icon keeps its name, for the eye on hover and for whoever listens.
    link = rail.get_by_role("link", name=re.compile(r"\bSelection$"))
    expect(link).to_have_attribute("title", "Selection")
    link.click()
    expect(page.get_by_role("heading", name="Selection", exact=True)).to_be_visible()
    wait_for_width(rail, at_most=79)
    page.reload()
    expect(fold).to_have_attribute("aria-expanded", "false")
    wait_for_width(rail, at_most=79)
    fold.click()
    expect(fold).to_have_attribute("aria-expanded", "true")
    wait_for_width(rail, at_least=whole)
    expect(link).not_to_have_attribute("title", "Selection")


def wait_for_width(one: Locator, *, at_least: float = 0, at_most: float = 10_000) -> None:
    """What folds takes a moment, however short."""
    one.page.wait_for_function(
        "([one, low, high]) => { const width = one.getBoundingClientRect().width; return low <= width && width <= high }",
        arg=[one.element_handle(), at_least, at_most],
    )


def width_of(one: Locator) -> float:
    box = one.bounding_box()
    assert box is not None
    return box["width"]


def open_by_address(page: Page, app: Server, name: str, dataset_id: str, more: str = "") -> None:
    """A page by its name in the address, drawn to its end."""
    page.goto(f"{app.url}/{name}?dataset={dataset_id}{more}")
    # The first page by its name sends on to the bare address: idle is what was sent there, not what sends.
    page.locator("h1").first.wait_for()
    walk_map.wait_until_idle(page)


def test_every_text_can_be_read_in_light_and_dark(app: Server, sample_id: str, page: Page) -> None:
    """Of the pages in ``FITTED`` the test below says it, which opens them anyhow; results in tabs are those of a file."""
    open_by_address(page, app, "export_data", sample_id, f"&file={WRITTEN}")
    expect(page.get_by_role("tab", selected=True)).to_be_visible()
    low = {"tabs": hard_to_read(page)}
    for name in [one.name for one in APP_PAGES if one.exists and one.name not in FITTED]:
        open_by_address(page, app, name, sample_id)
        low[name] = hard_to_read(page)
    assert not {name: texts for name, texts in low.items() if texts}


@pytest.mark.parametrize(("scheme", "width"), SCREENS)
def test_pages_fit_the_window_in_light_and_dark(
    app: Server, sample_id: str, page: Page, tmp_path: Path, scheme: str, width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 1000})
    for name in FITTED:
        page.emulate_media(color_scheme=scheme)
        open_by_address(page, app, name, sample_id)
        # The first page has no name in Streamlit's own table of addresses.
        assert page.get_by_text("Page not found").count() == 0, name
        assert page.get_by_test_id("stException").count() == 0, name
        shot = np.frombuffer(page.screenshot(path=tmp_path / f"{name}-{scheme}-{width}.png"), dtype=np.uint8)
        assert len(shot) > 20_000, f"{name} looks blank"
        overflow = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert overflow <= 0, f"{name} is {overflow} px too wide at {width}"
        if scheme == "light" and width == 1280:
            assert not hard_to_read(page), name
