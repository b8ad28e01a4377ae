"""Facility location: greedy coverage of the pool by cosine (METHODS.md 4.2 with alpha 0), and its price on a sample."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from tamis.compute.neighbours import nearest_cosines
from tamis.compute.select.picks import Picked, Progress, Record
from tamis.compute.select.qdit import qdit
from tamis.compute.vectors import check_vectors
from tamis.errors import InvalidOptions
from tamis.types import Float32s, Int64s


@dataclass(frozen=True, slots=True)
class CoverageGap:
    """How much better the rows cover what they were chosen to cover than rows they were not chosen on."""

    reference_value: float  # mean over the reference rows of the highest cosine to a picked row, at least 0
    held_out_value: float  # the same over a sample of the other rows
    gap_fraction: float  # (reference - held out) / reference; near 0 when the reference was large enough
    n_held_out: int


def facility_location(
    vectors: Float32s,
    *,
    budget: int,
    start_value: float = 0.0,
    reference_rows: ArrayLike | None = None,
    token_counts: ArrayLike | None = None,
    pinned: ArrayLike | None = None,
    excluded: ArrayLike | None = None,
    picked: ArrayLike | None = None,
    progress: Progress | None = None,
    record: Record | None = None,
) -> Picked:
    """Pick greedily the row that most raises the sum over the pool of the highest cosine to a picked row.

    Within 1 - 1/e of the best possible coverage. Arguments and errors as in ``qdit``, which this is with alpha 0.
    """
    return qdit(
        vectors,
        np.zeros(check_vectors(vectors)[0]),
        budget=budget,
        alpha=0.0,
        start_value=start_value,
        reference_rows=reference_rows,
        token_counts=token_counts,
        pinned=pinned,
        excluded=excluded,
        picked=picked,
        progress=progress,
        record=record,
    )


def draw_reference(
    n: int, size: int, *, excluded: ArrayLike | None = None, rng: np.random.Generator
) -> Int64s:
    """Draw the reference rows of an approximate run: ``size`` of the ``n`` rows that are not excluded, ascending."""
    rows = np.arange(n) if excluded is None else np.flatnonzero(~np.asarray(excluded, dtype=bool))
    return np.sort(rng.choice(rows, min(size, rows.size), replace=False))


def coverage_gap(
    vectors: Float32s,
    rows: Int64s,
    reference_rows: Int64s,
    *,
    size: int = 10_000,
    excluded: ArrayLike | None = None,
    rng: np.random.Generator,
) -> CoverageGap:
    """Compare the coverage of the reference rows with that of ``size`` other rows, for a run with ``reference_rows``.

    Raises InvalidOptions when every row is a reference row: the run was exact and has no gap.
    """
    n, _ = check_vectors(vectors)
    held_out = np.ones(n, dtype=bool) if excluded is None else ~np.asarray(excluded, dtype=bool)
    held_out[reference_rows] = False
    if not held_out.any():
        raise InvalidOptions("Every row is a reference row: the selection is exact and has no gap to report.")
    sample = draw_reference(n, size, excluded=~held_out, rng=rng)
    inside = float(np.maximum(nearest_cosines(vectors, rows, of=reference_rows), 0).mean())
    outside = float(np.maximum(nearest_cosines(vectors, rows, of=sample), 0).mean())
    return CoverageGap(inside, outside, (inside - outside) / inside if inside else 0.0, sample.size)
