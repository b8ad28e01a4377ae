"""The map as an element of a page: what it is given, and nothing of what a hand on it means to that page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import streamlit as st

from pages.shared import queries
from pages.shared.dataset_context import DatasetContext
from pages.shared.map.legend import paint_column
from pages.shared.map.routes import BASE, JS, hold_map, modules, token_of
from tamis.actions.map_tiles import ColumnCodes, MapTiles, to_unit
from tamis.actions.read_rows import Scope
from tamis.types import JSON

ACCENT = {"light": [15, 118, 110], "dark": [45, 212, 191]}
GHOST = {"light": [150, 161, 158, 70], "dark": [120, 134, 130, 62]}
# Three lines inline, the modules from a route: an inline module has no address from which it could import.
_LOADER = f"""
let modules
export default async function (component) {{
  try {{
    modules ??= await import(new URL("{JS}/{modules()[0]}/component.js", document.baseURI).href)
    return modules.default(component)
  }} catch (error) {{
    component.parentElement.textContent = "The map could not be loaded (" + error + "). Start the app with: tamis serve. The table has every row."
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
    """What a map shows: a column as colours, a filter, names, regions that were drawn, and the open row."""

    colour: str
    title: str
    scope: Scope
    labels: tuple[Label, ...] = ()
    regions: tuple[Region, ...] = ()
    mark: tuple[float, float] | None = None


def show_map_view(
    context: DatasetContext,
    opened: MapTiles,
    content: MapContent,
    *,
    key: str,
    callbacks: Mapping[str, Callable[[], None]],
) -> ColumnCodes:
    """Draw it; ``callbacks`` by what a hand does: region, open, legend, brush. Returns the column it is coloured by."""
    column = queries.map_column(context, opened, content.colour)
    theme = "dark" if st.context.theme.type == "dark" else "light"
    painted = paint_column(context, content.colour, content.title, column, content.scope)
    matched = queries.matches(context, content.scope)
    bits = queries.map_bits(context, opened, content.scope) if content.scope.conditions else None
    name = hold_map(context, opened, [column], [bits] if bits else [])
    said = f"{len(matched):,} of {context.n_rows:,} rows match." if content.scope.conditions else ""
    data: dict[str, JSON] = {
        "base": f"{BASE}/{name}",
        "token": token_of(name),
        "name": key,
        "bounds": list(opened.tiles.bounds),
        "column": painted.legend,
        "palette": painted.palette_text,
        "mask": bits.id if bits else "",
        "labels": [_label(opened, label) for label in content.labels],
        "regions": [[how, to_unit(opened, corners).tolist()] for how, corners in content.regions],  # type: ignore[arg-type]
        "mark": None if content.mark is None else to_unit(opened, [content.mark])[0].tolist(),  # type: ignore[arg-type]
        "ghost": GHOST[theme],
        "accent": ACCENT[theme],
        "said": said,
        "label": f"Map of {context.n_rows:,} rows, coloured by {content.title}. {said} Arrow keys go from row to row, Enter "
        "opens one; the table below holds the same rows.",
    }
    events: dict[str, Any] = {f"on_{event}_change": call for event, call in callbacks.items()}
    _component(key=key, data=data, **events, on_stale_change=_nothing)
    return column


def _nothing() -> None:
    """A map whose server forgot it asks for another run of the page, and for nothing else."""


def _label(opened: MapTiles, label: Label) -> dict[str, JSON]:
    number, x, y, text, level, weight = label
    (at,) = to_unit(opened, [(x, y)]).tolist()  # type: ignore[arg-type]
    return {"id": number, "x": at[0], "y": at[1], "text": text, "level": level, "weight": weight}
