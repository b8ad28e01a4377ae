"""A small refinement in a real browser with a tiny model: rounds as they land, one more without a cluster, and onwards."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import Page, expect

from tamis.jobs import job_table
from tamis.store.artifacts.readers import read_selected_ids
from tamis.store.artifacts.refinements import read_picks, read_weights
from tamis.store.artifacts.store import Artifact, ArtifactStore
from tamis.store.database.database import Database
from tamis.store.names import default_names
from tests.core.llms.conftest import build_model
from tests.e2e import (
    walk_export,
    walk_finetuning,
    walk_import,
    walk_map,
    walk_refinement,
    walk_review,
    walk_selection,
)
from tests.e2e.conftest import Server, running_app
from tests.pages.page_workspace import alpaca_file, import_file, run_step
from tests.pages.review_workspace import write_proposals
from tests.support import scale
from tests.support.chat_rows import EVERYTHING, says, user
from tests.support.thinking_model import build_thinking_model

pytestmark = [pytest.mark.browser, pytest.mark.slow]
N_ROWS, ROUNDS = 48, 3
HASHING = {"encoder": "hashing"}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that trains in seconds."""
    pytest.importorskip("trl")
    return Path(build_model(tmp_path_factory.mktemp("model") / "tiny"))


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """An app over short questions in four clusters."""
    folder = tmp_path_factory.mktemp("refinement")
    workspace = folder / "workspace"
    dataset_id = import_file(workspace, alpaca_file(folder, N_ROWS))
    run_step(workspace, dataset_id, "embed", HASHING)
    run_step(workspace, dataset_id, "cluster", {"method_options": {"n_clusters": 4}})
    run_step(workspace, dataset_id, "score", {"scorer": "alignment"})
    # Models to train lie beside the workspace, and a server takes folders only from where it is told to.
    models = json.dumps([str(tmp_path_factory.getbasetemp())])
    with running_app(workspace, import_folders=models) as server:
        yield server


@pytest.mark.nightly
def test_a_refinement_is_watched_continued_and_used(
    app: Server, page: Page, model: Path, tmp_path: Path
) -> None:
    store = ArtifactStore(app.workspace)
    (dataset_id,) = store.dataset_ids()
    walk_refinement.open_refinement_page(page, app.url, dataset_id)
    walk_refinement.fill_form(page, rounds=ROUNDS, budget=12, model=model, max_new_tokens=6)
    first = walk_refinement.start(page, rounds=ROUNDS)
    with _held_after_a_round(app.workspace, dataset_id):
        walk_refinement.see_a_round(page, ROUNDS)
    walk_refinement.wait_until_done(page)
    made = store.get(dataset_id, "refinement", first)
    _check_flags_and_movers(page, made)
    _leave_out_a_cluster(page, store, made)
    _export(page, store, made, tmp_path)
    if scale.times(0, 1):  # by day the row with everything is trained
        _train_and_compare_answers(page, store, dataset_id, model)


@contextmanager
def _held_after_a_round(workspace: Path, dataset_id: str) -> Iterator[None]:
    """Rounds of a tiny model take less than a page that looks every second: the worker waits while one looks."""
    store, deadline = ArtifactStore(workspace), time.monotonic() + 120
    while not store.list(dataset_id, "refinement_round"):
        assert time.monotonic() < deadline, "no round was finished"
        time.sleep(0.02)
    (job,) = job_table.list_jobs(Database(workspace), step="refine")
    worker = psutil.Process(job.progress.pid)
    worker.suspend()
    try:
        yield
    finally:
        worker.resume()


def _check_flags_and_movers(page: Page, made: Artifact) -> None:
    expect(page.get_by_test_id("stMetricValue").nth(2)).to_have_text(str(made.summary["n_flags"]))
    walk_refinement.open_part(page, "Movers")
    expect(page.get_by_text("Gained weight", exact=True)).to_be_visible()
    walk_refinement.open_part(page, "Flagged rows")
    if made.summary["n_flags"]:
        expect(page.get_by_role("button", name="Send to review")).to_be_visible()


def _leave_out_a_cluster(page: Page, store: ArtifactStore, made: Artifact) -> None:
    dataset_id = made.manifest.dataset_id
    clustering = store.get(dataset_id, "clustering", made.manifest.inputs["clustering"])
    longer = walk_refinement.add_round(page, leave_out=default_names(clustering)[2], n_rows=6)
    walk_refinement.wait_until_done(page)
    after = store.get(dataset_id, "refinement", longer)
    picks = read_picks(after).to_pandas()
    assert len(picks) == 18
    assert 2 not in set(picks.loc[picks["round"] == ROUNDS + 1, "cluster_id"])
    weights = read_weights(after).to_pandas()
    last = weights[(weights["round"] == ROUNDS + 1) & (weights["cluster_id"] == 2)].iloc[0]
    assert (last["weight"], last["factor"]) == (0, "excluded")
    expect(page.get_by_text("1 cluster by hand:")).to_be_visible()


def _export(page: Page, store: ArtifactStore, made: Artifact, folder: Path) -> None:
    dataset_id = made.manifest.dataset_id
    longer = store.get(dataset_id, "refinement", walk_refinement.opened(page))
    back = page.url
    walk_refinement.export(page)
    written = walk_export.write_and_download(page, folder)
    chosen = read_selected_ids(store.get(dataset_id, "selection", longer.summary["selection"]))
    assert len(written.read_text(encoding="utf-8").strip().splitlines()) == len(chosen) == 18
    page.goto(back)
    walk_refinement.wait_until_idle(page)


def _train_and_compare_answers(page: Page, store: ArtifactStore, dataset_id: str, model: Path) -> None:
    walk_refinement.fine_tune(page)
    expect(page.get_by_role("button", name="Fine-tune on 18 rows")).to_be_visible()
    walk_finetuning.choose_model(page, model)
    walk_finetuning.set_number(page, "Answers to compare", "2")
    adapter = store.get(dataset_id, "adapter", walk_finetuning.start_and_wait(page))
    assert adapter.manifest.inputs["selection"] in {one.id for one in store.list(dataset_id, "selection")}
    walk_finetuning.read_answers(page)


@pytest.fixture(scope="module")
def thinking(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model whose template takes tools and reasoning."""
    pytest.importorskip("trl")
    return build_thinking_model(tmp_path_factory.mktemp("model") / "thinking")


def test_a_row_with_everything_goes_the_whole_way_and_comes_out_equal_but_for_an_edit(
    app: Server, page: Page, thinking: Path, tmp_path: Path
) -> None:
    """Tools, reasoning, weights and a system turn: import, map, selection, an edit of another turn, training, export."""
    others = [{"messages": [user(f"How many are {i} and {i}?"), says(f"{2 * i}.")]} for i in range(7)]
    file = tmp_path / "everything.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in (EVERYTHING, *others)), encoding="utf-8")
    dataset_id = walk_import.upload_and_import(page, app.url, [file], "Everything")
    store = ArtifactStore(app.workspace)
    run_step(app.workspace, dataset_id, "embed", HASHING)
    run_step(app.workspace, dataset_id, "cluster", {"method_options": {"n_clusters": 2}})
    run_step(app.workspace, dataset_id, "project", {"method": "pca"})
    walk_map.open_map(page, app.url, dataset_id)
    walk_map.wait_for_map(page)
    walk_map.search_words(page, "wind")
    assert walk_map.matching(page) == 1

    walk_selection.open_selection_page(page, app.url, dataset_id)
    walk_selection.fill_budget(page, 8)
    selection = walk_selection.submit_selection(page, 8)

    write_proposals(app.workspace, dataset_id, [{"example_id": 0, "action": "drop"}])
    walk_review.open_review(page, app.url, dataset_id)
    walk_review.start_as(page, "Kim")
    assert walk_review.wait_for_item(page) == 0
    walk_review.edit_turn(page, 6, "And the wind there?")

    walk_finetuning.open_finetune_page(page, app.url, dataset_id, rows="selection", selection=selection)
    walk_finetuning.choose_model(page, thinking)
    expect(page.get_by_text("Marks that are heeded: weight of turns (1 rows).")).to_be_visible()
    walk_finetuning.hold_nothing_out(page)
    adapter = store.get(dataset_id, "adapter", walk_finetuning.start_and_wait(page))
    edited = json.loads(json.dumps(EVERYTHING).replace("And the wind?", "And the wind there?"))
    trained = [json.loads(line) for line in (adapter.path / "train.jsonl").read_text("utf-8").splitlines()]
    assert trained[0] == {name: edited[name] for name in ("messages", "tools")}
    assert adapter.summary["fit"]["n_dropped"] == 0

    page.goto(
        f"{app.url}/export_data?dataset={dataset_id}&rows=selection&selection={selection}&format=source&decisions=current"
    )
    written = walk_export.write_and_download(page, tmp_path)
    assert [json.loads(line) for line in written.read_text("utf-8").splitlines()] == [edited, *others]
