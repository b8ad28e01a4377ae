"""kMQ: a budget divided over clusters, then a draw by quality inside each (arXiv 2409.11378, METHODS.md 1).

Everything is vectorised over rows: one sort by cluster and random key replaces a loop over clusters.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from tamis.compute.select.allocate import allocate_with_floor, with_shares
from tamis.compute.select.draw import LINEAR, Odds
from tamis.compute.select.drawn_order import DrawnOrder, Groups, Noise, checked_ids, draw_order
from tamis.compute.select.groups import places_in_groups
from tamis.compute.select.masks import checked_counts
from tamis.errors import InvalidOptions
from tamis.types import NOISE, Bools, Float64s, Int64s

Quota = Literal["proportional", "equal", "weights"]


@dataclass(frozen=True, slots=True)
class Selection:
    """The rows that were picked and how the budget was divided.

    Rows come in an order of which every prefix is itself divided about like the whole.
    """

    rows: Int64s  # (b,) positions in the dataset, each once
    cluster_id: Int64s  # (b,) cluster of each row, -1 for noise
    rank: Int64s  # (b,) 0 = drawn first in its cluster
    weight: Float64s  # (b,) in (0, 1]: the part of the row's cluster that was picked, picked / available
    allocated: Int64s  # (n_clusters + 1,) rows picked per cluster; the last entry is the noise group
    available: Int64s  # (n_clusters + 1,) rows that could have been picked
    shortfall: int  # budget rows that no available row was left for
    n_forced: int  # picked rows whose probability was 0: their cluster had nothing else left


@dataclass(frozen=True, slots=True)
class TokenSelection:
    """A selection whose budget was counted in tokens."""

    selection: Selection  # its shortfall is 0: rows were not what was asked for
    token_quota: Int64s  # (n_clusters + 1,) tokens allotted per cluster, the last entry is the noise group
    tokens: Int64s  # (n_clusters + 1,) tokens spent per cluster, after what was left was spent elsewhere
    unused_tokens: int  # every row that was not picked is longer than this


@dataclass(frozen=True, slots=True)
class Drawing:
    """How a budget was divided over groups and in which order each group was drawn, for whoever asks why."""

    groups: Groups
    weights: Float64s  # (n_groups,) that the budget was divided by
    held: Int64s  # (n_groups,) what each group has of the budget's unit
    share: Int64s  # (n_groups,) the quotas, in that unit
    order: Int64s  # positions in ``groups``, sorted by group, in each as drawn
    taken: Bools  # which of ``order`` were picked


Observe = Callable[[Drawing], None]


def kmq(
    cluster_id: ArrayLike,
    quality: ArrayLike | None,
    *,
    budget: int,
    n_clusters: int,
    quota: Quota = "proportional",
    weights: ArrayLike | None = None,
    shares: Mapping[int, float] | None = None,
    odds: Odds = LINEAR,
    noise: Noise = "own group",
    pinned: ArrayLike | None = None,
    excluded: ArrayLike | None = None,
    observe: Observe | None = None,
    rng: np.random.Generator,
) -> Selection:
    """Pick ``budget`` rows: divide it over clusters, then draw by quality inside each without replacement.

    ``cluster_id`` (n,) in 0..n_clusters-1, or -1 for noise, which is a group of its own or left out.
    ``quality`` (n,) higher is better; None draws evenly; ``odds`` says how it counts, and ``log_weights`` what NaN is.
    ``quota``: by size, equal, or by ``weights`` (n_clusters,) for each cluster as a whole (with noise in its
    own group, noise keeps its share of the rows; n_clusters + 1 weights set that too). ``shares`` are fractions of the
    budget that clusters get whatever the quota says, -1 for noise; the others divide the rest. ``pinned`` (n,) bool
    rows are always picked and count against the budget and their cluster; ``excluded`` (n,) rows never are.
    The budget is spent exactly unless fewer rows are available, which ``shortfall`` tells. ``observe`` is told how. Paper section 3.1;
    METHODS.md 1.1, 1.7, 1.8.

    Raises InvalidOptions for a budget below 1, too many pins, a row both pinned and excluded, unusable
    weights or shares.
    """
    _check_budget(budget, "rows")
    drawn = draw_order(
        cluster_id, quality, n_clusters=n_clusters, odds=odds, noise=noise, pinned=pinned, excluded=excluded, rng=rng
    )  # fmt: skip
    return cut_rows(drawn, budget, quota=quota, weights=weights, shares=shares, observe=observe)


def kmq_tokens(
    cluster_id: ArrayLike,
    quality: ArrayLike | None,
    *,
    token_counts: ArrayLike,
    token_budget: int,
    n_clusters: int,
    quota: Quota = "proportional",
    weights: ArrayLike | None = None,
    shares: Mapping[int, float] | None = None,
    odds: Odds = LINEAR,
    noise: Noise = "own group",
    pinned: ArrayLike | None = None,
    excluded: ArrayLike | None = None,
    observe: Observe | None = None,
    rng: np.random.Generator,
) -> TokenSelection:
    """Pick rows for at most ``token_budget`` tokens, as ``kmq`` does for rows.

    ``token_counts`` (n,) are not negative. Tokens are divided over clusters (proportional means by the tokens
    a cluster holds, so every cluster keeps the same part of itself). Each cluster takes its rows in the order
    drawn, the longest prefix within its share. What is left of all shares is then spent on the remaining
    rows, those first that overshoot their cluster's share least (those of probability 0 last), skipping any
    that does not fit: so the total never exceeds the budget, and no row that was left out fits into what is
    unused. Rows are whole, so a budget of tokens cannot in general be met to the token; ``unused_tokens``
    says by how much.

    Raises InvalidOptions as ``kmq`` does, and for a negative token count.
    """
    _check_budget(token_budget, "tokens")
    counts = checked_counts(token_counts, checked_ids(cluster_id, n_clusters).size)
    drawn = draw_order(
        cluster_id, quality, n_clusters=n_clusters, odds=odds, noise=noise, pinned=pinned, excluded=excluded, rng=rng
    )  # fmt: skip
    return cut_tokens(
        drawn, counts, token_budget, quota=quota, weights=weights, shares=shares, observe=observe
    )


def cut_rows(
    drawn: DrawnOrder,
    budget: int,
    *,
    quota: Quota = "proportional",
    weights: ArrayLike | None = None,
    shares: Mapping[int, float] | None = None,
    observe: Observe | None = None,
) -> Selection:
    """The first rows of each group for a budget of rows, exactly as ``kmq`` picks them; raises as it does. O(n)."""
    _check_budget(budget, "rows")
    groups, order = drawn.groups, drawn.order
    available = groups.sums()
    by = _quota_weights(quota, weights, shares, available)
    share = allocate_with_floor(budget, by, available, groups.sums(groups.pinned))
    position = places_in_groups(available)
    taken = position < share[groups.group[order]]
    if observe is not None:
        observe(Drawing(groups, by, available, share, order, taken))
    return _selection(groups, order[taken], position[taken], shortfall=max(0, budget - int(available.sum())))


def cut_tokens(
    drawn: DrawnOrder,
    token_counts: Int64s,
    token_budget: int,
    *,
    quota: Quota = "proportional",
    weights: ArrayLike | None = None,
    shares: Mapping[int, float] | None = None,
    observe: Observe | None = None,
) -> TokenSelection:
    """The rows for a budget of tokens, exactly as ``kmq_tokens`` picks them; raises as it does."""
    _check_budget(token_budget, "tokens")
    groups, order = drawn.groups, drawn.order
    cost = token_counts[groups.rows]
    tokens = groups.sums(cost)
    by = _quota_weights(quota, weights, shares, tokens)
    share = allocate_with_floor(token_budget, by, tokens, groups.sums(cost * groups.pinned))
    forced = np.isneginf(groups.key[order])
    taken = _within_shares(cost[order], groups.group[order], share, budget=token_budget, forced=forced)
    if observe is not None:
        observe(Drawing(groups, by, tokens, share, order, taken))
    picked = order[taken]
    rank = places_in_groups(np.bincount(groups.group[picked], minlength=groups.n_groups))
    spent = np.bincount(groups.group[picked], weights=cost[picked], minlength=groups.n_groups).astype(
        np.int64
    )
    return TokenSelection(
        selection=_selection(groups, picked, rank, shortfall=0),
        token_quota=share,
        tokens=spent,
        unused_tokens=token_budget - int(spent.sum()),
    )


def uniform(
    n_rows: int,
    budget: int,
    *,
    pinned: ArrayLike | None = None,
    excluded: ArrayLike | None = None,
    observe: Observe | None = None,
    rng: np.random.Generator,
) -> Selection:
    """Pick ``budget`` of ``n_rows`` rows at random, as one cluster 0; the masks as in ``kmq``."""
    one_cluster = np.zeros(n_rows, dtype=np.int64)
    return kmq(
        one_cluster,
        None,
        budget=budget,
        n_clusters=1,
        pinned=pinned,
        excluded=excluded,
        observe=observe,
        rng=rng,
    )


def uniform_tokens(
    token_counts: ArrayLike,
    token_budget: int,
    *,
    pinned: ArrayLike | None = None,
    excluded: ArrayLike | None = None,
    observe: Observe | None = None,
    rng: np.random.Generator,
) -> TokenSelection:
    """Pick rows at random for at most ``token_budget`` tokens; see ``kmq_tokens`` for what is exact."""
    return kmq_tokens(
        np.zeros(np.size(token_counts), dtype=np.int64),
        None,
        token_counts=token_counts,
        token_budget=token_budget,
        n_clusters=1,
        pinned=pinned,
        excluded=excluded,
        observe=observe,
        rng=rng,
    )


def _check_budget(budget: int, unit: str) -> None:
    if budget < 1:
        raise InvalidOptions(f"The budget is {budget} {unit}: give 1 or more.")


def _quota_weights(
    quota: Quota, weights: ArrayLike | None, shares: Mapping[int, float] | None, sizes: Int64s
) -> Float64s:
    """Weight per group, noise last; ``sizes`` are what each group has of the budget's unit."""
    if (quota == "weights") != (weights is not None):
        raise InvalidOptions(
            f"The quota is {quota!r}: give cluster weights with the quota 'weights' and only then."
        )
    if weights is None:
        by = (sizes > 0).astype(np.float64) if quota == "equal" else sizes.astype(np.float64)
    else:
        by = _given_weights(weights, sizes)
    return with_shares(by, shares) if shares else by


def _given_weights(weights: ArrayLike, sizes: Int64s) -> Float64s:
    given = np.asarray(weights, dtype=np.float64)
    if given.shape == sizes.shape:
        return given
    if given.shape != (sizes.size - 1,):
        raise InvalidOptions(
            f"There are {given.size} weights for {sizes.size - 1} clusters: give one per cluster."
        )
    clustered = int(sizes[:-1].sum())
    own = given.sum() * sizes[-1] / clustered if clustered else 1.0
    return np.append(given, own)


def _within_shares(cost: Int64s, group: Int64s, share: Int64s, *, budget: int, forced: Bools) -> Bools:
    """Which rows, sorted by group in draw order, fit their group's share, then what the shares left.

    ``forced`` rows have probability 0 and come last in the second part.
    """
    sizes = np.bincount(group, minlength=share.size)
    total = np.cumsum(cost)
    before = np.concatenate(([0], total))[np.cumsum(sizes) - sizes]
    inside = total - before[group]
    taken: Bools = inside <= share[group]
    left = budget - int(cost[taken].sum())
    rest = np.flatnonzero(~taken)
    rest = rest[np.lexsort((inside[rest] / np.maximum(share[group[rest]], 1), forced[rest]))]
    while (rest := rest[cost[rest] <= left]).size:
        fits = int(np.searchsorted(np.cumsum(cost[rest]), left, side="right"))
        taken[rest[:fits]] = True
        left -= int(cost[rest[:fits]].sum())
        rest = rest[fits:]
    return taken


def _selection(groups: Groups, picked: Int64s, rank: Int64s, *, shortfall: int) -> Selection:
    group = groups.group[picked]
    available = groups.sums()
    allocated = np.bincount(group, minlength=groups.n_groups).astype(np.int64)
    order = np.lexsort((group, (rank + 0.5) / allocated[group]))
    group, rank, picked = group[order], rank[order], picked[order]
    return Selection(
        rows=groups.rows[picked],
        cluster_id=np.where(group == groups.n_groups - 1, NOISE, group),
        rank=rank.astype(np.int64),
        weight=allocated[group] / available[group],
        allocated=allocated,
        available=available,
        shortfall=shortfall,
        n_forced=int(np.isneginf(groups.key[picked]).sum()),
    )
