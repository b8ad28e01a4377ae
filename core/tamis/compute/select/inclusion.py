"""How likely a row is among those drawn by weight without replacement: over all seeds, not the one that was used.

Drawing one row after the other in proportion to weights is the order of independent exponential clocks of these rates. A
row is among the first m where fewer than m other clocks ring before its own: an integral over its time of the
distribution of a sum of independent coins (Poisson binomial). METHODS.md 1.8.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from tamis.types import Float64s

NODES = 192
EXACT_STEPS = 40_000_000  # additions; beyond, the number of rings is taken as normal with its skewness
EARLIEST, LATEST = 1e-8, 25.0  # its own clock rings before or after with a chance of 1e-8 or less
WIDTH, FEW = (
    9.0,
    15.0,
)  # deviations, and rings more than that, outside which the number of rings is certain (Bernstein)


def inclusion_probability(log_weight: ArrayLike, m: int, row: int) -> float:
    """The chance that ``row`` is among ``m`` drawn with odds ``exp(log_weight)`` (n,) without replacement.

    -inf is drawn only when nothing else is left, and then at random. Exact to about 1e-8; in groups so large that n · m is
    above EXACT_STEPS / NODES to about 1e-5.
    """
    weights = np.asarray(log_weight, dtype=np.float64)
    n, able = weights.size, ~np.isneginf(weights)
    n_able = int(able.sum())
    if m <= 0 or m >= n:
        return float(m > 0)
    if not able[row]:
        return max(0, m - n_able) / (n - n_able)
    if m >= n_able:
        return 1.0
    others = np.delete(weights, row)
    rates = np.exp(others[~np.isneginf(others)] - weights[row])
    if np.all(rates == rates[0]) and rates[0] == 1:
        return m / n_able
    early, late = _ring_time(rates, m, -1), _ring_time(rates, m, 1)
    nodes, parts = np.polynomial.legendre.leggauss(NODES)
    # Over the logarithm of time: rates that differ a thousandfold ring at as many scales.
    low, high = np.log(early), np.log(late)
    times = np.exp(low + (nodes + 1) / 2 * (high - low))
    below = _at_most(-np.expm1(-np.outer(times, rates)), m - 1)
    inside = float((parts * times * np.exp(-times) * below).sum()) * (high - low) / 2
    return float(np.clip(-np.expm1(-early) + inside, 0, 1))


def _ring_time(rates: Float64s, m: int, side: int) -> float:
    """A time at which m rings are ``side`` · (WIDTH deviations + FEW) away from what has rung: before it and after it all is certain."""
    low, high = -60.0, 60.0  # log time
    for _ in range(60):
        middle = (low + high) / 2
        p = -np.expm1(-rates * np.exp(middle))
        far = float(p.sum()) - (m - 0.5) - side * (WIDTH * float((p * (1 - p)).sum()) ** 0.5 + FEW)
        low, high = (middle, high) if far < 0 else (low, middle)
    return float(np.clip(np.exp(high), EARLIEST, LATEST))


def _at_most(p: Float64s, k: int) -> Float64s:
    """P(sum of coins ≤ k) for each line of ``p`` (nodes, n)."""
    nodes, n = p.shape
    if nodes * n * (k + 1) > EXACT_STEPS:
        return _nearly_at_most(p, k)
    counts = np.zeros((nodes, k + 2))  # the last holds whatever is above k
    counts[:, 0] = 1
    for one in p.T:
        up = counts * one[:, None]
        counts -= up
        counts[:, 1:] += up[:, :-1]
        counts[:, -1] = 0
    return np.asarray(counts[:, : k + 1].sum(axis=1))


def _nearly_at_most(p: Float64s, k: int) -> Float64s:
    from scipy.special import ndtr

    spread = p * (1 - p)
    deviation = np.sqrt(np.maximum(spread.sum(axis=1), 1e-12))
    skew = (spread * (1 - 2 * p)).sum(axis=1) / deviation**3
    z = (k + 0.5 - p.sum(axis=1)) / deviation
    density = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
    return np.asarray(np.clip(ndtr(z) - skew * (z**2 - 1) / 6 * density, 0, 1))
