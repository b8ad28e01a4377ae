"""What the intervals of diversity cover: the mean over draws of one size, and not the number of all rows."""

from __future__ import annotations

import numpy as np
import pytest

from tamis.compute.compare.jackknife import entropy_interval, jackknife_interval, vendi_interval
from tamis.compute.compare.selections import cluster_entropy, vendi_score


def _cloud(seed: int = 0, n: int = 4000, d: int = 24, k: int = 12):
    """Unit vectors around centres of unequal sizes, and their clusters."""
    rng = np.random.default_rng(seed)
    labels = rng.choice(k, size=n, p=np.arange(1, k + 1) / np.arange(1, k + 1).sum())
    vectors = rng.normal(size=(k, d))[labels] + 0.7 * rng.normal(size=(n, d))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32), labels


@pytest.mark.parametrize("n", [40, 100, 400])
def test_the_interval_covers_the_mean_over_draws_of_the_same_size(n):
    vectors, labels = _cloud()
    rng = np.random.default_rng(n)
    draws = [rng.choice(len(vectors), n, replace=False) for _ in range(150)]
    found = {
        "vendi": [vendi_interval(vectors, rows, rng=rng) for rows in draws],
        "entropy": [entropy_interval(labels, rows, rng=rng) for rows in draws],
    }
    for name, intervals in found.items():
        mean = np.mean([one.mean for one in intervals])
        held = np.mean([one.low <= mean <= one.high for one in intervals])
        assert held >= 0.92, (name, held)


def test_the_interval_of_a_few_rows_does_not_cover_the_vendi_score_of_all():
    """That is no fault of the interval: a larger draw is more diverse, which the words beside it say."""
    vectors, labels = _cloud()
    rng = np.random.default_rng(1)
    intervals = [
        vendi_interval(vectors, rng.choice(len(vectors), 40, replace=False), rng=rng) for _ in range(50)
    ]
    assert np.mean([one.low <= vendi_score(vectors) <= one.high for one in intervals]) < 0.2
    means = [
        np.mean([cluster_entropy(labels, rng.choice(len(labels), n, replace=False)) for _ in range(60)])
        for n in (40, 400)
    ]
    assert means[0] < means[1] < cluster_entropy(labels, np.arange(len(labels)))


def test_the_jackknife_of_a_mean_is_its_t_interval():
    values = np.random.default_rng(2).normal(size=20)
    without = (values.sum() - values) / 19
    found = jackknife_interval(float(values.mean()), without)
    reach = 2.093024 * values.std(ddof=1) / np.sqrt(20)
    assert (found.low, found.high) == (
        pytest.approx(values.mean() - reach, abs=1e-5),
        pytest.approx(values.mean() + reach, abs=1e-5),
    )
