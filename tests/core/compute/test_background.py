from __future__ import annotations

import numpy as np
import pytest

from tamis.compute.map.background import density_grid, stratified_sample
from tamis.errors import InvalidOptions

IDS = np.repeat([0, 1, 2, -1], [500, 300, 100, 100])


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_sample_keeps_the_proportions_of_clusters_and_noise() -> None:
    rows = stratified_sample(IDS, 100, rng=rng())
    assert np.unique(IDS[rows], return_counts=True)[1].tolist() == [10, 50, 30, 10]
    assert (np.diff(rows) > 0).all()


def test_rows_that_must_be_drawn_are_drawn() -> None:
    always = np.zeros(1000, dtype=bool)
    always[800:880] = True
    rows = stratified_sample(IDS, 100, always=always, rng=rng())
    assert rows.size == 100
    assert np.isin(np.arange(800, 880), rows).all()


def test_more_that_must_than_may_be_drawn_fills_the_sample() -> None:
    always = np.arange(1000) % 2 == 0
    rows = stratified_sample(IDS, 100, always=always, rng=rng())
    assert rows.size == 100
    assert always[rows].all()


def test_everything_fits_or_nothing_is_wanted() -> None:
    assert stratified_sample(IDS, 1000, rng=rng()).tolist() == list(range(1000))
    assert stratified_sample(IDS, 0, rng=rng()).tolist() == []
    assert stratified_sample([], 5, rng=rng()).tolist() == []
    with pytest.raises(InvalidOptions, match="-1"):
        stratified_sample(IDS, -1, rng=rng())


def test_same_seed_same_sample() -> None:
    first, again, other = (stratified_sample(IDS, 50, rng=rng(seed)).tolist() for seed in (1, 1, 2))
    assert first == again != other


def test_grid_counts_every_finite_point_once() -> None:
    xy = np.array([[0, 0], [1, 1], [1, 1], [0.4, 0.9], [np.nan, 0], [np.inf, 1]])
    grid = density_grid(xy, 2)
    assert grid.counts.tolist() == [[1, 1], [0, 2]]
    assert grid.x_edges.tolist() == [0, 0.5, 1]


def test_grid_agrees_with_numpy() -> None:
    xy = rng().normal(size=(5000, 2))
    grid = density_grid(xy, 16)
    assert grid.counts.tolist() == np.histogram2d(xy[:, 0], xy[:, 1], bins=16)[0].astype(int).tolist()


def test_grid_of_one_point_or_none_is_finite() -> None:
    assert density_grid(np.full((7, 2), 3.0), 4).counts.sum() == 7
    empty = density_grid(np.full((7, 2), np.nan), 4)
    assert empty.counts.sum() == 0
    assert np.isfinite(empty.x_edges).all()
    with pytest.raises(InvalidOptions, match="bins is 0"):
        density_grid(np.zeros((1, 2)), 0)
