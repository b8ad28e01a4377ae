from __future__ import annotations

import multiprocessing
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tamis.errors import InvalidOptions
from tamis.store.database.database import Database
from tamis.store.database.tags import (
    add_tag,
    check_tag,
    pack_rows,
    redo_tag,
    remove_tag,
    tag_history,
    tag_revision,
    tag_state,
    undo_tag,
    unpack_rows,
)
from tests.support import scale

ID_SETS = st.sets(st.integers(0, 2**62), max_size=50)


def _plain(state) -> dict[str, list[int]]:
    return {tag: rows.tolist() for tag, rows in state.rows.items()}


@given(ID_SETS)
def test_packed_rows_unpack_to_the_same(ids):
    rows = np.array(sorted(ids), dtype=np.int64)
    assert unpack_rows(pack_rows(rows)).tolist() == rows.tolist()


def test_adding_and_removing_rows(database):
    add_tag(database, "d", "bad", np.array([5, 3, 3, 9]), "ann")
    add_tag(database, "d", "bad", np.array([1]), "ann")
    add_tag(database, "d", "odd", np.array([3]), "bob")
    remove_tag(database, "d", "bad", np.array([3, 100]), "bob")
    assert _plain(tag_state(database, "d")) == {"bad": [1, 5, 9], "odd": [3]}
    assert _plain(tag_state(database, "other")) == {}


def test_a_tag_without_rows_is_no_tag(database):
    add_tag(database, "d", "bad", np.array([5]), "ann")
    remove_tag(database, "d", "bad", np.array([5]), "ann")
    assert _plain(tag_state(database, "d")) == {}
    assert tag_state(database, "d").tagged("bad").tolist() == []


class _Model:
    """Undo and redo the slow and obvious way: per reviewer two stacks of changes, replayed in order."""

    def __init__(self) -> None:
        self.changes: list[list] = []  # [reviewer, action, tag, rows, in force]
        self.stacks: dict[str, tuple[list[int], list[int]]] = {}

    def change(self, reviewer, action, tag, rows) -> None:
        done, undone = self.stacks.setdefault(reviewer, ([], []))
        self.changes.append([action, tag, rows, True])
        done.append(len(self.changes) - 1)
        undone.clear()

    def turn(self, reviewer, back: bool) -> None:
        done, undone = self.stacks.setdefault(reviewer, ([], []))
        source, target = (done, undone) if back else (undone, done)
        if source:
            target.append(source.pop())
            self.changes[target[-1]][3] = not back

    def state(self) -> dict[str, list[int]]:
        held: dict[str, set[int]] = {}
        for action, tag, rows, in_force in self.changes:
            if in_force:
                before = held.setdefault(tag, set())
                held[tag] = before | rows if action == "add" else before - rows
        return {tag: sorted(rows) for tag, rows in sorted(held.items()) if rows}


ACTIONS = st.one_of(
    st.tuples(
        st.sampled_from(["add", "remove"]),
        st.sampled_from(["x", "y"]),
        st.sets(st.integers(0, 9), min_size=1),
    ),
    st.just(("undo",)),
    st.just(("redo",)),
)


@scale.examples(80)
@given(st.lists(st.tuples(st.sampled_from(["ann", "bob"]), ACTIONS), max_size=15))
def test_any_history_of_changes_undo_and_redo_replays_like_the_model(tmp_path_factory, history):
    database = Database(tmp_path_factory.mktemp("tags"))
    model = _Model()
    revisions = [tag_revision(database, "d")]
    for reviewer, (action, *rest) in history:
        if action in ("undo", "redo"):
            before = model.state()
            model.turn(reviewer, action == "undo")
            turned = (undo_tag if action == "undo" else redo_tag)(database, "d", reviewer)
            assert turned is not None or model.state() == before
        else:
            tag, rows = rest
            model.change(reviewer, action, tag, rows)
            change = add_tag if action == "add" else remove_tag
            change(database, "d", tag, np.array(sorted(rows)), reviewer)
        state = tag_state(database, "d")
        assert _plain(state) == model.state()
        assert state.revision == tag_revision(database, "d")
        revisions.append(state.revision)
    assert revisions == sorted(revisions)


def test_every_change_undo_and_redo_makes_a_new_revision(database):
    seen = [tag_revision(database, "d")]
    for act in (
        lambda: add_tag(database, "d", "bad", np.array([1]), "ann"),
        lambda: undo_tag(database, "d", "ann"),
        lambda: redo_tag(database, "d", "ann"),
    ):
        act()
        seen.append(tag_revision(database, "d"))
    assert len(set(seen)) == 4


def test_undo_leaves_the_work_of_others_alone(database):
    add_tag(database, "d", "bad", np.array([1]), "ann")
    add_tag(database, "d", "bad", np.array([2]), "bob")
    undone = undo_tag(database, "d", "ann")
    assert undone is not None
    assert (undone.tag, undone.action, undone.n_rows) == ("bad", "add", 1)
    assert _plain(tag_state(database, "d")) == {"bad": [2]}
    assert undo_tag(database, "d", "ann") is None


def test_a_new_change_ends_what_could_be_redone(database):
    add_tag(database, "d", "bad", np.array([1]), "ann")
    undo_tag(database, "d", "ann")
    add_tag(database, "d", "bad", np.array([2]), "ann")
    assert redo_tag(database, "d", "ann") is None
    undo_tag(database, "d", "ann")
    assert redo_tag(database, "d", "ann") is not None
    assert redo_tag(database, "d", "ann") is None
    assert _plain(tag_state(database, "d")) == {"bad": [2]}


def test_history_shows_what_was_undone_newest_first(database):
    add_tag(database, "d", "bad", np.array([1, 2]), "ann")
    add_tag(database, "d", "odd", np.array([1]), "bob")
    undo_tag(database, "d", "ann")
    events = tag_history(database, "d")
    assert [(e.action, e.tag, e.n_rows, e.reviewer, e.active) for e in events] == [
        ("undo", "bad", 2, "ann", True),
        ("add", "odd", 1, "bob", True),
        ("add", "bad", 2, "ann", False),
    ]
    assert len(tag_history(database, "d", limit=1)) == 1


@pytest.mark.parametrize(
    ("tag", "said"),
    [
        ("", "empty"),
        (" \t", "empty"),
        ("x" * 65, "65 characters"),
        ("a\nb", "control"),
        ("\ud800", "control"),
    ],
)
def test_a_bad_tag_is_refused_with_the_reason(database, tag, said):
    with pytest.raises(InvalidOptions, match=said):
        add_tag(database, "d", tag, np.array([1]), "ann")
    assert tag_revision(database, "d") == 0


@pytest.mark.parametrize(
    "tag",
    [
        "'; DROP TABLE tag_events; --",
        "\u4f60\u597d",
        "\u05e9\u05dc\u05d5\u05dd",
        "\U0001f469\u200d\U0001f469",
        "x" * 64,
    ],
)
def test_a_tag_may_be_in_any_script(database, tag):
    add_tag(database, "d", tag, np.array([1]), "ann")
    assert _plain(tag_state(database, "d")) == {tag: [1]}


def test_composed_and_decomposed_letters_are_one_tag():
    assert check_tag("cafe\u0301 ") == check_tag("caf\u00e9")


def test_no_rows_and_impossible_rows_are_refused(database):
    with pytest.raises(InvalidOptions, match="matches nothing"):
        add_tag(database, "d", "bad", np.array([], dtype=np.int64), "ann")
    with pytest.raises(InvalidOptions, match="-4 cannot exist"):
        add_tag(database, "d", "bad", np.array([3, -4]), "ann")


def test_the_state_cannot_be_changed_by_its_reader(database):
    add_tag(database, "d", "bad", np.array([1, 2]), "ann")
    state = tag_state(database, "d")
    with pytest.raises(ValueError, match="read-only"):
        state.rows["bad"][0] = 7
    with pytest.raises(TypeError):
        state.rows["bad"] = np.array([1])


def test_a_million_rows_are_tagged_in_two_seconds(database):
    rows = np.flatnonzero(np.random.default_rng(0).random(2_000_000) < 0.5)[:1_000_000]
    start = time.perf_counter()
    add_tag(database, "d", "big", rows, "ann")
    state = tag_state(database, "d")
    assert time.perf_counter() - start < 2
    np.testing.assert_array_equal(state.tagged("big"), rows)


def _tag_many(workspace: Path, first: int) -> None:
    database = Database(workspace)
    for i in range(25):
        add_tag(database, "d", "shared", np.array([first + i]), str(first))


def test_two_processes_tag_at_once_and_nothing_is_lost(tmp_path):
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_tag_many, args=(tmp_path, first)) for first in (0, 100)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0]
    database = Database(tmp_path)
    assert tag_state(database, "d").tagged("shared").tolist() == [*range(25), *range(100, 125)]
    assert len(tag_history(database, "d")) == 50
