"""MIG: greedy information gain over labels that tell each other of what they hold (arXiv 2504.13835; METHODS.md 4.13)."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import ArrayLike

from tamis.compute.select.picks import Picked, Progress, Record, as_picked, pool_of, take
from tamis.compute.vectors import unit_rows
from tamis.types import Float64s, Int64s

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Gain = Literal["exact", "gradient"]
Direction = Literal["receive", "send"]

POWER, SHIFT = 0.8, 1e-6  # φ(x) = (x + 1e-6)^0.8, as released
THRESHOLD, ALPHA = 0.9, 1.0

Worth = Callable[[int], float]


def propagation(
    similarity: ArrayLike,
    *,
    threshold: float = THRESHOLD,
    alpha: float = ALPHA,
    direction: Direction = "receive",
) -> Float64s:
    """What each label takes of the others, shape (L, L), from their ``similarity`` (L, L), of which less than ``threshold`` is none.

    ``receive``: rows add up to 1, as published, so a label gets a weighted average; ``send`` is its transpose, where what a
    label holds is divided among labels and nothing is lost.
    """
    weight = np.array(similarity, dtype=np.float64)
    weight[weight < threshold] = 0
    weight *= alpha
    np.fill_diagonal(weight, 1)
    taken: Float64s = weight / weight.sum(axis=1, keepdims=True)
    return taken if direction == "receive" else taken.T


def label_similarity(centroids: ArrayLike) -> Float64s:
    """Cosines of the labels' vectors (L, d), shape (L, L); a label without a direction is like none but itself."""
    units = unit_rows(np.asarray(centroids, dtype=np.float32)).astype(np.float64)
    return units @ units.T


def row_information(
    scores: ArrayLike, labels: csr_matrix, taken: Float64s, *, per_label: bool = False
) -> csr_matrix:
    """What each row tells each label, sparse (n, L): its score spread over its 0/1 ``labels`` (n, L) and on by ``taken``.

    ``per_label`` divides a row's score by the number of its labels.
    """
    # Here: whoever only imports a selection method need not wait for it.
    from scipy import sparse

    weight = np.asarray(scores, dtype=np.float64)
    if per_label:
        weight = weight / np.maximum(1, np.asarray(labels.sum(axis=1)).ravel())
    return sparse.csr_matrix(sparse.diags(weight) @ labels @ sparse.csr_matrix(taken.T))


def shifted_scores(quality: ArrayLike | None, n: int) -> Float64s:
    """Scores (n,) of at least 0: moved up by the lowest where that is negative, NaN as the median; 1 for all where none is above 0."""
    if quality is None:
        return np.ones(n)
    scores = np.asarray(quality, dtype=np.float64)
    known = scores[~np.isnan(scores)]
    if known.size == 0:
        return np.ones(n)
    scores = np.where(np.isnan(scores), np.median(known), scores) - min(0.0, float(known.min()))
    return scores if scores.max() > 0 else np.ones(n)


def information(total: Float64s) -> Float64s:
    """The information φ of each label that was told ``total``."""
    worth: Float64s = (total + SHIFT) ** POWER
    return worth


def information_gain(
    told: csr_matrix,
    *,
    budget: int,
    gain: Gain = "exact",
    token_counts: ArrayLike | None = None,
    pinned: ArrayLike | None = None,
    excluded: ArrayLike | None = None,
    picked: ArrayLike | None = None,
    progress: Progress | None = None,
    record: Record | None = None,
) -> Picked:
    """Pick the row that most raises the sum over labels of φ of what they were told, until the budget is spent.

    ``told`` is ``row_information``, at least 0. ``gain`` "exact" is within 1 - 1/e of the best set; "gradient" goes by the
    slope of φ where it stands, as released. Neither grows as rows are picked, so a lazy heap finds the same rows. Ties go to
    the lowest row. Other arguments and errors as in ``k_center``.
    """
    pool = pool_of(told.shape[0], pinned=pinned, excluded=excluded, picked=picked)
    order = _walk(told, pool.start, pool.candidates, gain)
    rows = take(order, pool, budget=budget, token_counts=token_counts, progress=progress, record=record)
    return as_picked(rows, pool, budget=budget, token_counts=token_counts)


def gain_of_row(told: csr_matrix, total: Float64s, row: int, gain: Gain = "exact") -> float:
    """What ``row`` adds where the labels were told ``total`` (L,) so far."""
    mine = slice(told.indptr[row], told.indptr[row + 1])
    label, amount = told.indices[mine], told.data[mine]
    before = total[label]
    if gain == "gradient":
        return float((POWER * (before + SHIFT) ** (POWER - 1) * amount).sum())
    return float((information(before + amount) - information(before)).sum())


def total_told(told: csr_matrix, rows: Int64s) -> Float64s:
    """What the labels were told by all of ``rows``, shape (L,)."""
    total: Float64s = np.asarray(told[rows].sum(axis=0), dtype=np.float64).ravel()
    return total


def _walk(told: csr_matrix, start: Int64s, candidates: Int64s, gain: Gain) -> Iterator[int]:
    total = total_told(told, start)
    step = 0
    heap = [(-gain_of_row(told, total, row, gain), row, step) for row in candidates.tolist()]
    heapq.heapify(heap)
    while heap:
        least, row, known = heap[0]
        if known < step and least < 0:
            heapq.heapreplace(heap, (-gain_of_row(told, total, row, gain), row, step))
            continue
        heapq.heappop(heap)
        mine = slice(told.indptr[row], told.indptr[row + 1])
        total[told.indices[mine]] += told.data[mine]
        step += 1
        yield row
