"""One row in full: its turns, where it came from, its scores and tags, its neighbours, and where it was selected."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import orjson
import streamlit as st

from pages.parts.data_map.row_list import show_row_list
from pages.shared import address, queries
from pages.shared.dataset_context import DatasetContext
from pages.shared.identity import asks
from pages.shared.plain_text import count_of, plain, shorten
from pages.shared.rows.images import show_row_images
from pages.shared.rows.learned_row import latest_choice, show_learned_row
from pages.shared.rows.scope_bar import rank_again
from pages.shared.rows.turns import pretty_json, show_cut, show_turns, turns_from_json
from pages.shared.rows.why import show_edits, show_why
from pages.shared.server import reviewer_name
from tamis.actions.artifact_names import model_name, names_in_view
from tamis.actions.read_rows import Scope, columns_of, tags_of
from tamis.actions.tags import set_row_tags
from tamis.errors import CurationError, no_such_row
from tamis.types import Int64s

N_NEIGHBOURS = 10
VIEWS = ["Conversation", "Details", "Similar", "Tokens", "Why", "Raw"]


def show_inspector(context: DatasetContext, scope: Scope, row: int, order: Int64s) -> None:
    """The open row; ``order`` are the matching rows as the table sorts them, for previous and next."""
    _head(row, order)
    if row >= context.n_rows:
        st.warning(str(no_such_row(row, context.n_rows)))
        return
    values = queries.row_values(context, row, tuple(c.key for c in columns_of(context)))
    _badges(context, values)
    _tags(context, row)
    view = st.segmented_control(
        "Show",
        VIEWS,
        default=VIEWS[0],
        required=True,
        key="row_view",
        bind="query-params",
        label_visibility="collapsed",
        # All six stand in one line of a narrow column; the address keeps the whole word.
        format_func=lambda name: "Text" if name == VIEWS[0] else str(name),
    )
    if view == "Details":
        _details(context, row, values)
    elif view == "Similar":
        _similar(context, scope, row)
    elif view == "Tokens":
        choice = latest_choice(context)
        st.caption(f"As {plain(model_name(choice.model))} would be trained on it")
        show_learned_row(context, row, choice)
    elif view == "Why":
        _why(context, row)
    elif view == "Raw":
        st.caption("The record as it stood in the source")
        show_cut(pretty_json(values["raw"] or values["messages"]))
    else:
        show_row_images(context, row)
        show_turns(turns_from_json(values["messages"]))


def _why(context: DatasetContext, row: int) -> None:
    selection = context.view.selection
    if selection is None:
        st.caption("There is no selection yet: make one, and this says why the row is in it or not.")
        return
    st.caption(f"In {plain(names_in_view(context.view, 'selection').get(selection.id, selection.id))}")
    show_edits(context, selection)
    show_why(context, selection, row, key="row_why")


def _head(row: int, order: Int64s) -> None:
    at = np.flatnonzero(order == row)
    place = int(at[0]) if len(at) else None
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
        st.markdown(f"#### Row {row:,}", width="content")
        st.caption("not matching" if place is None else f"{place + 1:,} of {len(order):,}", width="content")
        st.space("stretch")
        before = None if place in (None, 0) else int(order[place - 1])
        after = None if place is None or place + 1 == len(order) else int(order[place + 1])
        _step("previous", ":material/chevron_left:", before)
        _step("next", ":material/chevron_right:", after)
        st.button(
            "",
            icon=":material/close:",
            key="row_close",
            type="tertiary",
            help="Close",
            on_click=address.open_row,
            args=(None,),
        )


def _step(name: str, icon: str, row: int | None) -> None:
    st.button(
        "",
        icon=icon,
        key=f"row_{name}",
        type="tertiary",
        help=f"{name.capitalize()} matching row",
        disabled=row is None,
        on_click=address.open_row,
        args=(row,),
    )


def _badges(context: DatasetContext, values: dict[str, Any]) -> None:
    with st.container(horizontal=True, gap="xsmall"):
        if values.get("cluster") is not None:
            st.badge(
                plain(shorten(context.cluster_name(int(values["cluster"])), 40)),
                icon=":material/workspaces:",
                color="green",
            )
        for name in context.view.scores:
            score = values[f"score:{name}"]
            text = "not scored" if score is None or score != score else _short(score)
            st.badge(f"{plain(name)} {text}", color="blue")
        if values.get("tokens") is not None:
            st.badge(count_of(values["tokens"], "token"), color="gray")
        if values.get("selected"):
            st.badge("selected", icon=":material/check:", color="orange")


def _short(number: float) -> str:
    return f"{number:,.0f}" if abs(number) >= 100 else f"{number:.3f}"


def _tags(context: DatasetContext, row: int) -> None:
    key = f"row_tags_{row}_{context.tags.revision}"
    st.multiselect(
        "Tags of this row",
        list(context.tags.rows),
        default=tags_of(context, row),
        accept_new_options=True,
        placeholder="Add a tag",
        label_visibility="collapsed",
        key=key,
        on_change=partial(_change_tags, context, row, key),
        **asks(context.workspace, set_row_tags),
    )


def _change_tags(context: DatasetContext, row: int, key: str) -> None:
    chosen, reviewer = st.session_state[key], reviewer_name(context.workspace)
    try:
        set_row_tags(context.workspace, context.dataset_id, row, chosen, reviewer)
    except CurationError as error:
        address.say_later(str(error))


def _details(context: DatasetContext, row: int, values: dict[str, Any]) -> None:
    table: dict[str, str] = {
        "Source": f"{plain(values['source'] or 'unnamed')}, row {values['source_row']:,}"
    }
    if values.get("cluster") is not None:
        distance = values.get("distance")
        away = "" if distance is None or distance != distance else f", {distance:.3f} from its centre"
        table["Cluster"] = plain(context.cluster_name(int(values["cluster"]))) + away
    table["Length"] = ", ".join(
        [
            count_of(values["n_turns"], "turn"),
            f"{values['prompt_chars']:,} + {values['response_chars']:,} characters",
            *([count_of(values["tokens"], "token")] if values.get("tokens") is not None else []),
        ]
    )
    for field, value in orjson.loads(values["meta"] or "{}").items():
        if not field.startswith("_"):
            table[plain(field)] = plain(
                shorten(value if isinstance(value, str) else orjson.dumps(value).decode(), 400)
            )
    table["Content hash"] = f"`{values['content_hash'][:16]}`"
    st.table(table, border="horizontal")
    _selections(context, row)


def _selections(context: DatasetContext, row: int) -> None:
    picked = {identifier: (rank, size) for identifier, rank, size in queries.picked_in(context, row)}
    if not context.view.selections:
        return
    names = names_in_view(context.view, "selection")
    st.markdown("**Selected in**")
    for selection in context.view.selections:
        if selection.id in picked:
            rank, size = picked[selection.id]
            st.markdown(f":material/check: {plain(names[selection.id])}: number {rank:,} of {size:,}")
    if not picked:
        st.caption(f"None of {count_of(len(context.view.selections), 'selection')}.")


def _similar(context: DatasetContext, scope: Scope, row: int) -> None:
    if context.view.embeddings is None:
        st.caption("Similar rows need embeddings.")
        return
    st.button(
        "Show the matching rows most like this one",
        icon=":material/hub:",
        key="rank_like_row",
        on_click=_rank_like_row,
        args=(context, scope, row),
        width="stretch",
    )
    similar = queries.neighbours(context, row, N_NEIGHBOURS)
    show_row_list(
        context, similar.rows.tolist(), "neighbours", title="Nearest rows", numbers=similar.cosines.tolist()
    )


def _rank_like_row(context: DatasetContext, scope: Scope, row: int) -> None:
    """Show the matching rows nearest to a row; from a callback."""
    rank_again(context, scope, f"row:{row}")
