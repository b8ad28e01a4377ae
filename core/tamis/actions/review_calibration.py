"""What the decisions so far say about a score: how probably a row is bad, and what a threshold would catch and cost."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tamis.actions.decisions import DecisionSnapshot
from tamis.compute.clear.calibrate import (
    MIN_DECISIONS,
    Calibration,
    NotEnough,
    ProbabilityEstimate,
    ThresholdEstimate,
    bad_fraction,
    bad_probability,
    calibrate,
    counted_rows,
    threshold_on_curve,
    threshold_on_sample,
)
from tamis.compute.clear.review_order import ProposalColumns, draw_review_sample, order_of_chance
from tamis.store.artifacts.store import Artifact
from tamis.types import Bools, Float64s, Int64s

__all__ = [
    "MIN_DECISIONS", "BadCurve", "ProbabilityEstimate", "ReviewCalibration", "SampleState", "ThresholdEstimate", "ThresholdReport",
    "calibrate_review", "usual_threshold",
]  # fmt: skip

CURVE_POINTS = 80
SEED = 42
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
class BadCurve:
    """Probability of being bad at ``score`` with its 95 % interval, each shape (80,)."""

    score: Float64s
    value: Float64s
    low: Float64s
    high: Float64s


@dataclass(frozen=True, slots=True)
class ThresholdReport:
    """What a threshold would do, the share of bad rows among all (None without a sample), and from how many decisions."""

    estimate: ThresholdEstimate
    bad: ProbabilityEstimate | None
    n_decisions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewCalibration:
    """Scores and decisions put together; of the decisions only those that a person made row by row.

    A rule decides by the score itself, so it says nothing about the score: ``n_by_rule`` rows are left out.
    ``problem`` says why there is no curve, which is then None. ``judged_scores`` and ``judged_bad`` are (m,).
    """

    n_scored: int
    n_by_rule: int
    judged_scores: Float64s
    judged_bad: Bools
    sample: SampleState
    curve: BadCurve | None
    problem: str
    n_decisions: int
    n_bad: int
    _fitted: Calibration | None
    _scores: Float64s
    _sampled: tuple[Int64s, Bools, Float64s]

    @property
    def fraction_there(self) -> float:
        """How much of what a curve needs is decided, in [0, 1]."""
        return min(1.0, self.n_decisions / MIN_DECISIONS)

    def at(self, threshold: float) -> ThresholdReport:
        """What dropping the rows at or below a threshold would do: from the sample as soon as enough of it is counted.

        Raises ValueError without a curve.
        """
        if self._fitted is None:
            raise ValueError(f"there is no curve to read a threshold on: {self.problem}")
        places, is_bad, inclusion = self._sampled
        if len(places) >= MIN_DECISIONS:
            estimated = threshold_on_sample(self._scores, places, is_bad, inclusion, threshold)
            return ThresholdReport(estimated, bad_fraction(is_bad, inclusion), len(places))
        rng = np.random.default_rng(SEED)
        estimated = threshold_on_curve(self._fitted, self._scores, threshold, rng)
        return ThresholdReport(estimated, None, self._fitted.n_decisions)


def calibrate_review(columns: ProposalColumns, decided: DecisionSnapshot) -> ReviewCalibration:
    """Fit what the decisions in force say about the score that the proposals were made with."""
    at, is_bad = _judged(columns, decided)
    places, inclusion = (
        draw_review_sample(columns) if len(columns.rows) else (np.empty(0, np.int64), np.empty(0))
    )
    order = order_of_chance(columns, places)
    counted = np.isin(at, counted_rows(order, np.isin(order, at)))
    sampled = (at[counted], is_bad[counted], inclusion[np.searchsorted(places, at[counted])])
    scores = columns.confidence
    outcome = calibrate(scores[at], is_bad, np.random.default_rng(SEED))
    fitted = outcome if isinstance(outcome, Calibration) else None
    by_rule = [row for row, decision in decided.by_row.items() if decision.via == BY_RULE]
    return ReviewCalibration(
        n_scored=int(np.isfinite(scores).sum()),
        n_by_rule=int(np.isin(by_rule, columns.rows).sum()),
        judged_scores=scores[at],
        judged_bad=is_bad,
        sample=_sample_state(columns, decided, order, at, int(counted.sum())),
        curve=None if fitted is None else _curve(fitted, scores),
        problem=outcome.message if isinstance(outcome, NotEnough) else "",
        n_decisions=outcome.n_decisions,
        n_bad=0 if fitted is None else fitted.n_bad,
        _fitted=fitted,
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


def _curve(fitted: Calibration, scores: Float64s) -> BadCurve:
    known = scores[np.isfinite(scores)]
    low, high = np.quantile(known, (0.005, 0.995))
    grid = np.linspace(low, high, CURVE_POINTS)
    return BadCurve(grid, *bad_probability(fitted, grid))
