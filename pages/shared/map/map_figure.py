"""The map as a plotly figure, from arrays alone: points, what they are called, and what was drawn around them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from pages.shared.map.colouring import MUTED, PALETTE, SCALE, ColourGroups, Colouring, Shades
from pages.shared.plain_text import plain_in_figure
from tamis.actions.map_rows import DensityGrid
from tamis.types import Bools, Float32s, Int64s

Polygon = tuple[tuple[float, float], ...]
MOST_NAMED = 12_000  # points up to which each says its cluster when pointed at


@dataclass(frozen=True, slots=True)
class MapStyle:
    """How to draw: in the viewer's theme, with or without WebGL, how high in pixels."""

    dark: bool
    webgl: bool = True
    height: int = 600

    @property
    def ink(self) -> str:
        """Colour of text and lines."""
        return "#E8EEEC" if self.dark else "#17211F"

    @property
    def paper(self) -> str:
        """Colour behind labels, slightly transparent."""
        return "rgba(16,22,21,0.78)" if self.dark else "rgba(255,255,255,0.82)"

    @property
    def halo(self) -> str:
        """Shadow that keeps text readable over points without hiding them."""
        paper = "#101615" if self.dark else "#FFFFFF"
        return ", ".join([f"0 0 2px {paper}"] * 4 + [f"0 0 6px {paper}"] * 2)

    @property
    def faded(self) -> str:
        """Colour of rows that do not match."""
        return "#3A4644" if self.dark else "#D5DCDA"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dots:
    """The rows to draw: ids, coordinates (n, 2), which of them match, and the name of each one's cluster."""

    rows: Int64s
    xy: Float32s
    matched: Bools
    names: NDArray[np.object_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Extras:
    """What is drawn besides the points: (x, y, name) of labels, outlines of lassos, the open row, a density."""

    labels: tuple[tuple[float, float, str], ...] = ()
    outlines: tuple[Polygon, ...] = ()
    mark: tuple[float, float] | None = None
    density: DensityGrid | None = None


def draw_map(dots: Dots, colouring: Colouring, extras: Extras, style: MapStyle) -> go.Figure:
    """The figure; every point carries its row id as customdata and nothing else."""
    figure = go.Figure(layout=_layout(style))
    if extras.density is not None:
        figure.add_trace(_density(extras.density, style))
    hidden = ~dots.matched
    if hidden.any():
        figure.add_trace(
            _points(dots, hidden, {"color": style.faded, "opacity": 0.7}, style, "does not match")
        )
    for trace in _coloured(dots, colouring, style):
        figure.add_trace(trace)
    for outline in extras.outlines:
        figure.add_trace(_outline(outline, style))
    if extras.mark is not None:
        figure.add_trace(_mark(extras.mark, style))
    figure.update_layout(annotations=[_label(label, style) for label in extras.labels])
    return figure


def draw_histogram(counts: Sequence[int], edges: Sequence[float], *, height: int = 72) -> go.Figure:
    """Bars without axes: the shape alone, for a form whose fields say the numbers."""
    middles = [(low + high) / 2 for low, high in zip(edges, edges[1:], strict=False)]
    figure = go.Figure(go.Bar(x=middles, y=list(counts), marker={"color": PALETTE[0], "line": {"width": 0}}))
    hidden = {"visible": False, "fixedrange": True}
    figure.update_layout(
        height=height, margin=dict.fromkeys("lrtb", 0), bargap=0.08, xaxis=hidden, yaxis=hidden
    )
    return figure


def spaced_labels(
    middles: dict[int, tuple[float, float]], names: dict[int, str], span: tuple[float, float], most: int = 14
) -> tuple[tuple[float, float, str], ...]:
    """Labels that keep clear of each other, ``names`` in order of importance; ``span`` is the map's width and height."""
    width, height = (max(side, 1e-9) for side in span)
    placed: list[tuple[float, float, str]] = []
    for cluster_id, name in names.items():
        x, y = middles.get(cluster_id, (float("nan"), 0.0))
        reach = 0.0055 * len(name) + 0.01  # half the width of such a label on a map of usual size
        clear = all(
            abs(y - other_y) / height > 0.05 or abs(x - other_x) / width > reach + 0.0055 * len(other) + 0.01
            for other_x, other_y, other in placed
        )
        if name and clear and x == x:
            placed.append((x, y, name))
        if len(placed) == most:
            break
    return tuple(placed)


def _layout(style: MapStyle) -> dict[str, Any]:
    axis = {"visible": False, "showgrid": False, "zeroline": False, "fixedrange": False}
    return {
        "height": style.height,
        "margin": {"l": 0, "r": 0, "t": 8, "b": 0},
        "dragmode": "pan",
        "hovermode": "closest",
        "hoverdistance": 12,
        "xaxis": axis,
        "yaxis": axis | {"scaleanchor": None},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "modebar": {
            "orientation": "h",
            "bgcolor": "rgba(0,0,0,0)",
            "color": MUTED,
            "activecolor": "#2DD4BF" if style.dark else "#0F766E",
        },
        "legend": {
            "orientation": "h",
            "x": 0,
            "y": 0,
            "xanchor": "left",
            "yanchor": "bottom",
            "bgcolor": style.paper,
            "font": {"color": style.ink, "size": 12},
            "itemclick": False,
            "itemdoubleclick": False,
        },
        "hoverlabel": {"namelength": -1, "font": {"size": 12}},
    }


def _coloured(dots: Dots, colouring: Colouring, style: MapStyle) -> list[go.Scattergl]:
    if isinstance(colouring, Shades):
        return _shaded(dots, colouring, style)
    # Rare groups last, so that few selected rows lie on top of many that are not.
    order = np.argsort(
        -np.bincount(colouring.codes, minlength=len(colouring.colours))[colouring.codes], kind="stable"
    )
    shuffled = order if colouring.labels else np.arange(len(order))
    drawn = shuffled[dots.matched[shuffled]]
    last = max(len(colouring.colours) - 1, 1)
    stops = [[number / last, colour] for number, colour in enumerate(colouring.colours)]
    marker = {
        "color": colouring.codes[drawn].astype(np.uint8),
        "colorscale": stops,
        "cmin": 0,
        "cmax": last,
        "showscale": False,
        "opacity": 0.85,
    }
    return [_points(dots, drawn, marker, style), *_legend(colouring)]


def _shaded(dots: Dots, colouring: Shades, style: MapStyle) -> list[go.Scattergl]:
    known = np.isfinite(colouring.values)
    traces = []
    if (unknown := dots.matched & ~known).any():
        traces.append(_points(dots, unknown, {"color": MUTED, "opacity": 0.6}, style, "no value"))
    drawn = np.flatnonzero(dots.matched & known)
    marker = {
        "color": colouring.values[drawn],
        "colorscale": [[number / 4, colour] for number, colour in enumerate(SCALE)],
        "cmin": colouring.low,
        "cmax": colouring.high,
        "opacity": 0.85,
        "colorbar": {
            "orientation": "h",
            "x": 0.01,
            "xanchor": "left",
            "y": 0.0,
            "yanchor": "bottom",
            "len": 0.34,
            "thickness": 8,
            "outlinewidth": 0,
            "nticks": 4,
            "tickfont": {"color": style.ink, "size": 11},
            "title": {
                "text": plain_in_figure(colouring.title),
                "font": {"color": style.ink, "size": 12},
                "side": "top",
            },
        },
    }
    return [*traces, _points(dots, drawn, marker, style, value=True)]


def _points(
    dots: Dots,
    which: Bools | Int64s,
    marker: dict[str, Any],
    style: MapStyle,
    note: str = "",
    *,
    value: bool = False,
) -> go.Scattergl:
    scatter = go.Scattergl if style.webgl else go.Scatter
    shown = "<br>%{marker.color:.4~g}" if value else f"<br>{note}" if note else ""
    # A name per point is most of what a large figure weighs, and half of what it takes to make.
    named = len(dots.rows) <= MOST_NAMED
    chosen = {"color": style.ink, "size": 13, "opacity": 1.0}
    return scatter(
        x=dots.xy[which, 0],
        y=dots.xy[which, 1],
        customdata=dots.rows[which],
        text=dots.names[which] if named else None,
        mode="markers",
        showlegend=False,
        marker={"size": _size(len(dots.rows)), "line": {"width": 0}} | marker,
        selected={"marker": chosen},
        unselected={"marker": {"opacity": marker["opacity"]}},
        hovertemplate=f"{'%{text}<br>' if named else ''}row %{{customdata}}{shown}<extra></extra>",
    )


def _size(n_drawn: int) -> float:
    for most, size in ((500, 9.0), (3_000, 7.0), (12_000, 5.0)):
        if n_drawn <= most:
            return size
    return 3.5


def _legend(colouring: ColourGroups) -> list[go.Scatter]:
    # The points are one trace, so that no group hides another by its order; the legend is made of empty ones.
    return [
        go.Scatter(
            x=[None],
            y=[None],
            mode="markers",
            name=plain_in_figure(label),
            marker={"color": colour, "size": 9},
            hoverinfo="skip",
        )
        for label, colour in zip(colouring.labels, colouring.colours, strict=False)
        if label
    ]


def _density(grid: DensityGrid, style: MapStyle) -> go.Heatmap:
    shade = "148,163,160" if style.dark else "100,116,112"
    return go.Heatmap(
        x=(grid.x_edges[:-1] + grid.x_edges[1:]) / 2,
        y=(grid.y_edges[:-1] + grid.y_edges[1:]) / 2,
        z=np.log1p(grid.counts.T).astype(np.float32),
        colorscale=[[0, f"rgba({shade},0)"], [0.25, f"rgba({shade},0.14)"], [1, f"rgba({shade},0.5)"]],
        zsmooth="best",
        showscale=False,
        hoverinfo="skip",
    )


def _outline(corners: Polygon, style: MapStyle) -> go.Scattergl:
    closed = (*corners, corners[0])
    scatter = go.Scattergl if style.webgl else go.Scatter
    return scatter(
        x=[x for x, _ in closed],
        y=[y for _, y in closed],
        mode="lines",
        line={"color": style.ink, "width": 2},
        hoverinfo="skip",
        showlegend=False,
    )


def _mark(at: tuple[float, float], style: MapStyle) -> go.Scattergl:
    scatter = go.Scattergl if style.webgl else go.Scatter
    return scatter(
        x=[at[0]],
        y=[at[1]],
        mode="markers",
        marker={"size": 18, "color": "rgba(0,0,0,0)", "line": {"width": 3, "color": style.ink}},
        hoverinfo="skip",
        showlegend=False,
    )


def _label(label: tuple[float, float, str], style: MapStyle) -> dict[str, Any]:
    x, y, name = label
    return {
        "x": x,
        "y": y,
        "text": plain_in_figure(name),
        "showarrow": False,
        "font": {"size": 13, "weight": 600, "color": style.ink, "shadow": style.halo},
        "captureevents": False,
    }
