"""Deciding many rows by one rule over the whole queue: how many it is before, one click, one undo after."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
import streamlit as st

from pages.parts.review.actions import ReviewContext, decided_as_known, revert
from pages.parts.review.queue import proposals_of
from pages.shared.address import say_later
from pages.shared.identity import asks
from pages.shared.plain_text import count_of, plain, shorten
from tamis.actions.bulk_decisions import (
    Measure,
    ReviewRule,
    decide_by_rule,
    describe_rule,
    limit_offered,
    measure_titles,
    rows_of_rule,
)
from tamis.actions.decisions import DecisionSnapshot, revert_decision
from tamis.actions.proposals import say_kind, score_title
from tamis.actions.read_rows import read_rows
from tamis.errors import CurationError
from tamis.types import Int64s

APPROVE, REJECT = "Approve", "Reject"
SAMPLE_ROWS = 8
DONE = "review_rule_done"


def show_rules(review: ReviewContext) -> None:
    """The rule, its rows, the button, and the way back."""
    decided = decided_as_known(review)
    rule = _build(review)
    rows = rows_of_rule(rule, review.queue, decided)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.button(
            f"{APPROVE if rule.approves else REJECT} {count_of(len(rows), 'row')}" if len(rows) else "No row to decide", type="primary", icon=":material/done_all:",
            key="review_rule_apply", on_click=_apply, args=(review, rule, decided),
            **asks(review.workspace, decide_by_rule, disabled=not len(rows)),
        )  # fmt: skip
        text = plain(_with_capital(_say(review, rule)))
        n_matching = f": **{count_of(len(rows), 'row')}**" if len(rows) else ""
        st.markdown(text + n_matching, width="content")
    done = st.session_state.get(DONE)
    if done and done["dataset_id"] == review.context.dataset_id:
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.markdown(f":green[:material/check:] {plain(done['said'])}", width="content")
            st.button(
                "Undo this", icon=":material/undo:", key="review_rule_undo",
                on_click=partial(_take_back, review, done["event_id"]), **asks(review.workspace, revert_decision),
            )  # fmt: skip
    if len(rows):
        _show_sample(review, rows)
    elif not rule.decided_too and not len(review.queue.rows[decided.open_rows(review.queue.rows)]):
        st.caption("Every row of the queue is decided.")
    else:
        st.caption("No row of the queue matches. Widen the rule, or change the queue above.")


def _with_capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _say(review: ReviewContext, rule: ReviewRule) -> str:
    return describe_rule(rule, review.queue, review.context.names.names)


def _build(review: ReviewContext) -> ReviewRule:
    offered = [kind for kind in review.queue.kind_counts if kind in review.queue.kinds]
    titles = measure_titles(review.queue)
    with st.container(border=True):
        left, right = st.columns([2, 3], gap="medium")
        with left:
            way = st.segmented_control(
                "Do", [APPROVE, REJECT], default=APPROVE, required=True, key="rule_what", bind="query-params"
            )
            decided_too = st.toggle(
                "Rows that are decided already, too", key="rule_decided", bind="query-params",
                help="Otherwise only rows that wait for a decision.",
            )  # fmt: skip
        with right:
            kinds = st.multiselect(
                "What is proposed",
                offered,
                format_func=say_kind,
                key="rule_kinds",
                placeholder="Anything in the queue",
            )
            measure = st.segmented_control(
                "Where", list(titles), default="none", required=True, key="rule_measure", bind="query-params",
                format_func=titles.__getitem__,
            )  # fmt: skip
            is_above, limit = _choose_limit(review, measure)
    return ReviewRule(
        approves=way == APPROVE, kinds=tuple(kinds), measure=measure, is_above=is_above, limit=limit,
        decided_too=decided_too,
    )  # fmt: skip


def _choose_limit(review: ReviewContext, measure: Measure) -> tuple[bool, float]:
    if measure == "none":
        return True, 0.0
    offered = limit_offered(review.queue, measure)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        side = st.segmented_control(
            "Side", ["above", "below"], default="above" if offered.is_above else "below",
            required=True, key=f"rule_side_{measure}", bind="query-params", label_visibility="collapsed",
        )  # fmt: skip
        limit = st.number_input(
            "Limit", value=round(offered.usual, 4), step=max((offered.high - offered.low) / 100, 1e-6), format="%.4g",
            key=f"rule_limit_{measure}", bind="query-params", label_visibility="collapsed", width=160,
        )  # fmt: skip
        st.caption(
            f"from {offered.least:.3g} to {offered.most:.3g}, median {offered.median:.3g}", width="content"
        )
    return side == "above", float(limit)


def _show_sample(review: ReviewContext, rows: Int64s) -> None:
    shown = rows[:SAMPLE_ROWS]
    texts = read_rows(review.context, shown, ["prompt", "response"]).to_pylist()
    proposals = proposals_of(review.queue, shown)
    candidates = [one.candidate for one in proposals]
    table = pd.DataFrame(
        {
            "row": shown,
            "proposed": [say_kind(one.kind) for one in proposals],
            "confidence": np.asarray([one.confidence for one in proposals]),
            "verdict": np.asarray([one.verdict_confidence for one in proposals]),
            "prompt": [shorten(one["prompt"] or "", 160) for one in texts],
            "response": [shorten(one["response"] or "", 160) for one in texts],
            "candidate": [shorten(one or "", 160) for one in candidates],
        }
    )
    empty = [name for name in ("confidence", "verdict") if table[name].isna().all()]
    st.dataframe(
        table.drop(columns=empty + ([] if any(candidates) else ["candidate"])),
        hide_index=True,
        column_config={
            "row": st.column_config.NumberColumn("Row", width=70, format="%d"),
            "proposed": st.column_config.TextColumn("Proposed", width=170),
            "confidence": st.column_config.NumberColumn(
                plain(score_title(review.queue.proposals)), width=95, format="%.3g"
            ),
            "verdict": st.column_config.NumberColumn("Verdict", width=75, format="%.3g"),
            "prompt": st.column_config.TextColumn("Prompt", width="medium"),
            "response": st.column_config.TextColumn("Response", width="medium"),
            "candidate": st.column_config.TextColumn("Candidate", width="medium"),
        },
        alt="Rows that the rule is about",
    )
    if len(rows) > len(shown):
        st.caption(f"The first {len(shown)} of {len(rows):,} rows.")


def _apply(review: ReviewContext, rule: ReviewRule, decided: DecisionSnapshot) -> None:
    try:
        event = decide_by_rule(
            review.workspace, review.dataset_id, rule, review.queue, decided, reviewer=review.reviewer,
            cluster_names=review.context.names.names,
        )  # fmt: skip
    except CurationError as error:
        say_later(str(error))
        return
    text = f"{count_of(event.n_rows, 'row')} decided: {_say(review, rule)}."
    if event.n_conflicts:
        text += f" {count_of(event.n_conflicts, 'row')} had been decided meanwhile and wait as conflicts."
    st.session_state[DONE] = {"event_id": event.event_id, "said": text, "dataset_id": review.dataset_id}


def _take_back(review: ReviewContext, event_id: int) -> None:
    revert(review, event_id)
    st.session_state.pop(DONE, None)
