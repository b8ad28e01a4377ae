"""Share this view: the map as one HTML file, or as SVG for a paper."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import streamlit as st

from pages.shared.dataset_context import DatasetContext
from pages.shared.identity import asks
from tamis.actions.map_tiles import open_map
from tamis.actions.read_rows import Scope
from tamis.actions.share_map import MOST_POINTS, TEXT_POINTS, Camera, MapView, draw_map, share_map

SHARED = "map_shared"  # where somebody looks who asked to share it
HTML, SVG = ".html", ".svg"
_WORDS = {HTML: "A map to move in (HTML)", SVG: "A picture for a paper (SVG)"}
_MIME = {HTML: "text/html", SVG: "image/svg+xml"}


def show_share(context: DatasetContext, scope: Scope, colour: str) -> None:
    """The dialog, once somebody asked for it on the map."""
    if SHARED in st.session_state:
        _dialog(context, scope, colour, _camera(st.session_state.pop(SHARED)))


@st.dialog("Share this view", icon=":material/ios_share:")
def _dialog(context: DatasetContext, scope: Scope, colour: str, camera: Camera | None) -> None:
    kind = st.segmented_control(
        "As", [HTML, SVG], default=HTML, required=True, format_func=_WORDS.__getitem__, key="share_kind",
        label_visibility="collapsed",
    )  # fmt: skip
    labels = st.toggle("Names of clusters", value=True, key="share_names")
    texts = kind == HTML and st.toggle(
        "First words of every row",
        key="share_texts",
        help="They leave with the file: whoever has it can read them.",
    )
    n_placed, most = open_map(context).n_placed, TEXT_POINTS if texts else MOST_POINTS
    if n_placed > most:
        st.caption(f"A random sample of {most:,} of {n_placed:,} rows; the file says so.")
    else:
        st.caption(f"All {n_placed:,} rows" + (" with their first words." if texts else "; no text of any."))
    dark = st.context.theme.type == "dark"
    view = MapView(colour=colour, scope=scope, labels=labels, camera=camera, dark=dark)
    st.download_button(
        "Download", data=partial(_drawn, context, view, str(kind), texts=bool(texts)), key="share_download",
        file_name=f"map-{context.dataset_id}{kind}", mime=_MIME[str(kind)], type="primary", icon=":material/download:",
        on_click="ignore", **asks(context.workspace, share_map),
    )  # fmt: skip
    if kind == HTML:
        st.caption("One file that opens without a server and fetches nothing.")
    else:
        st.caption("A PNG is saved by the arrow among the map's own buttons.")


def _drawn(context: DatasetContext, view: MapView, kind: str, *, texts: bool) -> bytes:
    return draw_map(context, view, kind=kind, texts=texts).data


def _camera(said: Any) -> Camera | None:  # noqa: ANN401
    """Where somebody looks; None for what is no place."""
    if not isinstance(said, list) or len(said) != 3:
        return None
    x, y, widths = (float(one) if isinstance(one, (int, float)) else math.nan for one in said)
    return (x, y, widths) if math.isfinite(x + y + widths) and widths > 0 else None
