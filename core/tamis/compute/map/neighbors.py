"""The nearest rows by cosine: all pairs while they are few, a graph of faiss's above (METHODS.md 6.1)."""

from __future__ import annotations

import numpy as np

from tamis.compute.vectors import blocks
from tamis.types import Float32s, Float64s, Int64s

EXACT_ROWS = 20_000  # above this a graph is quicker than comparing all pairs
_OWN = 3.0  # above every cosine: the row itself comes first
_LINKS, _BUILD, _SEARCH = 16, 60, 40  # HNSW: recall .98 of the 15 nearest at 50,000 rows


class NearestRows:
    """What finds the nearest of ``unit`` rows (n, d) float32.

    Exact up to EXACT_ROWS rows; above, HNSW (Malkov and Yashunin, arXiv 1603.09320) finds about 98 of 100. It is built by all
    cores and then differs from run to run, or by one when it has to be ``repeatable``.
    """

    def __init__(self, unit: Float32s, *, repeatable: bool = True) -> None:
        self._unit = unit
        self._graph = None
        if len(unit) > EXACT_ROWS:
            import faiss

            self._graph = faiss.IndexHNSWFlat(unit.shape[1], _LINKS, faiss.METRIC_INNER_PRODUCT)
            self._graph.hnsw.efConstruction, self._graph.hnsw.efSearch = _BUILD, _SEARCH
            threads = faiss.omp_get_max_threads()
            faiss.omp_set_num_threads(1 if repeatable else threads)
            try:
                self._graph.add(unit)
            finally:
                faiss.omp_set_num_threads(threads)

    def search(self, rows: Float32s, k: int) -> tuple[Int64s, Float32s]:
        """Row numbers (m, k), in no order, and cosines (m, k) of the nearest of ``rows`` (m, d); -1 where none was found."""
        if self._graph is not None:
            cosine, near = self._graph.search(rows, k)
            return near, np.where(near < 0, np.float32(-1), cosine)
        return self._nearest(rows @ self._unit.T, k)

    def around_each(self, k: int) -> tuple[Int64s, Float64s]:
        """Row numbers (n, k) and cosine distances (n, k) of the nearest of every row, itself first, then nearest first.

        A row that has fewer neighbours repeats itself at distance 2.
        """
        n = len(self._unit)
        rows, distances = np.empty((n, k), np.int64), np.empty((n, k), np.float64)
        for block in blocks(n, n if self._graph is None else self._unit.shape[1]):
            own = np.arange(n)[block]
            near, cosine = self._of_rows(block, own, k)
            order = np.argsort(-cosine, axis=1, kind="stable")
            rows[block] = np.take_along_axis(near, order, 1)
            distances[block] = np.clip(1 - np.take_along_axis(cosine, order, 1).astype(np.float64), 0, 2)
        distances[:, 0] = 0
        return rows, distances

    def _of_rows(self, block: slice, own: Int64s, k: int) -> tuple[Int64s, Float32s]:
        if self._graph is None:
            every = self._unit[block] @ self._unit.T
            every[np.arange(len(own)), own] = _OWN
            return self._nearest(every, k)
        near, cosine = self.search(self._unit[block], k)
        cosine[near == own[:, None]] = _OWN
        crowded_out = (near != own[:, None]).all(axis=1)  # by copies of itself
        near[crowded_out, -1], cosine[crowded_out, -1] = own[crowded_out], _OWN
        return np.where(near < 0, own[:, None], near), cosine

    @staticmethod
    def _nearest(every: Float32s, k: int) -> tuple[Int64s, Float32s]:
        """A partition is four times as fast as faiss's flat index on one core."""
        near = np.argpartition(every, every.shape[1] - k, axis=1)[:, -k:]
        return near, np.take_along_axis(every, near, 1)
