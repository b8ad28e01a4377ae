"""Balanced accuracy of a checker that says how far a claim is supported (METHODS.md 3.3)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tamis.errors import InvalidOptions
from tamis.types import Bools, Float64s

RESAMPLES = 2000
LIMIT = 0.5


@dataclass(frozen=True, slots=True)
class BalancedAccuracy:
    """Half the sum of the shares of supported (``tpr``) and unsupported claims (``tnr``) told as such, of ``n`` claims.

    ``low`` and ``high`` are a bootstrap interval at 95 % over claims within each label.
    """

    n: int
    n_supported: int
    tpr: float
    tnr: float
    value: float
    low: float
    high: float


def balanced_accuracy(labels: Bools, support: Float64s, rng: np.random.Generator) -> BalancedAccuracy:
    """Of n claims with their labels and the support found (n,), from 0 to 1; above ½ is supported.

    NaN, which could not be judged, counts as not supported. Raises InvalidOptions where one of the labels is missing.
    """
    n, n_supported = len(labels), int(labels.sum())
    if not 0 < n_supported < n:
        raise InvalidOptions(
            f"Of {n:,} claims {n_supported:,} are supported: balanced accuracy needs both labels, 1 and 0."
        )
    told = np.nan_to_num(support, nan=0.0) > LIMIT
    hits, passes = told[labels].astype(np.float64), (~told[~labels]).astype(np.float64)
    drawn = np.array([_mean_of_draws(part, rng) for part in (hits, passes)]).mean(axis=0)
    low, high = np.quantile(drawn, [0.025, 0.975])
    tpr, tnr = float(hits.mean()), float(passes.mean())
    return BalancedAccuracy(n, n_supported, tpr, tnr, (tpr + tnr) / 2, float(low), float(high))


def _mean_of_draws(values: Float64s, rng: np.random.Generator) -> Float64s:
    """Means of samples with replacement: of zeros and ones, their counts are binomial."""
    drawn: Float64s = rng.binomial(len(values), values.mean(), size=RESAMPLES) / len(values)
    return drawn
