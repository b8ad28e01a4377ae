"""The map as an element of a page: what it is given, and nothing of what a hand on it means to that page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st

from pages.shared import queries
from pages.shared.dataset_context import DatasetContext
from pages.shared.map.routes import BASE, JS, hold_map, modules, token_of
from tamis.actions import map_picture
from tamis.actions.map_colours import Shading, shade_clusters
from tamis.actions.map_picture import Label, MapContent, describe_map
from tamis.actions.map_tiles import ColumnCodes, MapTiles, Promised, RowBits, spread_over_clusters
from tamis.types import Float32s

# A few lines inline, the modules from a route: an inline module has no address from which it could import.
_LOADER = f"""
let modules
const newest = new WeakMap() // calls that came while the modules were on their way: the last one says what is shown
export default async function (component) {{
  newest.set(component.parentElement, component)
  try {{
    modules ??= await import(new URL("{JS}/{modules()[0]}/component.js", document.baseURI).href)
    return modules.default(newest.get(component.parentElement))
  }} catch (error) {{
    component.parentElement.textContent = "The map could not be loaded (" + error + "). Start the app with: tamis serve"
  }}
}}
"""
_component = st.components.v2.component("tamis_map", js=_LOADER)


def show_map_view(
    context: DatasetContext,
    opened: MapTiles,
    content: MapContent,
    *,
    key: str,
    callbacks: Mapping[str, Callable[[], None]],
) -> None:
    """Draw it; ``callbacks`` by what a hand does: region, open, legend, brush, round, flagged."""
    rounds = content.rounds
    columns: list[ColumnCodes | Promised[ColumnCodes]] = [content.column, *(rounds.columns if rounds else ())]
    bits: list[RowBits | Promised[RowBits]] = [
        *([content.kept] if content.kept else ()),
        *(rounds.bits if rounds else ()),
    ]
    name = hold_map(context, opened, columns, bits)
    data = describe_map(context, opened, content, dark=st.context.theme.type == "dark")
    data |= {"base": f"{BASE}/{name}", "token": token_of(name), "name": key}
    data["hands"] = sorted(callbacks)
    # Different data are what calls the map again, so that one that was refused tries once more.
    asked: Any = st.session_state.get(key)
    data["again"] = asked.get("stale") if asked else None
    events: dict[str, Any] = {f"on_{event}_change": call for event, call in callbacks.items()}
    _component(key=key, data=data, **events, on_stale_change=_nothing)


def show_shaded_map(
    context: DatasetContext,
    values: Mapping[int, float],
    shading: Shading,
    *,
    labels: tuple[Label, ...] = (),
    rings: Float32s | None = None,
    key: str,
    height: int,
) -> None:
    """The map with every cluster in the colour of its value, and rings around a few rows."""
    opened = queries.open_map(context)
    column = queries.map_column(context, opened, "cluster")
    if -1 in column.values:  # more clusters than bytes have values
        clusters = queries.cluster_of(context)
        column = spread_over_clusters(opened, clusters, values, shading.low, shading.high)
    content = MapContent(
        column=column,
        painted=shade_clusters(column, values, shading),
        labels=labels,
        rings=rings,
        height=height,
    )
    show_map_view(context, opened, content, key=key, callbacks={})


def cluster_labels(context: DatasetContext, weights: Mapping[int, float]) -> tuple[Label, ...]:
    """The names of clusters and of groups of them where they lie, those of most weight first and from far away."""
    if context.view.clustering is None:
        return ()
    middles, levels = queries.cluster_middles(context), queries.levels_of_clusters(context)
    return map_picture.cluster_labels(context, weights, middles, levels)


def _nothing() -> None:
    """A map whose server forgot it asks for another run of the page, and for nothing else."""
