"""The methods that divide a budget over groups and take rows by a simple order: all of them are kMQ with other odds.

``kmq`` draws by log odds plus chance. With odds so far apart that chance cannot change their order it takes rows in a given
order instead; with equal odds it draws evenly. So pins, exclusions, quotas and tokens mean the same in all of them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tamis.compute.select.draw import Odds
from tamis.compute.select.drawn_order import Noise
from tamis.compute.select.groups import places_in_groups
from tamis.compute.select.kmq import Observe, Quota, Selection, kmq, kmq_tokens
from tamis.compute.select.picks import Picked, Unscored, check_budget, checked_scores, pool_of
from tamis.errors import InvalidOptions
from tamis.types import NOISE, Float64s, Int64s

# Makes neighbours in an order 1000 apart in log odds; Gumbel noise stays within about 50.
IN_ORDER = Odds("softmax", 1e-3, in_spreads=False)


def km_random(
    cluster_id: ArrayLike,
    *,
    budget: int,
    n_clusters: int,
    quota: Quota = "proportional",
    weights: ArrayLike | None = None,
    noise: Noise = "own group",
    token_counts: ArrayLike | None = None,
    pinned: ArrayLike | None = None,
    excluded: ArrayLike | None = None,
    observe: Observe | None = None,
    rng: np.random.Generator,
) -> Picked:
    """Divide the budget over clusters as ``kmq`` does and draw evenly inside each: kMQ without quality (METHODS.md 1.3).

    A TokenSelection when ``token_counts`` (n,) are given; the budget is then in tokens.
    """
    return _grouped_pick(
        cluster_id,
        None,
        budget,
        token_counts,
        n_clusters=n_clusters,
        quota=quota,
        weights=weights,
        noise=noise,
        pinned=pinned,
        excluded=excluded,
        observe=observe,
        rng=rng,
    )


def km_closest(
    cluster_id: ArrayLike,
    distance: ArrayLike,
    *,
    budget: int,
    n_clusters: int,
    quota: Quota = "proportional",
    weights: ArrayLike | None = None,
    noise: Noise = "own group",
    token_counts: ArrayLike | None = None,
    pinned: ArrayLike | None = None,
    excluded: ArrayLike | None = None,
    observe: Observe | None = None,
    rng: np.random.Generator,
) -> Picked:
    """Divide the budget over clusters and take the rows nearest to each centroid, ties by position.

    ``distance`` (n,) to the own centroid, of any unit; NaN comes last. The authors' code makes as many clusters as rows to
    pick and takes one each, with duplicates; this is the variant of the paper's table (METHODS.md 1.3, 1.7).
    """
    return _grouped_pick(
        cluster_id,
        _order_odds(-checked_scores(distance, np.size(cluster_id))),
        budget,
        token_counts,
        n_clusters=n_clusters,
        quota=quota,
        weights=weights,
        noise=noise,
        pinned=pinned,
        excluded=excluded,
        observe=observe,
        rng=rng,
    )


def stratified(
    codes: ArrayLike,
    *,
    budget: int,
    n_groups: int,
    quota: Quota = "proportional",
    weights: ArrayLike | None = None,
    token_counts: ArrayLike | None = None,
    pinned: ArrayLike | None = None,
    excluded: ArrayLike | None = None,
    observe: Observe | None = None,
    rng: np.random.Generator,
) -> Picked:
    """Draw evenly inside the groups of any column: ``codes`` (n,) in 0..n_groups-1, or -1 for no value, a group too."""
    return km_random(
        codes,
        budget=budget,
        n_clusters=n_groups,
        quota=quota,
        weights=weights,
        token_counts=token_counts,
        pinned=pinned,
        excluded=excluded,
        observe=observe,
        rng=rng,
    )


def top_quality(
    quality: ArrayLike,
    *,
    budget: int,
    unscored: Unscored = "last",
    token_counts: ArrayLike | None = None,
    pinned: ArrayLike | None = None,
    excluded: ArrayLike | None = None,
    observe: Observe | None = None,
    rng: np.random.Generator,
) -> Picked:
    """Take the rows of highest ``quality`` (n,), ties by position; NaN comes last or never. One cluster 0."""
    scores = checked_scores(quality, np.size(quality))
    pool = pool_of(scores.size, pinned=pinned, excluded=excluded)
    out = ~pool.available
    if unscored == "never":
        out |= np.isnan(scores)
        out[pool.start] = False
    return _grouped_pick(
        np.zeros(scores.size, dtype=np.int64),
        _order_odds(scores),
        budget,
        token_counts,
        n_clusters=1,
        pinned=pinned,
        excluded=out,
        observe=observe,
        rng=rng,
    )


def best_of_clusters(
    cluster_id: ArrayLike, quality: ArrayLike, *, per_cluster: int, available: ArrayLike | None = None
) -> Float64s:
    """A quality (n,) by which the best ``per_cluster`` available rows of each cluster come first, then all others, both best first.

    Higher is better; NaN comes last, noise (-1) has no row of its own. CaR's order (arXiv 2402.18191); METHODS.md 4.16.
    """
    ids = np.asarray(cluster_id, dtype=np.int64)
    scores = checked_scores(quality, ids.size)
    open_rows = (
        np.ones(ids.size, dtype=np.bool_) if available is None else np.asarray(available, dtype=np.bool_)
    )
    inside = np.flatnonzero(open_rows & (ids >= 0) & ~np.isnan(scores))
    ranked = inside[np.lexsort((inside, -scores[inside], ids[inside]))]
    places = places_in_groups(np.bincount(ids[ranked])[np.unique(ids[ranked])]) if ranked.size else ranked
    first = np.zeros(ids.size, dtype=np.bool_)
    first[ranked[places < per_cluster]] = True
    order = np.lexsort((np.arange(ids.size), np.isnan(scores), -np.nan_to_num(scores, nan=-np.inf), ~first))
    place = np.empty(ids.size)
    place[order] = np.arange(ids.size)
    return -place


def kmq_released(
    cluster_id: ArrayLike,
    quality: ArrayLike,
    *,
    budget: int,
    n_clusters: int,
    pinned: ArrayLike | None = None,
    excluded: ArrayLike | None = None,
    observe: Observe | None = None,
    rng: np.random.Generator,
) -> Selection:
    """Pick as the authors' released code ran: int(b / K) rows of every cluster, capped, by the softmax of int(quality).

    What a small cluster cannot give and the remainder of b / K are lost, as there; ``shortfall`` counts both.
    ``quality`` (n,) is truncated toward zero. Two things differ, and only where that code fails: the softmax does not
    overflow, and a NaN counts as the median of its cluster. Noise rows (-1) take no part. A cluster
    gives its pinned rows even beyond its quota. METHODS.md 1.7, kMQ quota and probability.

    Raises InvalidOptions when the budget is below one row per cluster.
    """
    check_budget(budget)
    ids = np.asarray(cluster_id, dtype=np.int64)
    pool = pool_of(ids.size, pinned=pinned, excluded=excluded)
    if budget < n_clusters:
        raise InvalidOptions(
            f"A budget of {budget} over {n_clusters} clusters is int(b / K) = 0 rows each in the released code: give "
            f"{n_clusters} or more, or use kmq."
        )
    scores = np.trunc(checked_scores(quality, ids.size))
    pins = np.bincount(ids[pool.start][ids[pool.start] >= 0], minlength=n_clusters)
    sizes = np.bincount(ids[pool.available & (ids >= 0)], minlength=n_clusters)
    quotas = np.maximum(np.minimum(budget // n_clusters, sizes), pins)
    noise_pins = int(np.count_nonzero(ids[pool.start] == NOISE))
    drawn = kmq(
        ids,
        scores,
        budget=max(1, min(budget, int(quotas.sum()) + noise_pins)),
        n_clusters=n_clusters,
        quota="weights",
        weights=np.append(quotas, noise_pins),
        odds=Odds("softmax", 1.0, in_spreads=False),
        noise="exclude",
        pinned=pinned,
        excluded=excluded,
        observe=observe,
        rng=rng,
    )
    return replace(drawn, shortfall=budget - drawn.rows.size)


def _order_odds(values: Float64s) -> Float64s:
    """Qualities that make ``kmq`` with IN_ORDER take rows by ``values`` descending, ties by position, NaN last."""
    rank: Int64s = np.empty(values.size, dtype=np.int64)
    rank[np.lexsort((np.arange(values.size), -values))] = np.arange(values.size)
    return -rank.astype(np.float64)


def _grouped_pick(
    cluster_id: ArrayLike,
    order_odds: Float64s | None,
    budget: int,
    token_counts: ArrayLike | None,
    *,
    n_clusters: int,
    rng: np.random.Generator,
    **options: Any,  # noqa: ANN401 - what kmq and kmq_tokens share; the callers above are typed
) -> Picked:
    shared = {"n_clusters": n_clusters, "odds": IN_ORDER, "rng": rng, **options}
    if token_counts is None:
        return kmq(cluster_id, order_odds, budget=budget, **shared)
    return kmq_tokens(cluster_id, order_odds, token_counts=token_counts, token_budget=budget, **shared)
