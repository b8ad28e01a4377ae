import math
import multiprocessing
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tamis.errors import InvalidOptions
from tamis.store.database.database import Database
from tamis.store.review.decisions import (
    BulkChoice,
    decide,
    decide_many,
    decision_history,
    decision_revision,
    decision_state,
    event_rows,
    redo_decision,
    review_progress,
    row_history,
    settle_decision,
    undo_decision,
    undo_event,
)
from tests.support import scale

OWN = [{"role": "user", "content": "Why?"}, {"role": "assistant", "content": "Because."}]


def _text(answer: str) -> list[dict]:
    return [OWN[0], {"role": "assistant", "content": answer}]


def _keep(database, row, reviewer="ann", **more):
    return decide(database, "d", row, verdict="keep", via="reject", reviewer=reviewer, **more)


def _drop(database, row, reviewer="ann", **more):
    return decide(database, "d", row, verdict="drop", via="approve", reviewer=reviewer, **more)


def _replace(database, row, answer, reviewer="ann", **more):
    return decide(
        database, "d", row, verdict="replace", messages=_text(answer), via="edit", reviewer=reviewer, **more
    )


def _plain(database) -> dict[int, tuple[str, str]]:
    decided = decision_state(database, "d").decided
    return {i: (d.verdict, d.messages[-1]["content"] if d.messages else "") for i, d in decided.items()}


def test_a_decision_is_in_force_with_all_that_was_said(database):
    outcome = _replace(database, 7, "New", proposals_id="p1")
    state = decision_state(database, "d")
    assert state.decided[7] == outcome.decision
    assert (outcome.conflict, outcome.decision.messages) == (False, tuple(_text("New")))
    assert (outcome.decision.via, outcome.decision.proposals_id, outcome.decision.reviewer) == (
        "edit",
        "p1",
        "ann",
    )
    assert state.revision == decision_revision(database, "d") == outcome.decision.event_id
    assert decision_state(database, "other").decided == {}


def test_undo_brings_back_what_stood_before_and_redo_turns_it_again(database):
    first = _drop(database, 1)
    _replace(database, 1, "B", seen_event=first.decision.event_id)
    undone = undo_decision(database, "d", "ann")
    assert (undone.example_id, undone.active, _plain(database)) == (1, False, {1: ("drop", "")})
    undo_decision(database, "d", "ann")
    assert _plain(database) == {}
    assert undo_decision(database, "d", "ann") is None
    redo_decision(database, "d", "ann")
    assert redo_decision(database, "d", "ann").active
    assert _plain(database) == {1: ("replace", "B")}
    assert redo_decision(database, "d", "ann") is None


def test_undo_is_about_ones_own_decisions(database):
    _drop(database, 1)
    _drop(database, 2, "bob")
    assert undo_decision(database, "d", "ann").example_id == 1
    assert _plain(database) == {2: ("drop", "")}


def test_a_bulk_decision_is_one_event_and_one_undo(database):
    _drop(database, 3, "bob")
    choices = [BulkChoice(1, "drop"), BulkChoice(2, "replace", _text("X"), OWN), BulkChoice(4, "keep")]
    event = decide_many(
        database, "d", choices, rule="confidence above 0.95", reviewer="ann", proposals_id="p"
    )
    assert (event.n_rows, event.n_conflicts, event.via, event.example_id) == (3, 0, "rule", None)
    assert _plain(database) == {1: ("drop", ""), 2: ("replace", "X"), 3: ("drop", ""), 4: ("keep", "")}
    assert decision_state(database, "d").decided[2].rule == "confidence above 0.95"
    undo_decision(database, "d", "ann")
    assert _plain(database) == {3: ("drop", "")}
    redo_decision(database, "d", "ann")
    undo_event(database, "d", event.event_id, "bob", example_id=2)
    assert _plain(database) == {1: ("drop", ""), 3: ("drop", ""), 4: ("keep", "")}
    undo_decision(database, "d", "bob")
    assert 2 in _plain(database)


def test_any_decision_can_be_reverted_later_by_anyone_and_that_be_undone(database):
    old = _replace(database, 1, "A").decision.event_id
    for row in range(2, 6):
        _drop(database, row)
    revert = undo_event(database, "d", old, "bob")
    assert (revert.action, revert.target, revert.example_id) == ("revert", old, 1)
    assert 1 not in _plain(database)
    with pytest.raises(InvalidOptions, match="undone already"):
        undo_event(database, "d", old, "ann")
    undo_decision(database, "d", "bob")
    assert _plain(database)[1] == ("replace", "A")
    redo_decision(database, "d", "bob")
    undo_event(database, "d", revert.event_id, "ann")
    assert _plain(database)[1] == ("replace", "A")


def test_undo_passes_over_what_somebody_else_reverted(database):
    _drop(database, 1)
    second = _drop(database, 2).decision.event_id
    undo_event(database, "d", second, "bob")
    assert undo_decision(database, "d", "ann").example_id == 1


def test_reverting_the_first_of_two_decisions_leaves_the_second(database):
    first = _drop(database, 1).decision.event_id
    _replace(database, 1, "B", seen_event=first)
    undo_event(database, "d", first, "bob")
    assert _plain(database) == {1: ("replace", "B")}


def test_a_stale_decision_is_kept_as_a_conflict_until_a_person_settles_it(database):
    _drop(database, 5, "ann")
    stale = _replace(database, 5, "Bob's", "bob")
    assert stale.conflict
    state = decision_state(database, "d")
    assert _plain(database) == {5: ("drop", "")}
    assert [c.event_id for c in state.conflicts] == [stale.decision.event_id]
    assert state.conflicts[0].messages == tuple(_text("Bob's"))
    settle_decision(database, "d", stale.decision.event_id, "carl", True)
    assert _plain(database) == {5: ("replace", "Bob's")}
    assert decision_state(database, "d").conflicts == ()
    undo_decision(database, "d", "carl")
    assert len(decision_state(database, "d").conflicts) == 1
    settle_decision(database, "d", stale.decision.event_id, "carl", False)
    assert _plain(database) == {5: ("drop", "")}
    with pytest.raises(InvalidOptions, match="no open conflict"):
        settle_decision(database, "d", stale.decision.event_id, "carl", True)


def test_a_kept_conflict_holds_from_its_settling_on(database):
    ann = _drop(database, 5, "ann").decision.event_id
    stale = _replace(database, 5, "Bob's", "bob").decision.event_id
    again = _replace(database, 5, "Ann's", "ann", seen_event=ann).decision.event_id
    settle_decision(database, "d", stale, "carl", True)
    assert _plain(database)[5] == ("replace", "Bob's")
    assert not _keep(database, 5, "dora", seen_event=stale).conflict
    assert _plain(database)[5] == ("keep", "")
    assert again


def test_two_reviewers_who_decide_the_same_do_not_conflict(database):
    _replace(database, 5, "Same", "ann")
    assert not _replace(database, 5, "Same", "bob").conflict


def test_a_row_decided_after_a_rule_was_shown_conflicts_alone(database):
    _replace(database, 2, "Ann's")
    choices = [BulkChoice(i, "drop", seen_event=0) for i in (1, 2, 3)]
    event = decide_many(database, "d", choices, rule="r", reviewer="bob")
    assert event.n_conflicts == 1
    assert _plain(database) == {1: ("drop", ""), 2: ("replace", "Ann's"), 3: ("drop", "")}
    settle_decision(database, "d", event.event_id, "bob", True, example_id=2)
    assert _plain(database)[2] == ("drop", "")


def test_row_history_tells_old_and_new_text_of_everything_that_happened(database):
    first = _replace(database, 1, "A", original=OWN)
    _drop(database, 1, "bob", seen_event=first.decision.event_id)
    undo_decision(database, "d", "bob")
    undo_event(database, "d", first.decision.event_id, "carl")
    said = [
        (
            h.action, h.reviewer, h.old_verdict, h.new_verdict,
            h.old_messages and h.old_messages[-1]["content"], h.new_messages and h.new_messages[-1]["content"],
        )
        for h in row_history(database, "d", 1)
    ]  # fmt: skip
    assert said == [
        ("decide", "ann", "", "replace", "Because.", "A"),
        ("decide", "bob", "replace", "drop", "A", None),
        ("undo", "bob", "drop", "replace", None, "A"),
        ("revert", "carl", "replace", "", "A", "Because."),
    ]
    assert [h.active for h in row_history(database, "d", 1)] == [False, False, True, True]


def test_event_rows_hold_the_text_before_and_after_each_row(database):
    _replace(database, 1, "A", original=OWN)
    event = decide_many(
        database,
        "d",
        [BulkChoice(1, "keep"), BulkChoice(2, "replace", _text("Z"), OWN)],
        rule="r",
        reviewer="bob",
    )
    rows = event_rows(database, "d", event.event_id)
    assert [
        (r.example_id, r.old_verdict, r.old_messages[-1]["content"], r.new_messages[-1]["content"])
        for r in rows
    ] == [
        (1, "replace", "A", "Because."),
        (2, "", "Because.", "Z"),
    ]


def test_history_per_reviewer_is_newest_first(database):
    _drop(database, 1, "ann")
    _drop(database, 2, "bob")
    undo_decision(database, "d", "ann")
    events = decision_history(database, "d")
    assert [(e.action, e.reviewer, e.example_id, e.active) for e in events] == [
        ("undo", "ann", 1, True),
        ("decide", "bob", 2, True),
        ("decide", "ann", 1, False),
    ]
    assert [e.reviewer for e in decision_history(database, "d", reviewer="bob")] == ["bob"]
    assert len(decision_history(database, "d", limit=2)) == 2


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda db: decide(db, "d", 1, verdict="replace", via="edit", reviewer="a"),
            "needs the new conversation",
        ),
        (
            lambda db: decide(db, "d", 1, verdict="drop", messages=OWN, via="edit", reviewer="a"),
            "takes no conversation",
        ),
        (lambda db: decide(db, "d", -1, verdict="drop", via="edit", reviewer="a"), "-1 cannot exist"),
        (lambda db: decide(db, "d", 1, verdict="burn", via="edit", reviewer="a"), "'burn' is no verdict"),
        (lambda db: decide(db, "d", 1, verdict="drop", via="magic", reviewer="a"), "'magic' is none"),
        (lambda db: decide(db, "d", 1, verdict="drop", via="edit", reviewer=" "), "TAMIS_REVIEWER"),
        (lambda db: _replace(db, 1, "a\0b"), "NUL"),
        (lambda db: _replace(db, 1, "\ud800"), "JSON"),
        (lambda db: decide_many(db, "d", [], rule="r", reviewer="a"), "matches no row"),
        (
            lambda db: decide_many(db, "d", [BulkChoice(1, "drop")] * 2, rule="r", reviewer="a"),
            "decided twice",
        ),
        (lambda db: undo_event(db, "d", 99, "a"), "no decision event 99"),
    ],
)
def test_a_decision_that_cannot_be_is_refused_and_nothing_is_written(database, change, said):
    with pytest.raises(InvalidOptions, match=said):
        change(database)
    assert decision_revision(database, "d") == 0


@pytest.mark.parametrize(
    "text",
    [
        "'; DROP TABLE decision_events; --",
        "<script>alert(1)</script>",
        "\x1b[31mred",
        "\u202e\u05e9",
        "x" * 100_000,
    ],
)
def test_hostile_text_comes_back_as_it_was(database, text):
    _replace(database, 1, text)
    assert _plain(database)[1] == ("replace", text)


def test_progress_counts_decided_left_pace_and_agreement(database):
    for row in range(4):
        _drop(database, row, proposals_id="p")
    _keep(database, 4, proposals_id="p")
    decide_many(
        database, "d", [BulkChoice(i, "drop") for i in (5, 6)], rule="r", reviewer="ann", proposals_id="p"
    )
    _drop(database, 99, proposals_id="p")  # not in the queue
    progress = review_progress(database, "d", range(10), reviewer="ann")
    assert (progress.n_decided, progress.n_left, progress.n_approved, progress.n_judged) == (7, 3, 4, 5)
    assert progress.agreement_fraction == pytest.approx(0.8)
    assert progress.rate_per_minute > 60
    later = review_progress(database, "d", range(10), now=datetime.now(UTC) + timedelta(hours=1))
    assert math.isnan(later.rate_per_minute)
    assert math.isnan(review_progress(database, "d", range(200, 210)).agreement_fraction)


class _Model:
    """A second implementation that is obviously right: every change is replayed from a list."""

    def __init__(self) -> None:
        self.changes: list[dict] = []
        self.done: dict[str, list[int]] = {}
        self.undone: dict[str, list[int]] = {}

    def add(self, who: str, **change) -> None:
        self.changes.append({**change, "on": True})
        self.done.setdefault(who, []).append(len(self.changes) - 1)
        self.undone[who] = []

    def holds(self, number: int) -> bool:
        later = range(number + 1, len(self.changes))
        reverted = any(self.changes[i].get("reverts") == number and self.holds(i) for i in later)
        return self.changes[number]["on"] and not reverted

    def turn(self, who: str, undo: bool) -> None:
        source, target = (self.done, self.undone) if undo else (self.undone, self.done)
        fitting = [n for n in source.get(who, []) if not undo or not self._dead(n)]
        if fitting:
            source[who].remove(fitting[-1])
            target.setdefault(who, []).append(fitting[-1])
            self.changes[fitting[-1]]["on"] = not undo

    def _dead(self, number: int) -> bool:
        return not self.holds(number)

    def state(self) -> dict[int, tuple[str, str]]:
        held: dict[int, tuple[str, str]] = {}
        for number, change in enumerate(self.changes):
            if "rows" in change and self.holds(number):
                held |= dict.fromkeys(change["rows"], change["said"])
        return held


ACTS = st.one_of(
    st.tuples(st.just("one"), st.integers(0, 3), st.sampled_from(["keep", "drop", "A", "B"])),
    st.tuples(st.just("many"), st.sets(st.integers(0, 3), min_size=1), st.sampled_from(["keep", "drop"])),
    st.tuples(st.just("revert"), st.integers(0, 9)),
    st.just(("undo",)),
    st.just(("redo",)),
)


@scale.examples(30)
@given(st.lists(st.tuples(st.sampled_from(["ann", "bob"]), ACTS), max_size=14))
def test_any_history_replays_like_the_model(tmp_path_factory, log):
    database, model, ids = Database(tmp_path_factory.mktemp("log")), _Model(), []
    for who, (act, *rest) in log:
        if act in ("undo", "redo"):
            (undo_decision if act == "undo" else redo_decision)(database, "d", who)
            model.turn(who, act == "undo")
        elif act == "revert":
            if rest[0] < len(ids) and model.holds(rest[0]):
                ids.append(undo_event(database, "d", ids[rest[0]], who).event_id)
                model.add(who, reverts=rest[0])
        else:
            rows, said = [rest[0]] if act == "one" else sorted(rest[0]), rest[1]
            verdict = said if said in ("keep", "drop") else "replace"
            text = said if verdict == "replace" else ""
            choices = [BulkChoice(i, verdict, _text(text) if text else None) for i in rows]
            ids.append(decide_many(database, "d", choices, rule="r", reviewer=who).event_id)
            model.add(who, rows=rows, said=(verdict, text))
        assert _plain(database) == model.state()
        for row in range(4):
            history = row_history(database, "d", row)
            now = (history[-1].new_verdict if history else "") or None
            assert now == (model.state()[row][0] if row in model.state() else None)


def _decide_rows(workspace: Path, reviewer: str, start) -> None:
    database = Database(workspace)
    start.wait(30)
    for row in range(20):
        _drop(database, row, reviewer)
        _replace(database, 100, f"{reviewer} {row}", reviewer)


def test_two_processes_decide_at_once_and_nothing_is_lost(tmp_path):
    context = multiprocessing.get_context("spawn")
    start = context.Barrier(2)
    workers = [context.Process(target=_decide_rows, args=(tmp_path, name, start)) for name in ("ann", "bob")]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0]
    database = Database(tmp_path)
    state = decision_state(database, "d")
    assert len(decision_history(database, "d", limit=1000)) == 80
    # Row 100 was decided 40 times by people who had seen nothing: the first holds, every other text is kept.
    assert len(state.conflicts) == 39
    assert sorted(state.decided) == [*range(20), 100]


def test_the_state_of_ten_thousand_decided_rows_takes_less_than_a_tenth_of_a_second(database):
    choices = [
        BulkChoice(i, "replace" if i % 3 == 0 else "drop", _text(f"{i} " * 150) if i % 3 == 0 else None)
        for i in range(10_000)
    ]
    for start in range(0, 10_000, 500):
        decide_many(database, "d", choices[start : start + 500], rule="r", reviewer="ann")
    times = []
    for _ in range(5):
        began = time.process_time()  # other work on the machine does not count
        state = decision_state(database, "d")
        times.append(time.process_time() - began)
    assert len(state.decided) == 10_000
    assert min(times) < 0.1
    began = time.process_time()
    _keep(database, 5, seen_event=state.decided[5].event_id)
    assert time.process_time() - began < 0.02
