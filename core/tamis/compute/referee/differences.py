"""Paired differences between methods: the estimand, and how far luck of seeds and of held-out families moves it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy.special import stdtr, stdtrit  # scipy.stats takes half a second to import

from tamis.types import Float64s, Int64s

PRIOR_DF = 4  # degrees of freedom that the variance of all methods together lends to that of one pair


@dataclass(frozen=True, slots=True)
class PairDifferences:
    """Loss of the second method of each pair minus that of the first, in nats per token; each (..., P).

    ``mean`` is negative where the second is better. ``seed_part`` and ``row_part`` are the variances of it by the luck of
    seeds and of held-out families, ``df`` those of the whole by Satterthwaite, ``seed_df`` those of the first.
    """

    mean: Float64s
    seed_part: Float64s
    row_part: Float64s
    df: Float64s
    seed_df: int
    n_seeds: int
    n_families: int

    @property
    def standard_error(self) -> Float64s:
        """Root of both parts, (..., P)."""
        return np.sqrt(self.seed_part + self.row_part)

    @property
    def p(self) -> Float64s:
        """Two-sided p values of no difference, (..., P); 1 where nothing varies and nothing differs."""
        error = self.standard_error
        with np.errstate(divide="ignore", invalid="ignore"):
            t = np.abs(self.mean) / error
            found = 2 * stdtr(self.df, -t)
        return np.where(error > 0, found, np.where(self.mean == 0, 1.0, 0.0))

    def half_width(self, level: Float64s | float) -> Float64s:
        """Half of the two-sided interval that misses with a probability of ``level``, (..., P)."""
        width: Float64s = -stdtrit(self.df, np.asarray(level) / 2) * self.standard_error
        return width

    def error_at(self, n_seeds: int) -> Float64s:
        """The standard error that so many seeds would leave, (..., P): more seeds never remove the luck of the rows."""
        return np.sqrt(self.seed_part * (self.n_seeds / n_seeds) + self.row_part)


def pairs_of(n_methods: int) -> Int64s:
    """All pairs of methods, the earlier first, shape (P, 2); those with method 0 come first."""
    return np.array(list(combinations(range(n_methods), 2)), dtype=np.int64).reshape(-1, 2)


def sums_by_family(values: Float64s, families: Int64s) -> Float64s:
    """Sums of the last axis (R,) over families, numbered by their order: shape (..., F)."""
    _, place = np.unique(families, return_inverse=True)
    order = np.argsort(place, kind="stable")
    starts = np.searchsorted(place[order], np.arange(place.max() + 1))
    sums: Float64s = np.add.reduceat(values[..., order], starts, axis=-1)
    return sums


def pair_differences(loss_sums: Float64s, tokens: Float64s) -> PairDifferences:
    """Differences of every pair from summed losses (..., S, K, F) of S seeds, K methods and F families, and tokens (F,).

    A seed is a block: what it shares between the methods drops out of the difference. Needs two seeds and two families.
    METHODS.md 5.9.
    """
    *_, n_seeds, n_methods, n_families = loss_sums.shape
    pairs, total = pairs_of(n_methods), float(tokens.sum())
    differences = loss_sums[..., pairs[:, 1], :] - loss_sums[..., pairs[:, 0], :]  # (..., S, P, F)
    of_seeds = differences.sum(axis=-1) / total  # (..., S, P)
    mean = of_seeds.mean(axis=-2)
    seed_df = min(n_seeds + 1, (n_methods - 1) * (n_seeds - 1))
    seed_part = _seed_variance(loss_sums.sum(axis=-1) / total, of_seeds) / n_seeds
    row_part = _row_variance(differences, mean, of_seeds, tokens)
    whole = seed_part + row_part
    with np.errstate(divide="ignore", invalid="ignore"):
        df = whole**2 / (seed_part**2 / seed_df + row_part**2 / (n_families - 1))
    df = np.where(np.isfinite(df), df, float(seed_df))
    return PairDifferences(mean, seed_part, row_part, df, seed_df, n_seeds, n_families)


def _seed_variance(of_methods: Float64s, of_seeds: Float64s) -> Float64s:
    """Variance of one seed's difference, (..., P): the pair's own, and never less than with that of all methods lent to it.

    ``of_methods`` (..., S, K) are losses, ``of_seeds`` (..., S, P) their differences.
    """
    n_seeds, n_methods = of_methods.shape[-2:]
    own = of_seeds.var(axis=-2, ddof=1)
    left = of_methods - of_methods.mean(axis=-1, keepdims=True) - of_methods.mean(axis=-2, keepdims=True)
    left = left + of_methods.mean(axis=(-2, -1), keepdims=True)
    shared = 2 * (left**2).sum(axis=(-2, -1)) / ((n_methods - 1) * (n_seeds - 1))
    lent = (PRIOR_DF * shared[..., None] + (n_seeds - 1) * own) / (PRIOR_DF + n_seeds - 1)
    larger: Float64s = np.maximum(own, lent)
    return larger


def row_variance_of_mean(summed: Float64s, mean: Float64s, tokens: Float64s) -> Float64s:
    """Variance of a ratio of sums by the luck of which families there are, (...): ``summed`` (..., F) over seeds averaged."""
    n_families, total = len(tokens), float(tokens.sum())
    left = summed - mean[..., None] * tokens
    variance: Float64s = n_families / (n_families - 1) * (left**2).sum(axis=-1) / total**2
    return variance


def _row_variance(differences: Float64s, mean: Float64s, of_seeds: Float64s, tokens: Float64s) -> Float64s:
    """The same without what seeds and families do together, which the seeds' part holds already; at least 0, (..., P)."""
    n_seeds, n_families, total = differences.shape[-3], len(tokens), float(tokens.sum())
    between = row_variance_of_mean(differences.mean(axis=-3), mean, tokens)
    left = differences - of_seeds[..., None] * tokens
    left = left - left.mean(axis=-3, keepdims=True)
    together = (left**2).sum(axis=(-3, -1)) / (n_seeds * (n_seeds - 1))
    shared = n_families / (n_families - 1) * together / total**2
    left_over: Float64s = np.maximum(between - shared, 0.0)
    return left_over


def bootstrap_differences(
    loss_sums: Float64s, tokens: Float64s, rng: np.random.Generator, n_resamples: int = 2_000
) -> Float64s:
    """Differences of every pair over families drawn with replacement, (n_resamples, P), for plots: the rows' luck alone.

    ``loss_sums`` is (S, K, F), ``tokens`` (F,); the ratio is computed anew in each.
    """
    pairs = pairs_of(loss_sums.shape[1])
    mean = loss_sums.mean(axis=0)
    of_pairs = mean[pairs[:, 1]] - mean[pairs[:, 0]]  # (P, F)
    n_families = len(tokens)
    counts = rng.multinomial(n_families, np.full(n_families, 1 / n_families), size=n_resamples)
    drawn: Float64s = (counts @ of_pairs.T) / (counts @ tokens)[:, None]
    return drawn
