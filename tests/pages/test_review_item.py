"""What the review says about one row: the name of its score, what was left out of its prompt, and what differs."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest
from streamlit.testing.v1 import AppTest

from pages.parts.review import session as review_session
from pages.parts.review.conflict import changed_turns
from pages.shared.server import open_server
from tamis.store.database.database import Database
from tamis.store.review.decisions import decide
from tests.pages.page_workspace import alpaca_file, checked, import_file, open_page, run_step, said
from tests.pages.review_workspace import mixed_rows, write_proposals


@pytest.fixture(autouse=True)
def kim(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(review_session, "reviewer_name", lambda workspace: "Kim")
    open_server.clear()


@pytest.fixture
def dataset_id(workspace: Path, tmp_path: Path) -> str:
    return import_file(workspace, alpaca_file(tmp_path))


def html(app: AppTest) -> str:
    return "\n".join(one.proto.body for one in app.get("html"))


def test_the_score_of_the_proposals_is_called_by_its_name(workspace: Path, dataset_id: str) -> None:
    write_proposals(workspace, dataset_id, mixed_rows(), score="length")
    shown = said(open_page("review", dataset=dataset_id, row="1"))
    assert "length 0.025" in shown and "confidence 0.025" not in shown
    app = open_page("review", dataset=dataset_id, view="rules", rule_measure="Length")
    columns = orjson.loads(app.dataframe[0].proto.columns)
    assert columns["confidence"]["label"] == "Length"
    assert app.segmented_control(key="rule_measure").options == ["No limit", "Length", "Verdict confidence"]
    assert "Approve all with length below" in said(app)


def test_a_control_without_a_score_sets_no_limit_on_one(workspace: Path, dataset_id: str) -> None:
    rows = [{"example_id": i, "action": "drop", "confidence": float("nan")} for i in range(40)]
    write_proposals(workspace, dataset_id, rows, score="")
    app = open_page("review", dataset=dataset_id, view="rules")
    assert app.segmented_control(key="rule_measure").options == ["No limit"]
    assert "without a score" in open_page("review", dataset=dataset_id, view="calibration").info[0].value


def test_a_system_message_is_no_earlier_turn(workspace: Path, tmp_path: Path) -> None:
    turns = [("system", "Be brief."), ("user", "Why? " + "word " * 200), ("assistant", "So.")]
    path = tmp_path / "talk.jsonl"
    path.write_bytes(
        orjson.dumps({"messages": [{"role": role, "content": text} for role, text in turns]}) + b"\n"
    )
    dataset_id = import_file(workspace, path)
    write_proposals(workspace, dataset_id, [{"example_id": 0, "action": "drop"}])
    shown = said(open_page("review", dataset=dataset_id))
    assert "… the system message" in shown and "earlier turn" not in shown


def test_only_the_turns_that_a_decision_changes_are_compared(workspace: Path, dataset_id: str) -> None:
    write_proposals(workspace, dataset_id, mixed_rows())
    asked = {"role": "user", "content": "Question 0 about bread?"}
    for name in ("Ana", "Ben"):
        answer = {"role": "assistant", "content": f"The answer of {name}"}
        decide(
            Database(workspace), dataset_id, 0, verdict="replace", via="edit", reviewer=name, messages=[asked, answer]
        )  # fmt: skip
    app = open_page("review", dataset=dataset_id, row="0")
    assert "The answer of Ana" in html(app) and "The answer of Ben" in html(app)
    # Once, as the prompt of the row.
    assert html(app).count("Question 0 about bread?") == 1


def test_a_turn_that_was_put_in_between_changes_what_follows() -> None:
    one, two, new = ({"role": "user", "content": text} for text in ("one", "two", "new"))
    assert changed_turns([one, two], [one, two]) == []
    assert changed_turns([one, two], [one, new, two]) == [new, two]
    assert changed_turns([one, two], [one]) == []


def test_texts_take_no_more_room_than_they_need(workspace: Path, dataset_id: str) -> None:
    write_proposals(workspace, dataset_id, mixed_rows())
    shown = html(open_page("review", dataset=dataset_id, row="0"))
    assert "max-height:max(11rem" in shown
    assert ";height:" not in shown


def test_a_rule_that_is_used_up_offers_nothing(workspace: Path, dataset_id: str) -> None:
    write_proposals(workspace, dataset_id, mixed_rows())
    app = open_page("review", dataset=dataset_id, view="rules")
    checked(app.button(key="review_rule_apply").click().run())
    pressed = app.button(key="review_rule_apply")
    assert (pressed.label, pressed.disabled) == ("No row to decide", True)
    assert "Every row of the queue is decided." in said(app)


def test_neighbours_are_offered_where_there_are_clusters(workspace: Path, dataset_id: str) -> None:
    write_proposals(workspace, dataset_id, mixed_rows())
    run_step(workspace, dataset_id, "embed", {"encoder": "hashing"})
    offered = "Nearest rows of the cluster"
    assert offered not in [one.label for one in open_page("review", dataset=dataset_id).expander]
    run_step(workspace, dataset_id, "cluster", {})
    assert offered in [one.label for one in open_page("review", dataset=dataset_id).expander]


def test_the_form_of_auto_correct_speaks_of_models_not_of_fields(workspace: Path, dataset_id: str) -> None:
    run_step(workspace, dataset_id, "score", {"scorer": "length", "scorer_options": {"unit": "characters"}})
    app = open_page("review", dataset=dataset_id, propose_way="Auto-Correct")
    labels = [one.label for kind in ("selectbox", "number_input", "slider", "segmented_control") for one in app.get(kind)]  # fmt: skip
    assert {"Candidate model", "Judge", "β: weight of consistency", "Verdicts per order"} <= set(labels)
    assert not [label for label in labels if label in ("Llm", "Judge beta fraction", "Judge samples")]
