"""How much the quality of picked rows owes to quality: from an even draw (0) to the highest scores (1)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from tamis.compute.ranks import average_ranks
from tamis.types import Bools, Float64s, Int64s

LEAST_GAIN = 0.1  # an even draw of 200 rows stays below in 99 of 100 cases, a draw by ranks is at 0.33


def quality_gain(
    quality: ArrayLike, rows: Int64s, *, available: Bools, group: ArrayLike | None = None
) -> float:
    """Where the picked ``rows`` lie between an even draw from the same groups, 0, and their highest scores, 1.

    The picked rows' sum of ranks among the rows of their own ``group`` (n,) (one for all when None), less what an even
    draw of as many has on average, over what the best of as many have. ``quality`` (n,), NaN rows are left out;
    ``available`` (n,) are the rows that chance or quality could pick: neither excluded nor pinned. Below 0 where the
    worse rows were picked. 0 where all rows of each group have one score. NaN where nothing was left out. Monotone
    changes of the score change nothing. METHODS.md 1.10.
    """
    scores = np.asarray(quality, dtype=np.float64)
    groups = np.zeros(scores.size, dtype=np.int64) if group is None else np.asarray(group, dtype=np.int64)
    picked = np.zeros(scores.size, dtype=np.bool_)
    picked[rows] = True
    known = np.flatnonzero(available & ~np.isnan(scores))
    _, mine = np.unique(groups[known], return_inverse=True)
    taken = picked[known]
    size, n_taken = np.bincount(mine), np.bincount(mine, weights=taken)
    if not ((n_taken > 0) & (n_taken < size)).any():
        return float("nan")
    ranks = _ranks_in_groups(scores[known], mine)
    even = float((n_taken * (size + 1) / 2).sum())
    order = np.lexsort((-ranks, mine))
    place = np.arange(order.size) - np.repeat(np.cumsum(size) - size, size)
    best = float(ranks[order][place < n_taken[mine[order]]].sum())
    return (float(ranks[taken].sum()) - even) / (best - even) if best > even else 0.0


def _ranks_in_groups(scores: Float64s, group: Int64s) -> Float64s:
    """Ranks from 1 inside each group, equal scores sharing the mean of theirs."""
    levels, level = np.unique(scores, return_inverse=True)
    over_all = average_ranks(group * levels.size + level)
    size = np.bincount(group)
    ranks: Float64s = over_all - (np.cumsum(size) - size)[group]
    return ranks
