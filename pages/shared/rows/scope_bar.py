"""The filter bar: search, add a filter, and every condition as a chip that says itself and can be taken away."""

from __future__ import annotations

import streamlit as st

from pages.shared import address, queries
from pages.shared.dataset_context import DatasetContext
from pages.shared.plain_text import count_of, plain, shorten
from pages.shared.rows.scope_forms import show_scope_form
from tamis.actions.artifact_names import names_in_view
from tamis.actions.read_rows import Condition, Scope, describe_scope
from tamis.errors import CurationError

MOST_RANKED = 500  # what an address holds, and more than anybody reads


def show_scope_bar(context: DatasetContext, scope: Scope) -> None:
    """Search box, form and chips over the filter in the address."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        _search(context, scope)
        with st.popover(
            "Add filter",
            icon=":material/filter_alt:",
            key=f"add_filter_{address.choices_round()}",
            width="content",
        ):
            show_scope_form(context)
    if scope.conditions:
        _chips(context, scope)


def _search(context: DatasetContext, scope: Scope) -> None:
    modes = ["Words", "Meaning"] if context.view.embeddings is not None else ["Words"]
    mode = st.session_state.get("search_mode") or "Words"
    by_meaning = mode == "Meaning" and len(modes) > 1
    st.text_input(
        "Search",
        key="search_text",
        icon=":material/search:",
        placeholder="Describe what you look for, then press Enter"
        if by_meaning
        else "Find words in prompts and responses, then press Enter",
        label_visibility="collapsed",
        on_change=_ask_for_meaning if by_meaning else _search_words,
    )
    st.segmented_control(
        "Search by",
        modes,
        default="Words",
        required=True,
        key="search_mode",
        label_visibility="collapsed",
        help="Words looks for the text itself. Meaning ranks rows by how close they are to your sentence.",
    )
    sentence = st.session_state.pop("meaning_asked", "")
    if sentence:
        _rank_by_meaning(context, scope, sentence)


def _search_words() -> None:
    words = st.session_state["search_text"].strip()
    if words:
        address.narrow("contains", words, "either")
    st.session_state["search_text"] = ""


def _ask_for_meaning() -> None:
    # Answered in the run itself: the model may have to be loaded, and a callback has no page to say so on.
    st.session_state["meaning_asked"] = st.session_state["search_text"].strip()[:300]
    st.session_state["search_text"] = ""


def _rank_by_meaning(context: DatasetContext, scope: Scope, sentence: str) -> None:
    """Show the matching rows nearest to a sentence; loads the dataset's encoder on its first use."""
    near = f"text:{sentence}"
    try:
        with st.spinner("Loading the encoder and searching by meaning …", show_time=True):
            rank_again(context, scope, near)
    except CurationError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return
    st.rerun()


def rank_again(context: DatasetContext, scope: Scope, near: str, at_least: float | None = None) -> bool:
    """Show the matching rows that are at least so similar (by default the usual cut-off); from a callback or before a run.

    False where none is, which is said: the filter then stays as it was.
    """
    usual = queries.usual_cutoff(context)
    least = usual if at_least is None else at_least
    found = queries.nearest_to(context, near, queries.matches(context, scope.without("rows")), MOST_RANKED)
    rows = found.rows[found.cosines >= least].tolist()
    if rows:
        address.show_ranking(near, rows, None if least == usual else least)
    elif len(found.rows):
        best = float(found.cosines[0])
        address.say_later(
            f"No row is that similar: the nearest has {best:.2f}, and what is below {least:.2f} is as near as chance brings it. "
            "Say it in other words, or search for a word."
        )
    else:
        address.say_later("No row meets the other filters, so none can be ranked.")
    return bool(rows)


def _chips(context: DatasetContext, scope: Scope) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
        for number, condition in enumerate(scope.conditions):
            st.button(
                plain(shorten(_say(context, condition), 90)),
                key=f"chip_{number}",
                icon=":material/close:",
                icon_position="right",
                help="Remove this filter",
                on_click=address.drop,
                args=(condition,),
            )
        if len(scope.conditions) > 1:
            st.button("Clear all", key="clear_filters", type="tertiary", on_click=address.clear)


def _say(context: DatasetContext, condition: Condition) -> str:
    near = address.read_near()
    if condition.kind == "rows" and near:
        return _say_ranking(near, len(condition.value), address.read_cutoff(queries.usual_cutoff(context)))
    if condition.kind in address.REGIONS:
        here = condition.on in ("", context.view.layout.id if context.view.layout else "")
        return f"Inside the {condition.kind}" + ("" if here else " drawn on an earlier map")
    text = describe_scope(
        Scope(conditions=(condition,)), context.names.names, names_in_view(context.view, "selection")
    )
    return text[:1].upper() + text[1:]


def _say_ranking(near: str, n_rows: int, at_least: float) -> str:
    """What a ranking is, for its chip."""
    kind, _, value = near.partition(":")
    to = f"row {value}" if kind == "row" else f"“{shorten(value, 60)}”"
    return f"{count_of(n_rows, 'row')} at least {at_least:.2f} similar to {to}".replace("-", "−")


def show_nothing_matches(scope: Scope) -> None:
    """What to see and do when the filter leaves no row."""
    st.info(
        "No row meets all of these filters.",
        title="Everything is filtered away",
        icon=":material/filter_alt_off:",
    )
    with st.container(horizontal=True):
        st.button("Clear filters", key="clear_nothing", type="primary", on_click=address.clear)
        if len(scope.conditions) > 1:
            st.button("Remove the last filter", on_click=address.drop, args=(scope.conditions[-1],))


def say_matches(context: DatasetContext, scope: Scope) -> str:
    """How many rows match, as markdown: the number that every action below it takes."""
    n_rows, n_matching = context.n_rows, len(queries.matches(context, scope))
    return f"**{n_matching:,}** of {n_rows:,} rows match" if scope.conditions else f"**{n_rows:,}** rows"
