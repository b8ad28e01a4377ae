"""One rule for many proposals: which rows of a queue it is about, and what it decides about each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from tamis.compute.clear.review_order import ProposalColumns
from tamis.types import Bools, Float64s, Int64s

Measure = Literal["none", "confidence", "verdict_confidence"]
Settled = Literal["keep", "drop", "replace"]  # what a decision can be; what is proposed can also be to ask
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
        kept &= ~np.char.startswith(columns.kinds[at].astype(str), "ask:")  # a person looks at each of these
        return rows[kept]

    def verdict(self, proposed: str) -> Settled:
        """What the rule decides about a row for which that action is proposed."""
        return approved(proposed) if self.approves else opposite(proposed)


def approved(proposed: str) -> Settled:
    """What approving a proposal means: a row that is to be added is kept, one that is asked about takes its candidate."""
    settled: dict[str, Settled] = {
        "add": "keep",
        "keep": "keep",
        "drop": "drop",
        "replace": "replace",
        "ask": "replace",
    }
    return settled[proposed]


def opposite(proposed: str) -> Settled:
    """What rejecting a proposal means: keep what was to change, drop what was to be kept or added."""
    return "drop" if proposed in ("keep", "add") else "keep"


def measured(columns: ProposalColumns, measure: Measure) -> Float64s:
    """The numbers that a rule can set a limit on, shape (n,); all NaN for none."""
    if measure == "none":
        return np.full(len(columns.rows), np.nan)
    return columns.confidence if measure == "confidence" else columns.verdict_confidence


@dataclass(frozen=True, slots=True)
class LimitOffered:
    """Where a limit on a measure starts and between which numbers it makes sense; ``least`` to ``most`` are there."""

    is_above: bool
    usual: float
    low: float
    high: float
    least: float
    median: float
    most: float


def limit_of(columns: ProposalColumns, measure: Measure) -> LimitOffered:
    """The limit that a rule starts with: sure verdicts, or the less trustworthy half of the rows.

    Raises ValueError for a measure of which no row has a number.
    """
    known = measured(columns, measure)
    known = known[np.isfinite(known)]
    if not len(known):
        raise ValueError(f"no proposal has a {measure}, so there is no limit to set on it")
    least, median, most = float(known.min()), float(np.median(known)), float(known.max())
    if measure == "verdict_confidence":
        return LimitOffered(True, SURE_VERDICT, 0.0, 1.0, least, median, most)
    # The scores of some models have no fixed range; those of a verdict lie between 0 and 1.
    return LimitOffered(False, median, least, most, least, median, most)
