"""Rows that a round of refinement found reason to doubt, to be looked at by a person (METHODS.md 1.4, 2.2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from tamis.types import Bools, Float64s, Int64s

Reason: TypeAlias = Literal["below_own_answer", "low_confidence", "low_cluster_weight"]


@dataclass(frozen=True, slots=True)
class Flags:
    """One entry per row and reason; ``value`` is the number that was below its limit."""

    position: Int64s  # into the rows that were given
    reason: tuple[Reason, ...]
    value: Float64s


def flag_rows(
    *,
    gap: ArrayLike,
    confidence: ArrayLike | None,
    weight_ratio: ArrayLike,
    below_own: bool,
    margin_sd: float = 0.0,
    gamma: float | None,
    floor: float | None,
) -> Flags:
    """Flag rows (all arrays (n,)) by each rule that is on, in the order of the rules.

    ``gap`` below 0: the given answer scores below the model's own. Models like their own words, so with ``margin_sd``
    the gap must also be that many standard deviations below the mean of these rows. ``confidence`` below ``gamma``, as
    Auto-Filter would drop it. ``weight_ratio`` (the cluster's weight over its weight at the start) below ``floor``. NaN
    never flags; None turns a rule off.
    """
    rules: list[tuple[Reason, Bools, Float64s]] = []
    if below_own:
        rules.append(_rule("below_own_answer", gap, _gap_limit(gap, margin_sd)))
    if gamma is not None and confidence is not None:
        rules.append(_rule("low_confidence", confidence, gamma))
    if floor is not None:
        rules.append(_rule("low_cluster_weight", weight_ratio, floor))
    flagged = [(np.flatnonzero(hit), reason, values[hit]) for reason, hit, values in rules]
    return Flags(
        position=np.concatenate([np.zeros(0, dtype=np.int64), *(at for at, _, _ in flagged)]).astype(
            np.int64
        ),
        reason=tuple(reason for at, reason, _ in flagged for _ in at),
        value=np.concatenate([np.zeros(0), *(values for _, _, values in flagged)]),
    )


def _gap_limit(gap: ArrayLike, margin_sd: float) -> float:
    values = np.asarray(gap, dtype=np.float64)
    known = values[np.isfinite(values)]
    if not margin_sd:
        return 0.0
    if known.size < 2:
        return -np.inf  # nothing says what is usual
    return min(0.0, float(known.mean() - margin_sd * known.std(ddof=1)))


def _rule(reason: Reason, given: ArrayLike, limit: float) -> tuple[Reason, Bools, Float64s]:
    values = np.asarray(given, dtype=np.float64)
    with np.errstate(invalid="ignore"):
        return reason, values < limit, values
