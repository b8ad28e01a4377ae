"""What the decisions so far say about the score: how probably a row is bad, and what a threshold would catch and cost."""

from __future__ import annotations

from dataclasses import dataclass

import altair as alt
import numpy as np
import pandas as pd
import streamlit as st

from pages.parts.review.actions import ReviewContext
from pages.parts.review.queue import (
    ORDER,
    ORDERS,
    SAMPLE,
    ProposalStats,
    drawn_sample,
    forget_place,
)
from pages.parts.review.score import score_title
from pages.parts.review.state import DecisionSnapshot, decided_now
from pages.shared.figures.colouring import PALETTE
from pages.shared.plain_text import count_of, plain
from pages.shared.wording import percent
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
from tamis.types import (
    Bools,
    Float64s,
    Int64s,
)

CURVE_POINTS = 80
SEED = 42
BY_RULE = "rule"


@dataclass(frozen=True, slots=True)
class _Judged:
    """DecisionSnapshot rows: places in the columns of the proposals, and which of them are bad (to drop or to replace)."""

    at: Int64s
    is_bad: Bools

    def among(self, places: Int64s) -> _Judged:
        inside = np.isin(self.at, places)
        return _Judged(self.at[inside], self.is_bad[inside])


def show_calibration(review: ReviewContext) -> None:
    """The curve, the slider with what it would catch, and the way to a sample that makes the estimate unbiased."""
    facts = review.queue.facts
    n_scored = int(np.isfinite(facts.confidence).sum())
    if n_scored < MIN_DECISIONS:
        _show_too_few(n_scored, review)
        return
    decided = decided_now(review.context)
    judged = _judged(facts, decided)
    places, inclusion = drawn_sample(facts)
    order = _order_of_chance(facts, places)
    sampled = judged.among(counted_rows(order, np.isin(order, judged.at)))
    _show_sample_offer(facts, decided, judged, order, n_counted=len(sampled.at))
    _say_left_out(facts, decided)
    found = calibrate(facts.confidence[judged.at], judged.is_bad, np.random.default_rng(SEED))
    if isinstance(found, NotEnough):
        _show_not_enough(found)
        return
    unbiased = len(sampled.at) >= MIN_DECISIONS
    left, right = st.columns([3, 2], gap="medium")
    with right:
        threshold = _choose_threshold(review, facts)
        if unbiased:
            chance = inclusion[np.searchsorted(places, sampled.at)]
            estimate = threshold_on_sample(facts.confidence, sampled.at, sampled.is_bad, chance, threshold)
            _show_estimate(estimate, bad_fraction(sampled.is_bad, chance), len(sampled.at))
        else:
            estimate = threshold_on_curve(found, facts.confidence, threshold, np.random.default_rng(SEED))
            _show_estimate(estimate, None, found.n_decisions)
    with left, st.container(border=True):
        st.markdown("**Estimated probability that a row is bad**")
        _show_curve(found, facts, judged, threshold, title=score_title(review.queue.proposals))
        st.caption(
            f"From {count_of(found.n_decisions, 'decided row')}, {found.n_bad:,} of them dropped or replaced. The band "
            "is the 95 % interval; each mark is a decided row, bad ones above."
        )


def _show_too_few(n_scored: int, review: ReviewContext) -> None:
    """Why no number of decisions would do."""
    if n_scored:
        of_all = f" of {review.context.n_rows:,}" if review.context.n_rows > n_scored else ""
        said = (
            f"Too small for an estimate: it takes {MIN_DECISIONS} decided rows with a score, and there are only "
            f"{n_scored:,}{of_all} here. So few are best read one by one."
        )
    else:
        said = (
            "These proposals were made without a score, so there is nothing to calibrate. Those of Auto-Filter and "
            "Auto-Correct have one."
        )
    st.info(said, icon=":material/query_stats:")


def _judged(facts: ProposalStats, decided: DecisionSnapshot) -> _Judged:
    """What a person judged row by row: a rule decides by the score itself, so it says nothing about the score."""
    read = {row: held for row, held in decided.by_row.items() if held.via != BY_RULE}
    rows = np.fromiter(read, dtype=np.int64, count=len(read))
    bad = np.asarray([held.verdict != "keep" for held in read.values()], dtype=bool)
    known = np.isin(rows, facts.rows)
    order = np.argsort(rows[known])
    return _Judged(np.searchsorted(facts.rows, rows[known][order]), bad[known][order])


def _say_left_out(facts: ProposalStats, decided: DecisionSnapshot) -> None:
    by_rule = [row for row, held in decided.by_row.items() if held.via == BY_RULE]
    n = int(np.isin(by_rule, facts.rows).sum())
    if n:
        st.caption(
            f"{count_of(n, 'row')} decided by a rule or from a file {'is' if n == 1 else 'are'} left out: nobody read "
            "them one by one here."
        )


def _order_of_chance(facts: ProposalStats, places: Int64s) -> Int64s:
    """The places of the sample in the order in which its queue shows them."""
    (chance,) = ORDERS[SAMPLE].rank(facts, np.empty(0))
    return places[np.argsort(chance[places], kind="stable")]


def _show_sample_offer(
    facts: ProposalStats, decided: DecisionSnapshot, judged: _Judged, order: Int64s, *, n_counted: int
) -> None:
    """How much of the sample counts, the way to the rest of it, and why decisions about it do not count yet."""
    later = order[n_counted:]
    n_later = int(np.isin(later, judged.at).sum())
    row = int(facts.rows[later[0]]) if n_later else None
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(
            f"**{n_counted:,} of {len(order):,}** rows of the unbiased sample are counted.", width="content"
        )
        st.button(
            "Review the sample", icon=":material/casino:", key="review_sample", on_click=_review_sample,
            help="Rows drawn by chance at known rates, low scores more densely. From 20 of them on, the estimates do "
            "not depend on which rows you happened to look at, nor on the curve being right.",
        )  # fmt: skip
        if row is not None:
            st.button(
                f"Open row {row:,}", icon=":material/arrow_forward:", key="review_sample_row",
                on_click=_review_sample, args=(row,),
            )  # fmt: skip
    if row is not None:
        why = "was decided by a rule" if row in decided.by_row else "is not decided"
        st.caption(
            f"{count_of(n_later, 'decision')} about the sample {'does' if n_later == 1 else 'do'} not count yet: row "
            f"{row:,}, which chance put before {'it' if n_later == 1 else 'them'}, {why}. Counting what you chose to "
            "look at would bias the estimate."
        )


def _review_sample(row: int | None = None) -> None:
    st.query_params[ORDER] = SAMPLE
    for name in ("kinds", "scope"):  # either would leave rows of the sample out
        st.query_params.pop(name, None)
    st.query_params["view"] = "queue"
    forget_place()
    if row is not None:
        st.query_params["row"] = str(row)


def _show_not_enough(found: NotEnough) -> None:
    with st.container(border=True):
        st.progress(min(1.0, found.n_decisions / MIN_DECISIONS), text=plain(found.message))
        st.caption(
            "With enough decisions the score becomes an estimated probability of being bad, with its uncertainty, and a "
            "threshold shows how much of what it drops is bad and how much of what is bad it drops."
        )


def _choose_threshold(review: ReviewContext, facts: ProposalStats) -> float:
    known = facts.confidence[np.isfinite(facts.confidence)]
    low, high = float(known.min()), float(known.max())
    gamma = review.queue.proposals.summary.get("gamma")
    start = float(np.clip(gamma if gamma is not None else np.median(known), low, high))
    if high <= low:
        return start
    return float(
        st.slider(
            "Threshold γ: rows at or below it would go",
            low,
            high,
            start,
            step=(high - low) / 200,
            format="%.3g",
            key="calibration_threshold",
            bind="query-params",
        )  # fmt: skip
    )


def _show_estimate(found: ThresholdEstimate, bad: ProbabilityEstimate | None, n_decisions: int) -> None:
    share = found.n_below / max(1, found.n_scored)
    st.metric("Rows that would go", f"{found.n_below:,}", f"{percent(share)} of {found.n_scored:,}", delta_color="off", delta_arrow="off")  # fmt: skip
    left, right = st.columns(2, gap="small")
    _show_metric(left, "Precision", found.precision, "Share of bad rows among those that would go.")
    _show_metric(right, "Recall", found.recall, "Share of all bad rows that would go.")
    if bad is not None:
        _show_metric(left, "Bad rows", bad, "Estimated share of bad rows among all.")
    source = "the unbiased sample" if found.method == "sample" else "the curve, over all rows"
    st.caption(f"From {source} ({count_of(n_decisions, 'decision')}), with 95 % intervals.")
    if found.method == "curve":
        st.caption(
            "Rows were not drawn at random, so this holds as far as the curve does. Review the sample to be sure."
        )


def _show_metric(
    place: st.delta_generator.DeltaGenerator, label: str, found: ProbabilityEstimate, text: str
) -> None:
    if np.isnan(found.value):
        place.metric(label, "unknown", help=text)
        return
    interval = f"{found.low * 100:.0f} to {found.high * 100:.0f} %"
    place.metric(label, percent(found.value), interval, delta_color="off", delta_arrow="off", help=text)


def _show_curve(
    found: Calibration, facts: ProposalStats, judged: _Judged, threshold: float, *, title: str
) -> None:
    known = facts.confidence[np.isfinite(facts.confidence)]
    first, last = np.quantile(known, (0.005, 0.995))
    grid = np.linspace(first, last, CURVE_POINTS)
    value, low, high = bad_probability(found, grid)
    curve = pd.DataFrame({"score": grid, "bad": value, "low": low, "high": high})
    axis = alt.X("score:Q", title=title, scale=alt.Scale(zero=False, nice=False), axis=alt.Axis(grid=False))
    share = alt.Scale(domain=[0, 1])
    percents = alt.Axis(format="%", tickCount=5)
    band = alt.Chart(curve).mark_area(opacity=0.22, color=PALETTE[0]).encode(
        x=axis, y=alt.Y("low:Q", title="Probability of being bad", scale=share, axis=percents), y2="high:Q"
    )  # fmt: skip
    line = alt.Chart(curve).mark_line(color=PALETTE[0], strokeWidth=2.5).encode(
        x=axis, y=alt.Y("bad:Q", scale=share),
        tooltip=[
            alt.Tooltip("score:Q", title=title, format=".3~g"),
            alt.Tooltip("bad:Q", title="Bad", format=".0%"),
            alt.Tooltip("low:Q", title="From", format=".0%"),
            alt.Tooltip("high:Q", title="To", format=".0%"),
        ],
    )  # fmt: skip
    marks = alt.Chart(_marks(facts.confidence, judged)).mark_tick(
        orient="vertical", size=12, opacity=0.55, thickness=1.5
    ).encode(
        x=axis, y=alt.Y("at:Q", scale=share),
        color=alt.Color("what:N", title=None, scale=alt.Scale(domain=["bad", "good"], range=[PALETTE[1], PALETTE[0]]), legend=None),
    )  # fmt: skip
    rule = (
        alt.Chart(pd.DataFrame({"score": [threshold]}))
        .mark_rule(strokeDash=[4, 3], color=PALETTE[1])
        .encode(x=axis)
    )
    st.altair_chart(
        alt.layer(band, line, marks, rule).properties(height=330), alt="Probability of being bad by score"
    )


def _marks(confidence: Float64s, judged: _Judged) -> pd.DataFrame:
    found = confidence[judged.at]
    known = np.isfinite(found)
    bad = judged.is_bad[known]
    return pd.DataFrame(
        {"score": found[known], "at": np.where(bad, 0.97, 0.03), "what": np.where(bad, "bad", "good")}
    )
