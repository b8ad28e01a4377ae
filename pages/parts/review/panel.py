"""The review itself: where one stands, what there is to see, and the row on the review."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import streamlit as st

from pages.parts.review.actions import (
    HELD_BY_ME,
    ReviewContext,
    decided_for,
    find_place,
    release_my_tabs,
    remember_note,
    show_notes,
)
from pages.parts.review.apply import show_apply
from pages.parts.review.calibration import show_calibration
from pages.parts.review.history import show_history
from pages.parts.review.item import show_item, show_turns_back
from pages.parts.review.label_round import is_label_round, show_label_round
from pages.parts.review.propose_form import show_propose_form
from pages.parts.review.queue import forget_place, proposals_in_view, queue_in_view, show_controls
from pages.parts.review.rules import show_rules
from pages.parts.review.session import ask_reviewer, known_reviewer, this_tab
from pages.parts.review.state import progress_now
from pages.parts.review.team import share_in_view, show_team
from pages.shared.address import show_deferred_error
from pages.shared.dataset_context import DatasetContext
from pages.shared.identity import asks
from pages.shared.plain_text import count_of
from pages.shared.runs.job_watch import CLONED, cloned_defaults
from pages.shared.wording import percent
from tamis.actions.decisions import DecisionSnapshot
from tamis.actions.review_queue import held_rows, release_other_sessions
from tamis.actions.teams import rows_seen_alone, share_of_queue
from tamis.store.artifacts.store import Artifact
from tamis.types import Int64s

VIEW = "view"
VIEWS = {
    "queue": "Queue",
    "rules": "By rule",
    "history": "History",
    "calibration": "Calibration",
    "team": "Team",
    "apply": "Apply",
    "new": "New proposals",
}
_SWITCH = "review_switch"


def show_review(context: DatasetContext, artifacts: list[Artifact]) -> None:
    """Everything about the proposals of a dataset."""
    view = _choose_view()
    if view == "new":
        show_propose_form(context, cloned_defaults(context.workspace, "propose"))
        return
    reviewer = known_reviewer(context.workspace)
    if not reviewer:
        ask_reviewer()
        return
    queue, queue_key = queue_in_view(context, proposals_in_view(artifacts))
    mine = share_in_view(context, queue, reviewer)
    if mine is not None and view == "queue":
        queue, queue_key = share_of_queue(queue, mine), f"{queue_key}:{reviewer}"
    alone = rows_seen_alone(context.workspace, context.dataset_id, reviewer, mine)
    review = ReviewContext(context, queue, queue_key, reviewer, this_tab(), mine, alone)
    if view in ("queue", "rules"):
        show_controls(context, queue, artifacts)
    shown: dict[str, Any] = {
        "queue": show_queue, "rules": show_rules, "history": show_history, "calibration": show_calibration,
        "team": show_team, "apply": show_apply,
    }  # fmt: skip
    # A fragment: a key press draws the row and its counts again, and nothing else of the page.
    st.fragment(_with_messages)(shown[view], review)


def _with_messages(show: Any, review: ReviewContext) -> None:  # noqa: ANN401 - a function of this module's kind
    show_deferred_error()
    show(review)
    show_notes()


def show_queue(review: ReviewContext) -> None:
    """How far it is, and the row that is next."""
    if not len(review.queue.rows):
        show_empty(review)
        return
    if is_label_round(review.queue.proposals):
        show_label_round(review)
    decided = decided_for(review)
    row = find_place(review, decided)
    _show_progress(review, decided)
    _show_held_by_me(review)
    if row is None:
        _show_done(review, decided)
    else:
        # Close together, so that all of it is on one screen.
        with st.container(gap="xsmall"):
            show_item(review, row, decided)


def show_empty(review: ReviewContext) -> None:
    """A queue without any row."""
    with st.container(border=True, horizontal_alignment="center", gap="small"):
        st.space("small")
        st.subheader(":material/inbox: Nothing in this queue", anchor=False, text_alignment="center")
        text = "No proposal matches the filters and kinds chosen above."
        st.caption(text, text_alignment="center")
        st.button("Show all proposals again", type="primary", key="review_reset", on_click=_reset)
        st.space("small")


def _choose_view() -> str:
    asked = st.query_params.get(VIEW, "queue")
    asked = "new" if CLONED in st.query_params else asked
    st.session_state[_SWITCH] = asked if asked in VIEWS else "queue"
    return str(
        st.segmented_control(
            "View", list(VIEWS), format_func=VIEWS.__getitem__, required=True, key=_SWITCH, on_change=_switched,
            label_visibility="collapsed",
        )
    )  # fmt: skip


def _switched() -> None:
    chosen = st.session_state[_SWITCH]
    st.query_params.pop(CLONED, None)
    if chosen == "queue":
        st.query_params.pop(VIEW, None)
    else:
        st.query_params[VIEW] = chosen


def _show_progress(review: ReviewContext, decided: DecisionSnapshot) -> None:
    progress = progress_now(review.context, review.queue.rows, review.queue_key, review.reviewer)
    total = len(review.queue.rows)
    n_left = int(decided.open_rows(review.queue.rows).sum())
    share = " of your share" if review.mine is not None else ""
    parts = [f"**{total - n_left:,}** decided{share}", f"**{n_left:,}** left"]
    if progress.n_decided and not math.isnan(progress.rate_per_minute):
        rate = round(progress.rate_per_minute)
        parts.append(f"**{rate:,}** per minute" if rate else "less than **1** per minute")
    if review.alone is None and not math.isnan(progress.agreement_fraction):
        parts.append(f"**{percent(progress.agreement_fraction)}** agree with the proposals")
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.progress((total - n_left) / max(1, total), text=" · ".join(parts))
        if decided.conflicts:
            st.button(
                count_of(len(decided.conflicts), "conflict"), icon=":material/call_split:", key="review_conflicts",
                on_click=_open_conflict, args=(review, decided.conflicts),
            )  # fmt: skip


def _show_held_by_me(review: ReviewContext) -> None:
    """Say that the row asked for is held by another tab of the same person, and offer to take it."""
    asked = st.session_state.get(HELD_BY_ME)
    if asked is None:
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(
            f":orange[:material/tab: Row {asked:,} is held by another tab of yours.] Here is the next one.",
            width="content",
        )
        _release_button(review, asked)


def _release_button(review: ReviewContext, row: int | None = None) -> None:
    st.button(
        # A row that an address names may be held where the queue has ended, too: then both places have the button.
        "Release my other tabs", icon=":material/lock_open:", key="review_release_all" if row is None else "review_release", on_click=release_my_tabs,
        args=(review, row),
        **asks(
            review.workspace, release_other_sessions, words="Their rows come to this tab's queue. What is typed there stays as a draft."
        ),
    )  # fmt: skip


def _open_conflict(review: ReviewContext, conflicts: tuple[int, ...]) -> None:
    row = next((row for row in conflicts if (review.queue.rows == row).any()), None)
    if row is None:
        remember_note(
            "The conflicts are about rows outside this queue. Widen it to see them.", ":material/info:"
        )
    else:
        st.query_params["row"] = str(row)


def _show_done(review: ReviewContext, decided: DecisionSnapshot) -> None:
    open_rows = review.queue.rows[decided.open_rows(review.queue.rows)]
    waiting, mine = len(open_rows), _held_by_me(review, open_rows)
    with st.container(border=True, horizontal_alignment="center", gap="small"):
        st.space("small")
        if waiting:
            title = "Others are at work" if mine < waiting else "Your other tabs have the rest"
            text = f"{count_of(waiting, 'row')} left: {_say_holders(mine, waiting - mine)}."
        else:
            title, text = (
                "Everything is decided",
                f"All {len(review.queue.rows):,} rows of this queue have a decision.",
            )
        st.subheader(f":material/task_alt: {title}", anchor=False, text_alignment="center")
        st.caption(text, text_alignment="center")
        with st.container(horizontal=True, horizontal_alignment="center", gap="small"):
            if waiting:
                st.button("Look again", icon=":material/refresh:", key="review_again")
                if mine:
                    _release_button(review)
            else:
                st.button(
                    "Apply the decisions", type="primary", icon=":material/fork_right:", key="review_to_apply",
                    on_click=_open_view, args=("apply",),
                )  # fmt: skip
                st.button("Look at the first row", key="review_first", on_click=_open_first, args=(review,))
            show_turns_back(review)
        st.space("small")


def _held_by_me(review: ReviewContext, rows: Int64s) -> int:
    claims = held_rows(review.workspace, review.dataset_id)
    mine = [
        one.example_id for one in claims.values() if one.reviewer == review.reviewer and one.tab != review.tab
    ]
    return int(np.isin(rows, mine).sum())


def _say_holders(n_mine: int, n_others: int) -> str:
    parts = [f"{n_others:,} held by other reviewers"] if n_others else []
    return " and ".join([*parts, *([f"{n_mine:,} held by another tab of yours"] if n_mine else [])])


def _open_view(view: str) -> None:
    st.query_params[VIEW] = view


def _open_first(review: ReviewContext) -> None:
    st.query_params["row"] = str(int(review.queue.rows[0]))


def _reset() -> None:
    for name in ("scope", "kinds", "order", "near"):
        st.query_params.pop(name, None)
    forget_place()
