"""The runs of a dataset as a table, which of them is open, and the way to a new one: all kept in the address."""

from __future__ import annotations

from typing import Any

import streamlit as st

from pages.shared.dataset_context import DatasetContext
from pages.shared.plain_text import plain
from pages.shared.runs.finetune_runs import finetune_runs, run_table
from pages.shared.runs.job_watch import (
    CLONED,
    FOLLOWED,
    stop_following,
)
from pages.shared.runs.runs import Run
from pages.shared.wording import table_height

NEW, RESULTS = "New run", "Runs"
PARAMETER, VIEW = "run", "view"
ANSWER = "answer"  # the row that is read, which means nothing for another run
_SWITCH = "run_switch"
_ROUND = "run_table_round"
TABLE_PX = 252


def choose_view(runs: list[Run]) -> str:
    """The switch between the runs there are and the form."""
    asked = st.query_params.get(VIEW) == "new" or CLONED in st.query_params or not runs
    st.session_state[_SWITCH] = NEW if asked else RESULTS
    chosen = st.segmented_control(
        "View", [RESULTS, NEW], required=True, key=_SWITCH, label_visibility="collapsed", on_change=_switched,
        disabled=not runs,
    )  # fmt: skip
    return str(chosen)


def open_run(run_id: str) -> None:
    """Show a run, the one a job has just made, and forget the form it came from."""
    stop_following()
    # Parameters of widgets are left alone: the browser writes them back, and the whole address with them.
    _forget(CLONED, VIEW, ANSWER)
    st.query_params[PARAMETER] = run_id


def pick_run(context: DatasetContext) -> Run:
    """The table, and the run that is open: the one in the address, else the newest.

    A click opens a run; the table itself forgets the click, so that the address alone says what is open.
    """
    runs = finetune_runs(context.workspace, context.dataset_id)
    found = {run.run_id: run for run in runs}
    asked = st.query_params.get(PARAMETER, "")
    if asked and asked not in found:
        st.warning(
            f"There is no run {plain(asked)} in this dataset: here is the newest.", icon=":material/link_off:"
        )
    opened = found.get(asked, runs[0])
    _show_table(context, runs, opened)
    return opened


def _show_table(context: DatasetContext, runs: list[Run], opened: Run) -> None:
    table = run_table(context, runs)
    table.insert(0, "open", ["▸" if run is opened else "" for run in runs])
    event = st.dataframe(
        table,
        hide_index=True,
        on_select="rerun",
        selection_mode="single-row",
        key=f"runs_{st.session_state.get(_ROUND, 0)}",
        column_config=_columns(),
        placeholder="",
        height=table_height(len(table), TABLE_PX),
        alt="Every fine-tuning run of this dataset; click one to open it",
    )
    if event.selection.rows:
        chosen = runs[event.selection.rows[0]]
        st.session_state[_ROUND] = st.session_state.get(_ROUND, 0) + 1
        if chosen is not opened:
            open_run(chosen.run_id)
        st.rerun()
    if len(runs) > 1:
        st.caption("Click a run to open it below.")


def _columns() -> dict[str, Any]:
    """Columns to choose a run by, as wide together as the page is on a small screen; the run itself says the rest."""
    number, text = st.column_config.NumberColumn, st.column_config.TextColumn
    return {
        "open": text("", width=24, pinned=True),
        "state": text("State", width=72),
        "model": text("Model", width=124),
        "from": text("Rows from", width=168),
        "rows": number("Rows", width=60, format="localized", help="Rows trained on."),
        "loss": text("Held-out loss", width=112, help="Of the base model, and after training."),
        "change": number("Change", width=72, format="%+.3f", help="Of the loss; below zero is better."),
        "took": text("Took", width=64),
        "when": st.column_config.DatetimeColumn("Started", width=108, format="D MMM HH:mm"),
    }


def _switched() -> None:
    _forget(CLONED, FOLLOWED)
    if st.session_state[_SWITCH] == NEW:
        st.query_params[VIEW] = "new"
    else:
        _forget(VIEW)


def _forget(*names: str) -> None:
    for name in names:
        st.query_params.pop(name, None)
