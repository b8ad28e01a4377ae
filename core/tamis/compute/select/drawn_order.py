"""All of a draw but its budget: which rows may be picked, and in which order each group would give them (METHODS.md 1.12)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tamis.compute.select.draw import LINEAR, Odds, log_weights
from tamis.compute.select.masks import pins_and_exclusions
from tamis.errors import InvalidOptions
from tamis.types import NOISE, Bools, Float64s, Int64s

Noise = Literal["own group", "exclude"]


@dataclass(frozen=True, slots=True)
class Groups:
    """The rows that may be picked, with noise as the last group; all arrays are over those rows."""

    rows: Int64s
    group: Int64s
    key: Float64s  # log probability + Gumbel noise; inf when pinned, -inf when the probability is 0
    noise: Float64s  # decides among equal keys, so that forced picks are random as well
    pinned: Bools
    n_groups: int

    def sums(self, values: NDArray[Any] | None = None) -> Int64s:
        """Rows per group, or the sum of ``values`` per group."""
        return np.bincount(self.group, weights=values, minlength=self.n_groups).astype(np.int64)


@dataclass(frozen=True, slots=True)
class DrawnOrder:
    """All of a draw but its budget: the rows that may be picked, in the order in which each group gives them."""

    groups: Groups
    order: Int64s  # positions in ``groups``, sorted by group, in each as drawn


def draw_order(
    cluster_id: ArrayLike,
    quality: ArrayLike | None,
    *,
    n_clusters: int,
    odds: Odds = LINEAR,
    noise: Noise = "own group",
    pinned: ArrayLike | None = None,
    excluded: ArrayLike | None = None,
    rng: np.random.Generator,
) -> DrawnOrder:
    """What ``kmq`` draws before it knows its budget, which ``cut_rows`` and ``cut_tokens`` end anywhere; raises as it does.

    Cut at several budgets it is drawn by the same random numbers: a cluster that is given more keeps the rows it gave.
    METHODS.md 1.12.
    """
    ids = checked_ids(cluster_id, n_clusters)
    groups = _grouped(
        ids, quality, odds, n_clusters=n_clusters, noise=noise, pinned=pinned, excluded=excluded, rng=rng
    )
    return DrawnOrder(groups, np.lexsort((-groups.noise, -groups.key, groups.group)))


def checked_ids(cluster_id: ArrayLike, n_clusters: int) -> Int64s:
    """The clusters (n,) as integers; raises InvalidOptions for one that is neither a cluster nor noise."""
    ids = np.asarray(cluster_id, dtype=np.int64)
    bad = np.flatnonzero((ids < NOISE) | (ids >= n_clusters))
    if bad.size:
        raise InvalidOptions(
            f"Row {bad[0]} is in cluster {ids[bad[0]]}, but there are {n_clusters} clusters: cluster again."
        )
    return ids


def _grouped(
    ids: Int64s,
    quality: ArrayLike | None,
    odds: Odds,
    *,
    n_clusters: int,
    noise: Noise,
    pinned: ArrayLike | None,
    excluded: ArrayLike | None,
    rng: np.random.Generator,
) -> Groups:
    n = ids.size
    gumbel = rng.gumbel(size=n)  # for all rows, so that excluding one does not change the luck of the others
    pin, out = pins_and_exclusions(n, pinned, excluded)
    if noise == "exclude":
        out = out | ((ids == NOISE) & ~pin)  # a pin is a person's word on that row; it outweighs the setting
    rows = np.flatnonzero(~out)
    key = gumbel[rows].copy()
    if quality is not None:
        key += log_weights(quality, ids, n_clusters=n_clusters, odds=odds, available=~out)[rows]
    key[pin[rows]] = np.inf
    group = ids[rows]
    group[group == NOISE] = n_clusters
    return Groups(rows, group, key, gumbel[rows], pin[rows], n_clusters + 1)
