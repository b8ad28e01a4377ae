"""What two refinements of one seed have in common without being alike."""

from __future__ import annotations

import numpy as np
import pytest

from tamis.compute.refine.draw import RefinementPool, draw_round
from tamis.compute.refine.shared_luck import expected_overlap

SIZES = np.array([60, 90, 150])


def _picked(weights, seeds, control: bool = False):
    """Rows of three rounds of twenty by these weights, as a refinement draws them; and rows per round and cluster."""
    n = int(SIZES.sum())
    clusters = np.repeat(np.arange(3), SIZES)
    off = np.zeros(n, dtype=bool)
    pool = RefinementPool(np.zeros(n, np.int64) if control else clusters, 1 if control else 3, None, off, off)
    taken, counts = np.zeros(n, dtype=bool), []
    for number in range(3):
        rng = np.random.default_rng([*seeds, number])
        given = [1.0, 0.0] if control else [*weights[number], 0.0]
        rows = draw_round(pool, given, 20, taken=taken, rng=rng).rows
        taken[rows] = True
        counts.append(np.bincount(clusters[rows], minlength=3))
    return set(np.flatnonzero(taken).tolist()), np.array(counts)


MOVED = [[0.2, 0.3, 0.5], [0.1, 0.3, 0.6], [0.05, 0.35, 0.6]]
FIRST = [[0.2, 0.3, 0.5]] * 3


@pytest.mark.parametrize("control", [False, True])
def test_what_is_expected_of_one_seed_is_what_two_arms_of_one_seed_have_in_common(control):
    rng = np.random.default_rng(0)
    found, expected, by_own = [], [], []
    for seed in range(40):
        (a, mine), (b, theirs) = _picked(MOVED, [seed]), _picked(FIRST, [seed], control)
        found.append(len(a & b))
        expected.append(expected_overlap(mine, theirs, SIZES, shared=True, rng=rng))
        by_own.append(expected_overlap(mine, theirs, SIZES, shared=False, rng=rng))
    assert np.mean(expected) == pytest.approx(np.mean(found), rel=0.06)
    assert np.mean(by_own) < np.mean(found) / 2  # what was called chance before


def test_what_is_expected_of_two_seeds_is_what_independent_arms_have_in_common():
    rng = np.random.default_rng(0)
    found, expected = [], []
    for seed in range(60):
        (a, mine), (b, theirs) = _picked(MOVED, [seed]), _picked(FIRST, [seed + 1000])
        found.append(len(a & b))
        expected.append(expected_overlap(mine, theirs, SIZES, shared=False, rng=rng))
    assert np.mean(expected) == pytest.approx(np.mean(found), rel=0.12)


def test_the_same_run_twice_is_expected_to_be_the_same_and_a_shorter_one_a_part_of_it():
    counts = np.array([[4, 2], [3, 5]])
    sizes = np.array([40, 30])
    rng = np.random.default_rng(0)
    assert expected_overlap(counts, counts, sizes, shared=True, rng=rng) == 14
    assert expected_overlap(counts, counts[:1], sizes, shared=True, rng=rng) == 6
    assert expected_overlap(counts, counts, sizes, shared=False, rng=rng) == pytest.approx(49 / 40 + 49 / 30)
    everything = np.array([[40, 30]])
    assert expected_overlap(everything, counts, sizes, shared=True, rng=rng) == 14
