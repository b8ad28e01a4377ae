"""ALC3 (2401.05467): labels that are corrected, asked about and left out, round by round (METHODS.md 3.5)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tamis.compute.clear.label_doubt import LabelDoubt
from tamis.types import Bools, Float64s, Int64s

LEFT_OUT_PER_ERROR = 3
DELTA_QUANTILE = 0.9


@dataclass(frozen=True, slots=True)
class AnsweredBatch:
    """What people said of the rows they were asked about: how many answered, and how many of these labels were wrong."""

    n_answered: int
    n_wrong: int

    @property
    def share(self) -> float:
        """p_k, the share that was wrong; NaN for none answered."""
        return self.n_wrong / self.n_answered if self.n_answered else math.nan


@dataclass(frozen=True, slots=True)
class Round:
    """One round over n rows: rows corrected, asked about and left out of training, and η_k, what should still be wrong."""

    corrected: Int64s
    asked: Int64s
    left_out: Int64s
    eta: float


def confidence_limit(confidence: Float64s) -> float:
    """δ: the 90th percentile of the likeliest labels' probabilities in round 0."""
    return float(np.quantile(confidence[np.isfinite(confidence)], DELTA_QUANTILE))


def plan_round(
    doubt: LabelDoubt,
    codes: Int64s,
    annotated: Bools,
    *,
    delta: float,
    n_ask: int,
    eta_0: float = math.nan,
    batch: AnsweredBatch = AnsweredBatch(0, 0),
    rng: np.random.Generator | None = None,
) -> Round:
    """What a round does with labels ``codes`` (n,) of which people gave those in ``annotated`` (n,).

    Corrected: never annotated, predicted otherwise with more than δ. Asked: the ``n_ask`` least likely own labels among
    the rest; drawn by ``rng`` in a first round, which is what η_0 is measured on. Left out: where the last ``batch`` was
    worse than η_k = η_0 − corrected / n, three times as many of the least likely as it had errors.
    """
    free = ~annotated & (codes >= 0) & np.isfinite(doubt.own)
    is_wrong = free & (doubt.predicted != codes) & (doubt.confidence > delta)
    corrected = np.flatnonzero(is_wrong)
    eta = eta_0 - len(corrected) / len(codes)
    order = _least_likely(doubt.own, free & ~is_wrong)
    asked = order[:n_ask] if rng is None else rng.permutation(np.sort(order))[:n_ask]
    n_out = LEFT_OUT_PER_ERROR * batch.n_wrong if batch.share > eta else 0
    return Round(corrected, np.sort(asked), np.sort(order[:n_out]), eta)


def has_converged(shares: list[float], etas: list[float]) -> bool:
    """Whether p_k was below η_k in the last two rounds."""
    last = list(zip(shares, etas, strict=True))[-2:]
    return len(last) == 2 and all(share < eta for share, eta in last)


def _least_likely(own: Float64s, among: Bools) -> Int64s:
    rows = np.flatnonzero(among)
    return rows[np.argsort(own[rows], kind="stable")]
