"""Histograms whose bins suit the middle of the values, so that a few strange ones do not squeeze the rest together."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from tamis.types import Float64s, Int64s

MIDDLE = (0.005, 0.995)


def middle_edges(values: ArrayLike, n_bins: int, *, logarithmic: bool = False) -> Float64s:
    """Edges (n_bins + 1,) over the middle 99 % of the values that are numbers; from 0 to 1 where there is none."""
    given = np.asarray(values, dtype=np.float64)
    known = given[np.isfinite(given)]
    if not len(known):
        return np.linspace(0.0, 1.0, n_bins + 1)
    low, high = np.quantile(known, MIDDLE)
    if logarithmic:
        return np.geomspace(max(low, 1.0), max(high, low + 1.0, 2.0), n_bins + 1)
    return np.linspace(low, high if high > low else low + 1.0, n_bins + 1)


def count_in(values: ArrayLike, edges: Float64s) -> Int64s:
    """Values per bin (n_bins,); what lies outside counts in the first or the last, NaN nowhere."""
    given = np.asarray(values, dtype=np.float64)
    counts, _ = np.histogram(np.clip(given[np.isfinite(given)], edges[0], edges[-1]), bins=edges)
    return counts.astype(np.int64)


def histograms(
    values: ArrayLike, subsets: Mapping[str, Int64s | slice], n_bins: int, *, logarithmic: bool = False
) -> tuple[Float64s, dict[str, Int64s]]:
    """Edges over the middle of all values, and the counts per bin of each subset of them."""
    given = np.asarray(values, dtype=np.float64)
    edges = middle_edges(given, n_bins, logarithmic=logarithmic)
    return edges, {name: count_in(given[rows], edges) for name, rows in subsets.items()}


def mean_per_group(labels: Int64s, values: ArrayLike, n_groups: int) -> Float64s:
    """Mean of the values (n,) that are numbers per group, (n_groups,); NaN for a group without one."""
    given = np.asarray(values, dtype=np.float64)
    known = np.isfinite(given)
    sums = np.bincount(labels[known], weights=given[known], minlength=n_groups)
    counts = np.bincount(labels[known], minlength=n_groups)
    means: Float64s = np.divide(sums, counts, out=np.full(n_groups, np.nan), where=counts > 0)
    return means
