"""Why a row is in a selection or not, and the buttons that take another one instead."""

from __future__ import annotations

import streamlit as st

from pages.shared import address
from pages.shared.active import make_active
from pages.shared.dataset_context import DatasetContext
from pages.shared.identity import asks
from pages.shared.plain_text import plain
from tamis.actions.active import activate
from tamis.actions.why_row import RowExplanation, edits_of, explain_row, replace_row
from tamis.errors import CurationError
from tamis.store.artifacts.store import Artifact


def show_why(context: DatasetContext, selection: Artifact, row: int, *, key: str) -> None:
    """The answer in sentences, and a field to put another row in its place, or it in the place of another."""
    try:
        said = _explained(
            context.key, selection.id, row, dict(context.names.names), _context=context, _selection=selection
        )
    except CurationError as error:
        st.info(str(error), icon=":material/help:")
        return
    st.markdown(f"**{plain(said.sentences[0])}**")
    # One list: lists of one line each stand far apart.
    st.markdown("\n".join(f"- {plain(sentence)}" for sentence in said.sentences[1:]))
    if said.explanation.reason not in ("pinned", "excluded"):
        _offer_other(context, selection, said, key)


def show_edits(context: DatasetContext, selection: Artifact) -> None:
    """What was replaced by hand in a selection, and the way back; nothing where nothing was."""
    edits = edits_of(context.workspace.artifacts, selection)
    parent = selection.manifest.inputs.get("base", "")
    if not edits or not parent:
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        said = ", ".join(f"row {out:,} by row {into:,}" for out, into in edits[-5:])
        st.caption(
            f"Replaced by hand: {said}{' and earlier ones' if len(edits) > 5 else ''}.", width="content"
        )
        st.button(
            "Undo",
            icon=":material/undo:",
            type="tertiary",
            key="undo_replace",
            **asks(
                context.workspace,
                activate,
                words="Makes the selection before the last replacement the active one.",
            ),
            on_click=make_active,
            args=(context.workspace, context.dataset_id, parent),
        )


def _offer_other(context: DatasetContext, selection: Artifact, said: RowExplanation, key: str) -> None:
    about, row = said.explanation, said.explanation.row
    other = about.below if said.picked else about.above
    label = "Row to take instead" if said.picked else "Instead of row"
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        chosen = st.number_input(
            label,
            min_value=0,
            max_value=context.n_rows - 1,
            value=None if other is None else other.row,
            step=1,
            key=f"{key}_other_{selection.id}_{row}",
            width=200,
        )
        st.button(
            "Take that one instead" if said.picked else "Take this one instead",
            icon=":material/swap_horiz:",
            key=f"{key}_replace",
            **asks(
                context.workspace,
                replace_row,
                disabled=chosen is None,
                words="A new selection with the one row instead of the other, which becomes the active one; this one stays.",
            ),
            on_click=_replace,
            args=(context, selection.id, *((row, chosen) if said.picked else (chosen, row))),
        )


def _replace(context: DatasetContext, selection_id: str, row: int, by: int) -> None:
    try:
        made = replace_row(context.workspace, context.dataset_id, selection_id, row, by)
    except CurationError as error:
        address.say_later(str(error))
        return
    make_active(context.workspace, context.dataset_id, made.id)


@st.cache_data(max_entries=64, show_spinner="Asking the method…")
def _explained(
    key: str,
    selection_id: str,
    row: int,
    names: dict[int, str],
    *,
    _context: DatasetContext,
    _selection: Artifact,
) -> RowExplanation:
    return explain_row(_context.workspace, _selection, row)
