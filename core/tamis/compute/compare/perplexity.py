"""Perplexity of responses under several models, held beside each other on the same rows (METHODS.md 3.1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from tamis.compute.compare.paired import paired_change
from tamis.compute.compare.seeds import difference_over_seeds, mean_over_seeds
from tamis.types import Float64s, Int64s

PackedBits: TypeAlias = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class LogRatio:
    """log(perplexity) of one model less another's: the mean, an interval over draws and one over rows; NaN for none."""

    mean: float
    low: float
    high: float
    row_low: float
    row_high: float

    @property
    def told(self) -> int:
        """1 or −1 where neither interval holds 0, else 0."""
        ends = (self.low, self.high, self.row_low, self.row_high)
        return 1 if min(ends) > 0 else -1 if max(ends) < 0 else 0


def log_perplexity(nll: Float64s, n_tokens: Int64s) -> Float64s:
    """Mean negative log-likelihood per token (...,) of ``nll`` (..., rows), sums over the tokens of each row."""
    mean: Float64s = nll.sum(axis=-1) / n_tokens.sum()
    return mean


def perplexity_over_seeds(nll: Float64s, n_tokens: Int64s) -> tuple[float, float, float]:
    """Geometric mean of the perplexities of draws (seeds, rows) with Student's t interval over them; NaN ends for one."""
    found = mean_over_seeds(log_perplexity(nll, n_tokens)[:, None])
    mean, low, high = (float(np.exp(one[0])) for one in found)
    return mean, low, high


def log_ratio(
    first: Float64s,
    second: Float64s,
    n_tokens: Int64s,
    *,
    n_models: int = 2,
    groups: Int64s | None = None,
) -> LogRatio:
    """``first`` and ``second`` (seeds, rows) are sums of negative log-likelihoods of the same rows with ``n_tokens`` (rows,).

    Over draws: differences of one seed are pairs. Over rows: means over draws, rows weighted by their tokens; those of one of
    ``groups`` (rows,), as of one prompt, are one, with the sum of their tokens. Of
    ``n_models`` held beside each other all pairs hold together (Bonferroni).
    """
    draws = difference_over_seeds(
        log_perplexity(first, n_tokens),
        log_perplexity(second, n_tokens),
        paired=True,
        n_methods=max(2, n_models),
    )
    n_pairs = max(1, n_models * (n_models - 1) // 2)
    place = np.arange(len(n_tokens)) if groups is None else np.unique(groups, return_inverse=True)[1]
    sums = np.bincount(place, weights=(first - second).mean(axis=0))
    rows = paired_change(sums * len(sums) / n_tokens.sum(), confidence_fraction=1 - 0.05 / n_pairs)
    return LogRatio(draws.mean, draws.low, draws.high, rows.low, rows.high)


def mask_overlap(first: PackedBits, second: PackedBits) -> float:
    """Jaccard index of two masks packed into bytes (k,): weights that both remove over those that either does."""
    both = int(np.bitwise_count(first & second).sum(dtype=np.int64))
    either = int(np.bitwise_count(first | second).sum(dtype=np.int64))
    return both / either if either else 1.0
