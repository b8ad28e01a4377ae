"""The refinements of a dataset as a table, which of them is open, and the way to a new one: all kept in the address."""

from __future__ import annotations

import streamlit as st

from pages.parts.refinement.runs import control_of, run_table
from pages.shared.dataset_context import DatasetContext
from pages.shared.plain_text import plain
from pages.shared.runs.job_watch import (
    CLONED,
    FOLLOWED,
    stop_following,
)
from pages.shared.runs.runs import Run
from pages.shared.wording import table_height

NEW, RESULTS = "New refinement", "Refinements"
PARAMETER, VIEW, CONTINUED = "run", "view", "continue"
_SWITCH, _ROUND = "refine_switch", "refine_table_round"
TABLE_PX = 217


def choose_view(runs: list[Run]) -> str:
    """The switch between the refinements there are and the form."""
    asked = any(name in st.query_params for name in (CLONED, CONTINUED)) or not runs
    st.session_state[_SWITCH] = NEW if asked or st.query_params.get(VIEW) == "new" else RESULTS
    chosen = st.segmented_control(
        "View", [RESULTS, NEW], required=True, key=_SWITCH, label_visibility="collapsed", on_change=_switched,
        disabled=not runs,
    )  # fmt: skip
    return str(chosen)


def open_run(run_id: str) -> None:
    """Show a refinement, the one that was just asked for, and forget the form it came from."""
    stop_following()
    # Parameters of widgets are left alone: the browser writes them back, and the whole address with them.
    forget(CLONED, VIEW, CONTINUED)
    st.query_params[PARAMETER] = run_id


def pick_run(context: DatasetContext, runs: list[Run]) -> Run:
    """The table, and the refinement that is open: the one in the address, else the newest.

    A click opens one; the table itself forgets the click, so that the address alone says what is open.
    """
    found = {run.run_id: run for run in runs}
    asked = st.query_params.get(PARAMETER, "")
    if asked and asked not in found:
        st.warning(
            f"There is no refinement {plain(asked)} in this dataset: here is the newest.",
            icon=":material/link_off:",
        )
    opened = found.get(asked, _newest(runs))
    _show_table(context, runs, opened)
    return opened


def forget(*names: str) -> None:
    """Take parameters out of the address."""
    for name in names:
        st.query_params.pop(name, None)


def _newest(runs: list[Run]) -> Run:
    """A control is there to be compared with, not to be looked at first."""
    return next((run for run in runs if control_of(run) == "none"), runs[0])


def _show_table(context: DatasetContext, runs: list[Run], opened: Run) -> None:
    table = run_table(context.workspace.artifacts, runs)
    table.insert(0, "open", ["▸" if run is opened else "" for run in runs])
    number, text = st.column_config.NumberColumn, st.column_config.TextColumn
    event = st.dataframe(
        table,
        hide_index=True,
        on_select="rerun",
        selection_mode="single-row",
        key=f"refinements_{st.session_state.get(_ROUND, 0)}",
        column_config={
            "open": text("", width=24, pinned=True),
            "state": text("State", width=72),
            "what": text("Refinement", width=240),
            "rounds": text("Rounds", width=62, help="Finished, of those asked for."),
            "budget": number("Rows", width=60, format="localized", help="Budget of all rounds together."),
            "trained": text("Round model", width=96),
            "flags": number("Flags", width=56, format="localized"),
            "fallen": number(
                "Fallen", width=64, format="%.0f %%",
                help="Share of the picks in clusters that ended below half their first weight.",
            ),
            "when": st.column_config.DatetimeColumn("Started", width=108, format="D MMM HH:mm"),
        },
        placeholder="",
        height=table_height(len(table), TABLE_PX),
        alt="Every refinement of this dataset; click one to open it",
    )  # fmt: skip
    if event.selection.rows:
        chosen = runs[event.selection.rows[0]]
        st.session_state[_ROUND] = st.session_state.get(_ROUND, 0) + 1
        if chosen is not opened:
            open_run(chosen.run_id)
        st.rerun()
    if len(runs) > 1:
        st.caption("Click a refinement to open it below.")


def _switched() -> None:
    forget(CLONED, CONTINUED, FOLLOWED)
    if st.session_state[_SWITCH] == NEW:
        st.query_params[VIEW] = "new"
    else:
        forget(VIEW)
