"""SemDeDup: drop near neighbours inside clusters, then spend the budget on what is left (arXiv 2303.09540).

Comparing only inside clusters turns n x n cosines into the sum of squared cluster sizes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from tamis.compute.select.cluster_picks import top_quality
from tamis.compute.select.draw import LINEAR, Odds
from tamis.compute.select.kmq import Observe, Quota, kmq, kmq_tokens, uniform, uniform_tokens
from tamis.compute.select.picks import Picked, pool_of
from tamis.compute.vectors import block_of, blocks, check_vectors, group_means, unit_rows
from tamis.errors import CurationError, InvalidOptions
from tamis.types import Bools, Float32s, Float64s, Int64s

Keep = Literal["farthest", "closest"]
Then = Literal["quality", "random", "kmq"]

PAIR_LIMIT = 5e10  # cosines: about ten minutes on two cores at d = 384
TILE_ROWS = 2048
NOISE = 2e-6  # float32 error of a cosine; nearer to the threshold the pair is decided in float64


@dataclass(frozen=True, slots=True)
class SemanticDuplicates:
    """Which rows resemble a row that stays ahead of them, and the nearest such row."""

    dropped: Bools  # (n,)
    nearest: Int64s  # (n,) the most similar row ahead in the same cluster; -1 when the row is kept
    cosine: Float32s  # (n,) cosine to it; NaN when the row is kept


def mark_near_duplicates(
    vectors: Float32s,
    cluster_id: ArrayLike,
    *,
    n_clusters: int,
    threshold: float = 0.95,
    keep: Keep = "farthest",
    pinned: ArrayLike | None = None,
    excluded: ArrayLike | None = None,
) -> SemanticDuplicates:
    """Mark every row whose cosine to a row ahead of it in its cluster is above ``threshold``.

    Ahead is who is farther from the centroid of the cluster (``keep`` "farthest", as in the paper: the least typical of a
    group of duplicates stays) or closer to it; ties by position. As in the released code a row is also compared with
    rows ahead that were themselves dropped, so of a chain of neighbours one stays. Pinned rows are ahead of
    all and never dropped. Excluded rows and noise (-1) take no part.

    Raises CurationError, before any work, when the clusters are so large that more than PAIR_LIMIT pairs would
    be compared; InvalidOptions for unusable masks or a threshold outside -1..1.
    """
    n, _ = check_vectors(vectors)
    if not -1 <= threshold <= 1:
        raise InvalidOptions(f"The threshold is {threshold}: give a cosine from -1 to 1; 0.95 is usual.")
    pool = pool_of(n, pinned=pinned, excluded=excluded)
    ids = np.where(pool.available, np.asarray(cluster_id, dtype=np.int64), -1)
    sizes = np.bincount(ids[ids >= 0], minlength=n_clusters)
    _check_pairs(sizes)
    key = _centroid_cosines(vectors, ids, n_clusters) * (1 if keep == "farthest" else -1)
    key[pool.start] = -np.inf
    order = np.lexsort((np.arange(n), key, ids))[n - int(sizes.sum()) :]
    duplicates = SemanticDuplicates(
        np.zeros(n, dtype=bool), np.full(n, -1), np.full(n, np.nan, dtype=np.float32)
    )
    for rows in np.split(order, np.cumsum(sizes)[:-1]):
        _mark_cluster(vectors, rows, threshold, duplicates)
    duplicates.dropped[pool.start] = False
    duplicates.nearest[~duplicates.dropped] = -1
    duplicates.cosine[~duplicates.dropped] = np.nan
    return duplicates


def semdedup(
    vectors: Float32s,
    cluster_id: ArrayLike,
    quality: ArrayLike | None = None,
    *,
    budget: int,
    n_clusters: int,
    threshold: float = 0.95,
    keep: Keep = "farthest",
    then: Then = "random",
    quota: Quota = "proportional",
    odds: Odds = LINEAR,
    token_counts: ArrayLike | None = None,
    pinned: ArrayLike | None = None,
    excluded: ArrayLike | None = None,
    duplicates: SemanticDuplicates | None = None,
    observe: Observe | None = None,
    rng: np.random.Generator,
) -> Picked:
    """Drop ``mark_near_duplicates``, then pick the budget from the rest: at random, the best by ``quality``, or by ``kmq``.

    ``budget`` counts rows, or tokens when ``token_counts`` (n,) are given (the result is then a TokenSelection). When
    too few rows are left the ``shortfall`` says so; no duplicate is ever picked. ``odds`` are those of ``kmq``.
    ``duplicates`` spare finding them again.

    Raises InvalidOptions when ``then`` is "quality" and there is none, and as ``mark_near_duplicates`` and ``kmq`` do.
    """
    if duplicates is None:
        duplicates = mark_near_duplicates(
            vectors,
            cluster_id,
            n_clusters=n_clusters,
            threshold=threshold,
            keep=keep,
            pinned=pinned,
            excluded=excluded,
        )
    out = duplicates.dropped if excluded is None else duplicates.dropped | np.asarray(excluded)
    who: dict[str, Any] = {"pinned": pinned, "excluded": out, "observe": observe}
    if then == "quality":
        if quality is None:
            raise InvalidOptions(
                "Picking the best by quality needs a quality score: choose one, or pick at random."
            )
        return top_quality(quality, budget=budget, token_counts=token_counts, **who, rng=rng)
    if then == "random":
        if token_counts is None:
            return uniform(out.size, budget, **who, rng=rng)
        return uniform_tokens(token_counts, budget, **who, rng=rng)
    spread: dict[str, Any] = {"n_clusters": n_clusters, "quota": quota, "odds": odds, **who, "rng": rng}
    if token_counts is None:
        return kmq(cluster_id, quality, budget=budget, **spread)
    return kmq_tokens(cluster_id, quality, token_counts=token_counts, token_budget=budget, **spread)


def _check_pairs(sizes: Int64s) -> None:
    pairs = float((sizes.astype(np.float64) ** 2).sum() / 2)
    if pairs > PAIR_LIMIT:
        j = int(np.argmax(sizes))
        raise CurationError(
            f"{pairs:.1e} pairs would be compared; the largest cluster ({j}) holds {sizes[j]:,} rows: cluster again with "
            f"more clusters, so that the pairs stay below {PAIR_LIMIT:.0e}."
        )


def _centroid_cosines(vectors: Float32s, ids: Int64s, n_clusters: int) -> Float64s:
    """Cosine (n,) of each row to the mean of its cluster; 0 for rows of none."""
    means = group_means(vectors, ids, n_clusters)
    cosines = np.zeros(ids.size)
    for part in blocks(ids.size, 4 * vectors.shape[1]):
        inside = np.flatnonzero(ids[part] >= 0) + part.start
        rows = unit_rows(block_of(vectors, inside)).astype(np.float64)
        centres = means[ids[inside]]
        lengths = np.sqrt((centres * centres).sum(axis=1))
        cosines[inside] = (rows * centres).sum(axis=1) / np.where(lengths == 0, 1, lengths)
    # What float32 vectors cannot tell apart must tie: equal rows, and the two of a cluster of two.
    return np.round(cosines, 6)


def _mark_cluster(vectors: Float32s, rows: Int64s, threshold: float, duplicates: SemanticDuplicates) -> None:
    """Compare every row of one cluster, in order of precedence, with the rows ahead of it."""
    for low in range(0, rows.size, TILE_ROWS):
        mine = rows[low : low + TILE_ROWS]
        block = unit_rows(block_of(vectors, mine))
        best, nearest = np.full(mine.size, -np.inf, dtype=np.float32), np.full(mine.size, -1)
        for start in range(0, low + 1, TILE_ROWS):
            ahead = rows[start : start + TILE_ROWS]
            cosine = block @ unit_rows(block_of(vectors, ahead)).T
            if start == low:
                cosine[np.triu_indices(mine.size)] = -np.inf
            column = np.argmax(cosine, axis=1)
            higher = cosine[np.arange(mine.size), column] > best
            best[higher] = cosine[higher, column[higher]]
            nearest[higher] = ahead[column[higher]]
        near = best > threshold
        for i in np.flatnonzero(np.abs(best - threshold) <= NOISE).tolist():
            near[i] = _exact_cosine(vectors, int(mine[i]), int(nearest[i])) > threshold
        duplicates.dropped[mine], duplicates.nearest[mine], duplicates.cosine[mine] = near, nearest, best


def _exact_cosine(vectors: Float32s, a: int, b: int) -> float:
    x, y = vectors[a].astype(np.float64), vectors[b].astype(np.float64)
    lengths = float(np.sqrt((x * x).sum() * (y * y).sum()))
    return float((x * y).sum() / lengths) if lengths else 0.0
