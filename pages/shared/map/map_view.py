"""The map as an element of a page: what it is given, and nothing of what a hand on it means to that page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import streamlit as st

from pages.shared import queries
from pages.shared.dataset_context import DatasetContext
from pages.shared.map.colouring import Painted, Shading, shade_clusters
from pages.shared.map.routes import BASE, JS, hold_map, modules, token_of
from pages.shared.plain_text import shorten
from tamis.actions.map_tiles import ColumnCodes, MapTiles, RowBits, spread_over_clusters, to_unit
from tamis.types import JSON, Float32s

# How many names each level holds, largest clusters first; the rest appears close up.
LEVELS = (16, 48)
ACCENT = {"light": [15, 118, 110], "dark": [45, 212, 191]}
GHOST = {"light": [150, 161, 158, 70], "dark": [120, 134, 130, 62]}
# A few lines inline, the modules from a route: an inline module has no address from which it could import.
_LOADER = f"""
let modules
export default async function (component) {{
  try {{
    modules ??= await import(new URL("{JS}/{modules()[0]}/component.js", document.baseURI).href)
    return modules.default(component)
  }} catch (error) {{
    component.parentElement.textContent = "The map could not be loaded (" + error + "). Start the app with: tamis serve"
  }}
}}
"""
_component = st.components.v2.component("tamis_map", js=_LOADER)
Region = tuple[str, tuple[tuple[float, float], ...]]  # how, and corners in coordinates of the layout
Label = tuple[
    int, float, float, str, int, float
]  # id, x, y in coordinates of the layout, text, level, weight


@dataclass(frozen=True, slots=True, kw_only=True)
class MapContent:
    """What a map shows: a column and its colours, the rows that a filter keeps (None: all), names, regions that were
    drawn, the open row, and rings around a few rows; positions are those of the layout. ``sieve`` is what ``sieve_of`` gives.

    Maps of one ``group`` move together. ``height`` in pixels; without one it is as high as the window allows.
    """

    column: ColumnCodes
    painted: Painted
    kept: RowBits | None = None
    n_kept: int = 0
    labels: tuple[Label, ...] = ()
    regions: tuple[Region, ...] = ()
    mark: tuple[float, float] | None = None
    rings: Float32s | None = None
    group: str = ""
    height: int = 0
    sieve: dict[str, JSON] | None = None


def show_map_view(
    context: DatasetContext,
    opened: MapTiles,
    content: MapContent,
    *,
    key: str,
    callbacks: Mapping[str, Callable[[], None]],
) -> None:
    """Draw it; ``callbacks`` by what a hand does: region, open, legend, brush."""
    name = hold_map(context, opened, [content.column], [content.kept] if content.kept else [])
    data = _data(context, opened, content) | {"base": f"{BASE}/{name}", "token": token_of(name), "name": key}
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
    """The names of clusters where they lie, those of most weight first and from far away."""
    if context.view.clustering is None:
        return ()
    middles = queries.cluster_middles(context)
    there = [
        i
        for i in sorted(weights, key=lambda i: -weights[i])
        if i in middles and np.isfinite(middles[i]).all()
    ]
    return tuple(
        (i, *middles[i], shorten(context.cluster_name(i), 24), sum(place >= n for n in LEVELS), weights[i])
        for place, i in enumerate(there)
    )


def _data(context: DatasetContext, opened: MapTiles, content: MapContent) -> dict[str, JSON]:
    theme = "dark" if st.context.theme.type == "dark" else "light"
    said = f"{content.n_kept:,} of {context.n_rows:,} rows match." if content.kept else ""
    title = content.painted.legend["title"]
    return {
        "bounds": list(opened.tiles.bounds),
        "column": content.painted.legend,
        "palette": content.painted.palette_text,
        "mask": content.kept.id if content.kept else "",
        "labels": [_label(opened, label) for label in content.labels],
        "regions": [[how, _unit(opened, corners)] for how, corners in content.regions],
        "mark": None if content.mark is None else _unit(opened, [content.mark])[0],
        "rings": [] if content.rings is None else np.round(_unit(opened, content.rings), 6).tolist(),
        "group": content.group,
        "height": content.height,
        "sieve": content.sieve,
        "ghost": GHOST[theme],
        "accent": ACCENT[theme],
        "theme": theme,
        "said": said,
        "label": f"Map of {context.n_rows:,} rows, coloured by {title}. {said} Arrow keys go from row to row, Enter opens one; "
        "the table on this page is the same in words.",
    }


def _nothing() -> None:
    """A map whose server forgot it asks for another run of the page, and for nothing else."""


def _unit(opened: MapTiles, positions: JSON) -> list[JSON]:
    return list(to_unit(opened, np.asarray(positions, dtype=np.float64).reshape(-1, 2)).tolist())


def _label(opened: MapTiles, label: Label) -> dict[str, JSON]:
    number, x, y, text, level, weight = label
    ((unit_x, unit_y),) = _unit(opened, [(x, y)])
    return {"id": number, "x": unit_x, "y": unit_y, "text": text, "level": level, "weight": weight}
