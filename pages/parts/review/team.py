"""The team: whose rows are whose, how far people agree about those that two decided, and what waits for a curator."""

from __future__ import annotations

import math

import pandas as pd
import streamlit as st

from pages.parts.review.actions import ReviewContext, decided_for
from pages.shared.address import say_later
from pages.shared.dataset_context import DatasetContext
from pages.shared.plain_text import count_of, plain
from pages.shared.wording import percent
from tamis.actions.accounts import accounts_with
from tamis.actions.review_queue import ReviewQueue
from tamis.actions.roles import why_not
from tamis.actions.teams import (
    Agreement,
    Coefficient,
    Share,
    assign_rows,
    list_shares,
    measure_agreement,
    rows_of_reviewer,
)
from tamis.errors import CurationError
from tamis.types import Int64s

_PEOPLE, _OVERLAP, _SEED = "team_people", "team_overlap", "team_seed"


def share_in_view(context: DatasetContext, queue: ReviewQueue, reviewer: str) -> Int64s | None:
    """The rows that are this person's; None where none is, and for a curator who asked for the whole queue."""
    mine = rows_of_reviewer(context.workspace, context.dataset_id, queue.proposals.id, reviewer)
    if mine is None or not context.workspace.actor.may("curator"):
        return mine
    # Whoever settles what two decided must see both.
    is_whole = st.toggle(
        "Everybody's rows",
        key="review_everybody",
        bind="query-params",
        help="Otherwise only your share, without what others said.",
    )
    return None if is_whole else mine


def show_team(review: ReviewContext) -> None:
    """Shares, agreement, conflicts, and the form that assigns."""
    proposals_id = review.queue.proposals.id
    shares = list_shares(review.workspace, review.dataset_id, proposals_id)
    if shares:
        _show_shares(shares)
        if review.alone is None or not why_not(assign_rows, review.workspace):
            _show_agreement(measure_agreement(review.workspace, review.dataset_id, proposals_id))
        else:
            st.caption(
                "How far you agree is shown to curators: nobody is to learn from it what others decided."
            )
    else:
        st.caption("Nobody has a share of these proposals: everybody decides whatever is next.")
    n_conflicts = len(decided_for(review).conflicts)
    if n_conflicts:
        st.markdown(
            f":orange[:material/call_split: {count_of(n_conflicts, 'row')}] with two answers wait for a curator: see the queue."
        )
    if not why_not(assign_rows, review.workspace):
        _show_form(review, shares)


def _show_shares(shares: list[Share]) -> None:
    st.dataframe(
        pd.DataFrame(
            {
                "who": [one.reviewer for one in shares],
                "rows": [one.n_rows for one in shares],
                "shared": [one.n_shared for one in shares],
                "decided": [100 * one.n_decided / max(1, one.n_rows) for one in shares],
            }
        ),
        hide_index=True,
        column_config={
            "who": st.column_config.TextColumn("Who", width=220),
            "rows": st.column_config.NumberColumn("Rows", format="localized"),
            "shared": st.column_config.NumberColumn("Shared with others", format="localized"),
            "decided": st.column_config.ProgressColumn(
                "Decided", format="%.0f %%", min_value=0, max_value=100
            ),
        },
        alt="Shares of the queue",
    )


def _show_agreement(agreement: Agreement) -> None:
    if not agreement.alpha.n_rows:
        st.caption("Agreement is measured on rows that two people decided: none is decided by two yet.")
        return
    cells = st.columns(3, gap="small")
    cells[0].metric("Rows that two decided", f"{agreement.alpha.n_rows:,}", border=True)
    cells[1].metric("Decided alike", percent(agreement.observed), border=True)
    cells[2].metric(
        "Krippendorff's alpha", _say_value(agreement.alpha.value), border=True,
        help="1 is full agreement, 0 what chance would give. " + _say_interval(agreement.alpha),
    )  # fmt: skip
    lines = [f"alpha: {_say_interval(agreement.alpha)}"]
    lines += [
        f"{plain(one)} and {plain(other)}: Cohen's kappa {_say_value(kappa.value)} on {count_of(kappa.n_rows, 'row')}; "
        f"{_say_interval(kappa)}"
        for (one, other), kappa in agreement.kappas.items()
    ]
    st.caption("  \n".join(lines))


def _say_value(value: float) -> str:
    return "undefined" if math.isnan(value) else f"{value:.2f}"


def _say_interval(one: Coefficient) -> str:
    if math.isnan(one.value):
        return "there is one verdict alone, so agreement beyond chance is undefined."
    if math.isnan(one.low):
        return "too few rows for an interval."
    return f"from {one.low:.2f} to {one.high:.2f} at 95 %."


def _show_form(review: ReviewContext, shares: list[Share]) -> None:
    with st.form("team_form"):
        st.markdown(f"**Assign the {count_of(len(review.queue.rows), 'row')} of this queue**")
        known = [one.reviewer for one in shares]
        offered = list(dict.fromkeys([*known, *accounts_with(review.workspace.settings, "reviewer")]))
        st.multiselect(
            "People", offered, default=known, key=_PEOPLE, accept_new_options=True, placeholder="Names"
        )
        left, right = st.columns(2)
        left.slider(
            "Decided by two, %",
            0,
            100,
            20,
            key=_OVERLAP,
            help="Of these rows agreement is measured; neither sees what the other said.",
        )
        right.number_input("Seed", 0, 2**31 - 1, 0, key=_SEED, help="Which rows are whose is drawn.")
        if shares:
            st.caption("Takes the place of the shares above. Decisions stay.")
        st.form_submit_button(
            "Assign",
            type="primary",
            icon=":material/group_add:",
            on_click=_assign,
            args=(review,),
        )


def _assign(review: ReviewContext) -> None:
    state = st.session_state
    try:
        assign_rows(
            review.workspace, review.queue, state[_PEOPLE], overlap_fraction=state[_OVERLAP] / 100, seed=int(state[_SEED]),
            assigned_by=review.reviewer,
        )  # fmt: skip
    except CurationError as error:
        say_later(str(error))
