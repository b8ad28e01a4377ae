"""Columns beside the map: bars and histograms of what the filter leaves; each filters the map, the table and the others."""

from __future__ import annotations

from functools import partial

import numpy as np
import streamlit as st

from pages.parts.data_map.legend_events import take_brush, take_legend
from pages.shared import queries
from pages.shared.dataset_context import DatasetContext
from pages.shared.map.routes import JS, modules
from tamis.actions.map_colours import colour_choices, is_about, paint_column
from tamis.actions.map_tiles import MISSING, ColumnCodes, MapTiles
from tamis.actions.read_rows import Scope
from tamis.types import JSON, Int64s

FACETS, SHOWN_FIRST, MOST = "facets", 4, 8
SELDOM = ("source_row", "n_turns", "distance")  # who looks for these chooses them
_LOADER = f"""
let modules
export default async function (component) {{
  modules ??= await import(new URL("{JS}/{modules()[0]}/facets.js", document.baseURI).href)
  return modules.default(component)
}}
"""
_component = st.components.v2.component("tamis_facets", js=_LOADER)


def show_facets(context: DatasetContext, scope: Scope) -> None:
    """Choose the columns, and draw each as the rest of the filter leaves it."""
    choices = {key: label for key, label in colour_choices(context).items() if key != "cluster"}
    usual = [key for key in choices if key not in SELDOM][:SHOWN_FIRST]
    with st.popover("Choose", icon=":material/tune:", type="tertiary"):
        chosen = st.multiselect(
            "Columns", list(choices), default=usual, format_func=lambda key: choices.get(key, key), max_selections=MOST,
            key="facet_columns", bind="query-params", placeholder="Columns to see and filter by",
        )  # fmt: skip
    if not chosen:
        return
    opened = queries.open_map(context)
    columns = {key: queries.map_column(context, opened, key) for key in chosen}
    data: JSON = {
        "columns": [_facet(context, opened, scope, key, choices[key], one) for key, one in columns.items()]
    }
    _component(
        key=FACETS, data=data, on_legend_change=partial(take_legend, context, columns, FACETS),
        on_brush_change=partial(take_brush, context, FACETS),
    )  # fmt: skip


def _facet(
    context: DatasetContext, opened: MapTiles, scope: Scope, key: str, title: str, column: ColumnCodes
) -> dict[str, JSON]:
    """The legend of a column, and beside its counts those of the rows that all other conditions leave."""
    rest = Scope(conditions=tuple(one for one in scope.conditions if not is_about(one, context, key)))
    legend = paint_column(context, key, title, column, scope).legend
    if not rest.conditions:
        return legend
    rows = queries.matches(context, rest)
    if column.kind == "numbers":
        values = queries.values(context, key)[rows].astype(np.float64)
        known = values[np.isfinite(values)]
        now = np.histogram(known, bins=len(column.histogram), range=(column.low, column.high))[0].tolist()
        return legend | {"now": now, "n_missing": int(len(values) - len(known))}
    return legend | {"now": _counts(context, opened, rows, column, legend["items"])}


def _counts(
    context: DatasetContext, opened: MapTiles, rows: Int64s, column: ColumnCodes, items: JSON
) -> list[int]:
    member = np.zeros(context.n_rows, dtype=np.bool_)
    member[rows] = True
    sizes = np.bincount(np.asarray(column.codes)[member[opened.tiles.order]], minlength=256)
    named = {item["code"] for item in items}
    others = int(sum(n for code, n in enumerate(sizes.tolist()) if code not in named and code != MISSING))
    return [others if item["code"] < 0 else int(sizes[item["code"]]) for item in items]
