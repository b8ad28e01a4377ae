"""What the decisions so far say about a score: the share of bad rows by score, and what a threshold would catch and cost."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tamis.actions.decisions import DecisionSnapshot
from tamis.compute.clear.calibrate import (
    MIN_DECISIONS,
    NotEnough,
    ProbabilityEstimate,
    ScoreBands,
    ThresholdEstimate,
    bad_by_score,
    bad_fraction,
    counted_rows,
    threshold_on_sample,
)
from tamis.compute.clear.review_order import ProposalColumns, draw_review_sample, order_of_chance
from tamis.reprs import HtmlFacts
from tamis.store.artifacts.store import Artifact
from tamis.types import Bools, Float64s, Int64s

__all__ = [
    "MIN_DECISIONS", "ProbabilityEstimate", "ReviewCalibration", "SampleState", "ScoreBands", "ThresholdEstimate", "ThresholdReport",
    "calibrate_review", "usual_threshold",
]  # fmt: skip

BY_RULE = "rule"


@dataclass(frozen=True, slots=True)
class SampleState:
    """How far the unbiased sample is: only what chance put before the first undecided row counts.

    ``next_row`` is that row where decisions behind it (``n_later``) wait for it, else None; it may be decided
    (``by_rule``), though nobody read it.
    """

    n_rows: int
    n_counted: int
    n_later: int
    next_row: int | None
    by_rule: bool


@dataclass(frozen=True, slots=True)
class ThresholdReport(HtmlFacts):
    """What a threshold would do, the share of bad rows among all, and from how many decisions."""

    estimate: ThresholdEstimate
    bad: ProbabilityEstimate
    n_decisions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewCalibration(HtmlFacts):
    """What the decisions about the unbiased sample say of all rows; only those that a person made row by row.

    A rule decides by the score itself, so it says nothing about the score: ``n_by_rule`` rows are left out. So are
    decisions about rows that somebody chose to look at: of ``n_decisions`` only ``sample.n_counted`` are counted, and
    ``n_bad`` of those are bad. ``problem`` says why there are no bands, which are then None. ``counted_scores`` and
    ``counted_bad`` are (m,).
    """

    n_scored: int
    n_by_rule: int
    counted_scores: Float64s
    counted_bad: Bools
    sample: SampleState
    bands: ScoreBands | None
    problem: str
    n_decisions: int
    n_bad: int
    _scores: Float64s
    _sampled: tuple[Int64s, Bools, Float64s]

    @property
    def fraction_there(self) -> float:
        """How much of what an estimate needs is counted, in [0, 1]."""
        return min(1.0, int(np.isfinite(self.counted_scores).sum()) / MIN_DECISIONS)

    def at(self, threshold: float) -> ThresholdReport:
        """What dropping the rows at or below a threshold would do; raises ValueError where too few rows are counted."""
        if self.bands is None:
            raise ValueError(f"there is nothing to read a threshold on: {self.problem}")
        places, is_bad, inclusion = self._sampled
        estimated = threshold_on_sample(self._scores, places, is_bad, inclusion, threshold)
        return ThresholdReport(estimated, bad_fraction(is_bad, inclusion), len(places))


def calibrate_review(columns: ProposalColumns, decided: DecisionSnapshot) -> ReviewCalibration:
    """What the decisions in force say about the score that the proposals were made with."""
    at, is_bad = _judged(columns, decided)
    places, inclusion = (
        draw_review_sample(columns) if len(columns.rows) else (np.empty(0, np.int64), np.empty(0))
    )
    order = order_of_chance(columns, places)
    counted = np.isin(at, counted_rows(order, np.isin(order, at)))
    sampled = (at[counted], is_bad[counted], inclusion[np.searchsorted(places, at[counted])])
    scores = columns.confidence
    found = bad_by_score(scores, *sampled)
    by_rule = [row for row, decision in decided.by_row.items() if decision.via == BY_RULE]
    return ReviewCalibration(
        n_scored=int(np.isfinite(scores).sum()),
        n_by_rule=int(np.isin(by_rule, columns.rows).sum()),
        counted_scores=scores[sampled[0]],
        counted_bad=sampled[1],
        sample=_sample_state(columns, decided, order, at, int(counted.sum())),
        bands=None if isinstance(found, NotEnough) else found,
        problem=found.message if isinstance(found, NotEnough) else "",
        n_decisions=len(at),
        n_bad=int(sampled[1].sum()),
        _scores=scores,
        _sampled=sampled,
    )


def usual_threshold(proposals: Artifact, columns: ProposalColumns) -> tuple[float, float, float]:
    """The lowest score, the highest, and where a threshold starts between them: that of the proposals, else the median."""
    known = columns.confidence[np.isfinite(columns.confidence)]
    low, high = float(known.min()), float(known.max())
    gamma = proposals.summary.get("gamma")
    return low, high, float(np.clip(gamma if gamma is not None else np.median(known), low, high))


def _judged(columns: ProposalColumns, decided: DecisionSnapshot) -> tuple[Int64s, Bools]:
    """Places of the rows that a person judged one by one, ascending, and which of them are bad (to drop or to replace)."""
    read = {row: decision for row, decision in decided.by_row.items() if decision.via != BY_RULE}
    rows = np.fromiter(read, dtype=np.int64, count=len(read))
    bad = np.asarray([decision.verdict != "keep" for decision in read.values()], dtype=np.bool_)
    known = np.isin(rows, columns.rows)
    order = np.argsort(rows[known])
    return columns.places(rows[known][order]), bad[known][order]


def _sample_state(
    columns: ProposalColumns, decided: DecisionSnapshot, order: Int64s, judged: Int64s, n_counted: int
) -> SampleState:
    later = order[n_counted:]
    n_later = int(np.isin(later, judged).sum())
    row = int(columns.rows[later[0]]) if n_later else None
    return SampleState(len(order), n_counted, n_later, row, row is not None and row in decided.by_row)
