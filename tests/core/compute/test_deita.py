from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tamis.compute.select import deita as module
from tamis.compute.select.deita import deita
from tamis.compute.select.kmq import TokenSelection
from tamis.errors import CurationError, InvalidOptions
from tests.support import scale

POINTS = np.array([[1, 0], [2, 0], [0.9, np.sqrt(0.19)], [0.6, 0.8], [0, 1], [0, 0], [-1, 0], [0.5, 0.9]])


def one_at_a_time(vectors, score, budget, *, threshold=0.9, rule="cosine", excluded=(), first=()):
    """The published loop in float64: a candidate against everything kept."""
    points = vectors.astype(np.float64)
    if rule == "cosine":
        lengths = np.linalg.norm(points, axis=1, keepdims=True)
        points = points / np.where(lengths == 0, 1, lengths)
    kept = list(first)
    for row in sorted(range(len(score)), key=lambda i: (-score[i], i)):
        if row in excluded or row in kept or len(kept) >= budget:
            continue
        if rule == "cosine":
            near = any(points[row] @ points[other] > threshold + 1e-9 for other in kept)
        else:
            near = any(((points[row] - points[other]) ** 2).sum() < threshold - 1e-9 for other in kept)
        if not near:
            kept.append(row)
    return kept


def near_unit(seed, n, d=6):
    vectors = np.random.default_rng(seed).standard_normal((n, d)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.fixture(params=["usual blocks", "tiny blocks"])
def blocks(request, monkeypatch):
    if request.param == "tiny blocks":
        monkeypatch.setattr(module, "FIRST_BLOCK", 2)
        monkeypatch.setattr(module, "LARGEST_BLOCK", 5)
        monkeypatch.setattr(module, "KEPT_ROWS", 7)


@pytest.mark.usefixtures("blocks")
@pytest.mark.parametrize("rule", ["cosine", "squared_l2"])
@pytest.mark.parametrize("threshold", [0.3, 0.6, 0.9])
def test_equals_the_published_loop(rule, threshold):
    vectors, score = near_unit(1, 300), np.random.default_rng(0).integers(0, 40, 300).astype(float)
    rows = deita(vectors, score, budget=90, threshold=threshold, rule=rule).rows.tolist()
    assert rows == one_at_a_time(vectors, score, 90, threshold=threshold, rule=rule)


@pytest.mark.usefixtures("blocks")
@scale.examples(60)
@given(
    which=st.integers(1, 20).flatmap(lambda n: arrays(np.int64, n, elements=st.integers(0, len(POINTS) - 1))),
    score=arrays(np.float64, 20, elements=st.integers(0, 3)),
    budget=st.integers(1, 22),
    rule=st.sampled_from(["cosine", "squared_l2"]),
)
def test_equals_the_published_loop_on_copies_and_zero_vectors(which, score, budget, rule):
    vectors = POINTS[which].astype(np.float32)
    rows = deita(vectors, score[: len(which)], budget=budget, rule=rule, threshold=0.85).rows.tolist()
    assert rows == one_at_a_time(vectors, score[: len(which)], budget, rule=rule, threshold=0.85)


def test_copies_of_the_best_row_are_dropped_and_the_first_is_kept():
    vectors = np.repeat(np.eye(2, dtype=np.float32), 3, axis=0)
    result = deita(vectors, [1, 9, 3, 2, 2, 5], budget=6)
    assert (result.rows.tolist(), result.shortfall) == ([1, 5], 4)


def test_cosine_equal_to_the_threshold_is_kept():
    vectors = np.array([[5, 0], [3, 4]], dtype=np.float32)
    assert deita(vectors, [2, 1], budget=2, threshold=0.6).rows.tolist() == [0, 1]
    assert deita(vectors, [2, 1], budget=2, threshold=0.5999).rows.tolist() == [0]


def test_squared_distance_equal_to_the_threshold_is_kept():
    vectors = np.array([[0, 0], [1, 0], [1, 1]], dtype=np.float32)
    assert deita(vectors, [3, 2, 1], budget=3, threshold=1.0, rule="squared_l2").rows.tolist() == [0, 1, 2]


@pytest.mark.parametrize("scale", [1e-3, 7.0, 1e4])
def test_scaling_all_vectors_does_not_change_the_selection(scale):
    vectors, score = near_unit(2, 200), np.random.default_rng(0).random(200)
    rows = deita(vectors, score, budget=80, threshold=0.5).rows
    assert np.array_equal(
        deita((vectors * scale).astype(np.float32), score, budget=80, threshold=0.5).rows, rows
    )


@pytest.mark.usefixtures("blocks")
def test_rule_distance_compares_with_the_whole_pool():
    vectors, score = near_unit(3, 120, 4), np.random.default_rng(0).random(120)
    excluded = np.zeros(120, dtype=bool)
    excluded[::7] = True
    rows = deita(vectors, score, budget=120, rule="distance", threshold=0.05, excluded=excluded).rows
    cosine = vectors.astype(np.float64) @ vectors.T
    np.fill_diagonal(cosine, -1)
    cosine[:, excluded] = -1
    passing = np.flatnonzero((1 - cosine.max(axis=1) >= 0.05) & ~excluded)
    assert 0 < passing.size < 100
    assert rows.tolist() == passing[np.argsort(-score[passing])].tolist()


def test_rule_distance_keeps_neither_of_two_copies():
    vectors = np.array([[1, 0], [1, 0], [0, 1]], dtype=np.float32)
    assert deita(vectors, [3, 2, 1], budget=3, rule="distance").rows.tolist() == [2]


def test_fill_spends_the_rest_on_the_best_that_did_not_pass():
    vectors = np.repeat(np.eye(2, dtype=np.float32), 3, axis=0)
    result = deita(vectors, [1, 9, 3, 2, 2, 5], budget=4, fill=True)
    assert (result.rows.tolist(), result.shortfall) == ([1, 5, 2, 3], 0)


def test_nan_scores_come_last_or_never():
    vectors, score = np.eye(4, dtype=np.float32), [np.nan, 1, np.nan, 2]
    assert deita(vectors, score, budget=4).rows.tolist() == [3, 1, 0, 2]
    never = deita(vectors, score, budget=4, unscored="never", fill=True)
    assert (never.rows.tolist(), never.shortfall) == ([3, 1], 2)


@pytest.mark.usefixtures("blocks")
def test_pins_are_kept_before_the_walk_and_excluded_rows_are_not_seen():
    vectors, score = near_unit(4, 80), np.random.default_rng(1).random(80)
    pinned, excluded = np.zeros(80, dtype=bool), np.zeros(80, dtype=bool)
    pinned[np.argsort(score)[:3]], excluded[np.argsort(-score)[:4]] = True, True
    rows = deita(vectors, score, budget=30, threshold=0.5, pinned=pinned, excluded=excluded).rows.tolist()
    first, out = np.flatnonzero(pinned).tolist(), np.flatnonzero(excluded).tolist()
    assert rows == one_at_a_time(vectors, score, 30, threshold=0.5, first=first, excluded=out)


def test_resumed_run_equals_the_uninterrupted_one():
    vectors, score = near_unit(5, 300), np.random.default_rng(1).random(300)
    whole = deita(vectors, score, budget=60, threshold=0.6).rows
    for done in (0, 1, 33, 60):
        assert np.array_equal(
            deita(vectors, score, budget=60, threshold=0.6, picked=whole[:done]).rows, whole
        )


@pytest.mark.parametrize("value", [1.0, 0.0])
def test_identical_vectors_keep_one_and_zero_vectors_all(value):
    result = deita(np.full((10, 3), value, dtype=np.float32), np.zeros(10), budget=5)
    assert result.rows.tolist() == ([0] if value else [0, 1, 2, 3, 4])


def test_token_budget_is_not_exceeded():
    result = deita(np.eye(5, dtype=np.float32), np.arange(5), budget=10, token_counts=[9, 4, 4, 5, 1])
    assert isinstance(result, TokenSelection)
    assert (result.selection.rows.tolist(), result.unused_tokens) == ([4, 3, 2], 0)


def test_unusable_requests_are_refused(monkeypatch):
    vectors = np.eye(5, dtype=np.float32)
    with pytest.raises(InvalidOptions, match="give 1 or more"):
        deita(vectors, np.zeros(5), budget=0)
    with pytest.raises(InvalidOptions, match="one per row"):
        deita(vectors, np.zeros(4), budget=1)
    with pytest.raises(InvalidOptions, match="threshold is nan"):
        deita(vectors, np.zeros(5), budget=1, threshold=float("nan"))
    with pytest.raises(CurationError, match="NaN or infinity"):
        deita(vectors * np.float32("nan"), np.zeros(5), budget=1)
    monkeypatch.setattr(module, "ALL_PAIRS_ROWS", 4)
    with pytest.raises(CurationError, match="compares all pairs of 5 rows"):
        deita(vectors, np.zeros(5), budget=1, rule="distance")
