"""The review: a queue that is worked through by keys, whose decisions are kept, undone, shared and applied."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import orjson
import pytest
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Button

from pages.parts.review import actions as review_actions
from pages.parts.review import pace as review_pace
from pages.parts.review import session as review_session
from pages.shared.server import open_server
from tamis.actions.audit import list_audit, say_entry
from tamis.actions.datasets import rename_dataset
from tamis.actions.submit import submit
from tamis.jobs import job_table
from tamis.store.actor import Actor
from tamis.store.artifacts.store import ArtifactStore
from tamis.store.database.database import Database
from tamis.store.review.claims import claim, claimed
from tamis.store.review.decisions import decide, decision_history, decision_state
from tamis.store.review.drafts import find_draft, save_draft
from tamis.store.workspace import open_workspace
from tests.pages.page_workspace import alpaca_file, button, checked, import_file, open_page, run_step, said
from tests.pages.review_workspace import mixed_rows, write_proposals


@pytest.fixture(autouse=True)
def nobody_logged_in(monkeypatch: pytest.MonkeyPatch) -> None:
    # A test of a page is logged in otherwise.
    monkeypatch.setattr(review_session, "reviewer_name", lambda workspace: workspace.settings.reviewer_name())


@pytest.fixture(autouse=True)
def fast_presses(monkeypatch: pytest.MonkeyPatch) -> None:
    # A test presses as soon as a row is drawn, which a person is not allowed to.
    monkeypatch.setattr(review_pace, "LOOK_S", 0.0)


@pytest.fixture
def reviewer(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("TAMIS_REVIEWER", "Kim")
    open_server.clear()
    return "Kim"


@pytest.fixture
def dataset_id(workspace: Path, tmp_path: Path, reviewer: str) -> str:
    dataset_id = import_file(workspace, alpaca_file(tmp_path))
    write_proposals(workspace, dataset_id, mixed_rows())
    return dataset_id


def html(app: AppTest) -> str:
    return "\n".join(one.proto.body for one in app.get("html"))


def parameters(app: AppTest) -> dict[str, str]:
    """What the address holds; a test sees a parameter as text or as a list of one."""
    return {name: held if isinstance(held, str) else held[0] for name, held in app.query_params.items()}


def row_on_screen(app: AppTest) -> int:
    return int(parameters(app)["row"])


def decided(workspace: Path, dataset_id: str) -> dict[int, str]:
    return {row: one.verdict for row, one in decision_state(Database(workspace), dataset_id).decided.items()}


def press(app: AppTest, name: str) -> AppTest:
    return checked(key_of(app, name).click().run())


def key_of(app: AppTest, name: str) -> Button:
    of_row = name in ("approve", "reject", "skip", "edit", "save", "previous", "next")
    return app.button(key=f"review_{name}_{row_on_screen(app)}" if of_row else f"review_{name}")


def test_the_least_confident_change_comes_first_and_approving_moves_on(
    workspace: Path, dataset_id: str
) -> None:
    app = open_page("review", dataset=dataset_id)
    assert row_on_screen(app) == 0
    assert "better" in html(app)
    press(app, "approve")
    assert row_on_screen(app) == 1
    press(app, "approve")
    assert decided(workspace, dataset_id) == {0: "replace", 1: "drop"}
    messages = decision_state(Database(workspace), dataset_id).decided[0].messages
    assert messages is not None
    assert [turn["content"] for turn in messages] == ["Question 0 about bread?", "A better answer 0 on this."]


def test_rejecting_keeps_the_row_and_skipping_decides_nothing(workspace: Path, dataset_id: str) -> None:
    app = open_page("review", dataset=dataset_id)
    press(app, "reject")
    assert decided(workspace, dataset_id) == {0: "keep"}
    press(app, "skip")
    assert row_on_screen(app) == 3
    assert decided(workspace, dataset_id) == {0: "keep"}


def test_undo_shows_the_row_again_and_redo_decides_it_again(workspace: Path, dataset_id: str) -> None:
    app = open_page("review", dataset=dataset_id)
    for _ in range(3):
        press(app, "approve")
    press(app, "undo")
    assert row_on_screen(app) == 3
    press(app, "undo")
    assert decided(workspace, dataset_id) == {0: "replace"}
    press(app, "redo")
    press(app, "redo")
    assert decided(workspace, dataset_id) == {0: "replace", 1: "drop", 3: "drop"}
    press(app, "redo")
    assert any("nothing to redo" in toast.value for toast in app.toast)


def test_next_and_previous_move_without_deciding(workspace: Path, dataset_id: str) -> None:
    app = open_page("review", dataset=dataset_id)
    press(app, "next")
    press(app, "next")
    press(app, "previous")
    assert row_on_screen(app) == 1
    assert not decided(workspace, dataset_id)


def test_a_reload_shows_the_same_row_in_the_same_queue(workspace: Path, dataset_id: str) -> None:
    app = open_page("review", dataset=dataset_id, order="gain", kinds="drop:below_threshold")
    press(app, "approve")
    again = open_page("review", **parameters(app))
    assert row_on_screen(again) == row_on_screen(app)
    assert parameters(again)["tab"] == parameters(app)["tab"]
    assert "Expected gain".lower() in again.expander[0].label


def test_two_sessions_never_see_the_same_row(workspace: Path, dataset_id: str) -> None:
    first, second = open_page("review", dataset=dataset_id), open_page("review", dataset=dataset_id)
    seen = [row_on_screen(first), row_on_screen(second)]
    for _ in range(5):
        press(first, "approve")
        press(second, "approve")
        seen += [row_on_screen(first), row_on_screen(second)]
        assert row_on_screen(first) != row_on_screen(second)
    assert len(set(seen)) == len(seen)
    assert len(decided(workspace, dataset_id)) == 10


def test_a_row_that_somebody_holds_is_passed_over_and_that_is_said(workspace: Path, dataset_id: str) -> None:
    assert claim(Database(workspace), dataset_id, [1], "other", reviewer="Ana") == 1
    app = open_page("review", dataset=dataset_id, row="1")
    assert row_on_screen(app) == 3
    assert any("being reviewed by Ana" in toast.value for toast in app.toast)


def test_a_row_on_screen_for_an_instant_is_not_decided(
    workspace: Path, dataset_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(review_pace, "LOOK_S", 3.0)
    app = open_page("review", dataset=dataset_id)
    for name in ("approve", "reject", "skip"):
        press(app, name)
    assert row_on_screen(app) == 0
    assert not decided(workspace, dataset_id)
    monkeypatch.setattr(review_pace, "LOOK_S", 0.0)
    press(app, "approve")
    assert decided(workspace, dataset_id) == {0: "replace"}


def test_presses_that_go_on_without_a_pause_decide_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 0.3, 0.6, 0.9, 1.4])
    monkeypatch.setattr(review_pace, "LOOK_S", 0.4)
    monkeypatch.setattr(review_pace.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(review_pace.st, "session_state", {})
    review_pace.mark_seen(5)
    review_pace.mark_seen(5)
    assert [review_pace.is_seen(5) for _ in range(4)] == [False, False, False, True]
    assert not review_pace.is_seen(4)
    review_pace.forget_seen()
    assert not review_pace.is_seen(5)


def test_a_second_press_meant_for_the_row_before_decides_nothing(workspace: Path, dataset_id: str) -> None:
    app = open_page("review", dataset=dataset_id)
    old = key_of(app, "approve")
    press(app, "approve")
    checked(old.click().run())
    assert row_on_screen(app) == 1
    assert decided(workspace, dataset_id) == {0: "replace"}


def test_a_row_held_by_another_tab_of_mine_is_taken_over_by_a_button(
    workspace: Path, dataset_id: str
) -> None:
    database = Database(workspace)
    assert claim(database, dataset_id, [0], "other", reviewer="Kim") == 0
    assert claim(database, dataset_id, [3], "hers", reviewer="Ana") == 3
    app = open_page("review", dataset=dataset_id, row="0")
    assert row_on_screen(app) == 1
    assert "Row 0 is held by another tab of yours" in said(app)
    press(app, "release")
    assert row_on_screen(app) == 0
    assert "another tab of yours" not in said(app)
    assert {row: held.session for row, held in claimed(database, dataset_id).items()} == {
        0: parameters(app)["tab"],
        3: "hers",
    }


def test_the_last_rows_may_all_be_held_by_another_tab_of_mine(workspace: Path, dataset_id: str) -> None:
    """Then the row that is asked for and the end of the queue each offer to release them."""
    database = Database(workspace)
    while (
        claim(database, dataset_id, range(40), f"other-{len(claimed(database, dataset_id))}", reviewer="Kim")
        is not None
    ):
        pass
    app = open_page("review", dataset=dataset_id, row="0")
    assert [one.label for one in app.button].count("Release my other tabs") == 2
    assert "Row 0 is held by another tab of yours" in said(app)


def test_a_closed_tab_of_mine_holds_nothing(
    workspace: Path, dataset_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim(Database(workspace), dataset_id, [0], "gone", reviewer="Kim")
    monkeypatch.setattr(review_actions, "ended_tabs", lambda: ["gone"])
    assert row_on_screen(open_page("review", dataset=dataset_id)) == 0


def test_a_stale_decision_is_shown_with_both_versions_and_settled(workspace: Path, dataset_id: str) -> None:
    app = open_page("review", dataset=dataset_id)
    decide(Database(workspace), dataset_id, 0, verdict="drop", via="reject", reviewer="Ana")
    press(app, "approve")
    assert row_on_screen(app) == 0
    assert "Two answers to this row" in said(app)
    assert decided(workspace, dataset_id) == {0: "drop"}
    (event_id,) = [one.event_id for one in decision_state(Database(workspace), dataset_id).conflicts]
    checked(app.button(key=f"put_{event_id}").click().run())
    assert decided(workspace, dataset_id) == {0: "replace"}
    assert "Two answers" not in said(app)


def test_an_edit_is_checked_and_recorded(workspace: Path, dataset_id: str) -> None:
    app = open_page("review", dataset=dataset_id)
    press(app, "edit")
    assert "well formed" in said(app)
    draft = app.session_state["review_draft"]
    assert draft["messages"][-1]["content"] == "A better answer 0 on this."
    app.session_state["review_draft"] = draft | {
        "messages": [{"role": "user", "content": "Q"}, {"role": "assistant", "content": " "}],
        "version": 99,
    }
    checked(app.run())
    # A greyed button would swallow the key of what was typed since; so pressing it says why nothing is saved.
    assert not button(app, "Save").disabled
    checked(button(app, "Save").click().run())
    assert "cannot be saved" in app.error[0].proto.title
    assert decided(workspace, dataset_id) == {}
    app.session_state["review_draft"] = draft | {
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Q"},
            {"role": "assistant", "content": "A"},
        ],
        "version": 100,
    }
    checked(app.run())
    press(app, "save")
    (decision,) = decision_state(Database(workspace), dataset_id).decided.values()
    assert (decision.verdict, decision.via, decision.reviewer) == ("replace", "edit", "Kim")
    assert decision.messages is not None
    assert [turn["role"] for turn in decision.messages] == ["system", "user", "assistant"]
    assert row_on_screen(app) == 1


def test_an_edit_survives_closing_it_and_a_reload_until_it_is_saved(workspace: Path, dataset_id: str) -> None:
    database = Database(workspace)
    app = open_page("review", dataset=dataset_id)
    press(app, "edit")
    press(app, "cancel")
    assert find_draft(database, dataset_id, 0, "Kim") is None  # nothing was typed
    assert key_of(app, "edit").label == "Edit"
    press(app, "edit")
    checked(app.selectbox(key=next(box.key for box in app.selectbox if "edit_role" in str(box.key))).set_value("system").run())  # fmt: skip
    press(app, "add_turn")
    press(app, "cancel")
    assert key_of(app, "edit").label == "Go on editing"
    again = open_page("review", **parameters(app))
    press(again, "edit")
    turns = [(turn["role"], turn["content"]) for turn in again.session_state["review_draft"]["messages"]]
    assert turns == [
        ("system", "Question 0 about bread?"),
        ("assistant", "A better answer 0 on this."),
        ("user", ""),
    ]
    assert "Your edit of just now" in said(again)
    press(again, "start_again")
    assert find_draft(database, dataset_id, 0, "Kim") is None
    assert len(again.session_state["review_draft"]["messages"]) == 2
    save_draft(database, dataset_id, 0, "Kim", [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "A"}])  # fmt: skip
    press(again, "cancel")
    press(again, "edit")
    press(again, "save")
    assert decided(workspace, dataset_id) == {0: "replace"}
    assert find_draft(database, dataset_id, 0, "Kim") is None


def test_a_long_conversation_starts_at_the_turn_that_is_answered(
    workspace: Path, tmp_path: Path, reviewer: str
) -> None:
    turns = [
        {"role": ("user", "assistant")[i % 2], "content": f"turn {i} " + "and on " * 40} for i in range(6)
    ]
    path = tmp_path / "talk.jsonl"
    path.write_bytes(orjson.dumps({"messages": turns}) + b"\n")
    dataset_id = import_file(workspace, path)
    write_proposals(workspace, dataset_id, [{"example_id": 0, "action": "drop"}])
    app = open_page("review", dataset=dataset_id)
    assert "turn 4" in html(app) and "turn 2" not in html(app)
    assert "4 earlier turns" in said(app)
    press(app, "whole_prompt")
    assert "turn 0" in html(app) and "turn 4" in html(app)
    assert "earlier turns" not in said(app)


def test_only_what_two_answers_share_makes_marks(workspace: Path, tmp_path: Path, reviewer: str) -> None:
    lines = [
        {"instruction": f"Q{i}", "input": "", "output": "The oven is hot, so bake it there."}
        for i in range(3)
    ]
    path = tmp_path / "three.jsonl"
    path.write_bytes(b"\n".join(map(orjson.dumps, lines)) + b"\n")
    dataset_id = import_file(workspace, path)
    rows = [
        {"example_id": 0, "action": "replace", "candidate": "Purple whales sing quietly under ice"},
        {"example_id": 1, "action": "replace", "candidate": "The oven is cold, so bake it there."},
        {"example_id": 2, "action": "drop", "candidate": "The oven is cold, so bake it there."},
    ]
    write_proposals(workspace, dataset_id, rows)
    marked = ["line-through" in html(open_page("review", dataset=dataset_id, row=str(i))) for i in range(3)]
    assert marked == [False, True, False]


def test_the_chances_of_a_verdict_name_the_answers(workspace: Path, dataset_id: str) -> None:
    shown = said(open_page("review", dataset=dataset_id)).replace("\\", "")
    assert "original 0.10, candidate 0.88, tie 0.02" in shown
    assert "candidate 0.90, original 0.08, tie 0.02" in shown


def test_there_is_no_pace_while_nothing_of_the_queue_is_decided(workspace: Path, dataset_id: str) -> None:
    app = open_page("review", dataset=dataset_id)
    for _ in range(3):
        press(app, "approve")
    assert "per minute" in app.get("progress")[0].proto.text
    assert "." not in app.get("progress")[0].proto.text.split("per minute")[0]
    other = open_page("review", dataset=dataset_id, kinds="keep:passed")
    assert "**0** decided" in other.get("progress")[0].proto.text
    assert "per minute" not in other.get("progress")[0].proto.text


def test_a_rule_says_how_many_rows_before_and_is_undone_as_one(workspace: Path, dataset_id: str) -> None:
    app = open_page("review", dataset=dataset_id, view="rules", rule_measure="Verdict confidence")
    checked(app.number_input(key="rule_limit_verdict_confidence").set_value(0.9).run())
    expected = sum(1 for row in mixed_rows() if row.get("verdict_confidence", 0) > 0.9)
    assert app.button(key="review_rule_apply").label == f"Approve {expected} rows"
    press(app, "rule_apply")
    assert len(decided(workspace, dataset_id)) == expected
    assert set(decided(workspace, dataset_id).values()) == {"replace"}
    assert app.button(key="review_rule_apply").disabled
    (event,) = decision_history(Database(workspace), dataset_id)
    assert event.rule == "approve all with verdict confidence above 0.9"
    press(app, "rule_undo")
    assert not decided(workspace, dataset_id)


def test_the_history_reverts_any_decision(workspace: Path, dataset_id: str) -> None:
    database = Database(workspace)
    first = decide(database, dataset_id, 0, verdict="drop", via="approve", reviewer="Ana").decision.event_id
    decide(database, dataset_id, 1, verdict="drop", via="approve", reviewer="Kim")
    app = open_page("review", dataset=dataset_id, view="history")
    assert list(app.dataframe[0].value["reviewer"]) == ["Kim", "Ana"]
    checked(app.segmented_control(key="review_whose").set_value("Only mine").run())
    assert list(app.dataframe[0].value["reviewer"]) == ["Kim"]
    assert first


def test_the_history_says_who_did_what_when(workspace: Path, dataset_id: str) -> None:
    """Everything that is in the audit log of a dataset, whatever it is, and nothing of another."""
    here = open_workspace(workspace)
    by = Actor("ana@example.org", "curator", "login")
    decide(here.acting_as(by).database, dataset_id, 0, verdict="drop", via="approve", reviewer=by.account)
    rename_dataset(here, dataset_id, "Mine")
    submit(here.acting_as(by), dataset_id, "score", {"scorer": "length"})
    app = open_page("review", dataset=dataset_id, view="history")
    checked(app.segmented_control(key="review_whose").set_value("Everything that was done").run())
    table = app.dataframe[0].value
    entries = list_audit(here, dataset_id)
    assert list(table["entry"]) == [one.sequence for one in entries]
    assert [by.account, "curator"] in table[["who", "role"]].to_numpy().tolist()
    assert list(table["what"]) == [say_entry(one) for one in entries]
    assert any("score" in what for what in table["what"])


def test_calibration_waits_for_twenty_decisions_and_then_estimates(workspace: Path, dataset_id: str) -> None:
    app = open_page("review", dataset=dataset_id, view="calibration")
    assert "20 more are needed" in app.get("progress")[0].proto.text
    database = Database(workspace)
    for row in range(40):
        decide(
            database, dataset_id, row, verdict="drop" if row < 12 else "keep", via="approve", reviewer="Kim"
        )
    app = open_page("review", dataset=dataset_id, view="calibration")
    labels = [metric.label for metric in app.metric]
    assert {"Rows that would go", "Precision", "Recall"} <= set(labels)


def test_applying_queues_a_new_version(workspace: Path, dataset_id: str) -> None:
    app = open_page("review", dataset=dataset_id)
    press(app, "approve")
    app = open_page("review", dataset=dataset_id, view="apply")
    checked(app.button(key="make_version").click().run())
    (job,) = job_table.list_jobs(Database(workspace), step="curate")
    assert job.options["parent"] == dataset_id


def test_without_proposals_the_filter_says_what_would_go(
    workspace: Path, tmp_path: Path, reviewer: str
) -> None:
    dataset_id = import_file(workspace, alpaca_file(tmp_path))
    app = open_page("review", dataset=dataset_id)
    assert "does not have it yet" in app.info[0].value
    assert not app.error
    assert app.button(key="start_propose").disabled
    run_step(workspace, dataset_id, "score", {"scorer": "length", "scorer_options": {"unit": "characters"}})
    app = open_page("review", dataset=dataset_id)
    assert "would go" in said(app)
    checked(app.button(key="start_propose").click().run())
    (job,) = job_table.list_jobs(Database(workspace), step="propose")
    assert (job.options["method"], job.options["score"], job.options["gamma_fraction"]) == (
        "filter",
        "length",
        0.1,
    )


def test_a_name_is_asked_once(workspace: Path, tmp_path: Path) -> None:
    dataset_id = import_file(workspace, alpaca_file(tmp_path))
    write_proposals(workspace, dataset_id, mixed_rows())
    app = open_page("review", dataset=dataset_id)
    assert "Who reviews?" in said(app)
    app.text_input(key="reviewer_typed").set_value("  Ana \n Li ")
    checked(app.button[-1].click().run())
    press(app, "approve")
    assert next(iter(decision_state(Database(workspace), dataset_id).decided.values())).reviewer == "Ana Li"


def test_text_of_rows_and_candidates_is_never_interpreted(
    workspace: Path, tmp_path: Path, reviewer: str
) -> None:
    nasty = "<script>alert(1)</script><img src=x onerror=alert(1)> **bold** \x1b[31mred\x1b[0m \u202eevil $x$ :smile:"
    lines = [{"instruction": f"{i} {nasty}", "input": "", "output": nasty + "a" * 100_000} for i in range(3)]
    path = tmp_path / "nasty.jsonl"
    path.write_bytes(b"\n".join(map(orjson.dumps, lines)) + b"\n")
    dataset_id = import_file(workspace, path)
    evidence = orjson.dumps(
        {"why": nasty, "verdicts": [{"order": nasty, "found": nasty, "reply": nasty}]}
    ).decode()
    rows = [
        {"example_id": i, "action": "replace", "outcome": "corrected", "candidate": nasty + "b" * 100_000, "evidence": evidence}
        for i in range(3)
    ]  # fmt: skip
    write_proposals(workspace, dataset_id, rows)
    app = open_page("review", dataset=dataset_id)
    shown = html(app)
    assert "<script" not in shown and "<img" not in shown and "\x1b" not in shown
    assert "\u202e" not in shown and "U+202E" in shown and "␛" in shown
    for element in [*app.markdown, *app.caption]:
        if "alert" in str(element.value):
            assert "<script" not in str(element.value).replace("\\<", "")
            assert not element.allow_html
    press(app, "approve")
    assert len(decided(workspace, dataset_id)) == 1


def test_the_next_of_10_000_rows_is_there_in_time(workspace: Path, tmp_path: Path, reviewer: str) -> None:
    n = 10_000
    dataset_id = import_file(workspace, alpaca_file(tmp_path, n))
    rows = [
        row | ({} if row["action"] == "drop" else {"action": "drop", "candidate": None})
        for row in mixed_rows(n)
    ]
    write_proposals(workspace, dataset_id, rows)
    app = open_page("review", dataset=dataset_id)
    press(app, "approve")
    taken = []
    for _ in range(7):
        started = time.perf_counter()
        press(app, "approve")
        taken.append(time.perf_counter() - started)
    # The whole page as a test draws it; a key press draws only the part with the row.
    print(
        f"next item at {n:,} pending: median {np.median(taken) * 1000:.0f} ms, most {max(taken) * 1000:.0f} ms"
    )
    assert np.median(taken) < 1.0
    assert len(ArtifactStore(workspace).list(dataset_id, "proposals")) == 1
