"""What the map looks like: its colour, and in a menu what can be laid over it or played on it."""

from __future__ import annotations

import streamlit as st

from pages.parts.data_map.overlay import choose_overlay
from pages.parts.data_map.panel import choose_colour
from pages.shared.dataset_context import DatasetContext
from pages.shared.navigation import link_to
from tamis.actions.refinements import STEP
from tamis.actions.runs import list_runs
from tamis.types import Float32s


def choose_look(context: DatasetContext) -> tuple[str, Float32s | None]:
    """The column that colours it, and where rows of another dataset lie on it if that is wanted."""
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
        colour = choose_colour(context)
        with st.popover(
            ":material/layers:", type="tertiary", help="Another dataset over the map, rounds played on it"
        ):
            rings = choose_overlay(context)
            if any(
                run.artifact is not None for run in list_runs(context.workspace, context.dataset_id, STEP)
            ):
                query = {"dataset": context.dataset_id, "part": "Map"}
                link_to("refinement", "Play the rounds of a refinement", query=query)
    return colour, rings
