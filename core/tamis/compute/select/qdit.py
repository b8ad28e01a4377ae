"""QDIT: greedy on a mix of coverage (facility location) and quality (METHODS.md 4.2); facility location is its alpha 0.

f(a | A) = (1 - alpha) * [d(A + a) - d(A)] / |V| + alpha * q(a) / b, with d(A) = sum over v of max over a of cos(a, v). The
paper does not say how d and q are scaled: here coverage is a mean over the pool, q is moved and stretched to 0..1, and b is
the number of picks, so the greedy rule maximises (1 - alpha) * coverage + alpha * mean quality, both in 0..1, and alpha
depends neither on the size of the pool or of the selection nor on the scorer's units.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from tamis.compute.select.lazy_greedy import Beat, Coverage, LazyGreedy
from tamis.compute.select.picks import (
    Picked,
    Pool,
    Progress,
    Record,
    as_picked,
    by_score,
    check_budget,
    checked_scores,
    pool_of,
    take,
)
from tamis.compute.vectors import check_vectors
from tamis.errors import CurationError, InvalidOptions
from tamis.types import Float32s, Float64s, Int64s

EXACT_ROWS = 200_000  # beyond, comparing all pairs takes hours on two cores and more than 2 GB


def qdit(
    vectors: Float32s,
    quality: ArrayLike,
    *,
    budget: int,
    alpha: float = 0.7,
    spread_over: float = 1.0,
    start_value: float = 0.0,
    reference_rows: ArrayLike | None = None,
    token_counts: ArrayLike | None = None,
    pinned: ArrayLike | None = None,
    excluded: ArrayLike | None = None,
    picked: ArrayLike | None = None,
    progress: Progress | None = None,
    record: Record | None = None,
) -> Picked:
    """Pick greedily by ``(1 - alpha) * mean gain in coverage + alpha * quality / spread_over``, exactly (lazy evaluation).

    ``vectors`` (n, d) float32, used at unit length; ``quality`` (n,) higher is better, scaled to 0..1 over the rows not
    excluded; NaN counts as the median. alpha 1 is the order of quality, alpha 0 facility location; the paper found
    0.5, 0.7 or 0.9 best. ``spread_over`` the rows that are to be picked makes alpha weigh mean quality against coverage;
    at 1 every pick counts its quality in full and, coverage being a mean over the pool, hardly anything else (METHODS.md
    4.2). ``start_value`` is the coverage of a row before anything is picked: 0 counts only
    positive cosines, -1 all. ``budget`` counts rows, or tokens when ``token_counts`` (n,) are given. Excluded rows are
    neither picked nor covered. ``picked`` resumes a stopped run. Cosines are float32, sums float64; values
    closer than 1e-6 of the gain are ties, which go to the lowest row.

    ``reference_rows``: cover these rows instead of all, an approximation for large pools (see
    ``facility_location.coverage_gap``). Without them the pool is limited to EXACT_ROWS.

    Raises InvalidOptions for unusable options, masks or scores; CurationError for a pool too large to do exactly.
    """
    n, _ = check_vectors(vectors)
    check_budget(budget, "rows" if token_counts is None else "tokens")
    if not 0 <= alpha <= 1:
        raise InvalidOptions(f"alpha is {alpha}: give a number from 0 (coverage only) to 1 (quality only).")
    if not spread_over > 0:
        raise InvalidOptions(f"Quality is spread over {spread_over} rows: give a number above 0.")
    if start_value not in (0.0, -1.0):
        raise InvalidOptions(f"The start value is {start_value}: give 0 (positive cosines only) or -1 (all).")
    pool = pool_of(n, pinned=pinned, excluded=excluded, picked=picked)
    bonus = alpha * range_scaled(checked_scores(quality, n), np.flatnonzero(pool.available)) / spread_over
    report = None if progress is None else _Report(progress, budget)
    order: Iterable[int]
    if alpha == 1:
        order = by_score(bonus, pool.candidates).tolist()
    else:
        coverage = _coverage(
            vectors, pool, reference_rows, start_value, None if report is None else report.again
        )
        order = LazyGreedy(coverage, pool.candidates, gain_weight=1 - alpha, bonus=bonus)
    rows = take(order, pool, budget=budget, token_counts=token_counts, progress=report, record=record)
    return as_picked(rows, pool, budget=budget, token_counts=token_counts)


def range_scaled(quality: Float64s, rows: Int64s) -> Float64s:
    """``quality`` (n,) moved and stretched so that it spans 0..1 over ``rows``; NaN becomes their median.

    All 0 when the rows have one value, or none was scored. Values of other rows may lie outside 0..1.
    """
    scored = quality[rows][~np.isnan(quality[rows])]
    if scored.size == 0 or scored.min() == scored.max():
        return np.zeros_like(quality)
    filled = np.where(np.isnan(quality), np.median(scored), quality)
    # halved, because the difference of two large numbers may overflow
    scaled: Float64s = (filled / 2 - scored.min() / 2) / (scored.max() / 2 - scored.min() / 2)
    return scaled


@dataclass(slots=True)
class _Report:
    """Progress that can be repeated while a long step is under way, so that it can be cancelled in it."""

    progress: Progress
    budget: int
    done: int = 0

    def __call__(self, done: int, budget: int) -> None:
        self.done = done
        self.progress(done, budget)

    def again(self) -> None:
        self.progress(self.done, self.budget)


def _coverage(
    vectors: Float32s,
    pool: Pool,
    reference_rows: ArrayLike | None,
    start_value: float,
    beat: Beat | None,
) -> Coverage:
    if reference_rows is None:
        reference = np.flatnonzero(pool.available)
        if reference.size > EXACT_ROWS:
            raise CurationError(
                f"Comparing all pairs of {reference.size:,} rows needs {reference.size**2:.1e} cosines: give a random "
                f"sample of reference rows (20,000 is usual), or exclude rows until at most {EXACT_ROWS:,} are left."
            )
    else:
        reference = _checked_reference(reference_rows, vectors.shape[0])
    coverage = Coverage(vectors, reference, start_value=start_value, beat=beat)
    for row in pool.start.tolist():
        coverage.add(row)
    return coverage


def _checked_reference(reference_rows: ArrayLike, n: int) -> Int64s:
    rows = np.unique(np.asarray(reference_rows, dtype=np.int64))
    if rows.size == 0 or rows[0] < 0 or rows[-1] >= n or rows.size > EXACT_ROWS:
        raise InvalidOptions(
            f"Reference rows must be 1 to {EXACT_ROWS:,} positions from 0 to {n - 1}, got {rows.size}."
        )
    return rows
