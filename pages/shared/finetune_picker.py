"""The runs of a dataset as a table, which of them is open, and the way to a new one: all kept in the address."""

from __future__ import annotations

from typing import Any

import streamlit as st

from pages.shared.finetune_runs import finetune_runs, run_table
from pages.shared.job_watch import CLONED, FOLLOWED, stop_following
from pages.shared.lens import Lens
from pages.shared.plain_text import plain
from pages.shared.runs import Run
from pages.shared.wording import table_height

NEW, RESULTS = "New run", "Runs"
PARAMETER, VIEW = "run", "view"
OF_A_RUN = ("answer", "answers_page", "answers_of", "part")  # parameters that mean nothing for another run
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
    _forget(CLONED, VIEW, *OF_A_RUN)
    st.query_params[PARAMETER] = run_id


def pick_run(lens: Lens) -> Run:
    """The table, and the run that is open: the one in the address, else the newest.

    A click opens a run; the table itself forgets the click, so that the address alone says what is open.
    """
    runs = finetune_runs(lens.workspace, lens.dataset_id)
    found = {run.run_id: run for run in runs}
    asked = st.query_params.get(PARAMETER, "")
    if asked and asked not in found:
        st.warning(
            f"There is no run {plain(asked)} in this dataset: here is the newest.", icon=":material/link_off:"
        )
    opened = found.get(asked, runs[0])
    _show_table(lens, runs, opened)
    return opened


def _show_table(lens: Lens, runs: list[Run], opened: Run) -> None:
    table = run_table(lens, runs)
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
            stop_following()
            open_run(chosen.run_id)
        st.rerun()
    if len(runs) > 1:
        st.caption("Click a run to open it below.")


def _columns() -> dict[str, Any]:
    number = st.column_config.NumberColumn
    return {
        "open": st.column_config.TextColumn("", width=24, pinned=True),
        "state": st.column_config.TextColumn("State", width=68),
        "model": st.column_config.TextColumn("Model", width=112),
        "from": st.column_config.TextColumn("Rows from", width=176),
        "rows": number("Rows", width=52, format="localized", help="Rows trained on."),
        "loss": st.column_config.TextColumn(
            "Held-out loss", width=102, help="Of the base model, and after training."
        ),
        "change": number("Change", width=68, format="%+.3f", help="Of the loss; below zero is better."),
        "exact_match": number("Exact", width=58, format="%.0f %%", help="Answers equal to the reference."),
        "token_f1": number("F1", width=52, format="%.0f %%", help="Words shared with the reference."),
        "rouge_l": number("ROUGE-L", width=76, format="%.0f %%"),
        "took": st.column_config.TextColumn("Took", width=62),
        "when": st.column_config.DatetimeColumn("Started", width=96, format="D MMM HH:mm"),
        "recipe": st.column_config.TextColumn("Recipe", width=110),
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
