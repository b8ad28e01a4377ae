"""The order of a review queue, the rows that wait in it, and the rules over it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tamis.compute.clear.review_order import (
    ORDERS,
    SAMPLE,
    SAMPLE_ROWS,
    ProposalColumns,
    choose_kinds,
    count_kinds,
    draw_review_sample,
    order_of_chance,
    order_rows,
    waiting_rows,
)
from tamis.compute.clear.review_rule import LimitOffered, ReviewRule, limit_of, measured, opposite

NAN = float("nan")
NO_CLUSTERS = np.zeros(100, dtype=np.int32)


def columns(*rows: tuple[int, str, float, float]) -> ProposalColumns:
    ids, kinds, confidence, verdict = zip(*rows, strict=True)
    return ProposalColumns(
        np.array(ids), np.array(kinds, dtype=object), np.array(confidence), np.array(verdict)
    )


FOUR = columns(
    (2, "drop:below_threshold", 0.4, NAN),
    (3, "replace:corrected", 0.1, 0.9),
    (5, "keep:passed", 0.9, NAN),
    (7, "replace:tie", NAN, 0.5),
)
EVERY = tuple(count_kinds(FOUR))


@pytest.mark.parametrize(
    ("order", "rows"),
    [
        ("confidence", [3, 2, 5, 7]),  # what has no confidence comes last
        ("disagreement", [7, 3, 2, 5]),  # torn judges first, then unsure ones, then by doubt
        ("gain", [3, 2, 5, 7]),
        ("cluster", [5, 3, 2, 7]),
    ],
)
def test_every_order_puts_its_rows_first(order: str, rows: list[int]) -> None:
    clusters = NO_CLUSTERS.copy()
    clusters[[2, 3, 7]] = 1
    assert order_rows(FOUR, order, EVERY, clusters).tolist() == rows


def test_a_queue_holds_the_kinds_asked_for_within_a_filter() -> None:
    assert order_rows(FOUR, "confidence", ["replace:tie", "drop:below_threshold"], NO_CLUSTERS).tolist() == [
        2,
        7,
    ]
    within = np.array([3, 4, 5])
    assert order_rows(FOUR, "confidence", EVERY, NO_CLUSTERS, within).tolist() == [3, 5]
    assert order_rows(FOUR, "confidence", [], NO_CLUSTERS).tolist() == []


def test_what_changes_something_is_the_usual_queue_and_all_of_it_the_sample() -> None:
    changing = ("drop:below_threshold", "replace:corrected", "replace:tie")
    assert choose_kinds(FOUR, "confidence") == changing
    assert choose_kinds(FOUR, "confidence", ["keep:passed", "no:such"]) == ("keep:passed",)
    assert choose_kinds(FOUR, "confidence", ["no:such"]) == changing
    assert choose_kinds(FOUR, SAMPLE) == (*changing, "keep:passed")
    kept = columns((0, "keep:passed", 0.5, NAN))
    assert choose_kinds(kept, "confidence") == ("keep:passed",)


def test_the_sample_is_drawn_once_and_comes_in_an_order_of_chance() -> None:
    n = 3 * SAMPLE_ROWS
    many = ProposalColumns(
        np.arange(n), np.array(["keep:passed"] * n, dtype=object), np.linspace(0, 1, n), np.full(n, NAN)
    )
    places, inclusion = draw_review_sample(many)
    queue = order_rows(many, SAMPLE, ["keep:passed"], np.zeros(n))
    assert len(queue) == SAMPLE_ROWS and set(queue) == set(many.rows[places])
    assert queue.tolist() == many.rows[order_of_chance(many, places)].tolist()
    assert queue.tolist() != sorted(queue)
    # Low scores, where bad rows are expected, are drawn more densely.
    assert inclusion[0] > inclusion[-1] > 0


def test_a_row_has_its_place_or_none() -> None:
    assert [FOUR.place(row) for row in (2, 7, 1, 6, 100)] == [0, 3, -1, -1, -1]
    assert FOUR.actions(np.array([5, 3])) == ["keep", "replace"]


@pytest.mark.parametrize(
    ("after", "skipped", "waiting"),
    [
        (None, (), [4, 9, 1, 6]),
        (9, (), [1, 6, 4]),  # on from there, and round to it again
        (6, (), [4, 9, 1]),
        (5, (), [4, 9, 1, 6]),  # a row outside the queue starts it at its beginning
        (4, (9, 77), [1, 6, 9]),  # what was passed over comes last
    ],
)
def test_the_next_rows_follow_the_one_on_screen(
    after: int | None, skipped: tuple[int, ...], waiting: list[int]
) -> None:
    rows = np.array([4, 9, 1, 6])
    assert waiting_rows(rows, np.ones(4, dtype=bool), after, skipped).tolist() == waiting


@given(st.permutations(range(8)), st.sets(st.integers(0, 7)), st.integers(0, 9), st.sets(st.integers(0, 9)))
def test_every_open_row_but_the_one_on_screen_waits_once(
    queue: list[int], is_open: set[int], after: int, skipped: set[int]
) -> None:
    rows = np.array(queue)
    found = waiting_rows(rows, np.isin(rows, list(is_open)), after, skipped).tolist()
    assert sorted(found) == sorted(is_open - {after})


def test_every_order_takes_a_queue_without_rows() -> None:
    empty = ProposalColumns(np.empty(0, dtype=np.int64), np.empty(0, dtype=object), np.empty(0), np.empty(0))
    for order in ORDERS:
        assert order_rows(empty, order, [], NO_CLUSTERS).tolist() == []


def test_a_rule_takes_the_open_rows_of_its_kinds_beyond_its_limit() -> None:
    queue, is_open = np.array([7, 5, 3, 2]), np.array([True, True, False, True])
    assert ReviewRule().matches(FOUR, queue, is_open).tolist() == [7, 5, 2]
    assert ReviewRule(decided_too=True).matches(FOUR, queue, is_open).tolist() == [7, 5, 3, 2]
    below = ReviewRule(measure="confidence", is_above=False, limit=0.5, decided_too=True)
    assert below.matches(FOUR, queue, is_open).tolist() == [3, 2]
    sure = ReviewRule(measure="verdict_confidence", limit=0.6, kinds=("replace:corrected", "replace:tie"))
    assert sure.matches(FOUR, queue, is_open).tolist() == []


def test_approving_does_what_is_proposed_and_rejecting_the_opposite() -> None:
    actions = ["keep", "drop", "replace"]
    assert [ReviewRule().verdict(action) for action in actions] == actions
    assert [ReviewRule(approves=False).verdict(action) for action in actions] == ["drop", "keep", "keep"]
    assert [opposite(action) for action in actions] == ["drop", "keep", "keep"]


def test_a_limit_starts_with_sure_verdicts_or_the_lower_half() -> None:
    assert limit_of(FOUR, "verdict_confidence") == LimitOffered(True, 0.95, 0.0, 1.0, 0.5, 0.7, 0.9)
    assert limit_of(FOUR, "confidence") == LimitOffered(False, 0.4, 0.1, 0.9, 0.1, 0.4, 0.9)
    with pytest.raises(ValueError, match="no proposal has a none"):
        limit_of(FOUR, "none")
    assert np.isnan(measured(FOUR, "none")).all()
