"""The batches of a dataset: which of them is open, a table to open another, and the way to a new one."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from pages.shared.dataset_context import DatasetContext
from pages.shared.runs.job_watch import CLONED
from pages.shared.runs.picker import RunPicker, pick_from_table
from pages.shared.wording import ago
from tamis.actions.augmenting import BatchFunnel, list_batches
from tamis.actions.datasets import dataset_names

# A filter in the address asks for rows like those that it means.
PICKER = RunPicker(
    what="batch", results="Batches", new="New batch", parameter="batch", starts=(CLONED,), alone_starts=("scope",)
)  # fmt: skip
TABLE_PX = 217


def _written(context: DatasetContext, batch: str) -> str:
    return ago(context.workspace.artifacts.examples(batch).manifest.created_at)


def funnels_of(context: DatasetContext) -> dict[str, BatchFunnel]:
    """Every batch that adds to the dataset, by id, newest first."""
    made = list_batches(context.workspace, context.dataset_id)
    return {one.dataset_id: one for one in reversed(made)}


def pick_batch(context: DatasetContext, made: dict[str, BatchFunnel]) -> BatchFunnel:
    """The one in the address, else the newest in which rows wait, else the newest; others are a click away."""
    usual = next((name for name, one in made.items() if one.n_waiting), next(iter(made)))
    if len(made) == 1:
        return made[usual]
    names = dataset_names(context.workspace)
    table = pd.DataFrame(
        {
            "name": [names.get(one, one) for one in made],
            "written": [_written(context, one) for one in made],
            "passed": [one.n_passed for one in made.values()],
            "drafts": [one.n_drafts for one in made.values()],
            "waiting": [one.n_waiting for one in made.values()],
            "accepted": [one.n_accepted for one in made.values()],
            "tokens": [one.tokens for one in made.values()],
        }
    )
    number = st.column_config.NumberColumn
    columns = {
        "name": st.column_config.TextColumn("Batch", width=320),
        "written": st.column_config.TextColumn("Written", width=110),
        "passed": number("Passed", width=80, format="localized"),
        "drafts": number("Drafts", width=80, format="localized"),
        "waiting": number("Waiting", width=80, format="localized"),
        "accepted": number("Accepted", width=84, format="localized"),
        "tokens": number("Tokens", width=90, format="localized"),
    }
    return pick_from_table(PICKER, made, usual, table, columns, most_px=TABLE_PX)
