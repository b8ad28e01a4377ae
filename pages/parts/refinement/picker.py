"""The refinements of a dataset: which of them is open, and the way to a new one."""

from __future__ import annotations

from typing import Any

import streamlit as st

from pages.parts.refinement.runs import refinement_table
from pages.shared.dataset_context import DatasetContext
from pages.shared.runs.job_watch import CLONED
from pages.shared.runs.picker import RunPicker, pick_from_table
from tamis.actions.refinements import control_of
from tamis.actions.runs import Run

CONTINUED = "continue"
PICKER = RunPicker(
    what="refinement",
    results="Refinements",
    new="New refinement",
    parameter="run",
    starts=(CLONED, CONTINUED),
)
TABLE_PX = 217


def pick_refinement(context: DatasetContext, runs: list[Run]) -> Run:
    """The table, and the refinement that is open: the one in the address, else the newest that is no control.

    A control is there to be compared with, not to be looked at first.
    """
    usual = next((run for run in runs if control_of(run) == "none"), runs[0])
    by_id = {run.run_id: run for run in runs}
    table = refinement_table(context.workspace, runs)
    return pick_from_table(PICKER, by_id, usual.run_id, table, _columns(), most_px=TABLE_PX)


def _columns() -> dict[str, Any]:
    number, text = st.column_config.NumberColumn, st.column_config.TextColumn
    return {
        "state": text("State", width=72),
        "what": text("Refinement", width=380),
        "rounds": text("Rounds", width=58, help="Finished, of those asked for."),
        "budget": number("Rows", width=52, format="localized", help="Budget of all rounds together."),
        "trained": text("Round model", width=96),
        "flags": number("Flags", width=50, format="localized"),
        "fallen": number(
            "Fallen", width=58, format="%.0f %%",
            help="Share of the picks in clusters that ended below half their first weight.",
        ),
        "when": st.column_config.DatetimeColumn("Started", width=98, format="D MMM HH:mm"),
    }  # fmt: skip
