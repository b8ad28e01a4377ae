"""What the decisions so far say about the score: the share of bad rows by score, and what a threshold would catch and cost."""

from __future__ import annotations

import altair as alt
import numpy as np
import pandas as pd
import streamlit as st

from pages.parts.review.actions import ReviewContext, decided_as_known
from pages.parts.review.queue import ORDER, forget_place
from pages.shared.figures import WHOLE_PERCENTS
from pages.shared.plain_text import count_of, plain
from pages.shared.wording import PERCENT_TICKS, percent
from tamis.actions.map_colours import PALETTE
from tamis.actions.proposals import score_title
from tamis.actions.review_calibration import (
    MIN_DECISIONS,
    ProbabilityEstimate,
    ReviewCalibration,
    ScoreBands,
    ThresholdReport,
    calibrate_review,
    usual_threshold,
)
from tamis.actions.review_queue import UNBIASED


def show_calibration(review: ReviewContext) -> None:
    """The shares by score, the slider with what it would catch, and the way to the sample that both rest on."""
    fitted = calibrate_review(review.queue.columns, decided_as_known(review))
    if fitted.n_scored < MIN_DECISIONS:
        _show_too_few(fitted.n_scored, review)
        return
    _show_sample_offer(fitted)
    if fitted.n_by_rule:
        st.caption(
            f"{count_of(fitted.n_by_rule, 'row')} decided by a rule or from a file {'is' if fitted.n_by_rule == 1 else 'are'} "
            "left out: nobody read them one by one here."
        )
    if fitted.bands is None:
        _show_not_enough(fitted)
        return
    left, right = st.columns([3, 2], gap="medium")
    with right:
        threshold = _choose_threshold(review)
        _show_estimate(fitted.at(threshold))
    with left, st.container(border=True):
        st.markdown("**Estimated share of bad rows by score**")
        _show_bands(fitted, fitted.bands, threshold, title=plain(score_title(review.queue.proposals)))
        st.caption(
            f"From the {fitted.sample.n_counted:,} counted rows of the sample, {fitted.n_bad:,} of them dropped or replaced. "
            "A box is the 95 % interval of the share of bad rows among all rows with such scores (Clopper and Pearson, with "
            "the effective number of rows), the line in it the estimate; each mark is a counted row, bad ones above."
        )


def _show_too_few(n_scored: int, review: ReviewContext) -> None:
    """Why no number of decisions would do."""
    if n_scored:
        of_all = f" of {review.context.n_rows:,}" if review.context.n_rows > n_scored else ""
        text = (
            f"Too small for an estimate: it takes {MIN_DECISIONS} decided rows with a score, and there are only "
            f"{n_scored:,}{of_all} here. So few are best read one by one."
        )
    else:
        text = (
            "These proposals were made without a score, so there is nothing to calibrate. Those of Auto-Filter and "
            "Auto-Correct have one."
        )
    st.info(text, icon=":material/query_stats:")


def _show_sample_offer(fitted: ReviewCalibration) -> None:
    """How much of the sample counts, the way to the rest of it, and why decisions about it do not count yet."""
    sample, row = fitted.sample, fitted.sample.next_row
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(
            f"**{sample.n_counted:,} of {sample.n_rows:,}** rows of the unbiased sample are counted.",
            width="content",
        )
        st.button(
            "Review the sample", icon=":material/casino:", key="review_sample", on_click=_review_sample,
            help="Rows drawn by chance at known rates, low scores more densely. From 20 of them on there are estimates, "
            "which do not depend on which rows you happened to look at, nor on what the score is worth.",
        )  # fmt: skip
        if row is not None:
            st.button(
                f"Open row {row:,}", icon=":material/arrow_forward:", key="review_sample_row",
                on_click=_review_sample, args=(row,),
            )  # fmt: skip
    if row is not None:
        why = "was decided by a rule" if sample.by_rule else "is not decided"
        one = sample.n_later == 1
        st.caption(
            f"{count_of(sample.n_later, 'decision')} about the sample {'does' if one else 'do'} not count yet: row "
            f"{row:,}, which chance put before {'it' if one else 'them'}, {why}. Counting what you chose to look at would "
            "bias the estimate."
        )


def _review_sample(row: int | None = None) -> None:
    st.query_params[ORDER] = UNBIASED
    for name in ("kinds", "scope"):  # either would leave rows of the sample out
        st.query_params.pop(name, None)
    st.query_params["view"] = "queue"
    forget_place()
    if row is not None:
        st.query_params["row"] = str(row)


def _show_not_enough(fitted: ReviewCalibration) -> None:
    with st.container(border=True):
        st.progress(fitted.fraction_there, text=plain(fitted.problem))
        st.caption(
            "With enough rows of the sample decided, each band of scores has an estimated share of bad rows with its "
            "interval, and a threshold shows how much of what it drops is bad and how much of what is bad it drops. Rows "
            "that you chose to look at yourself say nothing about the others, so they do not count here."
        )


def _choose_threshold(review: ReviewContext) -> float:
    low, high, start = usual_threshold(review.queue.proposals, review.queue.columns)
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


def _show_estimate(report: ThresholdReport) -> None:
    estimate = report.estimate
    share = estimate.n_below / max(1, estimate.n_scored)
    st.metric("Rows that would go", f"{estimate.n_below:,}", f"{percent(share)} of {estimate.n_scored:,}", delta_color="off", delta_arrow="off")  # fmt: skip
    left, right = st.columns(2, gap="small")
    _show_metric(left, "Precision", estimate.precision, "Share of bad rows among those that would go.")
    _show_metric(right, "Recall", estimate.recall, "Share of all bad rows that would go.")
    _show_metric(left, "Bad rows", report.bad, "Estimated share of bad rows among all.")
    st.caption(
        f"From the unbiased sample ({count_of(report.n_decisions, 'decision')}), with 95 % intervals that held the truth in "
        "93 to 99 of 100 simulated reviews."
    )


def _show_metric(
    place: st.delta_generator.DeltaGenerator, label: str, estimate: ProbabilityEstimate, text: str
) -> None:
    if np.isnan(estimate.value):
        place.metric(label, "unknown", help=text)
        return
    interval = f"{estimate.low * 100:.0f} to {estimate.high * 100:.0f} %"
    place.metric(label, percent(estimate.value), interval, delta_color="off", delta_arrow="off", help=text)


def _show_bands(fitted: ReviewCalibration, bands: ScoreBands, threshold: float, *, title: str) -> None:
    shares = pd.DataFrame(
        {
            "start": bands.start, "end": bands.end, "bad": bands.value, "low": bands.low, "high": bands.high,
            "n_rows": bands.n_rows, "n_counted": bands.n_counted,
        }
    )  # fmt: skip
    scale = alt.Scale(zero=False, nice=False)
    share = alt.Scale(domain=[0, 1])
    tooltip = [
        alt.Tooltip("start:Q", title="Scores above", format=".3~g"),
        alt.Tooltip("end:Q", title="Up to", format=".3~g"),
        alt.Tooltip("bad:Q", title="Bad", format=WHOLE_PERCENTS),
        alt.Tooltip("low:Q", title="From", format=WHOLE_PERCENTS),
        alt.Tooltip("high:Q", title="To", format=WHOLE_PERCENTS),
        alt.Tooltip("n_rows:Q", title="Rows", format=","),
        alt.Tooltip("n_counted:Q", title="Counted"),
    ]
    base = alt.Chart(shares).encode(
        x=alt.X("start:Q", title=title, scale=scale, axis=alt.Axis(grid=False)), x2="end:Q", tooltip=tooltip
    )
    ticks = alt.Axis(labelExpr=PERCENT_TICKS, tickCount=5)
    y = alt.Y("low:Q", title="Share of bad rows", scale=share, axis=ticks)
    box = base.mark_rect(opacity=0.22, color=PALETTE[0], stroke="white").encode(y=y, y2="high:Q")
    line = base.mark_rule(color=PALETTE[0], strokeWidth=3).encode(y=alt.Y("bad:Q", scale=share))
    colours = alt.Scale(domain=["bad", "good"], range=[PALETTE[1], PALETTE[0]])
    marks = alt.Chart(_marks(fitted)).mark_tick(
        orient="vertical", size=12, opacity=0.55, thickness=1.5
    ).encode(
        x=alt.X("score:Q", scale=scale), y=alt.Y("at:Q", scale=share),
        color=alt.Color("what:N", title=None, scale=colours, legend=None),
    )  # fmt: skip
    rule = (
        alt.Chart(pd.DataFrame({"score": [threshold]}))
        .mark_rule(strokeDash=[4, 3], color=PALETTE[1])
        .encode(x="score:Q")
    )
    st.altair_chart(
        alt.layer(box, line, marks, rule).properties(height=330), alt="Share of bad rows in bands of scores"
    )


def _marks(fitted: ReviewCalibration) -> pd.DataFrame:
    known = np.isfinite(fitted.counted_scores)
    bad = fitted.counted_bad[known]
    return pd.DataFrame(
        {
            "score": fitted.counted_scores[known],
            "at": np.where(bad, 0.97, 0.03),
            "what": np.where(bad, "bad", "good"),
        }
    )
