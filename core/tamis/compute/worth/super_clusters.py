"""Few enough clusters for a regression: neighbours joined until each has rows and tokens enough."""

from __future__ import annotations

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage

from tamis.compute.worth.limits import FEWEST_ROWS, FEWEST_RUNS, MOST, SMALLEST_SHARE, USUAL_RUNS
from tamis.errors import InvalidOptions
from tamis.types import Float64s, Int64s


def join_clusters(centroids: Float64s, tokens: Float64s, rows: Float64s, most: int = MOST) -> Int64s:
    """Super-cluster of every cluster, (k,): numbered by tokens, 0 the largest.

    ``centroids`` (k, d) are joined by Ward's criterion to at most ``most``; then the smallest one with less than
    SMALLEST_SHARE of the ``tokens`` (k,), or fewer than FEWEST_ROWS of the ``rows`` (k,) that a run with the pool's shares
    reads, joins the one that costs least by the same criterion. Raises InvalidOptions where fewer than two are left.
    METHODS.md 5.10.
    """
    n_clusters = len(centroids)
    groups = np.arange(n_clusters)
    if n_clusters > most:
        groups = fcluster(linkage(centroids, method="ward"), most, criterion="maxclust").astype(np.int64) - 1
    groups = _numbered(groups, tokens)
    while groups.max(initial=0) > 0:
        shares = np.bincount(groups, tokens) / tokens.sum()
        small = np.flatnonzero((shares < SMALLEST_SHARE) | (np.bincount(groups, rows) < FEWEST_ROWS))
        if not len(small):
            return groups
        one = int(small[-1])
        groups = _numbered(np.where(groups == one, _nearest(centroids, groups, one), groups), tokens)
    raise InvalidOptions(
        f"Of {n_clusters:,} clusters with {rows.sum():,.0f} rows in a run no two super-clusters have "
        f"{FEWEST_ROWS} rows and {100 * SMALLEST_SHARE:.0f} % of the tokens each: raise the tokens of a run or cluster anew."
    )


def check_number_of_runs(n_runs: int, n_clusters: int) -> None:
    """Raise InvalidOptions where there are fewer than FEWEST_RUNS for each super-cluster."""
    if n_runs < FEWEST_RUNS * n_clusters:
        raise InvalidOptions(
            f"{n_runs} runs do not tell {n_clusters} super-clusters apart: at least {FEWEST_RUNS * n_clusters}, "
            f"usually {USUAL_RUNS * n_clusters}, or fewer super-clusters."
        )


def _nearest(centroids: Float64s, groups: Int64s, one: int) -> int:
    """The group whose union with ``one`` adds least to the squares within groups."""
    sizes = np.bincount(groups).astype(np.float64)
    sums = np.zeros((len(sizes), centroids.shape[1]))
    np.add.at(sums, groups, centroids)
    means = sums / sizes[:, None]
    cost = sizes * sizes[one] / (sizes + sizes[one]) * ((means - means[one]) ** 2).sum(axis=1)
    cost[one] = np.inf
    return int(cost.argmin())


def _numbered(groups: Int64s, tokens: Float64s) -> Int64s:
    """The same groups, 0 the one with most tokens; of equal ones the one with the lowest cluster."""
    _, first, place = np.unique(groups, return_index=True, return_inverse=True)
    order = np.lexsort((first, -np.bincount(place, tokens)))
    numbers = np.empty(len(order), dtype=np.int64)
    numbers[order] = np.arange(len(order))
    numbered: Int64s = numbers[place]
    return numbered
