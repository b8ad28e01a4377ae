from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tamis.compute.select import lazy_greedy
from tamis.compute.select import qdit as module
from tamis.compute.select.facility_location import coverage_gap, draw_reference, facility_location
from tamis.compute.select.kmq import TokenSelection
from tamis.compute.select.qdit import qdit, range_scaled
from tamis.errors import CurationError, InvalidOptions
from tests.support import scale

DIRECTIONS = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [-1, 0, 0], [0.6, 0.8, 0], [0, 0.6, -0.8], [0, 0, 0]])


def unit(seed, n, d=16):
    vectors = np.random.default_rng(seed).standard_normal((n, d)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def naive(vectors, quality, budget, alpha, *, start=0.0, first=(), excluded=()):
    """The whole similarity matrix in float64 and every gain at every step; ties within 1e-12 to the lowest row."""
    covered = np.setdiff1d(np.arange(len(vectors)), excluded)
    cosine = vectors.astype(np.float64)[covered] @ vectors.astype(np.float64).T
    bonus = alpha * range_scaled(np.asarray(quality, dtype=float), covered)
    best, rows = np.full(len(covered), start), list(first)
    for row in first:
        best = np.maximum(best, cosine[:, row])
    while len(rows) < min(budget, len(covered)):
        gain = np.maximum(cosine - best[:, None], 0)
        value = (1 - alpha) * np.where(gain > 5e-7, gain, 0).sum(axis=0) / len(covered) + bonus
        value[rows] = -np.inf
        value[list(excluded)] = -np.inf
        rows.append(int(np.flatnonzero(value >= value.max() - 1e-11)[0]))
        best = np.maximum(best, cosine[:, rows[-1]])
    return rows


@pytest.fixture(params=["usual blocks", "tiny blocks", "lists early"])
def blocks(request, monkeypatch):
    if request.param != "usual blocks":
        monkeypatch.setattr(lazy_greedy, "TILE_ROWS", 4)
        monkeypatch.setattr(lazy_greedy, "TILE_COLUMNS", 8)
        monkeypatch.setattr(lazy_greedy, "FIRST_BATCH", 2)
    if request.param == "lists early":
        monkeypatch.setattr(lazy_greedy, "SPARSE_FRACTION", 0.6)
        monkeypatch.setattr(lazy_greedy, "STORED_ENTRIES", 400)


@pytest.mark.usefixtures("blocks")
@pytest.mark.parametrize("alpha", [0.0, 0.3, 0.7, 0.9, 1.0])
@pytest.mark.parametrize("start", [0.0, -1.0])
def test_lazy_equals_naive(alpha, start):
    vectors, quality = unit(2, 50), np.random.default_rng(3).random(50)
    rows = qdit(vectors, quality, budget=50, alpha=alpha, start_value=start).rows.tolist()
    assert rows == naive(vectors, quality, 50, alpha, start=start)


@pytest.mark.usefixtures("blocks")
@scale.examples(60)
@given(
    which=st.integers(1, 20).flatmap(
        lambda n: arrays(np.int64, n, elements=st.integers(0, len(DIRECTIONS) - 1))
    ),
    quality=arrays(np.float64, 20, elements=st.sampled_from([0.0, 0.25, 0.5, 1.0])),
    alpha=st.sampled_from([0.0, 0.5, 0.9, 1.0]),
    budget=st.integers(1, 22),
)
def test_lazy_equals_naive_on_copies_zero_vectors_and_ties(which, quality, alpha, budget):
    vectors = DIRECTIONS[which].astype(np.float32)
    quality = quality[: len(which)]
    rows = qdit(vectors, quality, budget=budget, alpha=alpha).rows.tolist()
    assert rows == naive(vectors, quality, budget, alpha)


@pytest.mark.usefixtures("blocks")
def test_clustered_rows_equal_naive_for_a_long_run():
    generator = np.random.default_rng(4)
    vectors = unit(5, 12, 24)[generator.integers(12, size=500)] + 0.1 * generator.standard_normal((500, 24))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    quality = generator.random(500)
    assert qdit(vectors, quality, budget=80, alpha=0.5).rows.tolist() == naive(vectors, quality, 80, 0.5)


def test_alpha_one_is_the_order_of_quality_and_alpha_zero_facility_location():
    vectors, quality = unit(1, 30), np.random.default_rng(0).permutation(30).astype(float)
    assert qdit(vectors, quality, budget=30, alpha=1.0).rows.tolist() == np.argsort(-quality).tolist()
    by_coverage = facility_location(vectors, budget=12).rows.tolist()
    assert qdit(vectors, quality, budget=12, alpha=0.0).rows.tolist() == by_coverage


def test_each_pick_adds_no_more_coverage_than_the_one_before():
    vectors = unit(7, 200)
    rows = facility_location(vectors, budget=60).rows
    cosine = np.maximum(vectors.astype(np.float64) @ vectors[rows].T, 0)
    values = np.maximum.accumulate(cosine, axis=1).sum(axis=0)
    gains = np.diff(np.concatenate([[0], values]))
    assert np.all(np.diff(gains) <= 1e-5)


@pytest.mark.usefixtures("blocks")
@pytest.mark.parametrize("done", [0, 1, 13, 40])
def test_resumed_run_equals_the_uninterrupted_one(done):
    vectors, quality = unit(8, 120, 6), np.random.default_rng(1).random(120)
    whole = qdit(vectors, quality, budget=40, alpha=0.5).rows
    assert np.array_equal(qdit(vectors, quality, budget=40, alpha=0.5, picked=whole[:done]).rows, whole)


@pytest.mark.usefixtures("blocks")
def test_pins_count_and_excluded_rows_are_neither_picked_nor_covered():
    vectors, quality = unit(9, 40), np.random.default_rng(1).random(40)
    pinned, excluded = np.zeros(40, dtype=bool), np.zeros(40, dtype=bool)
    pinned[[30, 4]], excluded[[1, 2, 3, 39]] = True, True
    rows = qdit(vectors, quality, budget=15, alpha=0.5, pinned=pinned, excluded=excluded).rows.tolist()
    assert rows == naive(vectors, quality, 15, 0.5, first=[4, 30], excluded=[1, 2, 3, 39])


def test_length_of_vectors_does_not_matter():
    vectors, quality = unit(9, 60), np.random.default_rng(1).random(60)
    lengths = np.random.default_rng(2).uniform(0.1, 9, (60, 1)).astype(np.float32)
    rows = qdit(vectors, quality, budget=20, alpha=0.5).rows
    assert np.array_equal(qdit(vectors * lengths, quality, budget=20, alpha=0.5).rows, rows)


def test_scale_of_quality_does_not_matter_and_nan_is_the_median():
    vectors, quality = unit(9, 41), np.random.default_rng(1).random(41)
    rows = qdit(vectors, quality, budget=20).rows
    assert np.array_equal(qdit(vectors, 1000 * quality - 7, budget=20).rows, rows)
    holed = quality.copy()
    holed[5] = np.nan
    filled = np.where(np.isnan(holed), np.nanmedian(holed), holed)
    assert np.array_equal(qdit(vectors, holed, budget=20).rows, qdit(vectors, filled, budget=20).rows)
    nothing = qdit(vectors, np.full(41, np.nan), budget=20, alpha=0.5).rows
    assert np.array_equal(nothing, facility_location(vectors, budget=20).rows)


def test_huge_qualities_do_not_overflow():
    scaled = range_scaled(np.array([-1e308, 0.0, 1e308]), np.arange(3))
    assert scaled.tolist() == [0.0, 0.5, 1.0]


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_identical_vectors_are_picked_by_position(value):
    vectors = np.full((40, 4), value, dtype=np.float32)
    assert facility_location(vectors, budget=5).rows.tolist() == [0, 1, 2, 3, 4]


def test_more_than_everything_is_a_shortfall_and_one_row_is_enough():
    result = facility_location(unit(0, 10), budget=12)
    assert (sorted(result.rows.tolist()), result.shortfall) == (list(range(10)), 2)
    assert facility_location(unit(0, 1), budget=1).rows.tolist() == [0]


def test_token_budget_walks_the_same_order():
    vectors, counts = unit(3, 50), np.random.default_rng(0).integers(1, 9, 50)
    order = facility_location(vectors, budget=50).rows
    result = facility_location(vectors, budget=40, token_counts=counts)
    assert isinstance(result, TokenSelection)
    n = result.selection.rows.size
    assert np.array_equal(result.selection.rows, order[:n])
    assert counts[order[:n]].sum() <= 40 < counts[order[: n + 1]].sum()


def test_reference_sample_of_all_rows_is_the_exact_run():
    vectors, quality = unit(3, 80), np.random.default_rng(0).random(80)
    exact = qdit(vectors, quality, budget=20, alpha=0.3).rows
    assert np.array_equal(
        qdit(vectors, quality, budget=20, alpha=0.3, reference_rows=np.arange(80)).rows, exact
    )


def test_reference_sample_covers_those_rows_and_reports_its_gap():
    vectors = unit(3, 600, 8)
    generator = np.random.default_rng(0)
    reference = draw_reference(600, 100, rng=generator)
    rows = facility_location(vectors, budget=10, reference_rows=reference).rows
    gap = coverage_gap(vectors, rows, reference, size=300, rng=generator)
    assert gap.n_held_out == 300
    assert 0 < gap.gap_fraction < 0.3
    exact = facility_location(vectors, budget=10).rows
    cosine = np.maximum(vectors @ vectors.T, 0)
    assert cosine[rows].max(axis=0).mean() > 0.9 * cosine[exact].max(axis=0).mean()
    with pytest.raises(InvalidOptions, match="exact and has no gap"):
        coverage_gap(vectors, rows, np.arange(600), rng=generator)


def test_pool_too_large_to_do_exactly_is_refused_before_any_work(monkeypatch):
    monkeypatch.setattr(module, "EXACT_ROWS", 20)
    with pytest.raises(CurationError, match="sample of reference rows"):
        facility_location(unit(0, 21), budget=5)
    assert facility_location(unit(0, 21), budget=5, reference_rows=np.arange(20)).rows.size == 5


@pytest.mark.parametrize(
    "options",
    [
        {"budget": 0},
        {"budget": 2, "alpha": 1.5},
        {"budget": 2, "start_value": 0.5},
        {"budget": 2, "reference_rows": []},
        {"budget": 2, "reference_rows": [5]},
    ],
)
def test_unusable_options_are_refused(options):
    with pytest.raises(InvalidOptions):
        qdit(unit(0, 5), np.zeros(5), **options)


def test_unusable_scores_and_vectors_are_refused():
    with pytest.raises(InvalidOptions, match="one per row"):
        qdit(unit(0, 5), np.zeros(4), budget=2)
    with pytest.raises(InvalidOptions, match="row 3 is inf"):
        qdit(unit(0, 5), [0, 0, 0, np.inf, 0], budget=2)
    with pytest.raises(CurationError, match="NaN or infinity"):
        facility_location(np.full((4, 2), np.nan, dtype=np.float32), budget=2)


def test_progress_beats_before_the_first_row_is_picked():
    seen = []
    facility_location(unit(0, 30), budget=3, progress=lambda done, total: seen.append((done, total)))
    assert seen[0] == (0, 3)
    assert seen[-1] == (3, 3)
    assert seen == sorted(seen)


def test_long_steps_repeat_their_progress_so_that_they_can_be_cancelled(monkeypatch):
    monkeypatch.setattr(lazy_greedy, "TILE_ROWS", 4)
    seen = []
    facility_location(unit(0, 60, 4), budget=5, progress=lambda done, _: seen.append(done))
    assert seen.count(0) > 10
    assert seen == sorted(seen)


def test_rows_that_differ_by_less_than_they_could_matter_equal_naive():
    generator = np.random.default_rng(0)
    vectors = np.repeat(unit(1, 30), 5, axis=0) + 1e-4 * generator.standard_normal((150, 16))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    rows = facility_location(vectors, budget=30).rows
    assert rows.tolist() == naive(vectors, np.zeros(150), 30, 0.0)
