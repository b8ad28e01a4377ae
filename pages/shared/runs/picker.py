"""The runs of a page: which one is open, a table or a list to open another, and the way to a new one; all in the address."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import pandas as pd
import streamlit as st

from pages.shared.plain_text import plain
from pages.shared.runs.job_watch import CLONED, stop_following
from pages.shared.wording import table_height

VIEW, NEW = "view", "new"
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPicker:
    """What the runs of a page are called, and what of them is kept in the address.

    ``parameter`` names the one that is open. The parameters in ``starts`` ask for the form, as ``?view=new`` does,
    and those in ``alone_starts`` where none is open; those in ``of_one`` are about the open one and mean nothing for
    another.
    """

    what: str
    results: str
    new: str
    parameter: str
    starts: tuple[str, ...] = (CLONED,)
    alone_starts: tuple[str, ...] = ()
    of_one: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """What its widgets are called after."""
        return self.what.replace(" ", "_")


def asks_for_new(picker: RunPicker, *, have_runs: bool) -> bool:
    """Draw the switch between the runs there are and the form; returns whether it is the form."""
    key = f"{picker.key}_switch"
    starts = picker.starts if picker.parameter in st.query_params else picker.starts + picker.alone_starts
    asked = st.query_params.get(VIEW) == NEW or any(one in st.query_params for one in starts)
    # Not bound to the address: links, jobs that end and the switch itself all decide what is shown.
    st.session_state[key] = picker.new if asked or not have_runs else picker.results
    chosen = st.segmented_control(
        "View", [picker.results, picker.new], required=True, key=key, label_visibility="collapsed", on_change=_switched,
        args=(picker,), disabled=not have_runs,
    )  # fmt: skip
    return chosen == picker.new


def open_run(picker: RunPicker, run_id: str) -> None:
    """Show a run, one that was just asked for or made, and forget the form that it came from."""
    stop_following()
    # Parameters of widgets are left alone: the browser writes them back, and the whole address with them.
    forget(*picker.starts, *picker.alone_starts, VIEW)
    _open(picker, run_id)


def pick_from_list(picker: RunPicker, runs: Mapping[str, T], usual: str, say: Callable[[T], str]) -> T:
    """A list of the runs; returns the one in the address, else the usual one."""
    key = f"{picker.key}_picker"
    st.session_state[key] = _opened(picker, runs, usual)
    chosen = st.selectbox(
        picker.what.capitalize(), list(runs), format_func=lambda one: say(runs[one]), key=key, on_change=_picked, args=(picker,),
        label_visibility="collapsed",
    )  # fmt: skip
    return runs[chosen]


def pick_from_table(
    picker: RunPicker,
    runs: Mapping[str, T],
    usual: str,
    table: pd.DataFrame,
    columns: Mapping[str, Any],
    *,
    most_px: int,
) -> T:
    """A table with a line per run, in their order; returns the one in the address, else the usual one.

    A click opens one; the table itself forgets the click, so that the address alone says what is open.
    """
    round_key, opened = f"{picker.key}_table_round", _opened(picker, runs, usual)
    shown = table.copy()
    shown.insert(0, "open", ["▸" if one == opened else "" for one in runs])
    event = st.dataframe(
        shown, hide_index=True, on_select="rerun", selection_mode="single-row",
        key=f"{picker.key}_table_{st.session_state.get(round_key, 0)}",
        column_config={"open": st.column_config.TextColumn("", width=24, pinned=True), **columns},
        placeholder="",
        height=table_height(len(shown), most_px),
        alt=f"Every {picker.what} of this dataset; click one to open it",
    )  # fmt: skip
    if event.selection.rows:
        chosen = list(runs)[event.selection.rows[0]]
        st.session_state[round_key] = st.session_state.get(round_key, 0) + 1
        if chosen != opened:
            open_run(picker, chosen)
        st.rerun()
    if len(runs) > 1:
        st.caption(f"Click a {picker.what} to open it below.")
    return runs[opened]


def forget(*names: str) -> None:
    """Take parameters out of the address."""
    for name in names:
        st.query_params.pop(name, None)


def _opened(picker: RunPicker, runs: Mapping[str, Any], usual: str) -> str:
    asked = st.query_params.get(picker.parameter, "")
    if asked and asked not in runs:
        st.warning(
            f"There is no {picker.what} {plain(asked)} in this dataset: here is the newest.",
            icon=":material/link_off:",
        )
    return asked if asked in runs else usual


def _open(picker: RunPicker, run_id: str) -> None:
    for name in picker.of_one:
        st.query_params.pop(name, None)
        st.session_state.pop(name, None)
    st.query_params[picker.parameter] = run_id


def _picked(picker: RunPicker) -> None:
    _open(picker, st.session_state[f"{picker.key}_picker"])


def _switched(picker: RunPicker) -> None:
    forget(*picker.starts, *picker.alone_starts)
    if st.session_state[f"{picker.key}_switch"] == picker.new:
        st.query_params[VIEW] = NEW
    else:
        forget(VIEW)
