"""The fine-tunings of a dataset: which of them is open, and the way to a new one."""

from __future__ import annotations

from typing import Any

import streamlit as st

from pages.shared.dataset_context import DatasetContext
from pages.shared.runs.finetune_runs import finetune_table
from pages.shared.runs.picker import RunPicker, pick_from_table
from tamis.actions.runs import Run

# The answer that is read means nothing for another run.
PICKER = RunPicker(what="run", results="Runs", new="New run", parameter="run", of_one=("answer",))
TABLE_PX = 252


def pick_finetune_run(context: DatasetContext, runs: list[Run]) -> Run:
    """The table, and the run that is open: the one in the address, else the newest."""
    by_id = {run.run_id: run for run in runs}
    table = finetune_table(context, runs)
    return pick_from_table(PICKER, by_id, runs[0].run_id, table, _columns(), most_px=TABLE_PX)


def _columns() -> dict[str, Any]:
    """Columns to choose a run by, as wide together as the page is on a small screen; the run itself says the rest."""
    number, text = st.column_config.NumberColumn, st.column_config.TextColumn
    return {
        "state": text("State", width=72),
        "model": text("Model", width=124),
        "from": text("Rows from", width=168),
        "rows": number("Rows", width=60, format="localized", help="Rows trained on."),
        "loss": text("Held-out loss", width=112, help="Of the base model, and after training."),
        "change": number("Change", width=72, format="%+.3f", help="Of the loss; below zero is better."),
        "took": text("Took", width=64),
        "when": st.column_config.DatetimeColumn("Started", width=108, format="D MMM HH:mm"),
    }
