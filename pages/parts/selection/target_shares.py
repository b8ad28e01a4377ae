"""What a selection for targets took for each of them, and which rows it was kept from."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from pages.shared.dataset_context import DatasetContext
from pages.shared.navigation import link_to
from pages.shared.plain_text import count_of, plain
from tamis.scorers import SCORERS
from tamis.store.artifacts.store import Artifact
from tamis.types import JSON


def show_target_shares(context: DatasetContext, selection: Artifact) -> None:
    """Nothing for a selection that goes by no target."""
    notes: dict[str, JSON] = selection.summary.get("notes") or {}
    if not notes.get("targets"):
        return
    n_picked = max(1, sum(int(one["n_picked"]) for one in notes["targets"]))
    table = pd.DataFrame(
        {
            "name": [one["name"] for one in notes["targets"]],
            "share": [100 * float(one["share"]) for one in notes["targets"]],
            "n_picked": [one["n_picked"] for one in notes["targets"]],
            "of_picked": [100 * one["n_picked"] / n_picked for one in notes["targets"]],
            "spent": [one.get("spent") for one in notes["targets"]],
        }
    ).dropna(axis="columns", how="all")
    st.markdown("**Rows for each target**")
    st.dataframe(
        table,
        hide_index=True,
        column_config={
            "name": st.column_config.TextColumn("Target", width="medium"),
            "share": st.column_config.NumberColumn("Share asked for", format="%.1f %%"),
            "n_picked": st.column_config.NumberColumn("Rows", format="localized"),
            "of_picked": st.column_config.NumberColumn("Of the picks", format="%.1f %%"),
            "spent": st.column_config.NumberColumn("Budget spent", format="localized"),
        },
        alt="What the selection took for each target",
    )
    if text := "; ".join(_kept_out(notes)):
        st.caption(f"{text[:1].upper()}{text[1:]}.")
    scorer = str(selection.manifest.options["method_options"]["similarity"])
    link_to(
        "scoring", "How well the targets are covered", icon=":material/speed:",
        query={"dataset": context.dataset_id, "scorer": SCORERS[scorer].title},
    )  # fmt: skip


def _kept_out(notes: dict[str, JSON]) -> list[str]:
    said = []
    if notes.get("n_leaks"):
        said.append(f"{count_of(int(notes['n_leaks']), 'row')} of the target itself stayed out")
    if notes.get("n_repeats"):
        said.append(f"{count_of(int(notes['n_repeats']), 'repeat')} of other rows stayed out")
    if notes.get("empty_targets"):
        said.append(
            f"no row is like {plain(', '.join(notes['empty_targets']))}, whose turns went to the others"
        )
    return said
