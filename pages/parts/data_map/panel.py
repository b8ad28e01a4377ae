"""The map on the page: what it is coloured by and named with, and what a lasso, a click or the legend on it means."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import Any

import numpy as np
import streamlit as st

from pages.parts.data_map.region import take_region
from pages.parts.data_map.sieve import keep_sifted, sieve_under_map
from pages.shared import address, queries
from pages.shared.dataset_context import DatasetContext
from pages.shared.map.colouring import colour_choices, condition_of, is_about, paint_column, values_of
from pages.shared.map.map_view import Label, MapContent, Region, cluster_labels, show_map_view
from tamis.actions.map_tiles import ColumnCodes, MapTiles
from tamis.actions.read_rows import Scope
from tamis.actions.submit import PlannedRun
from tamis.types import JSON

MAP = "map"
_FIRST_COLOUR = "colour_at_first"


def choose_colour(context: DatasetContext) -> str:
    """The column that colours the map."""
    choices = colour_choices(context)
    first = next(iter(choices))
    # While jobs run, clusters come to be what a map is coloured by at first; who chose a colour keeps it.
    if st.session_state.get("colour") == st.session_state.get(_FIRST_COLOUR):
        st.session_state["colour"] = st.query_params.get("colour") or first
    st.session_state[_FIRST_COLOUR] = first
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
        st.caption("Colour by", width="content")
        colour = st.selectbox(
            "Colour by",
            list(choices),
            format_func=lambda key: choices.get(key, key),
            key="colour",
            bind="query-params",
            persist_state="session",
            label_visibility="collapsed",
        )
    return colour or first


def show_data_map(context: DatasetContext, scope: Scope, colour: str) -> None:
    """Draw the map; a lasso or a box becomes part of the filter, a click opens a row, the legend filters."""
    opened = queries.open_map(context)
    column = queries.map_column(context, opened, colour)
    title = colour_choices(context).get(colour, colour)
    sieve, planned = sieve_under_map(context, opened, scope)
    content = MapContent(
        column=column,
        painted=paint_column(context, colour, title, column, scope),
        kept=queries.map_bits(context, opened, scope) if scope.conditions else None,
        n_kept=len(queries.matches(context, scope)),
        labels=_labels(context, scope),
        regions=tuple(_outlines(context, scope)),
        mark=_position(context, address.read_row()),
        sieve=sieve,
    )
    callbacks = {
        "region": partial(_take_region, opened),
        "open": partial(_open, opened),
        "legend": partial(_take_legend, context, column),
        "brush": partial(_take_brush, context),
    }
    if planned is not None:
        callbacks["keep"] = partial(_keep, context, planned)
    show_map_view(context, opened, content, key=MAP, callbacks=callbacks)
    missing = context.n_rows - opened.n_placed
    if missing:
        st.caption(f"{missing:,} rows have no place on the map.")


def _keep(context: DatasetContext, planned: PlannedRun) -> None:
    keep_sifted(context, planned, _said("keep"))


def _position(context: DatasetContext, row: int | None) -> tuple[float, float] | None:
    if row is None or row >= context.n_rows:
        return None
    x, y = queries.positions(context)[row].tolist()
    return (x, y) if np.isfinite(x) and np.isfinite(y) else None


def _labels(context: DatasetContext, scope: Scope) -> tuple[Label, ...]:
    # Only what the eye should go to: clusters that the filter leaves something of, those with most rows first.
    counts = Counter(queries.cluster_of(context)[queries.matches(context, scope)].tolist())
    return cluster_labels(context, {i: float(n) for i, n in counts.items() if i >= 0})


def _outlines(context: DatasetContext, scope: Scope) -> list[Region]:
    shapes: list[Region] = []
    layout = context.view.require("layout").id
    for condition in scope.conditions:
        if condition.on not in ("", layout):
            continue  # drawn on another layout: its shape means nothing here, its rows still do
        if condition.kind == "lasso":
            shapes.append(("add", condition.value))
        elif condition.kind == "region":
            shapes += condition.value
        elif condition.kind == "box":
            (x0, x1), (y0, y1) = condition.value
            shapes.append(("add", ((x0, y0), (x1, y0), (x1, y1), (x0, y1))))
    return shapes


def _said(event: str) -> JSON:
    state: Any = st.session_state.get(MAP)
    return state.get(event) if state else None


def _take_region(opened: MapTiles) -> None:
    drawn = _said("region")
    if drawn:
        take_region(opened, drawn)


def _open(opened: MapTiles) -> None:
    clicked = _said("open")
    place: JSON = clicked.get("place") if isinstance(clicked, dict) else None
    if isinstance(place, int) and 0 <= place < opened.n_placed:
        address.open_row(int(opened.tiles.order[place]))


def _take_legend(context: DatasetContext, column: ColumnCodes) -> None:
    asked = _said("legend")
    if not asked:
        return
    key, codes = str(asked["key"]), [int(code) for code in asked["codes"]]
    condition = condition_of(context, key, values_of(column, codes))
    address.replace_where(lambda one: is_about(one, context, key), condition)
    address.forget_choices()


def _take_brush(context: DatasetContext) -> None:
    asked = _said("brush")
    if not asked:
        return
    key, limits = str(asked["key"]), asked["range"]
    condition = None if limits is None else ("range", [float(f"{limit:.6g}") for limit in limits], key)
    address.replace_where(lambda one: is_about(one, context, key), condition)
