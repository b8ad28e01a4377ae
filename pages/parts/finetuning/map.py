"""The map with every cluster in the colour of what training did to it: loss change, or win rate in the blind vote."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st

from pages.parts.finetuning import stats
from pages.shared.dataset_context import DatasetContext
from pages.shared.map.map_view import cluster_labels, show_shaded_map
from tamis.actions.evaluations import UNCLEAR
from tamis.actions.map_colours import FADED, Shading
from tamis.actions.runs import Run
from tamis.actions.votes import vote_winners

CHANGE, WINS = "Loss change", "Win rate"
# Better is teal wherever it appears; the middle is grey, so that "nothing happened" does not shout.
DIVERGING = ("#0F9D8A", "#7FC4BA", "#A9B3B0", "#EBA186", "#E4632B")
# All in one colour where all clusters went one way; the strongest went furthest.
BETTER, WORSE = ("#0B7466", "#0F9D8A", "#A6DBD3"), ("#F5C9B6", "#E4632B", "#A63E12")
BETTER_IN_DARK, WORSE_IN_DARK = ("#4BE3CF", "#129181", "#14524A"), ("#6B3219", "#E4632B", "#FFB392")
HEIGHT_PX = 400
LEAST_END = 0.02  # of a scale of loss changes


def show_cluster_map(context: DatasetContext, run: Run, clusters: pd.DataFrame) -> None:
    """The map, and the choice of what its colours say where there are votes."""
    votes = vote_winners(context.workspace, context.dataset_id, run.run_id)
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.markdown("**On the map**", width="content")
        shown = CHANGE
        if votes:
            shown = st.segmented_control(
                "Colour", [CHANGE, WINS], default=CHANGE, required=True, key="run_map", bind="query-params",
                label_visibility="collapsed",
            )  # fmt: skip
    told = clusters[clusters["verdict"] != UNCLEAR]
    values = {int(c): float(v) for c, v in zip(told["cluster_id"], told["change"], strict=True)}
    if shown == WINS and run.artifact is not None:
        wins = stats.cluster_wins(context, run.artifact, votes)
        wins = wins[wins["said"] != "open"]
        values = {int(c): float(v) for c, v in zip(wins["cluster_id"], wins["rate"], strict=True) if c >= 0}
    low, high = _ends(str(shown), list(values.values()))
    middle = (low + high) / 2
    show_shaded_map(
        context,
        values,
        _shading(str(shown), list(values.values())),
        labels=cluster_labels(context, {i: abs(value - middle) for i, value in values.items() if i >= 0}),
        key=f"run_map_{run.run_id}",
        height=HEIGHT_PX,
    )
    st.caption(
        "Clusters without held-out rows, or whose change is not clear, are grey."
        if shown == CHANGE
        else "Clusters without votes, or not told apart by them, are grey."
    )


def _shading(shown: str, values: list[float]) -> Shading:
    dark = st.context.theme.type == "dark"
    low, high = _ends(shown, values)
    colours: tuple[str, ...] = DIVERGING if shown == CHANGE else DIVERGING[::-1]
    if shown == CHANGE and _one_way(values):
        better, worse = (BETTER_IN_DARK, WORSE_IN_DARK) if dark else (BETTER, WORSE)
        colours = better if low < 0 else worse
    stops = tuple((i / (len(colours) - 1), colour) for i, colour in enumerate(colours))
    return Shading(title=shown, stops=stops, low=low, high=high, nothing=FADED["dark" if dark else "light"])


def _ends(shown: str, values: list[float]) -> tuple[float, float]:
    """A scale with "no change" in its middle, or from the least to the most where all went one way."""
    if shown == WINS:
        return 0.0, 1.0
    if _one_way(values):
        low, high = min(values), max(values)
        return low, high if high > low else low + 1e-6
    most = max((abs(value) for value in values if np.isfinite(value)), default=0.0)
    # Where next to nothing happened the ends stay where something would be seen, and the clusters in the middle.
    most = max(most, LEAST_END)
    return -most, most


def _one_way(values: list[float]) -> bool:
    """Whether all clusters became better, or all worse: then only how much is worth a colour."""
    return len(values) > 1 and (max(values) < -stats.SMALLEST_CHANGE or min(values) > stats.SMALLEST_CHANGE)
