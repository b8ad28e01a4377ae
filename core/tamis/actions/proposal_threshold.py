"""The threshold of Auto-Filter before anything is proposed: how many rows would go, and which lie next to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tamis.compute.clear.clear import threshold
from tamis.types import Float64s, Int64s

SIDE_ROWS = 5


@dataclass(frozen=True, slots=True)
class ThresholdPreview:
    """γ and what it does to n rows; ``below`` and ``above`` are places of rows next to it, nearest first."""

    gamma: float
    n_rows: int
    n_known: int
    n_below: int
    n_tied: int
    below: Int64s
    above: Int64s

    @property
    def n_above(self) -> int:
        """Rows with a score that would stay."""
        return self.n_known - self.n_below

    @property
    def n_unknown(self) -> int:
        """Rows without a score, which stay."""
        return self.n_rows - self.n_known


def preview_threshold(
    scores: Float64s, *, gamma: float | None = None, gamma_fraction: float = 0.5
) -> ThresholdPreview:
    """What a threshold, given or as a fraction of the rows, would do to scores (n,), NaN where there is none."""
    level = threshold(scores, gamma=gamma, gamma_fraction=gamma_fraction)
    order = np.argsort(np.where(np.isfinite(scores), scores, np.inf), kind="stable")
    n_below = int((scores <= level.gamma).sum())
    n_known = int(np.isfinite(scores).sum())
    return ThresholdPreview(
        gamma=level.gamma,
        n_rows=len(scores),
        n_known=n_known,
        n_below=n_below,
        n_tied=level.n_tied,
        below=order[max(0, n_below - SIDE_ROWS) : n_below][::-1],
        above=order[n_below : min(n_known, n_below + SIDE_ROWS)],
    )


def usual_score(present: Sequence[str], asked: str = "") -> str:
    """The score that proposals are made with unless one is chosen: the one asked for, the confidence, else any there is."""
    return next((one for one in (asked, "confidence") if one in present), present[0])
