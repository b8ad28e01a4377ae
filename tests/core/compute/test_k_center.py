from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tamis.compute.select import k_center as module
from tamis.compute.select.k_center import k_center
from tamis.compute.select.kmq import TokenSelection
from tamis.errors import CurationError, InvalidOptions
from tests.support import scale


def rng(seed=0):
    return np.random.default_rng(seed)


def brute_force(vectors, start, budget, excluded=()):
    """Greedy farthest point in float64, one centre at a time."""
    points = vectors.astype(np.float64)
    rows, radii = list(start), []
    while len(rows) < min(budget, len(points) - len(excluded)):
        away = np.min([((points - points[row]) ** 2).sum(axis=1) for row in rows], axis=0)
        away[rows] = -1
        away[list(excluded)] = -1
        rows.append(int(np.argmax(away)))
        radii.append(away.max())
    return rows, radii


@pytest.fixture(params=[(8192, 4_000_000), (3, 64)], ids=["usual blocks", "tiny blocks"])
def blocks(request, monkeypatch):
    monkeypatch.setattr(module, "ACTIVE_ROWS", request.param[0])
    monkeypatch.setattr(module, "PRODUCT_FLOATS", request.param[1])


def test_line_of_three_points_gives_both_ends():
    line = np.array([[0], [1], [10]], dtype=np.float32)
    assert k_center(line, budget=2, picked=[0], rng=rng()).rows.tolist() == [0, 2]


@pytest.mark.usefixtures("blocks")
@scale.examples(60)
@given(
    vectors=st.integers(1, 24).flatmap(lambda n: arrays(np.float32, (n, 2), elements=st.integers(-4, 4))),
    budget=st.integers(1, 30),
    seed=st.integers(0, 5),
)
def test_equals_brute_force_on_grids_full_of_ties(vectors, budget, seed):
    rows = k_center(vectors, budget=budget, rng=rng(seed)).rows.tolist()
    assert rows == brute_force(vectors, rows[:1], budget)[0]


@pytest.mark.usefixtures("blocks")
@pytest.mark.parametrize("seed", range(4))
def test_equals_brute_force_on_random_unit_vectors(seed):
    vectors = rng(seed).standard_normal((400, 16)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    rows = k_center(vectors, budget=150, rng=rng(seed)).rows.tolist()
    expected, radii = brute_force(vectors, rows[:1], 150)
    assert rows == expected
    assert all(a >= b for a, b in zip(radii, radii[1:], strict=False))


@pytest.mark.usefixtures("blocks")
def test_pins_are_centres_and_excluded_rows_take_no_part():
    vectors = rng(1).integers(-9, 9, (40, 3)).astype(np.float32)
    pinned, excluded = np.zeros(40, dtype=bool), np.zeros(40, dtype=bool)
    pinned[[7, 30]], excluded[[0, 5, 20]] = True, True
    rows = k_center(vectors, budget=12, pinned=pinned, excluded=excluded, rng=rng()).rows.tolist()
    assert rows == brute_force(vectors, [7, 30], 12, excluded=[0, 5, 20])[0]


@pytest.mark.usefixtures("blocks")
@pytest.mark.parametrize("done", [1, 2, 17, 40])
def test_resumed_run_equals_the_uninterrupted_one(done):
    vectors = rng(3).integers(-3, 3, (90, 3)).astype(np.float32)
    whole = k_center(vectors, budget=40, rng=rng(5)).rows
    assert np.array_equal(k_center(vectors, budget=40, picked=whole[:done], rng=rng(99)).rows, whole)


def test_same_seed_same_rows_and_first_row_depends_on_the_seed():
    vectors = rng(3).standard_normal((60, 4)).astype(np.float32)
    runs = [k_center(vectors, budget=9, rng=rng(seed)).rows.tolist() for seed in (1, 1, 2, 3)]
    assert runs[0] == runs[1]
    assert len({run[0] for run in runs}) > 1


def test_first_row_may_be_the_one_nearest_to_the_mean():
    line = np.array([[0], [1], [4], [5], [100]], dtype=np.float32)
    excluded = np.array([False, False, False, False, True])
    rows = k_center(line, budget=2, first="nearest to mean", excluded=excluded, rng=rng()).rows
    assert rows.tolist() == [1, 3]


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_identical_vectors_are_picked_by_position(value):
    vectors = np.full((10, 4), value, dtype=np.float32)
    assert k_center(vectors, budget=4, picked=[6], rng=rng()).rows.tolist() == [6, 0, 1, 2]


def test_copies_of_one_point_are_picked_once_before_any_other_copy():
    vectors = np.repeat(np.eye(3, dtype=np.float32), 50, axis=0)
    rows = k_center(vectors, budget=5, picked=[60], rng=rng()).rows.tolist()
    assert rows == [60, 0, 100, 1, 2]


def test_more_than_everything_is_a_shortfall():
    result = k_center(np.eye(3, dtype=np.float32), budget=10, rng=rng())
    assert sorted(result.rows.tolist()) == [0, 1, 2]
    assert result.shortfall == 7


def test_everything_excluded_is_all_shortfall():
    result = k_center(np.eye(3, dtype=np.float32), budget=2, excluded=np.ones(3, dtype=bool), rng=rng())
    assert (result.rows.size, result.shortfall) == (0, 2)


def test_token_budget_is_not_exceeded():
    line = np.arange(20, dtype=np.float32)[:, None]
    result = k_center(line, budget=25, token_counts=np.full(20, 10), rng=rng())
    assert isinstance(result, TokenSelection)
    assert (result.selection.rows.size, result.unused_tokens) == (2, 5)


def test_bad_vectors_and_budgets_are_refused():
    with pytest.raises(CurationError, match="first in row 1"):
        k_center(np.array([[0.0], [np.nan]], dtype=np.float32), budget=1, rng=rng())
    with pytest.raises(CurationError, match="at least one row"):
        k_center(np.empty((0, 3), dtype=np.float32), budget=1, rng=rng())
    with pytest.raises(InvalidOptions, match="give 1 or more"):
        k_center(np.eye(2, dtype=np.float32), budget=0, rng=rng())
