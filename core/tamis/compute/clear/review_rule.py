"""One rule for many proposals: which rows of a queue it is about, and what it decides about each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from tamis.compute.clear.clear import Action
from tamis.compute.clear.review_order import ProposalColumns
from tamis.types import Bools, Float64s, Int64s

Measure = Literal["none", "confidence", "verdict_confidence"]
SURE_VERDICT = 0.95


@dataclass(frozen=True, slots=True)
class ReviewRule:
    """Approve or reject what is proposed for the rows of these kinds (all when empty) beyond a limit on a measure.

    With ``decided_too`` it decides anew about rows that have a decision.
    """

    approves: bool = True
    kinds: tuple[str, ...] = ()
    measure: Measure = "none"
    is_above: bool = True
    limit: float = 0.0
    decided_too: bool = False

    def matches(self, columns: ProposalColumns, rows: Int64s, is_open: Bools) -> Int64s:
        """Of the rows of a queue, those that the rule is about, in their order; ``is_open`` has no decision yet."""
        at = columns.places(rows)
        kept = (
            np.isin(columns.kinds[at].astype(str), self.kinds) if self.kinds else np.ones(len(rows), np.bool_)
        )
        if self.measure != "none":
            values = measured(columns, self.measure)[at]
            kept &= values > self.limit if self.is_above else values < self.limit
        if not self.decided_too:
            kept &= is_open
        return rows[kept]

    def verdict(self, proposed: str) -> Action:
        """What the rule decides about a row for which that action is proposed."""
        return proposed if self.approves else opposite(proposed)  # type: ignore[return-value]  # proposals hold no other


def opposite(proposed: str) -> Action:
    """What rejecting a proposal means: keep what was to change, drop what was to be kept."""
    return "drop" if proposed == "keep" else "keep"


def measured(columns: ProposalColumns, measure: Measure) -> Float64s:
    """The numbers that a rule can set a limit on, shape (n,); all NaN for none."""
    if measure == "none":
        return np.full(len(columns.rows), np.nan)
    return columns.confidence if measure == "confidence" else columns.verdict_confidence


def usual_limit(columns: ProposalColumns, measure: Measure) -> tuple[bool, float]:
    """The side and the limit that a rule starts with: sure verdicts, or the less trustworthy half of the rows."""
    if measure == "verdict_confidence":
        return True, SURE_VERDICT
    known = measured(columns, measure)
    known = known[np.isfinite(known)]
    return False, float(np.median(known)) if len(known) else 0.0


def limit_range(columns: ProposalColumns, measure: Measure) -> tuple[float, float]:
    """Between which numbers a limit makes sense; the scores of some models have no fixed range."""
    if measure == "verdict_confidence":
        return 0.0, 1.0
    known = measured(columns, measure)
    known = known[np.isfinite(known)]
    return (float(known.min()), float(known.max())) if len(known) else (0.0, 0.0)
