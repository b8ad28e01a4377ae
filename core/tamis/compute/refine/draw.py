"""One round's rows: its part of the budget, drawn by weight and quality from what is left (METHODS.md 1.4, 1.8)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from tamis.compute.select.allocate import allocate
from tamis.compute.select.draw import LINEAR, Odds
from tamis.compute.select.groups import places_in_groups
from tamis.compute.select.kmq import Selection, kmq
from tamis.errors import InvalidOptions
from tamis.types import NOISE, Bools, Float64s, Int64s


@dataclass(frozen=True, slots=True)
class RefinementPool:
    """What may be drawn from; every array has one entry per row of the dataset.

    Clusters are 0..n_clusters-1; rows outside every cluster (-1) are the group ``n_clusters``.
    """

    cluster_id: Int64s
    n_clusters: int
    quality: Float64s | None  # higher is better, NaN is not scored; None draws evenly
    excluded: Bools
    pinned: Bools
    odds: Odds = LINEAR  # how quality becomes the chance of a row inside its cluster

    def groups(self) -> Int64s:
        """The group of each row, 0..n_clusters."""
        groups: Int64s = np.where(self.cluster_id == NOISE, self.n_clusters, self.cluster_id)
        return groups

    def sizes(self) -> Int64s:
        """Rows that may be drawn, per group, shape (n_clusters + 1,)."""
        return np.bincount(self.groups()[~self.excluded], minlength=self.n_clusters + 1).astype(np.int64)


def split_budget(total: int, rounds: int) -> tuple[int, ...]:
    """``total`` rows divided over rounds as evenly as whole rows allow, the larger parts first; they sum to it.

    Raises InvalidOptions when a round would get none.
    """
    if rounds < 1 or total < rounds:
        raise InvalidOptions(
            f"A budget of {total:,} rows cannot be divided over {rounds} rounds: every round needs a row. "
            "Raise the budget, or ask for fewer rounds."
        )
    return tuple(int(part) for part in allocate(total, np.ones(rounds), np.full(rounds, total)))


def draw_round(
    pool: RefinementPool,
    weights: ArrayLike,
    n_rows: int,
    *,
    taken: ArrayLike,
    rng: np.random.Generator,
) -> Selection:
    """Draw ``n_rows`` rows that are not yet ``taken`` (n,) bool: by weight over clusters, by quality inside each.

    ``weights`` (n_clusters + 1,), the last for rows outside every cluster; a cluster of weight 0 gives only pinned
    rows. A cluster that runs out gives its share to the others; what nobody has is the result's ``shortfall``.
    Paper section 3.2; METHODS.md 1.4.

    Raises InvalidOptions as ``kmq`` does.
    """
    drawn_by = np.asarray(weights, dtype=np.float64)
    done = np.asarray(taken, dtype=np.bool_)
    pinned = pool.pinned & ~done
    closed = drawn_by[pool.groups()] <= 0
    out = (pool.excluded | done | closed) & ~pinned
    return kmq(
        pool.cluster_id,
        pool.quality,
        budget=n_rows,
        n_clusters=pool.n_clusters,
        quota="weights",
        weights=drawn_by,
        odds=pool.odds,
        pinned=pinned,
        excluded=out,
        rng=rng,
    )


def spread_order(group: ArrayLike, rng: np.random.Generator) -> Int64s:
    """Positions of rows in an order that hears every group once before any a second time, chance deciding inside.

    Any prefix is then the fairest sample of that size over the groups.
    """
    ids = np.asarray(group, dtype=np.int64)
    luck = rng.permutation(ids.size)
    order = np.lexsort((luck, ids))
    turn = np.empty(ids.size, dtype=np.int64)
    turn[order] = places_in_groups(np.unique(ids, return_counts=True)[1])
    result: Int64s = np.lexsort((luck, turn))
    return result
