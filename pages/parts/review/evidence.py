"""Why something is proposed: the reason in a sentence, and what the judge said in both orders."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from pages.shared.plain_text import plain
from pages.shared.rows.review_text import show_text
from tamis.actions.proposals import Proposal
from tamis.filters import FILTERS
from tamis.types import JSON

ANSWERS = {"candidate": "the candidate is better", "original": "the original is better", "tie": "a tie"}
# What the letters that the judge answers with stand for, by the order in which it saw the two.
LETTERS = {
    "original first": {"A": "original", "B": "candidate", "C": "tie"},
    "candidate first": {"A": "candidate", "B": "original", "C": "tie"},
}
MARGINS = {"was_cut": "the judge read a shortened text", "contains_template": "the texts hold words of the judge's template"}  # fmt: skip


def show_evidence(proposal: Proposal) -> None:
    """The reason, the verdicts in a line each, and everything else folded away."""
    lines = say_verdicts(proposal)
    with st.container(gap="xsmall"):
        with st.container(horizontal=True, gap="small", vertical_alignment="center"):
            st.markdown(f":material/lightbulb: {plain(say_why(proposal))}", width="content")
            for remark in margin_remarks(proposal):
                st.caption(f":orange[:material/warning: {remark}]", width="content")
        if lines:
            st.caption(" · ".join(plain(line) for line in lines))
        if has_replies(proposal):
            with st.expander("What the judge wrote", icon=":material/gavel:", key="review_replies"):
                for reply in replies_of(proposal):
                    show_text(reply)


def has_replies(proposal: Proposal) -> bool:
    """Whether there are words of the judge to read."""
    return bool(replies_of(proposal))


def replies_of(proposal: Proposal) -> list[str]:
    """What the judge wrote."""
    return [str(one["reply"]) for one in _verdicts(proposal) if one.get("reply")]


def say_why(proposal: Proposal) -> str:
    """The reason in a sentence; text of others, no markup."""
    return str(proposal.evidence.get("why") or "No reason is recorded.")


def margin_remarks(proposal: Proposal) -> list[str]:
    """What makes the evidence weaker."""
    return [remark for name, remark in MARGINS.items() if proposal.evidence.get(name)]


def say_verdicts(proposal: Proposal) -> list[str]:
    """Each verdict in a line, and what each filter that is against a written row measured; text of others, no markup."""
    measured = [_say_measured(one) for one in proposal.evidence.get("reasons") or [] if isinstance(one, dict)]
    return [*(_say_verdict(one) for one in _verdicts(proposal)), *measured]


def _verdicts(proposal: Proposal) -> list[dict[str, JSON]]:
    return [one for one in proposal.evidence.get("verdicts") or [] if isinstance(one, dict)]


def _say_measured(one: Mapping[str, Any]) -> str:
    """``Repeats: 0.97, where the limit is 0.95; like row 12 of my-data``."""
    name = str(one.get("filter") or "")
    title = FILTERS[name].title if name in FILTERS else name
    value, limit, near = one.get("value"), one.get("limit"), one.get("near")
    counted = _are_numbers(value, limit) and (value, limit) != (
        0,
        1,
    )  # what a filter only sees or does not see
    text = f"{title}: {value:.3g}, where the limit is {limit:.3g}" if counted else title
    if isinstance(near, dict):
        text += f"; like row {near.get('example_id')} of {near.get('dataset')}"
    return text


def _are_numbers(*values: object) -> bool:
    return all(isinstance(value, int | float) for value in values)


def _say_verdict(one: Mapping[str, Any]) -> str:
    """``original first: the candidate is better (original 0.12, candidate 0.85, tie 0.03)``."""
    verdict = str(one.get("found") or "")
    words = ANSWERS.get(verdict, verdict.replace("_", " ") or "no verdict")
    chances = one.get("probabilities")
    numbers = ""
    if isinstance(chances, dict):
        names = LETTERS.get(str(one.get("order")), {})
        numbers = ", ".join(
            f"{names.get(key, key)} {value:.2f}"
            for key, value in chances.items()
            if isinstance(value, int | float)
        )
    return f"{one.get('order', 'asked')}: {words}" + (f" ({numbers})" if numbers else "")
