"""Augment in a real browser: examine, try three, write, review by keys, join, train, and examine what came of it; then a round
of labels as a campaign, and calibration sets for a pruning beside each other.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tamis.actions.augmenting import list_batches
from tamis.actions.campaigns import list_campaigns
from tamis.actions.decisions import decision_snapshot
from tamis.actions.pruning import read_pruning
from tamis.store.artifacts.readers import read_examples
from tamis.store.workspace import open_workspace
from tests.core.llms.conftest import build_model
from tests.e2e import walk_augment, walk_compare, walk_finetuning, walk_review
from tests.e2e.conftest import Server, running_app
from tests.pages.page_workspace import alpaca_file, import_file, run_step
from tests.support.teacher import Teacher, story

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.nightly]
JOB_MS = 240_000
N_ROWS, N_WANTED = 12, 3


@pytest.fixture(scope="module")
def teacher() -> Iterator[Teacher]:
    running = Teacher()
    yield running
    running.close()


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("augment")
    # A server takes models only from the folders that it is told of.
    models = json.dumps([str(tmp_path_factory.getbasetemp())])
    settings = {"sample_on_empty": "false", "reviewer": "Kim", "import_folders": models}
    with running_app(folder / "workspace", **settings) as server:
        yield server


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(build_model(tmp_path_factory.mktemp("model") / "tiny"))


def rows_file(folder: Path) -> Path:
    skills = ("sum", "difference", "product")
    stories = [(skills[i % 3], *story(skills[i % 3], i, i)) for i in range(N_ROWS)]
    lines = [
        json.dumps({"instruction": asked, "output": said, "skill": skill}) for skill, asked, said in stories
    ]
    path = folder / "rows.jsonl"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_from_what_is_wrong_to_a_version_that_was_trained_on(
    app: Server, teacher: Teacher, model: Path, page: Page, tmp_path: Path
) -> None:
    dataset_id = import_file(app.workspace, rows_file(tmp_path), "Word problems")
    walk_augment.examine(page, app.url, dataset_id, teacher.url)
    expect(page.get_by_text(re.compile(r"\d+ of 12 rows answered wrongly")).first).to_be_visible()

    # Three are tried, then the run is started: it asks for nothing that was tried again.
    walk_augment.choose(page, "Teacher", "OpenAI-compatible endpoint")
    walk_augment.name_endpoint(page, teacher.url)
    walk_augment.fill(page, "Rows that pass", str(N_WANTED), number=True)
    page.get_by_role("button", name="Try three").click()
    expect(page.get_by_text("of 3 tries passed")).to_be_visible(timeout=JOB_MS)
    tried = [json.dumps(one["messages"]) for one in teacher.requests if "response_format" not in one]
    page.get_by_role("button", name=f"Write {N_WANTED} rows").click()
    expect(page.get_by_role("button", name=f"Review {N_WANTED} additions")).to_be_visible(timeout=JOB_MS)
    workspace = open_workspace(app.workspace)
    (funnel,) = list_batches(workspace, dataset_id)
    sent = [
        json.dumps([one["messages"], one.get("seed")])
        for one in teacher.requests
        if "response_format" not in one
    ]
    assert len(sent) == len(set(sent)) and len(tried) < len(sent) + 1

    # Review by keys: all but the last are kept.
    page.get_by_role("button", name=f"Review {N_WANTED} additions").click()
    page.wait_for_url("**/review*")
    walk_review.wait_for_item(page)
    expect(page.get_by_role("heading", name=re.compile("Written from row")).first).to_be_visible()
    proposed = read_examples(workspace.artifacts.examples(funnel.dataset_id), ["response"]).num_rows
    for number in range(proposed):
        walk_review.look(page)
        page.keyboard.press("d" if number == proposed - 1 else "k")
        page.wait_for_timeout(400)
    expect(page.get_by_text("Everything is decided")).to_be_visible(timeout=JOB_MS)
    (funnel,) = list_batches(workspace, dataset_id)
    assert (funnel.n_accepted, funnel.n_dropped) == (proposed - 1, 1)

    walk_augment.open_augment(page, app.url, dataset_id)
    page.get_by_role("button", name=f"Make a version with {proposed - 1} new row").click()
    expect(page.get_by_text(f"{proposed - 1} of them new")).to_be_visible(timeout=JOB_MS)
    version = next(one for one in workspace.artifacts.dataset_ids() if "augmented" in one)
    assert workspace.artifacts.examples(version).summary["n_added"] == proposed - 1

    walk_finetuning.open_finetune_page(page, app.url, version, view="new")
    walk_finetuning.choose_model(page, model)
    walk_finetuning.set_number(page, "Epochs", "1")
    walk_finetuning.hold_nothing_out(page)
    walk_finetuning.start_and_wait(page)

    walk_augment.examine(page, app.url, version, teacher.url)
    expect(
        page.get_by_text(re.compile(rf"\d+ of {N_ROWS + proposed - 1} rows answered wrongly")).first
    ).to_be_visible()


def test_a_round_of_labels_is_started_reviewed_by_keys_and_the_next_one_asks(
    app: Server, page: Page, tmp_path: Path
) -> None:
    """ALC3 as a campaign: it embeds, doubts, asks; what a person answered is in force, and it goes on by itself."""
    kinds = (("soup broth onion", "food"), ("planet orbit star", "space"))
    lines = [
        json.dumps({"instruction": f"{words} {i}", "output": kinds[(which + (i % 9 == 0)) % 2][1]})
        for i in range(24)
        for which, (words, _) in enumerate(kinds)
    ]
    file = tmp_path / "labels.jsonl"
    file.write_text("\n".join(lines))
    dataset_id = import_file(app.workspace, file, "Two labels")
    walk_augment.start_campaign(page, app.url, dataset_id, "Rounds over labels (ALC3)")
    walk_augment.wait_for_campaign(page, app.url, dataset_id, "Round 1: 1 of 1 labels wait for you")
    page.get_by_role("link", name="Review 1").click()
    page.wait_for_url("**/review*")
    row = walk_review.wait_for_item(page)
    expect(page.get_by_text("Asked and answered")).to_be_visible()
    # What the probe corrected by itself is in the queue too.
    for _ in range(12):
        walk_review.look(page)
        page.keyboard.press("k")
        page.wait_for_timeout(400)
        if page.get_by_text("Everything is decided").is_visible():
            break
    expect(page.get_by_text("Everything is decided")).to_be_visible(timeout=JOB_MS)
    walk_augment.wait_for_campaign(page, app.url, dataset_id, "Round 2: 1 of 1 labels wait for you")
    workspace = open_workspace(app.workspace)
    (campaign,) = [one for one in list_campaigns(workspace) if one.dataset_id == dataset_id]
    (first, *_) = [one for one in campaign.moves if one.move.kind == "review"]
    assert first.facts is not None and (first.facts["n_asked"], first.facts["n_answered"]) == (1, 1)
    assert [one.move.name for one in campaign.moves].count("propose") == 2
    assert decision_snapshot(workspace, dataset_id).by_row[row].verdict == "keep"


def test_a_pruning_is_asked_for_and_its_table_says_which_set_leaves_less(
    app: Server, model: Path, page: Page, tmp_path: Path
) -> None:
    dataset_id = import_file(app.workspace, alpaca_file(tmp_path, 30), "To calibrate on")
    for seed in (1, 2):
        run_step(
            app.workspace,
            dataset_id,
            "select",
            {"method": "random", "quality": "none", "budget": 8, "seed": seed},
        )
    small = {"n_rows": "3", "row_tokens": "40", "n_seeds": "2", "n_evaluation_rows": "6"}
    asked = {f"prune_{name}": value for name, value in small.items()}
    walk_compare.open_compare_page(page, app.url, dataset_id, compare_what="Pruning", **asked)
    walk_augment.fill(page, "Model", str(model))
    walk_compare.choose_calibrations(page, 2)
    page.get_by_role("button", name="Prune and measure").click()
    expect(page.get_by_text("Masks by chance would share 0.33")).to_be_visible(timeout=JOB_MS)
    expect(page.get_by_text("told apart").first).to_be_visible()
    (made,) = open_workspace(app.workspace).artifacts.list(dataset_id, "pruning")
    found = read_pruning(made)
    assert len(found.calibrations) == 2 and found.sparsity_fraction == pytest.approx(0.5, abs=0.02)
    with page.expect_download() as started:
        page.get_by_role("button", name="Calibration windows").click()
    assert started.value.suggested_filename.endswith(".zip")
