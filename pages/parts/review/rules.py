"""Deciding many rows by one rule over the whole queue: how many it is before, one click, one undo after."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
import streamlit as st

from pages.parts.review.actions import (
    ReviewContext,
    messages_by_row,
    revert,
)
from pages.parts.review.queue import (
    candidates_of,
    count_kinds,
    say_kind,
)
from pages.parts.review.score import score_title, score_word
from pages.parts.review.state import DecisionSnapshot, decided_now
from pages.shared.address import say_later
from pages.shared.plain_text import (
    count_of,
    plain,
    shorten,
)
from tamis.compute.apply import with_response
from tamis.errors import CurationError
from tamis.store.review.decisions import (
    BulkChoice,
    Verdict,
    decide_many,
)
from tamis.store.rows.query import fetch_rows
from tamis.store.rows.scope import describe_scope
from tamis.types import Bools, Int64s

VERDICT = "Verdict confidence"
APPROVE, REJECT = "Approve", "Reject"
SAMPLE_ROWS = 8
DONE = "review_rule_done"


@dataclass(frozen=True, slots=True)
class Rule:
    """What is to be done with which rows of the queue; ``measure`` is a key of measures()."""

    what: str
    kinds: tuple[str, ...]
    measure: str
    is_above: bool
    limit: float
    decided_too: bool

    def matches(self, review: ReviewContext, decided: DecisionSnapshot) -> Int64s:
        """The rows, in the order of the queue."""
        facts, rows = review.queue.facts, review.queue.rows
        at = np.searchsorted(facts.rows, rows)
        kept: Bools = (
            np.isin(facts.kinds[at].astype(str), self.kinds) if self.kinds else np.ones(len(rows), bool)
        )
        if self.measure != "none":
            values = getattr(facts, self.measure)[at]
            kept &= values > self.limit if self.is_above else values < self.limit
        if not self.decided_too:
            kept &= decided.open_rows(rows)
        return rows[kept]

    def say(self, review: ReviewContext) -> str:
        """The rule in words, as the history keeps it."""
        said = f"{self.what.lower()} all"
        if self.kinds:
            said += " of " + ", ".join(say_kind(kind).lower() for kind in self.kinds)
        if self.measure != "none":
            measure = (
                VERDICT.lower()
                if self.measure == "verdict_confidence"
                else score_word(review.queue.proposals)
            )
            said += f" with {measure} {'above' if self.is_above else 'below'} {self.limit:g}"
        if review.queue.scope.conditions:
            said += f" where {describe_scope(review.queue.scope, review.context.names.names)}"
        return said


def show_rules(review: ReviewContext) -> None:
    """The rule, its rows, the button, and the way back."""
    decided = decided_now(review.context)
    rule = _build(review)
    rows = rule.matches(review, decided)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.button(
            f"{rule.what} {count_of(len(rows), 'row')}" if len(rows) else "No row to decide", type="primary", icon=":material/done_all:",
            key="review_rule_apply", disabled=not len(rows), on_click=_apply, args=(review, rule, rows, decided),
        )  # fmt: skip
        said = plain(_with_capital(rule.say(review)))
        n_matching = f": **{count_of(len(rows), 'row')}**" if len(rows) else ""
        st.markdown(said + n_matching, width="content")
    done = st.session_state.get(DONE)
    if done and done["dataset_id"] == review.context.dataset_id:
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.markdown(f":green[:material/check:] {plain(done['said'])}", width="content")
            st.button(
                "Undo this", icon=":material/undo:", key="review_rule_undo",
                on_click=partial(_take_back, review, done["event_id"]),
            )  # fmt: skip
    if len(rows):
        _show_sample(review, rows)
    elif not rule.decided_too and not len(review.queue.rows[decided.open_rows(review.queue.rows)]):
        st.caption("Every row of the queue is decided.")
    else:
        st.caption("No row of the queue matches. Widen the rule, or change the queue above.")


def _with_capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _build(review: ReviewContext) -> Rule:
    counts = count_kinds(review.queue.facts)
    offered = [kind for kind in counts if kind in review.queue.kinds]
    titles = measures(review)
    with st.container(border=True):
        left, right = st.columns([2, 3], gap="medium")
        with left:
            what = st.segmented_control(
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
    return Rule(what, tuple(kinds), measure, is_above, limit, decided_too)


def measures(review: ReviewContext) -> dict[str, str]:
    """The columns of the queue that a rule can set a limit on, with what they are called; ``none`` for no limit."""
    facts = review.queue.facts
    offered = {"none": "No limit"}
    if np.isfinite(facts.confidence).any():
        offered["confidence"] = score_title(review.queue.proposals)
    if np.isfinite(facts.verdict_confidence).any():
        offered["verdict_confidence"] = VERDICT
    return offered


def _choose_limit(review: ReviewContext, measure: str) -> tuple[bool, float]:
    if measure == "none":
        return True, 0.0
    values = getattr(review.queue.facts, measure)
    known = values[np.isfinite(values)]
    if not len(known):
        st.caption("No row of these proposals has this number.")
        return True, np.inf
    # The scores of some models have no fixed range; those of a verdict lie between 0 and 1.
    low, high = (0.0, 1.0) if measure == "verdict_confidence" else (float(known.min()), float(known.max()))
    usual = 0.95 if measure == "verdict_confidence" else float(np.median(known))
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        side = st.segmented_control(
            "Side", ["above", "below"], default="above" if measure == "verdict_confidence" else "below",
            required=True, key=f"rule_side_{measure}", bind="query-params", label_visibility="collapsed",
        )  # fmt: skip
        limit = st.number_input(
            "Limit", value=round(usual, 4), step=max((high - low) / 100, 1e-6), format="%.4g",
            key=f"rule_limit_{measure}", bind="query-params", label_visibility="collapsed", width=160,
        )  # fmt: skip
        st.caption(
            f"from {known.min():.3g} to {known.max():.3g}, median {np.median(known):.3g}", width="content"
        )
    return side == "above", float(limit)


def _show_sample(review: ReviewContext, rows: Int64s) -> None:
    shown = rows[:SAMPLE_ROWS]
    held = fetch_rows(review.context.view, shown, ["prompt", "response"]).to_pylist()
    candidates = candidates_of(review.queue.proposals, shown)
    facts = review.queue.facts
    at = np.searchsorted(facts.rows, shown)
    table = pd.DataFrame(
        {
            "row": shown,
            "proposed": [say_kind(str(kind)) for kind in facts.kinds[at]],
            "confidence": facts.confidence[at],
            "verdict": facts.verdict_confidence[at],
            "prompt": [shorten(one["prompt"] or "", 160) for one in held],
            "response": [shorten(one["response"] or "", 160) for one in held],
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
                score_title(review.queue.proposals), width=95, format="%.3g"
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


def _apply(review: ReviewContext, rule: Rule, rows: Int64s, decided: DecisionSnapshot) -> None:
    try:
        event = decide_many(
            review.context.workspace.database,
            review.context.dataset_id,
            _choices(review, rule, rows, decided),
            rule=rule.say(review),
            proposals_id=review.queue.proposals.id,
            reviewer=review.reviewer,
        )
    except CurationError as error:
        say_later(str(error))
        return
    said = f"{count_of(event.n_rows, 'row')} decided: {rule.say(review)}."
    if event.n_conflicts:
        said += f" {count_of(event.n_conflicts, 'row')} had been decided meanwhile and wait as conflicts."
    st.session_state[DONE] = {
        "event_id": event.event_id,
        "said": said,
        "dataset_id": review.context.dataset_id,
    }


def _choices(review: ReviewContext, rule: Rule, rows: Int64s, decided: DecisionSnapshot) -> list[BulkChoice]:
    facts = review.queue.facts
    actions = [str(kind).partition(":")[0] for kind in facts.kinds[np.searchsorted(facts.rows, rows)]]
    candidates = candidates_of(review.queue.proposals, rows)
    originals = messages_by_row(review.context, rows)
    choices = []
    for row, action, candidate, original in zip(rows.tolist(), actions, candidates, originals, strict=True):
        verdict = _verdict(rule.what, action)
        messages = list(with_response(original, candidate or "")) if verdict == "replace" else None
        choices.append(BulkChoice(row, verdict, messages, original, decided.seen_event(row)))
    return choices


def _verdict(what: str, action: str) -> Verdict:
    if what == APPROVE:
        return action  # type: ignore[return-value]  # the table holds no other
    return "drop" if action == "keep" else "keep"


def _take_back(review: ReviewContext, event_id: int) -> None:
    revert(review, event_id)
    st.session_state.pop(DONE, None)
