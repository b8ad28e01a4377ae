"""From vectors to a plane or a few dimensions: PCA at once, umap-learn when there is time (METHODS.md 6.1)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tamis.compute.vectors import block_of, blocks, check_vectors, unit_rows
from tamis.errors import InvalidOptions
from tamis.types import Float32s, Float64s, Int64s

PCA_ROWS = 100_000  # rows that estimate the axes; more of them do not move the picture
MIN_UMAP_ROWS = 5  # below this there is no neighbourhood to keep, and PCA shows everything
UMAP_INIT_SPAN = 10.0  # UMAP's own scale for a starting layout

Place = Callable[[Float32s], Float32s]  # further unit rows (m, d) to their places (m, n_components)
Fit = Callable[[Float32s, Float32s], tuple[Float32s, Place]]


def pca(vectors: Float32s, n_components: int, *, max_fit_rows: int = PCA_ROWS) -> Float32s:
    """Coordinates (n, n_components) on the axes of largest variance, largest first.

    Axes come from at most ``max_fit_rows`` evenly spaced rows; every row is projected. Nothing is random, and
    each axis points where its largest loading is positive, so the same vectors give the same picture.
    Components beyond the dimension, or of identical vectors, are 0.

    Raises InvalidOptions when n_components is below 1.
    """
    from scipy import linalg  # not before: an import loads this module and projects nothing

    n, d = check_vectors(vectors)
    if n_components < 1:
        raise InvalidOptions(f"The number of dimensions is {n_components}: give 1 or more.")
    step = max(1, -(-n // max_fit_rows))
    mean, covariance = _moments(vectors, step)
    m = min(n_components, d)
    _, axes = linalg.eigh(covariance, subset_by_index=[d - m, d - 1])
    axes = axes[:, ::-1]
    signs = np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(m)])
    axes = (axes * np.where(signs == 0, 1, signs)).astype(np.float32)
    origin = (mean @ axes).astype(np.float32)
    points = np.zeros((n, n_components), dtype=np.float32)
    if not covariance.any():
        return points
    for rows in blocks(n, d):
        points[rows, :m] = block_of(vectors, rows) @ axes - origin
    return points


def pca_2d(vectors: Float32s, *, max_fit_rows: int = PCA_ROWS) -> Float32s:
    """Coordinates (n, 2) for a map; see ``pca``."""
    return pca(vectors, 2, max_fit_rows=max_fit_rows)


def reduce_umap(
    vectors: Float32s,
    n_components: int,
    *,
    n_neighbors: int = 15,
    min_dist: float = 0.0,
    max_fit_rows: int | None = 200_000,
    n_jobs: int = -1,
    seed: int | None = None,
) -> Float32s:
    """Lay ``vectors`` (n, d) out in ``n_components`` dimensions by umap-learn on cosine distance from a PCA start.

    With a ``seed`` the result can be repeated and one thread works; without, ``n_jobs`` threads do (-1: all
    cores) and runs differ. The first call in a process compiles for up to a minute. For the rest see ``laid_out``.
    """

    def fit(matrix: Float32s, start: Float32s) -> tuple[Float32s, Place]:
        import umap  # compiles code while it loads: seconds that PCA need not pay

        model = umap.UMAP(
            metric="cosine",
            n_components=n_components,
            n_neighbors=min(n_neighbors, len(matrix) - 1),
            min_dist=min_dist,
            init=start * (UMAP_INIT_SPAN / np.abs(start).max()),
            n_jobs=1 if seed is not None else n_jobs,
            random_state=seed,
        )
        return model.fit_transform(matrix), model.transform

    check_umap(n_neighbors, min_dist)
    return laid_out(vectors, n_components, fit, max_fit_rows=max_fit_rows)


def check_umap(n_neighbors: int, min_dist: float) -> None:
    """Raise InvalidOptions for ``n_neighbors`` below 2 or ``min_dist`` outside [0, 1]."""
    if n_neighbors < 2 or not 0 <= min_dist <= 1:
        raise InvalidOptions(
            f"n_neighbors is {n_neighbors} and min_dist {min_dist}: give at least 2, and a value from 0 to 1."
        )


def laid_out(
    vectors: Float32s, n_components: int, fit: Fit, *, max_fit_rows: int | None = 200_000
) -> Float32s:
    """Coordinates (n, n_components) by ``fit``, which gets unit rows and a PCA start, and returns their places and what
    places further unit rows.

    Above ``max_fit_rows`` a layout is fitted to evenly spaced rows and the others are placed into it. Fewer rows than
    MIN_UMAP_ROWS or than dimensions, and identical vectors, fall back to PCA, so coordinates are always finite.
    """
    n, _ = check_vectors(vectors)
    fitted = _spaced_rows(n, max_fit_rows)
    matrix = unit_rows(block_of(vectors, fitted))
    start = pca(matrix, n_components)
    if len(matrix) < max(MIN_UMAP_ROWS, n_components + 2) or not np.ptp(start, axis=0).any():
        return pca(vectors, n_components)
    points = np.empty((n, n_components), dtype=np.float32)
    points[fitted], place = fit(matrix, start)
    rest = np.setdiff1d(np.arange(n), fitted, assume_unique=True)
    for rows in blocks(rest.size, vectors.shape[1]):
        points[rest[rows]] = place(unit_rows(block_of(vectors, rest[rows])))
    return _finite(points, start, fitted)


def _spaced_rows(n: int, limit: int | None) -> Int64s:
    if limit is None or n <= limit:
        return np.arange(n)
    return np.unique(np.linspace(0, n - 1, limit).astype(np.int64))


def _finite(points: Float32s, start: Float32s, fitted: Int64s) -> Float32s:
    """Replace what UMAP could not place (NaN, for rows without neighbours) by the middle of the map."""
    lost = ~np.isfinite(points).all(axis=1)
    if lost.all():
        points[:] = 0
        points[fitted] = start
    elif lost.any():
        points[lost] = np.median(points[~lost], axis=0)
    return points


def _moments(vectors: Float32s, step: int) -> tuple[Float64s, Float64s]:
    """Mean (d,) and covariance (d, d) of every ``step``-th row, in two passes so that neither cancels."""
    n, d = vectors.shape
    total = np.zeros(d)
    for rows in blocks(n, d):
        total += block_of(vectors, _every(rows, step)).sum(axis=0, dtype=np.float64)
    count = len(range(0, n, step))
    mean = total / count
    covariance = np.zeros((d, d))
    for rows in blocks(n, d):
        centred = block_of(vectors, _every(rows, step)) - mean.astype(np.float32)
        covariance += centred.T @ centred
    return mean, covariance / count


def _every(rows: slice, step: int) -> slice:
    """The rows of a slice whose number is a multiple of ``step``."""
    return slice(-(-rows.start // step) * step, rows.stop, step)
