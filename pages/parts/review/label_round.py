"""A round of ALC3 above its queue: who was asked, how many labels were wrong, and what the next training sees."""

from __future__ import annotations

import math

import streamlit as st

from pages.parts.review.actions import ReviewContext
from pages.shared.frame import errors_in_place
from pages.shared.identity import asks
from pages.shared.navigation import link_to
from pages.shared.plain_text import count_of
from pages.shared.wording import percent
from tamis.actions.label_rounds import METHOD, LabelRound, freeze_label_round, label_round
from tamis.store.artifacts.store import Artifact


def is_label_round(proposals: Artifact) -> bool:
    """Whether proposals are a round of labels."""
    return proposals.summary.get("method") == METHOD


def show_label_round(review: ReviewContext) -> None:
    """The numbers of the round, and its training set."""
    context = review.context
    found = label_round(context.workspace, context.dataset_id, review.queue.proposals.id)
    cells = st.columns(4, gap="small")
    cells[0].metric("Asked and answered", f"{found.n_answered:,} of {found.n_asked:,}", border=True)
    cells[1].metric(
        "Wrong among them (p)",
        _share(found.share_wrong),
        border=True,
        help="Share of the labels asked about that people changed.",
    )
    cells[2].metric(
        "Still expected (η)", _share(found.eta), border=True,
        help="Share wrong in the first, random batch, less what the model corrected; while more than that is wrong, the least "
        "likely labels are left out of the round's training.",
    )  # fmt: skip
    cells[3].metric(
        "Labels per 100 mended", "–" if math.isnan(found.per_hundred) else f"{found.per_hundred:,.0f}", border=True,
        help="Labels that people gave over all rounds, for each hundred that they changed.",
    )  # fmt: skip
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(_say(found), width="stretch")
        asked = asks(context.workspace, freeze_label_round)
        if st.button("Freeze training set", icon=":material/ac_unit:", key="freeze_round", **asked):
            with errors_in_place():
                made = freeze_label_round(context.workspace, context.dataset_id, found.proposals_id)
                st.session_state["frozen_round"] = made.id
        link_to(
            "review",
            "Next round",
            query={"dataset": context.dataset_id, "view": "new", "propose_way": "Labels"},
        )
    if frozen := st.session_state.get("frozen_round"):
        st.caption(f"Train on it: `tamis run finetune --dataset {context.dataset_id} --decisions {frozen}`")


def _say(found: LabelRound) -> str:
    return (
        f"Round {found.number}: {count_of(found.n_corrected, 'label')} corrected above δ {found.delta:.2f}, "
        f"{count_of(found.n_left_out, 'row')} left out. Only what people say carries over to the next round."
    )


def _share(value: float) -> str:
    return "–" if math.isnan(value) else percent(value)
