"""From the losses of trained mixtures to what is known of every other: a Gaussian process averaged over its scales."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from tamis.compute.worth.kernel import KernelScale, curve, kernel_parts, paired_parts
from tamis.errors import InvalidOptions
from tamis.types import Bools, Float64s

LINEAR = (0.0, 0.3, 1.0, 3.0, 10.0, 30.0)
CURVED = (0.0, 0.3, 1.0, 3.0, 10.0)
LENGTHS = (0.5, 1.0)
SCALES = tuple(
    KernelScale(a, b, length)
    for a in LINEAR
    for b in CURVED
    for length in (LENGTHS if b else LENGTHS[:1])
    if a + b
)  # without a curved part its length says nothing
COVERED = 0.9
FEWEST = 4  # runs: below, no variance is left to estimate


@dataclass(frozen=True, slots=True)
class Contrasts:
    """Differences of losses of two mixtures for every head: ``mean`` and standard ``deviation`` (m, h), nats per token."""

    mean: Float64s
    deviation: Float64s
    df: int

    def half_width(self, covered: float = COVERED) -> Float64s:
        """Half of the interval that holds a difference so often, (m, h)."""
        width: Float64s = stats.t.isf((1 - covered) / 2, self.df) * self.deviation
        return width

    def clear(self, covered: float = COVERED) -> Bools:
        """Which intervals do not cover 0, (m, h)."""
        return np.asarray(np.abs(self.mean) > self.half_width(covered), dtype=np.bool_)


@dataclass(frozen=True, slots=True)
class SharesProcess:
    """What is known of the losses of mixtures after n runs, for h heads and g scales.

    ``inverse`` (g, n, n) is of kernel and noise, ``pull`` (g, n, h) that times the centred losses, ``level`` (g, h) the
    constant, ``variance`` (g, h) of the noise, ``weight`` (g, h) of a scale by marginal likelihood, adding up to 1.
    """

    runs: Float64s
    pool: Float64s
    inverse: Float64s
    pull: Float64s
    level: Float64s
    variance: Float64s
    weight: Float64s

    def predict(self, mixtures: Float64s) -> Float64s:
        """Posterior mean of the loss of mixtures (m, k) for every head, (m, h)."""
        parts = kernel_parts(mixtures, self.runs, self.pool)
        pull = self.weight[:, None] * self.pull
        scales = np.array([(one.linear, one.curved, one.length) for one in SCALES])
        # The kernels of all scales are sums of three matrices, so their weighted mean is three products.
        mean: Float64s = parts.linear @ np.tensordot(scales[:, 0], pull, 1)
        mean += (self.weight * self.level).sum(axis=0)
        for length in LENGTHS:
            weight = np.where(scales[:, 2] == length, scales[:, 1], 0.0)
            mean += curve(parts.squares, length) @ np.tensordot(weight, pull, 1)
        return mean

    def contrast(self, first: Float64s, second: Float64s) -> Contrasts:
        """Loss of the mixtures ``first`` minus that of ``second``, each (m, k), from their joint posterior."""
        one, other = (kernel_parts(self.runs, mixtures, self.pool) for mixtures in (first, second))
        between = paired_parts(first, second, self.pool)
        means, variances = [], []
        for g, scale in enumerate(SCALES):
            to_runs = scale.of(one) - scale.of(other)  # (n, m)
            prior = scale.linear * between.linear + 2 * scale.curved * (
                1 - curve(between.squares, scale.length)
            )
            ones = self.inverse[g].sum(axis=1)
            told = (to_runs * (self.inverse[g] @ to_runs)).sum(axis=0)
            left = prior - told + (to_runs.T @ ones) ** 2 / ones.sum()
            means.append(to_runs.T @ self.pull[g])
            variances.append(np.maximum(left, 0.0)[:, None] * self.variance[g])
        weight = self.weight[:, None]
        mean = (weight * np.array(means)).sum(axis=0)
        variance = (weight * (np.array(variances) + (np.array(means) - mean) ** 2)).sum(axis=0)
        return Contrasts(mean, np.sqrt(variance), len(self.runs) - 1)


def fit_process(runs: Float64s, losses: Float64s, pool: Float64s) -> SharesProcess:
    """A process for every head: losses (n, h), nats per token, of runs (n, k) around the pool's shares (k,).

    The constant and the variance are integrated out, the scales averaged by marginal likelihood; all heads share the
    factorisations. Raises InvalidOptions with fewer than four runs and for losses that are no numbers. METHODS.md 5.10.
    """
    n = len(runs)
    if n < FEWEST or not np.isfinite(losses).all():
        raise InvalidOptions(
            f"{n} runs, {int((~np.isfinite(losses)).any(axis=1).sum())} of them without a loss: at least {FEWEST} with one "
            "are needed, and those without are left out before."
        )
    parts = kernel_parts(runs, runs, pool)
    noisy = np.array([scale.of(parts) for scale in SCALES]) + np.eye(n)
    inverse = np.asarray(np.linalg.inv(noisy), dtype=np.float64)
    ones = inverse.sum(axis=2)
    total = ones.sum(axis=1)
    level = ones @ losses / total[:, None]
    centred = losses - level[:, None]
    pull = inverse @ centred
    squares: Float64s = (centred * pull).sum(axis=1)
    squares[squares <= 0] = np.finfo(np.float64).tiny  # of a head that never varies
    log_weight = -0.5 * (np.linalg.slogdet(noisy)[1] + np.log(total))[:, None] - (n - 1) / 2 * np.log(squares)
    weight = np.exp(log_weight - log_weight.max(axis=0))
    variance: Float64s = squares / (n - 3)
    return SharesProcess(runs, pool, inverse, pull, level, variance, weight / weight.sum(axis=0))
