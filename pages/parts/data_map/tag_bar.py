"""Actions on everything that matches: tag, select from it, export it; each says how many rows that is."""

from __future__ import annotations

import streamlit as st

from pages.shared import address, queries
from pages.shared.dataset_context import Lens
from pages.shared.navigation import link_to
from pages.shared.plain_text import count_of, plain
from pages.shared.reviewer import reviewer_name
from pages.shared.rows.scope_bar import say_matches
from tamis.errors import CurationError
from tamis.store.database.tags import (
    add_tag,
    redo,
    remove_tag,
    undo_last,
)
from tamis.store.rows.scope import Scope


def show_actions(lens: Lens, scope: Scope) -> None:
    """The number of matching rows, and what can be done with exactly those."""
    n_matching = len(queries.matches(lens, scope))
    everything = {"dataset": lens.dataset_id} | ({"scope": scope.to_url()} if scope.conditions else {})
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(say_matches(lens, scope), width="content")
        st.space("stretch")
        with st.popover(
            f"Tag {count_of(n_matching, 'row')}", icon=":material/sell:", disabled=not n_matching
        ):
            _tag_form(lens, scope, n_matching)
        if n_matching:
            link_to("selection", "Select from these", query=everything)
            link_to("export_data", "Export these", query=everything)


def _tag_form(lens: Lens, scope: Scope, n_matching: int) -> None:
    tag = st.selectbox(
        "Tag",
        list(lens.tags.rows),
        index=None,
        accept_new_options=True,
        placeholder="Choose a tag or type a new one",
        key="bulk_tag",
    )
    with st.container(horizontal=True):
        st.button(
            f"Add to {count_of(n_matching, 'row')}",
            type="primary",
            disabled=not tag,
            on_click=_change_tag,
            args=(lens, scope, "add"),
            key="bulk_add",
        )
        st.button(
            f"Remove from {count_of(n_matching, 'row')}",
            disabled=not tag,
            on_click=_change_tag,
            args=(lens, scope, "remove"),
            key="bulk_remove",
        )
    with st.container(horizontal=True):
        st.button(
            "Undo", icon=":material/undo:", type="tertiary", on_click=_turn_back, args=(lens,), key="tag_undo"
        )
        st.button(
            "Redo",
            icon=":material/redo:",
            type="tertiary",
            on_click=_turn_again,
            args=(lens,),
            key="tag_redo",
        )


def _change_tag(lens: Lens, scope: Scope, action: str) -> None:
    change = add_tag if action == "add" else remove_tag
    tag = st.session_state["bulk_tag"] or ""
    try:
        event = change(
            lens.workspace.database,
            lens.dataset_id,
            tag,
            queries.matches(lens, scope),
            reviewer_name(lens.workspace),
        )
    except CurationError as error:
        address.say_later(str(error))
        return
    done = "Tagged" if action == "add" else "Took the tag off"
    st.toast(
        f"{done} {count_of(event.n_rows, 'row')}: {plain(event.tag)}. Undo is in the tag menu.",
        icon=":material/sell:",
    )


def _turn_back(lens: Lens) -> None:
    event = undo_last(lens.workspace.database, lens.dataset_id, reviewer_name(lens.workspace))
    _say_turned(
        f"Undone: tag {plain(event.tag)} on {count_of(event.n_rows, 'row')}." if event else "Nothing to undo."
    )


def _turn_again(lens: Lens) -> None:
    event = redo(lens.workspace.database, lens.dataset_id, reviewer_name(lens.workspace))
    _say_turned(
        f"Done again: tag {plain(event.tag)} on {count_of(event.n_rows, 'row')}."
        if event
        else "Nothing to redo."
    )


def _say_turned(message: str) -> None:
    st.toast(message, icon=":material/history:")
