"""What was decided: of one row, and the latest of everyone or one reviewer; any decision can be reverted from here."""

from __future__ import annotations

from functools import partial

import pandas as pd
import streamlit as st

from pages.parts.review.actions import ReviewContext, revert
from pages.parts.review.audit import show_audit
from pages.parts.review.conflict import show_messages
from pages.shared.identity import asks
from pages.shared.navigation import link_to
from pages.shared.plain_text import count_of, plain
from pages.shared.wording import ago
from tamis.actions.decisions import (
    DecisionEvent,
    RowChange,
    history_of_row,
    list_decisions,
    revert_decision,
    rows_of_decision,
)
from tamis.actions.teams import blind_changes, blind_events

LIMIT, EVENT_ROWS = 300, 20
ACTIONS = {"undo": "Undone", "redo": "Done again", "revert": "Reverted", "settle": "Conflict settled"}
VIAS = {"approve": "Approved", "reject": "Rejected", "edit": "Edited", "rule": "By a rule or list"}
VERDICTS = {"keep": "keep", "drop": "drop", "replace": "replace", "": "undecided"}


def show_row_history(review: ReviewContext, row: int) -> None:
    """Everything that happened to a row, looked up only when it is unfolded."""
    with st.expander(
        "History of this row", icon=":material/history:", key="review_row_history", on_change="rerun"
    ) as folded:
        if not folded.open:
            return
        changes = history_of_row(review.workspace, review.dataset_id, row)
        if review.is_alone_with(row):  # what others said about it is not to sway anybody
            changes = blind_changes(changes, review.reviewer)
        if not changes:
            st.caption("Nobody has decided about it yet.")
        for change in reversed(changes):
            _show_change(review, change, row)


def show_history(review: ReviewContext) -> None:
    """The latest decisions, and one of them in full."""
    everyone, mine, all_of_it = "Everyone", "Only mine", "Everything that was done"
    offered = [everyone, mine, all_of_it]
    if review.alone is not None and not review.workspace.actor.may("curator"):
        # Whoever shares rows with others does not look at what they decided.
        offered, everyone = [mine], mine
    whose = st.segmented_control(
        "Whose", offered, default=everyone, required=True, key="review_whose", bind="query-params",
        label_visibility="collapsed",
    )  # fmt: skip
    if whose == all_of_it:
        show_audit(review)
        return
    only = review.reviewer if whose == mine else ""
    events = list_decisions(review.workspace, review.dataset_id, reviewer=only, limit=LIMIT)
    if offered == [mine]:
        events = blind_events(events, review.reviewer)
    if not events:
        st.info("Nothing is decided yet. What you decide appears here.", icon=":material/history:")
        return
    chosen = _choose(events)
    if chosen is None:
        st.caption("Tick a line to see what was decided, and to revert it.")
    else:
        _show_event(review, chosen)


def say_event(event: DecisionEvent) -> str:
    """``Approved``, ``By a rule or list: approve drops``, ``Undone (event 12)``."""
    if event.action == "decide":
        text = VIAS.get(event.via, event.via)
        return f"{text}: {event.rule}" if event.rule else text
    return f"{ACTIONS.get(event.action, event.action)} (event {event.target:,})"


def _choose(events: list[DecisionEvent]) -> DecisionEvent | None:
    shown = pd.DataFrame(
        [
            {
                "event": event.event_id,
                "what": say_event(event),
                "rows": f"row {event.example_id:,}" if event.example_id is not None else f"{event.n_rows:,} rows",
                "reviewer": event.reviewer,
                "when": ago(event.created_at),
                "holds": "" if event.action != "decide" else _say_standing(event),
            }
            for event in events
        ]
    )  # fmt: skip
    picked = st.dataframe(
        shown,
        hide_index=True,
        on_select="rerun",
        selection_mode="single-row",
        # A new event moves the lines, and a tick belongs to a line.
        key=f"review_history_{events[0].event_id}_{len(events)}",
        height=min(420, 38 + 35 * len(shown)),
        column_config={
            "event": st.column_config.NumberColumn("Event", width=70, format="localized"),
            "what": st.column_config.TextColumn("What", width=300),
            "rows": st.column_config.TextColumn("Rows", width=110),
            "reviewer": st.column_config.TextColumn("Reviewer", width=140),
            "when": st.column_config.TextColumn("When", width=100),
            "holds": st.column_config.TextColumn("Now", width=100),
        },
        alt="The latest decisions",
    )
    rows = picked.selection.rows
    return events[rows[0]] if rows else None


def _say_standing(event: DecisionEvent) -> str:
    if not event.active:
        return "undone"
    return f"{event.n_conflicts:,} in conflict" if event.n_conflicts else "holds"


def _show_event(review: ReviewContext, event: DecisionEvent) -> None:
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            about = f"{say_event(event)} · {count_of(event.n_rows, 'row')} · {event.reviewer}"
            st.markdown(f"**Event {event.event_id:,}** {plain(about)}", width="content")
            st.space("stretch")
            can_revert = event.active and event.action not in ("undo", "redo")
            st.button(
                f"Revert for {count_of(event.n_rows, 'row')}", icon=":material/undo:", key="review_revert",
                on_click=partial(revert, review, event.event_id),
                **asks(
                    review.workspace, revert_decision, disabled=not can_revert,
                    words="The decision before it is in force again. Reverting can itself be undone.",
                ),
            )  # fmt: skip
        changes = rows_of_decision(review.workspace, review.dataset_id, event.event_id, limit=EVENT_ROWS)
        for change in changes:
            alone = review.is_alone_with(change.example_id)
            for shown in blind_changes([change], review.reviewer) if alone else [change]:
                _show_event_row(review, shown)
        if event.n_rows > EVENT_ROWS:
            st.caption(f"The first {EVENT_ROWS} of {event.n_rows:,} rows.")


def _show_event_row(review: ReviewContext, change: RowChange) -> None:
    text = f"Row {change.example_id:,}: {VERDICTS[change.old_verdict]} → {VERDICTS[change.new_verdict]}"
    with st.expander(text, key=f"event_row_{change.event_id}_{change.example_id}", type="compact"):
        _show_texts(change)
        link_to(
            "data_map", "Read it on the map", icon=":material/scatter_plot:",
            query={"dataset": review.dataset_id, "row": str(change.example_id)},
        )  # fmt: skip


def _show_change(review: ReviewContext, change: RowChange, row: int) -> None:
    text = ACTIONS.get(change.action) or VIAS.get(change.via, change.via)
    if change.rule:
        text += f" ({change.rule})"
    state = "" if change.active else " · undone"
    if change.conflict and change.active:
        state = " · waits as a conflict"
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(
            f"{plain(text)}: {VERDICTS[change.old_verdict]} → **{VERDICTS[change.new_verdict]}**",
            width="content",
        )
        st.caption(f"{plain(change.reviewer)} · {ago(change.created_at)}{state}", width="content")
        if change.active and change.action not in ("undo", "redo"):
            one = row if change.via == "rule" else None
            st.button(
                "Revert", type="tertiary", icon=":material/undo:", key=f"revert_{change.event_id}",
                on_click=partial(revert, review, change.event_id, one), **asks(review.workspace, revert_decision),
            )  # fmt: skip
    if change.via == "edit":
        with st.expander("What it says", key=f"said_{change.event_id}", type="compact"):
            _show_texts(change)


def _show_texts(change: RowChange) -> None:
    for title, messages in (("Before", change.old_messages), ("After", change.new_messages)):
        st.markdown(f"**{title}**")
        if messages is None:
            st.caption("dropped, or the text of the dataset")
        else:
            show_messages(messages)
