"""The map in the colours of what a round made of each cluster, with the rows that the round flagged on top."""

from __future__ import annotations

import numpy as np
import streamlit as st

from pages.parts.refinement.charts import CHANGE, WEIGHT, diverging
from pages.parts.refinement.history import flags_of, weights_of
from pages.shared import queries
from pages.shared.dataset_context import DatasetContext
from pages.shared.map.colouring import FADED, Shading
from pages.shared.map.map_view import cluster_labels, show_shaded_map
from pages.shared.navigation import link_to
from pages.shared.plain_text import count_of
from tamis.actions.refinement_history import RefinementHistory

HEIGHT_PX = 520
MOST_FLAGS = 4000


def show_map(context: DatasetContext, history: RefinementHistory) -> None:
    """The map with a slider over rounds."""
    if context.view.layout is None:
        st.caption("There is no map of this dataset yet.")
        link_to("data_map", "Make one", query={"dataset": context.dataset_id})
        return
    shown, number = _choose(history)
    flags = flags_of(history)
    flagged = np.unique(flags.loc[flags["round"] == number, "example_id"].to_numpy(dtype=np.int64))
    values = history.change(number) if shown == CHANGE else history.of_round(number, "weight")
    if shown == CHANGE:
        with np.errstate(divide="ignore", invalid="ignore"):
            values = np.log2(values)
    up, down = history.movers()
    moved = [i for i in [*up, *down] if i >= 0]
    show_shaded_map(
        context,
        dict(zip(history.cluster_ids.tolist(), values.tolist(), strict=True)),
        _shading(shown, history),
        labels=cluster_labels(context, {i: float(len(moved) - place) for place, i in enumerate(moved)}),
        rings=queries.positions(context)[flagged[:MOST_FLAGS]],
        key=f"refine_map_{history.artifact_id}",
        height=HEIGHT_PX,
    )
    text = f"Weights after round {number}"
    text += (
        ", as times the first weight on a scale of doublings (0: unchanged, 1: twice, −1: half)"
        if shown == CHANGE
        else ""
    )
    flag_text = (
        f"{count_of(len(flagged), 'row')} flagged in it" if len(flagged) else "no row was flagged in it"
    )
    st.caption(f"{text}; {flag_text}.")


def _choose(history: RefinementHistory) -> tuple[str, int]:
    """What colours the dots, and after which round."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        shown = st.segmented_control(
            "Colour", [CHANGE, WEIGHT], default=CHANGE, required=True, key="map_colour", bind="query-params",
            format_func={CHANGE: "Weight change", WEIGHT: "Weight"}.__getitem__,
        )  # fmt: skip
        if history.n_rounds == 1:
            return str(shown), 1
        number = st.slider(
            "Round", 1, history.n_rounds, history.n_rounds, key=f"map_round_{history.artifact_id[:6]}",
            bind="query-params", width=360,
        )  # fmt: skip
    return str(shown), int(number)


def _shading(shown: str, history: RefinementHistory) -> Shading:
    """Both sides of a change, or for a weight its upper side alone."""
    dark = st.context.theme.type == "dark"
    both = diverging(dark=dark)
    stops = [(0.0, both[2][1]), (1.0, both[4][1])] if shown == WEIGHT else both
    # The middle of the scale is near the page, which suits a table and not a dot.
    faded = FADED["dark" if dark else "light"]
    stops = [(at, faded if colour == both[2][1] else colour) for at, colour in stops]
    low, high = _ends(shown, history)
    return Shading(title=_title(shown), stops=tuple(stops), low=low, high=high, nothing=faded)


def _ends(shown: str, history: RefinementHistory) -> tuple[float, float]:
    """The same scale in every round, so that the slider shows movement."""
    if shown == WEIGHT:
        return 0.0, float(weights_of(history)["weight"].max()) or 1.0
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.abs(np.log2(np.concatenate([history.change(n) for n in range(1, history.n_rounds + 1)])))
    known = logs[np.isfinite(logs)]
    most = max(1.0, float(known.max()) if len(known) else 1.0)
    return -most, most


def _title(shown: str) -> str:
    return "Weight" if shown == WEIGHT else "Weight change (doublings)"
