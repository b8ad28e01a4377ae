"""The plain alternative to the process: losses straight in the shares, which everybody can read and which bends nowhere."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tamis.types import Float64s

PENALTIES = np.logspace(-4, 1, 12)


@dataclass(frozen=True, slots=True)
class SharesRidge:
    """``level`` (h,) at the mean of the runs ``centre`` (k,), and the ``slopes`` (k, h) from there."""

    level: Float64s
    centre: Float64s
    slopes: Float64s
    penalty: float

    def predict(self, mixtures: Float64s) -> Float64s:
        """Loss of mixtures (m, k) for every head, (m, h)."""
        predicted: Float64s = self.level + (mixtures - self.centre) @ self.slopes
        return predicted


def fit_ridge(runs: Float64s, losses: Float64s) -> SharesRidge:
    """Ridge regression of losses (n, h) on shares (n, k), with the one of PENALTIES that leaves one out best."""
    centre, level = runs.mean(axis=0), losses.mean(axis=0)
    moved, centred = runs - centre, losses - level
    best: tuple[float, SharesRidge] | None = None
    for penalty in PENALTIES.tolist():
        solved = np.linalg.solve(moved.T @ moved + penalty * np.eye(len(centre)), moved.T)
        slopes = solved @ centred
        leverage = np.einsum("nk,kn->n", moved, solved) + 1 / len(runs)
        error = float((((centred - moved @ slopes) / (1 - leverage)[:, None]) ** 2).sum())
        if best is None or error < best[0]:
            best = (error, SharesRidge(level, centre, slopes, penalty))
    assert best is not None
    return best[1]
