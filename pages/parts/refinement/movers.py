"""Which clusters gained and which lost, and some of the rows that made it so."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st

from pages.parts.refinement.history import names_of
from pages.shared.dataset_context import DatasetContext
from pages.shared.navigation import go_to, link_to
from pages.shared.plain_text import plain, shorten
from tamis.actions.read_rows import ALL_ROWS, read_rows
from tamis.actions.refinement_history import RefinementHistory, telling_rows

MAX_CELL_CHARS = 220
SAMPLE_ROWS = 5


def show_movers(context: DatasetContext, history: RefinementHistory) -> None:
    """Both sides beside each other."""
    up, down = history.movers()
    left, right = st.columns(2, gap="medium")
    with left:
        _show_side(context, history, up, "Gained weight", "up")
    with right:
        _show_side(context, history, down, "Lost weight", "down")


def _show_side(
    context: DatasetContext, history: RefinementHistory, ids: list[int], title: str, side: str
) -> None:
    st.markdown(f"**{title}**")
    if not ids:
        st.caption("No cluster did.")
        return
    opened = _show_table(context, history, ids, side)
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.markdown(
            f"Rows of **{plain(shorten(names_of(context, history.cluster_ids)[opened], 48))}**",
            width="content",
        )
        scope = ALL_ROWS.and_where("cluster", [opened], context.view.require("clustering").id).to_url()
        link_to("data_map", "The cluster on the map", query={"dataset": context.dataset_id, "scope": scope})
    _show_rows(context, _telling(history, opened, best=side == "up"), side)


def _show_table(context: DatasetContext, history: RefinementHistory, ids: list[int], side: str) -> int:
    """The clusters; returns the one whose rows are shown."""
    names = names_of(context, history.cluster_ids)
    place = {int(cluster): at for at, cluster in enumerate(history.cluster_ids)}
    at = np.array([place[i] for i in ids])
    table = pd.DataFrame(
        {
            "cluster": [names[i] for i in ids],
            "change": history.change()[at],
            "first": 100 * history.of_round(0, "weight")[at],
            "last": 100 * history.of_round(history.n_rounds, "weight")[at],
            "score": history.last_scores()[at],
            "scored": history.total("n_scored")[at].astype(np.int64),
            "picked": history.total("budget")[at].astype(np.int64),
        }
    )
    number = st.column_config.NumberColumn
    event = st.dataframe(
        table, hide_index=True, on_select="rerun", selection_mode="single-row", key=f"movers_{side}_{history.artifact_id}",
        column_config={
            "cluster": st.column_config.TextColumn("Cluster", width=150),
            "change": number("Change", width=64, format="×%.2f", help="Weight now over the first weight."),
            "first": number("First", width=58, format="%.1f %%"),
            "last": number("Now", width=58, format="%.1f %%"),
            "score": number("Score", width=62, format="%.3f", help="Mean of its rows when it was scored last: given answer less own answer."),
            "scored": number("Scored", width=60, help="Rows scored in all rounds."),
            "picked": number("Picked", width=60),
        },
        placeholder="",
        alt="Clusters whose weight moved most; click one for its rows",
    )  # fmt: skip
    return ids[event.selection.rows[0]] if event.selection.rows else ids[0]


def _show_rows(context: DatasetContext, sample: pd.DataFrame, side: str) -> None:
    if not len(sample):
        st.caption("No row of it was picked.")
        return
    texts = read_rows(context, sample["example_id"].to_numpy(), ["prompt", "response"]).to_pandas()
    shown = pd.DataFrame(
        {
            "gap": sample["gap"].to_numpy(),
            "prompt": [shorten(text or "", MAX_CELL_CHARS) for text in texts["prompt"]],
            "response": [shorten(text or "", MAX_CELL_CHARS) for text in texts["response"]],
            "generated": [
                shorten(text, MAX_CELL_CHARS) if isinstance(text, str) else "" for text in sample["generated"]
            ],
        }
    )
    text = st.column_config.TextColumn
    event = st.dataframe(
        shown, hide_index=True, on_select="rerun", selection_mode="single-cell", key=f"mover_rows_{side}",
        column_config={
            "gap": st.column_config.NumberColumn("Score", width=62, format="%.3f"),
            "prompt": text("Prompt", width=110), "response": text("Given answer", width=130),
            "generated": text("Model's own answer", width=150),
        },
        placeholder="–",
        alt="Rows of the cluster with both answers; click one to open it",
    )  # fmt: skip
    st.caption(f"{'Best' if side == 'up' else 'Worst'} first. Click a row to read it on the map.")
    if event.selection.cells:
        row = int(sample["example_id"].iloc[event.selection.cells[0][0]])
        go_to("data_map", {"dataset": context.dataset_id, "row": str(row)})


def _telling(history: RefinementHistory, cluster_id: int, *, best: bool) -> pd.DataFrame:
    return telling_rows(history.rounds, cluster_id, best=best, most=SAMPLE_ROWS).to_pandas()
