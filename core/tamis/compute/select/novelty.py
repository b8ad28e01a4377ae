"""How novel rows are to each other, weighed by how crowded the pool is around them; a greedy selection by it (METHODS.md 4.12)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import ArrayLike

from tamis.compute.nearest_rows import nearest_of_all
from tamis.compute.select.picks import Picked, Pool, Progress, Record, as_picked, pool_of, take
from tamis.compute.vectors import block_of, blocks, check_vectors, first_alike, unit_rows
from tamis.types import Float32s, Float64s, Int64s

NEIGHBOURS, BETA, ALPHA = 10, 0.5, 1.0
FLOOR = 1e-9  # added to the mean squared distance, so that a crowd of copies has a density
MISS = 0.05  # chance that none of the rows looked at is among the best 1/b of all
TIE_FRACTION = 1e-9
TILE = 20_000_000  # cosines in memory at once
STRETCH = 64  # cosines of which only the highest is looked at first


def density(
    vectors: Float32s,
    rows: Int64s,
    *,
    reference: Int64s | None = None,
    n_neighbours: int = NEIGHBOURS,
    beta: float = BETA,
    beat: Callable[[], None] | None = None,
) -> Float64s:
    """How crowded the ``reference`` rows (all when None) are around each of ``rows``: (mean d² + 1e-9)^-beta, shape (m,).

    d² are the smallest ``n_neighbours`` squared distances of vectors at length 1. Of reference rows with the same vector one
    counts, and a row's own vector does not. O(m n d). Raises CurationError for vectors with NaN.
    """
    n, d = check_vectors(vectors)
    among = np.arange(n) if reference is None else reference
    others, place = _different(unit_rows(block_of(vectors, among)))
    if 2 * rows.size >= len(others) and np.isin(rows, among).all():
        # Most of the reference is asked for: of all pairs one half is enough.
        number = np.full(n, -1)
        number[among] = place
        squares: Float64s = _mean_squares(others, n_neighbours, beat)[number[rows]]
        return (squares + FLOOR) ** -beta
    mean = np.zeros(rows.size)
    k = min(n_neighbours + 1, len(others))  # one more, as its own vector may be among them
    for part in _tiles(rows.size, len(others)):
        if beat is not None:
            beat()
        mine = unit_rows(block_of(vectors, rows[part]))
        away = _squares(mine, others, _highest(mine @ others.T, k))
        away.sort(axis=1)
        own = away[:, 0] == 0
        total = np.where(own, away[:, 1:].sum(axis=1), away[:, :n_neighbours].sum(axis=1))
        mean[part] = total / np.maximum(1, np.where(own, k - 1, min(k, n_neighbours)))
    return (mean + FLOOR) ** -beta


def _mean_squares(units: Float32s, n_neighbours: int, beat: Callable[[], None] | None) -> Float64s:
    """Mean squared distance of each of the units (m, d), no two alike, to its nearest others."""
    k = min(n_neighbours, len(units) - 1)
    if k < 1:
        return np.zeros(len(units))
    near = nearest_of_all(units, k, beat=beat).places
    return np.concatenate([
        _squares(units[part], units, near[part]).mean(axis=1) for part in blocks(len(units), 2 * k * units.shape[1])
    ])  # fmt: skip


def _squares(mine: Float32s, others: Float32s, near: Int64s) -> Float64s:
    """Squared distances (m, k) of each of ``mine`` to the others at the places ``near`` (m, k), as exact as float64."""
    away = np.empty(near.shape)
    for block in blocks(len(mine), 2 * near.shape[1] * mine.shape[1]):
        apart = others[near[block]].astype(np.float64) - mine[block, None]
        away[block] = np.einsum("ijk,ijk->ij", apart, apart)
    return away


def novel_select(
    vectors: Float32s,
    crowding: Float64s,
    *,
    budget: int,
    expected_picks: float,
    alpha: float = ALPHA,
    miss: float = MISS,
    first: int | None = None,
    seed: int = 42,
    token_counts: ArrayLike | None = None,
    pinned: ArrayLike | None = None,
    excluded: ArrayLike | None = None,
    picked: ArrayLike | None = None,
    progress: Progress | None = None,
    record: Record | None = None,
) -> Picked:
    """Pick the row that is most novel to the picked ones, out of a random part of the pool at every step.

    ``crowding`` (n,) is ``density``. The part holds (n / ``expected_picks``) ln(1 / ``miss``) rows; ``miss`` 0 looks at all.
    ``first`` is where to begin, a random row when None, not used when rows are pinned. Every step draws by ``seed`` and its
    number, so a run can go on. Ties go to the lowest row. Other arguments and errors as in ``k_center``.
    """
    n, _ = check_vectors(vectors)
    pool = pool_of(n, pinned=pinned, excluded=excluded, picked=picked)
    order = _walk(vectors, crowding, pool, expected_picks, alpha=alpha, miss=miss, first=first, seed=seed)
    rows = take(order, pool, budget=budget, token_counts=token_counts, progress=progress, record=record)
    return as_picked(rows, pool, budget=budget, token_counts=token_counts)


def novelty(
    mine: Float64s, my_crowding: Float64s, others: Float64s, other_crowding: Float64s, alpha: float = ALPHA
) -> Float64s:
    """Of each row (m, d) to the picked ``others`` (b, d), unit vectors: mean over them of r^-alpha · D (σ + σ'), ranked by it."""
    value = np.empty(len(mine))
    weight = np.arange(1, len(others) + 1) ** -alpha
    for part in _tiles(len(mine), len(others)):
        apart = (1 - mine[part] @ others.T) * (my_crowding[part, None] + other_crowding)
        apart.sort(axis=1)
        value[part] = apart @ weight / len(others)
    return value


def _walk(
    vectors: Float32s,
    crowding: Float64s,
    pool: Pool,
    expected_picks: float,
    *,
    alpha: float,
    miss: float,
    first: int | None,
    seed: int,
) -> Iterator[int]:
    left = pool.available.copy()
    rows = pool.start.tolist()
    left[rows] = False
    n_looked_at = _n_looked_at(int(pool.available.sum()), expected_picks, miss)
    chosen = np.empty((max(16, len(rows)), vectors.shape[1]))
    for place, row in enumerate(rows):
        chosen[place] = _units(vectors, np.array([row]))[0]
    while (candidates := np.flatnonzero(left)).size:
        rng = np.random.default_rng([seed, len(rows)])
        if not rows:
            row = int(rng.choice(candidates)) if first is None else first
        else:
            if n_looked_at < candidates.size:
                candidates = np.sort(rng.choice(candidates, n_looked_at, replace=False))
            value = novelty(
                _units(vectors, candidates), crowding[candidates], chosen[: len(rows)], crowding[rows], alpha
            )
            row = int(candidates[np.argmax(value >= value.max() * (1 - TIE_FRACTION))])
        if len(rows) == len(chosen):
            chosen = np.concatenate([chosen, np.empty_like(chosen)])
        chosen[len(rows)] = _units(vectors, np.array([row]))[0]
        rows.append(row)
        left[row] = False
        yield row


def _n_looked_at(n: int, expected_picks: float, miss: float) -> int:
    return n if miss == 0 else max(1, math.ceil(n / expected_picks * math.log(1 / miss)))


def _highest(cosine: Float32s, k: int) -> Int64s:
    """Places (m, k) of the highest of each row, in no order: they lie in the k stretches whose highest are highest."""
    n_stretches = cosine.shape[1] // STRETCH
    if n_stretches <= k:
        return np.argpartition(cosine, cosine.shape[1] - k, axis=1)[:, -k:]
    whole = n_stretches * STRETCH
    top = cosine[:, :whole].reshape(len(cosine), n_stretches, STRETCH).max(axis=2)
    best = np.argpartition(top, n_stretches - k, axis=1)[:, -k:]
    places = (best[:, :, None] * STRETCH + np.arange(STRETCH)).reshape(len(cosine), -1)
    rest = np.broadcast_to(np.arange(whole, cosine.shape[1]), (len(cosine), cosine.shape[1] - whole))
    places = np.hstack([places, rest])
    among = np.take_along_axis(cosine, places, axis=1)
    chosen = np.argpartition(among, among.shape[1] - k, axis=1)[:, -k:]
    return np.take_along_axis(places, chosen, axis=1)


def _different(rows: Float32s) -> tuple[Float32s, Int64s]:
    """The rows without repeats of an earlier one, and the number of each row among them."""
    kept, place = np.unique(first_alike(rows), return_inverse=True)
    different: Float32s = rows[kept]
    return different, place


def _units(vectors: Float32s, rows: Int64s) -> Float64s:
    return unit_rows(block_of(vectors, rows)).astype(np.float64)


def _tiles(n: int, width: int) -> Iterator[slice]:
    step = max(1, TILE // max(1, width))
    for start in range(0, n, step):
        yield slice(start, min(n, start + step))
