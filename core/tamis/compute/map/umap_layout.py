"""UMAP's layout in two dimensions without umap-learn: neighbours by faiss or numpy, the graph by numpy, one compiled loop
(McInnes et al., arXiv 1802.03426; METHODS.md 6.1).

umap-learn compiles for most of a minute in each fresh process; this compiles 2 s once on a machine.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import optimize, sparse

from tamis.compute.map.neighbors import NearestRows
from tamis.compute.map.projection import UMAP_INIT_SPAN, Place, check_umap, laid_out
from tamis.types import Float32s, Float64s, Int64s

# As umap-learn has it. 200 for few rows too would halve what is quick already, and cost .003 to .01 of trustworthiness.
_FEW_ROWS, _EPOCHS_OF_FEW, _EPOCHS_OF_MANY = 10_000, 500, 200
_BISECTIONS = 64
_NEVER = np.finfo(np.float64).tiny


class Neighbourhoods(NamedTuple):
    """The nearest of each row, itself first: row numbers (n, k) and cosine distances (n, k) in [0, 2]."""

    rows: Int64s
    distances: Float64s


def umap_2d(
    vectors: Float32s,
    *,
    n_neighbors: int = 15,
    min_dist: float = 0.1,
    n_epochs: int | None = None,
    max_fit_rows: int | None = 200_000,
    seed: int = 42,
    repeatable: bool = True,
) -> Float32s:
    """Coordinates (n, 2) float32 for a map, by UMAP on cosine distance from a PCA start.

    ``repeatable`` searches the neighbours of more than EXACT_ROWS rows on one core, so that the same seed gives the same
    picture; fewer rows always do. ``n_epochs`` is 500 up to 10,000 rows and 200 above, when None. Rows above ``max_fit_rows`` stand at the mean of their neighbours, weighted as in the graph.
    See ``laid_out`` for what falls back to PCA. Raises InvalidOptions for n_neighbors below 2 or min_dist outside [0, 1].
    """

    def fit(matrix: Float32s, start: Float32s) -> tuple[Float32s, Place]:
        from tamis.compute.map.umap_kernel import descend  # numba: 0.6 s that PCA need not pay

        k = min(n_neighbors, len(matrix) - 1)
        nearest = NearestRows(matrix, repeatable=repeatable)
        graph = fuzzy_graph(Neighbourhoods(*nearest.around_each(k)))
        epochs = n_epochs or (_EPOCHS_OF_FEW if len(matrix) <= _FEW_ROWS else _EPOCHS_OF_MANY)
        graph.data[graph.data < graph.data.max() / epochs] = 0
        graph.eliminate_zeros()
        points = _spread(start, seed)
        a, b = attraction_curve(min_dist)
        period = (graph.data.max() / graph.data).astype(np.float32)
        descend(
            points, graph.indptr.astype(np.int64), graph.indices.astype(np.int32), period,
            np.float32(a), np.float32(b), epochs, np.uint64(seed),
        )  # fmt: skip

        def place(rows: Float32s) -> Float32s:
            near, cosine = nearest.search(rows, k)
            weights = _memberships(np.clip(1 - cosine.astype(np.float64), 0, 2))
            weights = np.where(near < 0, 0, weights)
            total = np.maximum(weights.sum(axis=1), _NEVER)
            placed: Float32s = (np.einsum("ij,ijk->ik", weights, points[near]) / total[:, None]).astype(
                np.float32
            )
            return placed

        return points, place

    check_umap(n_neighbors, min_dist)
    return laid_out(vectors, 2, fit, max_fit_rows=max_fit_rows)


def fuzzy_graph(near: Neighbourhoods) -> sparse.csr_matrix:
    """The fuzzy union of all neighbourhoods (n, n), weights in (0, 1]; no row is its own neighbour."""
    n, k = near.rows.shape
    weights = np.hstack([np.zeros((n, 1)), _memberships(near.distances[:, 1:])])
    weights[near.rows == np.arange(n)[:, None]] = 0
    one = sparse.csr_matrix((weights.ravel(), (np.repeat(np.arange(n), k), near.rows.ravel())), shape=(n, n))
    graph: sparse.csr_matrix = (one + one.T - one.multiply(one.T)).tocsr()
    return graph


def attraction_curve(min_dist: float, spread: float = 1.0) -> tuple[float, float]:
    """The a and b with which 1 / (1 + a x^2b) follows ``min_dist`` best, by least squares as in umap-learn."""
    x = np.linspace(0, spread * 3, 300)
    y = np.where(x < min_dist, 1, np.exp((min_dist - x) / spread))
    (a, b), _ = optimize.curve_fit(lambda x, a, b: 1 / (1 + a * x ** (2 * b)), x, y)
    return float(a), float(b)


def _memberships(distances: Float64s) -> Float64s:
    """Weights (n, k) of neighbours by distance, 1 for the nearest: bandwidths such that they sum to log2(k + 1), those of all
    rows bisected at once.
    """
    n, k = distances.shape
    nearest = np.where(distances > 0, distances, np.inf).min(axis=1, keepdims=True)
    nearest = np.where(np.isfinite(nearest), nearest, 0)
    excess = np.maximum(distances - nearest, 0)
    low, high, sigma = np.zeros((n, 1)), np.full((n, 1), np.inf), np.ones((n, 1))
    for _ in range(_BISECTIONS):
        above = np.exp(-excess / np.maximum(sigma, 1e-12)).sum(axis=1, keepdims=True) > np.log2(k + 1)
        high, low = np.where(above, sigma, high), np.where(above, low, sigma)
        sigma = np.where(np.isinf(high), sigma * 2, (low + high) / 2)
    floor = np.where(nearest > 0, distances.mean(axis=1, keepdims=True), distances.mean())
    weights: Float64s = np.exp(-excess / np.maximum(sigma, np.maximum(1e-3 * floor, 1e-12)))
    return weights


def _spread(start: Float32s, seed: int) -> Float32s:
    """The start on UMAP's scale, with a trace of noise: copies must not begin in one point, or nothing parts them."""
    span = np.maximum(np.ptp(start, axis=0), 1e-12)
    at = UMAP_INIT_SPAN * (start - start.min(axis=0)) / span
    noise = np.random.default_rng(seed).normal(scale=1e-4, size=at.shape)
    return np.ascontiguousarray(at + noise, dtype=np.float32)
