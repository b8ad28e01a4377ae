"""Balanced accuracy of a checker that says how far a claim is supported (METHODS.md 3.3)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tamis.errors import InvalidOptions
from tamis.types import Bools, Float64s, Int64s

RESAMPLES = 2000
LIMIT = 0.5


@dataclass(frozen=True, slots=True)
class BalancedAccuracy:
    """Half the sum of the shares of supported (``tpr``) and unsupported claims (``tnr``) told as such, of ``n`` claims.

    ``low`` and ``high`` are a bootstrap interval at 95 % over groups of claims, as those about one document.
    """

    n: int
    n_supported: int
    tpr: float
    tnr: float
    value: float
    low: float
    high: float


def balanced_accuracy(
    labels: Bools, support: Float64s, rng: np.random.Generator, *, groups: Int64s
) -> BalancedAccuracy:
    """Of n claims with their labels and the support found (n,), from 0 to 1; above ½ is supported.

    The interval draws whole ``groups`` (n,) anew, as documents: draws without one of the labels are left out, and it is NaN
    for one group. NaN support, which could not be judged, counts as not supported. Raises InvalidOptions where one of the labels
    is missing.
    """
    n, n_supported = len(labels), int(labels.sum())
    if not 0 < n_supported < n:
        raise InvalidOptions(
            f"Of {n:,} claims {n_supported:,} are supported: balanced accuracy needs both labels, 1 and 0."
        )
    told = np.nan_to_num(support, nan=0.0) > LIMIT
    place = np.unique(groups, return_inverse=True)[1]
    parts = (labels & told, labels, ~labels & ~told, ~labels)
    counts = np.stack(
        [np.bincount(place, weights=one, minlength=int(place.max()) + 1) for one in parts], axis=1
    )
    low, high = np.quantile(drawn, (0.025, 0.975)) if len(drawn := _draws(counts, rng)) else (np.nan, np.nan)
    hits, of_supported, passes, of_others = counts.sum(axis=0)
    tpr, tnr = float(hits / of_supported), float(passes / of_others)
    return BalancedAccuracy(n, n_supported, tpr, tnr, (tpr + tnr) / 2, float(low), float(high))


def _draws(counts: Int64s, rng: np.random.Generator) -> Float64s:
    """Balanced accuracies of samples of groups with replacement; ``counts`` (k, 4) are told and all of both labels."""
    k = len(counts)
    if k < 2:
        return np.empty(0)
    kinds, n_groups = np.unique(counts, axis=0, return_counts=True)  # alike groups are drawn together
    drawn = rng.multinomial(k, n_groups / k, size=RESAMPLES) @ kinds
    whole = drawn[(drawn[:, 1] > 0) & (drawn[:, 3] > 0)]
    found: Float64s = (whole[:, 0] / whole[:, 1] + whole[:, 2] / whole[:, 3]) / 2
    return found
