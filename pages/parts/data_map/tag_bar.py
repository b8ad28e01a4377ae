"""Actions on everything that matches: tag, select from it, export it; each says how many rows that is."""

from __future__ import annotations

import streamlit as st

from pages.shared import address, queries
from pages.shared.dataset_context import DatasetContext
from pages.shared.identity import asks
from pages.shared.navigation import link_to
from pages.shared.plain_text import count_of, plain
from pages.shared.rows.scope_bar import say_matches
from pages.shared.server import reviewer_name
from tamis.actions.read_rows import Scope
from tamis.actions.tags import add_tag, redo_tag, remove_tag, undo_tag
from tamis.errors import CurationError


def show_tag_actions(context: DatasetContext, scope: Scope) -> None:
    """The number of matching rows, and what can be done with exactly those."""
    n_matching = len(queries.matches(context, scope))
    everything = {"dataset": context.dataset_id} | ({"scope": scope.to_url()} if scope.conditions else {})
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(say_matches(context, scope), width="content")
        st.space("stretch")
        with st.popover(
            f"Tag {count_of(n_matching, 'row')}", icon=":material/sell:", disabled=not n_matching
        ):
            _tag_form(context, scope, n_matching)
        if n_matching:
            link_to("selection", "Select from these", query=everything)
            link_to("export_data", "Export these", query=everything)
            link_to("augment", "Write rows like these", query=everything | {"view": "new"})
        if n_matching and scope.conditions:
            link_to(
                "scoring",
                "Make a target of these",
                icon=":material/target:",
                query=everything | {"scorer": "Targets"},
            )


def _tag_form(context: DatasetContext, scope: Scope, n_matching: int) -> None:
    tag = st.selectbox(
        "Tag",
        list(context.tags.rows),
        index=None,
        accept_new_options=True,
        placeholder="Choose a tag or type a new one",
        key="bulk_tag",
    )
    with st.container(horizontal=True):
        st.button(
            f"Add to {count_of(n_matching, 'row')}",
            type="primary",
            **asks(context.workspace, add_tag, disabled=not tag),
            on_click=_change_tag,
            args=(context, scope, "add"),
            key="bulk_add",
        )
        st.button(
            f"Remove from {count_of(n_matching, 'row')}",
            **asks(context.workspace, remove_tag, disabled=not tag),
            on_click=_change_tag,
            args=(context, scope, "remove"),
            key="bulk_remove",
        )
    _undo_buttons(context)


def _undo_buttons(context: DatasetContext) -> None:
    with st.container(horizontal=True):
        st.button(
            "Undo",
            icon=":material/undo:",
            type="tertiary",
            on_click=_turn_back,
            args=(context,),
            key="tag_undo",
            **asks(context.workspace, undo_tag),
        )
        st.button(
            "Redo",
            icon=":material/redo:",
            type="tertiary",
            on_click=_turn_again,
            args=(context,),
            key="tag_redo",
            **asks(context.workspace, redo_tag),
        )


def _change_tag(context: DatasetContext, scope: Scope, action: str) -> None:
    change = add_tag if action == "add" else remove_tag
    tag = st.session_state["bulk_tag"] or ""
    try:
        event = change(
            context.workspace,
            context.dataset_id,
            tag,
            queries.matches(context, scope),
            reviewer_name(context.workspace),
        )
    except CurationError as error:
        address.say_later(str(error))
        return
    done = "Tagged" if action == "add" else "Took the tag off"
    st.toast(
        f"{done} {count_of(event.n_rows, 'row')}: {plain(event.tag)}. Undo is in the tag menu.",
        icon=":material/sell:",
    )


def _turn_back(context: DatasetContext) -> None:
    event = undo_tag(context.workspace, context.dataset_id, reviewer_name(context.workspace))
    _say_turned(
        f"Undone: tag {plain(event.tag)} on {count_of(event.n_rows, 'row')}." if event else "Nothing to undo."
    )


def _turn_again(context: DatasetContext) -> None:
    event = redo_tag(context.workspace, context.dataset_id, reviewer_name(context.workspace))
    _say_turned(
        f"Done again: tag {plain(event.tag)} on {count_of(event.n_rows, 'row')}."
        if event
        else "Nothing to redo."
    )


def _say_turned(message: str) -> None:
    st.toast(message, icon=":material/history:")
