"""Review in a real browser: thirty rows by keyboard alone, a reload, a rule, a new version, and a file that says it all."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tamis.store.artifacts.proposals import read_proposals
from tamis.store.artifacts.readers import read_examples
from tamis.store.artifacts.store import ArtifactStore
from tamis.store.database.database import Database
from tamis.store.review.decisions import decision_state
from tests.e2e import walk_export, walk_review
from tests.e2e.conftest import SCREENS, Server, free_port, running_app
from tests.e2e.contrast import hard_to_read
from tests.e2e.walk_import import settle
from tests.pages.page_workspace import alpaca_file, import_file, run_step
from tests.pages.review_workspace import mixed_rows, write_proposals
from tests.support import scale

pytestmark = [pytest.mark.browser, pytest.mark.slow]
JOB_MS = 120_000


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """An app without a reviewer in its settings, so that the name is asked for."""
    folder = tmp_path_factory.mktemp("review")
    with running_app(folder / "workspace", sample_on_empty="false") as server:
        yield server


def responses(store: ArtifactStore, dataset_id: str) -> list[str]:
    texts: list[str] = read_examples(store.examples(dataset_id), ["response"])["response"].to_pylist()
    return texts


@pytest.mark.nightly
def test_score_propose_decide_thirty_apply_and_export(
    app: Server, page: Page, browser: Browser, tmp_path: Path
) -> None:
    dataset_id = import_file(app.workspace, alpaca_file(tmp_path, 120))
    run_step(
        app.workspace, dataset_id, "score", {"scorer": "length", "scorer_options": {"unit": "characters"}}
    )
    store, database = ArtifactStore(app.workspace), Database(app.workspace)

    # Propose: the filter on the score, as the page offers it.
    walk_review.open_review(page, app.url, dataset_id)
    expect(page.get_by_text("No proposals yet")).to_be_visible()
    settle(page)
    page.get_by_role("button", name="Propose for 120 rows").click()
    expect(page.get_by_role("textbox", name="Your name")).to_be_visible(timeout=JOB_MS)
    (filtered,) = store.list(dataset_id, "proposals")
    assert filtered.summary["n_drop"] > 0
    # Corrections, as a judge would leave them: the newest are reviewed.
    write_proposals(app.workspace, dataset_id, mixed_rows(120))
    walk_review.start_as(page, "Kim")
    walk_review.open_review(page, app.url, dataset_id)

    row, done = walk_review.wait_for_item(page), 0
    # Leaving the editor by its key decides nothing.
    page.keyboard.press("e")
    expect(page.get_by_role("textbox").last).to_be_focused()
    page.keyboard.type("rca")
    page.keyboard.press("Escape")
    assert walk_review.wait_for_item(page) == row
    wanted: dict[int, str] = {}
    while done < 30:
        if done % 10 == 4:
            text = f"dktesuypnrc {row}"
            walk_review.edit_response(page, text)
            wanted[row] = text
        elif done % 10 == 7:
            wanted[row] = "keep"
            walk_review.look(page)
            walk_review.press(page, "reject")
        else:
            wanted[row] = "approve"
            walk_review.look(page)
            walk_review.press(page, "approve")
        done += 1
        if done == 12:
            # A slip, taken back and done again.
            assert walk_review.press(page, "undo") == row
            page.keyboard.press("y")
            expect(page.get_by_test_id("review-lane").get_by_text("by Kim").first).to_be_visible()
            walk_review.press(page, "next")
        if done == 15:
            before = walk_review.row_in(page)
            page.reload()
            assert walk_review.wait_for_item(page) == before
            expect(page.get_by_text("15 decided")).to_be_visible()
        row = walk_review.row_in(page)
    walk_review.rest(page)
    state = decision_state(database, dataset_id)
    assert len(state.decided) == 30 == len(wanted)
    assert {one.reviewer for one in state.decided.values()} == {"Kim"}

    # The rest by a rule, counted before.
    walk_review.open_review(page, app.url, dataset_id, view="rules")
    n_left = int((read_actions(store, dataset_id) != "keep").sum()) - 30
    page.get_by_role("button", name=f"Approve {n_left} rows").click()
    expect(page.get_by_role("button", name="Undo this")).to_be_visible()
    state = decision_state(database, dataset_id)
    assert len(state.decided) == 30 + n_left

    expected = expected_texts(store, dataset_id, wanted)
    # A new version, and the same rows as a file.
    walk_review.open_review(page, app.url, dataset_id, view="apply")
    settle(page)
    page.get_by_role("button", name="Make a new version").click()
    expect(page.get_by_text("is there:")).to_be_visible(timeout=JOB_MS)
    (new_id,) = [one for one in store.dataset_ids() if one != dataset_id]
    assert responses(store, new_id) == expected
    page.goto(f"{app.url}/export_data?dataset={dataset_id}&rows=whole&decisions=current&format=messages")
    written = walk_export.write_and_download(page, tmp_path)
    lines = [json.loads(line) for line in written.read_text(encoding="utf-8").splitlines()]
    assert [line["messages"][-1]["content"] for line in lines] == expected


def read_actions(store: ArtifactStore, dataset_id: str) -> np.ndarray:
    """What the newest proposals ask for, by row."""
    newest = store.list(dataset_id, "proposals")[0]
    return np.asarray(read_proposals(newest, ["action"])["action"].to_pylist())


def expected_texts(store: ArtifactStore, dataset_id: str, wanted: dict[int, str]) -> list[str]:
    """The responses that are left, from the proposals and what was pressed: not from the decisions."""
    texts = []
    for row, (proposal, original) in enumerate(
        zip(mixed_rows(120), responses(store, dataset_id), strict=True)
    ):
        said = wanted.get(row, "approve")
        if said not in ("approve", "keep"):
            texts.append(said)
        elif said == "keep" or proposal["action"] == "keep":
            texts.append(original)
        elif proposal["action"] == "replace":
            texts.append(proposal["candidate"])
    return texts


def test_taps_and_held_keys_decide_only_what_was_seen_and_an_edit_outlives_its_tab(
    app: Server, page: Page, tmp_path: Path
) -> None:
    dataset_id = import_file(app.workspace, alpaca_file(tmp_path, 20), "Hasty")
    write_proposals(app.workspace, dataset_id, mixed_rows(20), identifier="dddd000011112222")
    database = Database(app.workspace)
    walk_review.open_review(page, app.url, dataset_id)
    walk_review.start_as(page, "Kim")
    for n_before, pause_ms in enumerate((0, 80, 200)):
        row = walk_review.wait_for_item(page)
        walk_review.look(page)
        key = walk_review.key_of(page, "approve")
        page.keyboard.press(key)
        page.wait_for_timeout(pause_ms)
        page.keyboard.press(key)
        page.wait_for_function("row => new URL(location.href).searchParams.get('row') !== row", arg=str(row))
        page.wait_for_timeout(700)
        walk_review.rest(page)
        assert len(decision_state(database, dataset_id).decided) == n_before + 1, pause_ms
    # A key held for longer than a row must be seen repeats, as keyboards do after half a second.
    walk_review.look(page)
    page.keyboard.down("k")
    page.wait_for_timeout(1_200)
    for _ in range(10):
        page.keyboard.down("k")
        page.wait_for_timeout(60)
    page.keyboard.up("k")
    page.wait_for_timeout(700)
    assert len(decision_state(database, dataset_id).decided) == 4

    row = walk_review.wait_for_item(page)
    page.keyboard.press("e")
    expect(page.get_by_role("textbox").last).to_be_focused()
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("half an answer")
    page.keyboard.press("Escape")
    edit = page.get_by_role("button", name="Go on editing")
    expect(edit).to_be_visible()
    page.reload()
    assert walk_review.wait_for_item(page) == row
    page.keyboard.press("e")
    expect(page.get_by_role("textbox").last).to_have_value("half an answer")
    expect(page.get_by_role("button", name="Start again from the")).to_be_visible()
    page.keyboard.press("Control+Enter")
    page.wait_for_function("row => new URL(location.href).searchParams.get('row') !== row", arg=str(row))
    messages = decision_state(database, dataset_id).decided[row].messages
    assert messages is not None and messages[-1]["content"] == "half an answer"

    # Another tab of the same person is named as what it is, and one that is closed holds nothing.
    held = walk_review.wait_for_item(page)
    other = page.context.new_page()
    walk_review.open_review(other, app.url, dataset_id, row=str(held))
    expect(other.get_by_text(f"Row {held} is held by another tab of yours")).to_be_visible()
    page.close()
    other.wait_for_timeout(1_000)
    walk_review.open_review(other, app.url, dataset_id, row=str(held))
    assert walk_review.wait_for_item(other) == held


@pytest.mark.nightly
def test_two_browsers_review_at_once_without_the_same_row(
    app: Server, browser: Browser, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    dataset_id = import_file(app.workspace, alpaca_file(tmp_path / "other", 60), "Shared")
    write_proposals(app.workspace, dataset_id, mixed_rows(60), identifier="bbbb000011112222")
    pages = []
    for name in ("Ana", "Ben"):
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        context.set_default_timeout(20_000)
        page = context.new_page()
        walk_review.open_review(page, app.url, dataset_id)
        walk_review.start_as(page, name)
        walk_review.wait_for_item(page)
        pages.append(page)
    seen = [walk_review.row_in(page) for page in pages]
    for _ in range(6):
        for page in pages:
            walk_review.look(page)
            seen.append(walk_review.press(page, "approve"))
    for page in pages:
        walk_review.rest(page)
    assert len(set(seen)) == len(seen)
    state = decision_state(Database(app.workspace), dataset_id)
    assert {one.reviewer for one in state.decided.values()} == {"Ana", "Ben"}
    assert not state.conflicts
    for page in pages:
        page.context.close()


def press_at(page: Page, key: str, times: int, *, per_s: float = 20.0) -> None:
    """Press a key so many times a second, or as near to that as the machine comes."""
    began = time.monotonic()
    for number in range(times):
        page.keyboard.press(key)
        page.wait_for_timeout(max(0.0, 1000 * (began + (number + 1) / per_s - time.monotonic())))


def test_keys_at_twenty_a_second_each_decide_a_row(app: Server, page: Page, tmp_path: Path) -> None:
    n_presses = scale.times(60, 1000)
    dataset_id = import_file(app.workspace, alpaca_file(tmp_path, n_presses * 4), "Burst")
    write_proposals(app.workspace, dataset_id, mixed_rows(n_presses * 4), identifier="eeee000011112222")
    database = Database(app.workspace)
    walk_review.open_review(page, app.url, dataset_id)
    walk_review.start_as(page, "Kim")
    walk_review.wait_for_item(page)
    # As the page comes, presses that nobody can have looked before are none, and that is said.
    walk_review.look(page)
    press_at(page, "k", 5)
    expect(page.get_by_text("Too fast: 4 presses decided nothing")).to_be_visible()
    page.get_by_label("Every press counts").check()
    page.wait_for_function("() => [...globalThis.__tamis_lanes.values()][0].ahead.length > 50")
    press_at(page, "k", n_presses)
    walk_review.rest(page)
    expect(page.get_by_test_id("review-counts")).to_have_text(f"{n_presses + 1:,} saved · 0 waiting")
    state = decision_state(database, dataset_id)
    assert len(state.decided) == n_presses + 1
    assert {one.verdict for one in state.decided.values()} == {"keep"} and not state.conflicts
    waiting = np.flatnonzero(read_actions(ArtifactStore(app.workspace), dataset_id) != "keep")
    assert sorted(state.decided) == waiting[: n_presses + 1].tolist()
    assert walk_review.row_in(page) == waiting[n_presses + 1]
    taken_ms = page.evaluate("() => [...globalThis.__tamis_lanes.values()][0].taken")
    print(
        f"\nkey to next row: median {np.median(taken_ms):.0f} ms, p95 {np.percentile(taken_ms, 95):.0f} ms of {len(taken_ms)}"
    )


def test_nothing_is_lost_while_the_server_is_gone_and_two_tabs_of_one_person_get_on(
    context: BrowserContext, tmp_path: Path
) -> None:
    workspace, port = tmp_path / "workspace", free_port()
    dataset_id = import_file(workspace, alpaca_file(tmp_path, 80), "Gone")
    write_proposals(workspace, dataset_id, mixed_rows(80))
    page, other = context.new_page(), context.new_page()
    settings = {"reviewer": "Kim", "sample_on_empty": "false"}
    with running_app(workspace, port, **settings) as app:
        for tab in (page, other):
            walk_review.open_review(tab, app.url, dataset_id)
            walk_review.wait_for_item(tab)
            tab.get_by_label("Every press counts").check()
            tab.wait_for_function("() => [...globalThis.__tamis_lanes.values()][0].ahead.length >= 5")
        for _ in range(3):
            for tab in (page, other):
                walk_review.look(tab)
                walk_review.press(tab, "reject")
        walk_review.rest(page)
        walk_review.rest(other)
        state = decision_state(Database(workspace), dataset_id)
        assert len(state.decided) == 6 and not state.conflicts
    began = time.monotonic()
    press_at(page, "k", 5)
    expect(page.get_by_text("5 decisions wait in this browser")).to_be_visible()
    assert len(decision_state(Database(workspace), dataset_id).decided) == 6
    page.wait_for_timeout(max(0.0, 1000 * (3 - (time.monotonic() - began))))
    with running_app(workspace, port, **settings):
        expect(page.get_by_test_id("review-counts")).to_have_text("8 saved · 0 waiting")
        state = decision_state(Database(workspace), dataset_id)
        assert len(state.decided) == 11 and not state.conflicts
        walk_review.rest(page)
        walk_review.press(page, "reject")
        walk_review.rest(page)
        assert len(decision_state(Database(workspace), dataset_id).decided) == 12


@pytest.mark.parametrize(("scheme", "width"), SCREENS)
def test_one_item_fits_the_window_in_light_and_dark(
    app: Server, page: Page, tmp_path: Path, scheme: str, width: int
) -> None:
    dataset_id = import_file(app.workspace, alpaca_file(tmp_path, 20), f"Long {scheme} {width}")
    rows = mixed_rows(20)
    for row in rows:
        if row["action"] == "replace":
            row["candidate"] = "word " * 2_000
    write_proposals(app.workspace, dataset_id, rows, identifier="cccc000011112222")
    height = 900 if width < 1500 else 1080
    page.set_viewport_size({"width": width, "height": height})
    page.emulate_media(color_scheme=scheme)
    walk_review.open_review(page, app.url, dataset_id)
    walk_review.start_as(page, "Kim")
    walk_review.wait_for_item(page)
    page.wait_for_timeout(500)
    main = page.get_by_test_id("stMain")
    higher, wider = main.evaluate("m => [m.scrollHeight - m.clientHeight, m.scrollWidth - m.clientWidth]")
    assert higher <= 0 and wider <= 0, (scheme, width, higher, wider)
    low = {"queue": hard_to_read(page)}
    for view in ("rules", "history", "calibration", "apply", "new"):
        page.emulate_media(color_scheme=scheme)
        walk_review.open_review(page, app.url, dataset_id, view=view)
        page.wait_for_timeout(300)
        assert page.get_by_test_id("stException").count() == 0, view
        low[view] = hard_to_read(page)
    assert not {view: texts for view, texts in low.items() if texts}
