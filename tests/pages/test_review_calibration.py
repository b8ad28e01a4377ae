"""The calibration of the review: which decisions make an estimate that is unbiased."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from pages.parts.review import session as review_session
from pages.shared.server import open_server
from tamis.actions.proposals import proposal_columns
from tamis.compute.clear.review_order import draw_review_sample, order_of_chance
from tamis.store.artifacts.store import ArtifactStore
from tamis.store.database.database import Database
from tamis.store.review.decisions import BulkChoice, decide, decide_many
from tests.pages.page_workspace import alpaca_file, checked, import_file, open_page, said
from tests.pages.review_workspace import mixed_rows, write_proposals


@pytest.fixture
def dataset_id(workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(review_session, "reviewer_name", lambda workspace: "Kim")
    monkeypatch.setenv("TAMIS_REVIEWER", "Kim")
    open_server.clear()
    dataset_id = import_file(workspace, alpaca_file(tmp_path))
    write_proposals(workspace, dataset_id, mixed_rows())
    return dataset_id


def test_the_unbiased_sample_counts_no_row_that_was_decided_out_of_its_turn(
    workspace: Path, dataset_id: str
) -> None:
    (proposals,) = ArtifactStore(workspace).list(dataset_id, "proposals")
    columns = proposal_columns(proposals)
    places, _ = draw_review_sample(columns)
    order = columns.rows[order_of_chance(columns, places)].tolist()
    database = Database(workspace)

    def settle(row: int, **seen: int) -> None:
        verdict = "drop" if row < 12 else "keep"
        decide(database, dataset_id, row, verdict=verdict, via="approve", reviewer="Kim", **seen)

    def say(app: AppTest) -> str:
        return said(app).replace("\\", "")

    for row in sorted(set(order) - {order[5]}):
        settle(row)
    app = open_page("review", dataset=dataset_id, view="calibration")
    assert f"**5 of {len(order)}** rows of the unbiased sample are counted" in say(app)
    assert f"row {order[5]}, which chance put before them, is not decided" in say(app)
    assert "From the unbiased sample" not in say(app)
    assert "15 more are needed" in app.get("progress")[0].proto.text
    rule = decide_many(database, dataset_id, [BulkChoice(order[5], "drop")], rule="all below", reviewer="Kim")
    app = open_page("review", dataset=dataset_id, view="calibration", scope="x")
    assert f"row {order[5]}, which chance put before them, was decided by a rule" in say(app)
    checked(app.button(key="review_sample_row").click().run())
    assert app.query_params["row"] == str(order[5])
    assert app.query_params["order"] == "sample"
    assert f"**Row {order[5]}**" in said(app)
    settle(order[5], seen_event=rule.event_id)
    app = open_page("review", dataset=dataset_id, view="calibration")
    assert f"**{len(order)} of {len(order)}** rows" in say(app)
    assert "From the unbiased sample" in say(app)


def test_a_dataset_below_the_least_number_of_decisions_is_not_asked_for_more(
    workspace: Path, dataset_id: str, tmp_path: Path
) -> None:
    small = tmp_path / "small"
    small.mkdir()
    few = import_file(workspace, alpaca_file(small, 14), "Few")
    write_proposals(workspace, few, mixed_rows(14))
    app = open_page("review", dataset=few, view="calibration")
    assert "Too small for an estimate" in app.info[0].value and "only 14 here" in app.info[0].value
    assert "more are needed" not in said(app)
    assert not app.get("progress")
