from __future__ import annotations

import numpy as np
import pytest

from tamis.compute.select.kmq import TokenSelection
from tamis.compute.select.picks import as_picked, by_score, pool_of, take, with_clusters
from tamis.errors import InvalidOptions


def mask(n, *rows):
    values = np.zeros(n, dtype=bool)
    values[list(rows)] = True
    return values


def test_walk_stops_when_the_budget_is_spent():
    pool = pool_of(6)
    assert take([4, 2, 0, 1], pool, budget=3).tolist() == [4, 2, 0]
    assert take([4, 2], pool, budget=9).tolist() == [4, 2]


def test_token_walk_ends_before_the_row_that_would_overspend():
    pool = pool_of(4)
    picked = take([3, 2, 1, 0], pool, budget=10, token_counts=[1, 1, 7, 4])
    assert picked.tolist() == [3]
    assert take([3, 1, 0], pool, budget=6, token_counts=[1, 1, 7, 4]).tolist() == [3, 1, 0]


def test_pinned_rows_come_first_and_count():
    pool = pool_of(5, pinned=mask(5, 3, 1), excluded=mask(5, 0))
    assert pool.start.tolist() == [1, 3]
    assert pool.candidates.tolist() == [2, 4]
    assert take(iter(pool.candidates.tolist()), pool, budget=3).tolist() == [1, 3, 2]


def test_progress_counts_up_to_the_budget():
    seen = []
    take([0, 1, 2], pool_of(3), budget=2, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(0, 2), (1, 2), (2, 2)]


def test_order_is_not_asked_for_a_row_that_is_not_needed():
    def order():
        yield 0
        raise AssertionError("one row too many")

    assert take(order(), pool_of(2), budget=1).tolist() == [0]


@pytest.mark.parametrize("budget", [0, -3])
def test_budget_below_one_is_refused(budget):
    with pytest.raises(InvalidOptions, match="give 1 or more"):
        take([0], pool_of(1), budget=budget)


def test_more_pins_than_budget_are_refused():
    with pytest.raises(InvalidOptions, match="pinned rows cost 2"):
        take([], pool_of(3, pinned=mask(3, 0, 1)), budget=1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"pinned": mask(3, 1), "excluded": mask(3, 1)}, "both pinned and excluded"),
        ({"pinned": mask(4, 1)}, "one true or false per row"),
        ({"excluded": np.array([0, 1, 2])}, "one true or false per row"),
        ({"picked": [1, 1]}, "do not fit this pool"),
        ({"picked": [7]}, "do not fit this pool"),
        ({"picked": [1], "excluded": mask(3, 1)}, "do not fit this pool"),
        ({"picked": [0], "pinned": mask(3, 1)}, "do not fit this pool"),
    ],
)
def test_unusable_pools_are_refused(arguments, message):
    with pytest.raises(InvalidOptions, match=message):
        pool_of(3, **arguments)


def test_scores_order_rows_with_ties_by_position_and_nan_last_or_never():
    scores = np.array([1.0, np.nan, 3.0, 3.0, -1.0])
    rows = np.arange(5)
    assert by_score(scores, rows).tolist() == [2, 3, 0, 4, 1]
    assert by_score(scores, rows, "never").tolist() == [2, 3, 0, 4]
    assert by_score(scores, rows[:2], "never").tolist() == [0]


def test_selection_is_counted_over_any_clustering():
    pool = pool_of(6, excluded=mask(6, 5))
    whole = as_picked(np.array([4, 0, 1]), pool, budget=5, token_counts=None)
    assert (whole.shortfall, whole.weight.tolist(), whole.rank.tolist()) == (2, [0.6] * 3, [0, 1, 2])
    split = with_clusters(whole, [0, 1, 1, 0, -1, 1], n_clusters=2, available=pool.available)
    assert split.rows.tolist() == [4, 0, 1]
    assert split.cluster_id.tolist() == [-1, 0, 1]
    assert split.allocated.tolist() == [1, 1, 1]
    assert split.available.tolist() == [2, 2, 1]
    assert split.weight.tolist() == [1.0, 0.5, 0.5]


def test_rank_counts_inside_each_cluster_in_the_order_picked():
    whole = as_picked(np.array([3, 0, 2, 1]), pool_of(4), budget=4, token_counts=None)
    assert with_clusters(whole, [0, 1, 0, 0], n_clusters=2).rank.tolist() == [0, 1, 2, 0]


def test_token_result_says_what_is_unused():
    result = as_picked(np.array([2, 0]), pool_of(3), budget=10, token_counts=[3, 9, 4])
    assert isinstance(result, TokenSelection)
    assert (result.unused_tokens, result.tokens.tolist()) == (3, [7, 0])
