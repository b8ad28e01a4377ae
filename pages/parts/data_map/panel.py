"""The map on the page: what it is coloured by and named with, and what a lasso, a click or the legend on it means."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial

import numpy as np
import streamlit as st

from pages.parts.data_map.legend_events import said_by, take_brush, take_legend
from pages.parts.data_map.region import take_region
from pages.parts.data_map.share import SHARED, show_share
from pages.parts.data_map.sieve import keep_sifted, sieve_under_map
from pages.shared import address, queries
from pages.shared.dataset_context import DatasetContext
from pages.shared.map.map_view import cluster_labels, show_map_view
from tamis.actions.map_colours import colour_choices, paint_column
from tamis.actions.map_picture import Label, MapContent, Region
from tamis.actions.map_tiles import MapTiles
from tamis.actions.read_rows import Scope, describe_scope
from tamis.actions.submit import PlannedRun
from tamis.types import JSON, Float32s

MAP = "map"
_FIRST_COLOUR = "colour_at_first"


def choose_colour(context: DatasetContext) -> str:
    """The column that colours the map."""
    choices = colour_choices(context)
    first = next(iter(choices))
    # While jobs run, clusters come to be what a map is coloured by at first; who chose a colour keeps it. Only then: the
    # address may still say the colour of before when somebody has just chosen the first one.
    before = st.session_state.get(_FIRST_COLOUR, first)
    if before != first and st.session_state.get("colour") == before:
        st.session_state["colour"] = st.query_params.get("colour") or first
    st.session_state[_FIRST_COLOUR] = first
    st.caption("Colour by", width="content")
    colour = st.selectbox(
        "Colour by", list(choices), format_func=lambda key: choices.get(key, key), key="colour", bind="query-params",
        persist_state="session", label_visibility="collapsed",
    )  # fmt: skip
    return colour or first


def show_data_map(
    context: DatasetContext, scope: Scope, colour: str, *, rings: Float32s | None = None
) -> None:
    """Draw the map; a lasso or a box becomes part of the filter, a click opens a row, the legend filters; ``rings`` are
    places of rows of another dataset.
    """
    opened = queries.open_map(context)
    column = queries.map_column(context, opened, colour)
    title = colour_choices(context).get(colour, colour)
    sieve, planned = sieve_under_map(context, opened, scope)
    content = MapContent(
        column=column,
        painted=paint_column(context, colour, title, column, scope),
        kept=queries.map_bits(context, opened, scope) if scope.conditions else None,
        n_kept=len(queries.matches(context, scope)),
        shown=describe_scope(scope, context.names.names) if scope.conditions else "",
        labels=_labels(context, scope),
        regions=tuple(_outlines(context, scope)),
        mark=_position(context, address.read_row()),
        sieve=sieve,
        rings=rings,
    )
    callbacks: dict[str, Callable[[], None]] = {
        "region": partial(_take_region, opened),
        "open": partial(_open, opened),
        "legend": partial(take_legend, context, {colour: column}, MAP),
        "brush": partial(take_brush, context, MAP),
        "share": _take_share,
    }
    if planned is not None:
        callbacks["keep"] = partial(_keep, context, planned)
    show_map_view(context, opened, content, key=MAP, callbacks=callbacks)
    show_share(context, scope, colour)
    missing = context.n_rows - opened.n_placed
    if missing:
        st.caption(f"{missing:,} rows have no place on the map.")


def _keep(context: DatasetContext, planned: PlannedRun) -> None:
    keep_sifted(context, planned, said_by(MAP, "keep"))


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


def _take_region(opened: MapTiles) -> None:
    drawn = said_by(MAP, "region")
    if drawn:
        take_region(opened, drawn)


def _open(opened: MapTiles) -> None:
    clicked = said_by(MAP, "open")
    place: JSON = clicked.get("place") if isinstance(clicked, dict) else None
    if isinstance(place, int) and 0 <= place < opened.n_placed:
        address.open_row(int(opened.tiles.order[place]))


def _take_share() -> None:
    asked = said_by(MAP, "share")
    if isinstance(asked, dict):
        st.session_state[SHARED] = asked.get("camera")
