"""What the address of a page keeps: where a person is among the rows of a dataset, and what forms hold.

An address can be sent to somebody, who did not choose what stands in it. What it fills in that leads out of a dataset, an
address or a file, is shown as that and asks once before it is used.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from pages.shared.plain_text import plain, shorten
from tamis.actions.read_rows import ALL_ROWS, Condition, Scope
from tamis.errors import CurationError

TABLE_PAGE, TABLE_SORT = "rows_page", "rows_sort"
BY_SIMILARITY = "similarity"
REGIONS = ("lasso", "box", "region")
_SETTLED, _LEFT = "settled_links", "left_links"
_SHOWN_CHARS = 300


def read_scope() -> Scope:
    """The filter in the address; one that cannot be read is said and left out."""
    try:
        return Scope.from_url(st.query_params.get("scope", ""))
    except CurationError as error:
        st.error(plain(str(error)), icon=":material/link_off:")
        st.button("Remove the filter", on_click=change_scope, args=(ALL_ROWS,), key="mend_scope")
        return ALL_ROWS


def read_row() -> int | None:
    """The row that is open beside the map, or None."""
    asked = st.query_params.get("row", "")
    return int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 16 else None


def read_near() -> str:
    """What the rows were ranked by: ``row:17``, ``text:some words``, or nothing."""
    return st.query_params.get("near", "") if "rows" in _kinds(stored_scope()) else ""


def read_cutoff(usual: float) -> float:
    """How similar ranked rows are at least; ``usual`` unless the address says otherwise."""
    try:
        asked = round(float(st.query_params.get("at_least", "")), 2)
    except ValueError:
        return usual
    return asked if -1 <= asked <= 1 else usual


def change_scope(scope: Scope) -> None:
    """Filter by something else; from a callback."""
    try:
        coded = scope.to_url()
    except CurationError as error:
        say_later(str(error))
        return
    _write("scope", coded)
    if "rows" not in _kinds(scope):
        _write("near", "")
        _write("at_least", "")
        if st.session_state.get(TABLE_SORT) == BY_SIMILARITY:
            del st.session_state[TABLE_SORT]
    st.session_state[TABLE_PAGE] = 1


def narrow(kind: str, value: object, on: str = "") -> None:
    """Add a condition to the filter in the address; from a callback."""
    try:
        change_scope(stored_scope().and_where(kind, value, on))
    except CurationError as error:
        say_later(str(error))


def replace(kind: str, value: object, on: str = "") -> None:
    """Put a condition in place of those of its kind; None takes them away. From a callback."""
    _put(kind, value, on, (kind,))


def replace_region(kind: str, value: object, on: str) -> None:
    """Put what is drawn on a map in place of what was: a map has one region at a time. From a callback."""
    _put(kind, value, on, REGIONS)


def replace_where(is_old: Callable[[Condition], bool], condition: tuple[str, object, str] | None) -> None:
    """Put a condition (kind, value, on) in place of those that ``is_old`` names; None takes them away. From a callback."""
    kept = Scope(conditions=tuple(one for one in stored_scope().conditions if not is_old(one)))
    try:
        change_scope(kept if condition is None else kept.and_where(*condition))
    except CurationError as error:
        say_later(str(error))


def drop(condition: Condition) -> None:
    """Take one condition out of the filter; from a callback."""
    kept = tuple(c for c in stored_scope().conditions if c != condition)
    change_scope(Scope(conditions=kept))
    forget_choices()


def clear() -> None:
    """Back to all rows; from a callback."""
    change_scope(ALL_ROWS)
    forget_choices()


def show_ranking(near: str, rows: list[int], at_least: float | None = None) -> None:
    """Keep only these rows, most similar first, and remember a cut-off that is not the usual one; from a callback."""
    replace("rows", rows)
    _write("near", near)
    _write("at_least", "" if at_least is None else f"{at_least:.2f}")
    st.session_state[TABLE_SORT] = BY_SIMILARITY


def open_row(row: int | None) -> None:
    """Open a row beside the map, or close it with None; from a callback."""
    _write("row", "" if row is None else str(row))
    if row is None:
        forget_choices()


def forget_choices() -> None:
    """Make the tables forget what was clicked in them, which no program can take back; from a callback."""
    st.session_state["choices_round"] = choices_round() + 1


def choices_round() -> int:
    """Part of the key of every table in which a click means something."""
    return int(st.session_state.get("choices_round", 0))


def say_later(message: str) -> None:
    """Show an error at the top of the next run: callbacks run before there is a page."""
    st.session_state["said_later"] = message


def show_deferred_error() -> None:
    """Show the error of a callback, once."""
    message = st.session_state.pop("said_later", "")
    if message:
        st.error(plain(message), icon=":material/error:")


def link_asks(key: str, label: str) -> bool:
    """Draw, in place of a field, what a link put into it and the question whether to take it; False where there is none.

    As long as it is True the field must not be drawn, and counts as empty. A field that was drawn before holds what this
    person typed, whatever the address says by now.
    """
    settled: set[str] = st.session_state.setdefault(_SETTLED, set())
    given = st.query_params.get_all(key)
    if key in settled or key in st.session_state or not any(one.strip() for one in given):
        settled.add(key)
        return False
    with st.container(border=True, key=f"link_fills_{key}"):
        st.warning(
            f"The link that you followed fills in **{plain(label)}**: {plain(shorten(', '.join(given), _SHOWN_CHARS))}",
            icon=":material/link:",
        )
        with st.container(horizontal=True, gap="small"):
            st.button(
                "Take it", key=f"link_take_{key}", icon=":material/check:", on_click=settled.add, args=(key,)
            )
            st.button(
                "Leave it empty",
                key=f"link_leave_{key}",
                icon=":material/close:",
                on_click=_leave,
                args=(key,),
            )
    return True


def kept_in_address(key: str) -> dict[str, Any]:
    """How a field is kept in the address: not at all once it was left empty, for Streamlit reads the first address again."""
    return {} if key in st.session_state.get(_LEFT, ()) else {"bind": "query-params"}


def _put(kind: str, value: object, on: str, instead_of: tuple[str, ...]) -> None:
    kept = stored_scope()
    for replaced in instead_of:
        kept = kept.without(replaced)
    try:
        change_scope(kept if value is None else kept.and_where(kind, value, on))
    except CurationError as error:
        say_later(str(error))


def stored_scope() -> Scope:
    """The filter in the address, or all rows where it cannot be read."""
    try:
        return Scope.from_url(st.query_params.get("scope", ""))
    except CurationError:
        return ALL_ROWS


def _kinds(scope: Scope) -> set[str]:
    return {condition.kind for condition in scope.conditions}


def _write(name: str, value: str) -> None:
    if value:
        st.query_params[name] = value
    elif name in st.query_params:
        del st.query_params[name]


def _leave(key: str) -> None:
    st.query_params.pop(key, None)
    st.session_state[_SETTLED].add(key)
    st.session_state.setdefault(_LEFT, set()).add(key)
