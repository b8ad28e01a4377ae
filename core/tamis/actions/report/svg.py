"""Charts as SVG text, for a report that stands alone; colours come from the style sheet around them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup, escape

from tamis.reprs import as_percent
from tamis.types import Float32s, Float64s, Int32s

COLOURS = (
    "#0F9D8A", "#E4632B", "#5B6CDE", "#C48A00", "#D6438A", "#1E8FCB", "#6FA01F", "#9257D9", "#D64545", "#8B7355",
    "#00A5B5", "#B5651D",
)  # fmt: skip
LABEL_PX = 190
ROW_PX = 20
MAP_PX = 250


@dataclass(frozen=True, slots=True)
class Dot:
    """A value with its interval, None where there is none; ``thin`` for an interval that tells less."""

    value: float
    low: float | None = None
    high: float | None = None
    thin: bool = False


def colour(i: int) -> str:
    """The colour of method ``i``."""
    return COLOURS[i % len(COLOURS)]


def strip(dot: Dot, low: float, high: float, i: int, *, width: int = 96) -> Markup:
    """A dot with its whisker on a scale from ``low`` to ``high``, to stand under a number."""
    reach = (high - low) or 1.0

    def x(value: float) -> float:
        return 5 + (width - 10) * min(1.0, max(0.0, (value - low) / reach))

    parts = [f'<line class="axis" x1="5" x2="{width - 5}" y1="6" y2="6"/>']
    if dot.low is not None and dot.high is not None:
        parts.append(_line(x(dot.low), x(dot.high), 6, i, thin=dot.thin))
    parts.append(f'<circle cx="{x(dot.value):.1f}" cy="6" r="4" fill="{colour(i)}"/>')
    return _svg(width, 12, parts, "")


def heat_map(labels: Sequence[str], values: Sequence[Sequence[float | None]], title: str) -> Markup:
    """A square of values in 0..1 with a number in each cell."""
    cell, m = 54, len(labels)
    parts = []
    for i, line in enumerate(values):
        y = i * cell
        parts.append(_text(LABEL_PX - 8, y + cell / 2 + 4, labels[i], anchor="end"))
        for j, value in enumerate(line):
            shown = value or 0.0
            ink = "#fff" if shown > 0.55 else "currentColor"
            parts.append(
                f'<rect x="{LABEL_PX + j * cell}" y="{y}" width="{cell - 2}" height="{cell - 2}" rx="3" '
                f'fill="#0F9D8A" fill-opacity="{0.06 + 0.9 * shown:.3f}"/>'
            )
            text = "–" if value is None else f"{value:.2f}"
            parts.append(
                _text(LABEL_PX + j * cell + cell / 2 - 1, y + cell / 2 + 4, text, anchor="middle", fill=ink)
            )
    for j, label in enumerate(labels):
        x, y = LABEL_PX + j * cell + cell / 2, m * cell + 12
        parts.append(
            f'<text x="{x}" y="{y}" text-anchor="end" transform="rotate(-35 {x} {y})">{escape(label)}</text>'
        )
    return _svg(LABEL_PX + m * cell + 20, m * cell + 130, parts, title)


def dot_plot(
    labels: Sequence[str], pool: Sequence[float], methods: Sequence[Sequence[Dot]], title: str
) -> Markup:
    """Shares per group: a bar for the pool, a dot with its whisker for each method."""
    width, height = 860, len(labels) * ROW_PX * 1.3 + 34
    most = max([*pool, *(d.high or d.value for line in methods for d in line), 1e-9])
    span = width - LABEL_PX - 60

    def x(share: float) -> float:
        return LABEL_PX + span * share / most

    parts = _share_axis(most, x, height)
    for g, label in enumerate(labels):
        y = g * ROW_PX * 1.3 + 14
        parts.append(_text(LABEL_PX - 8, y + 4, label, anchor="end"))
        parts.append(
            f'<rect class="pool" x="{LABEL_PX}" y="{y - 7}" width="{x(pool[g]) - LABEL_PX:.1f}" height="14" rx="2"/>'
        )
        offset = 10 / max(1, len(methods))
        for i, line in enumerate(methods):
            at, dot = y - 5 + offset * (i + 0.5), line[g]
            if dot.low is not None and dot.high is not None:
                parts.append(_line(x(dot.low), x(dot.high), at, i, thin=dot.thin))
            parts.append(f'<circle cx="{x(dot.value):.1f}" cy="{at:.1f}" r="3.6" fill="{colour(i)}"/>')
    return _svg(width, int(height), parts, title)


def histogram(
    pool: Sequence[float], shares: Sequence[float], i: int, title: str, ends: tuple[str, str]
) -> Markup:
    """The pool as an area and the picks of one method as a line, over the same bins."""
    width, height = 260, 110
    most = max([*pool, *shares, 1e-9])
    step = (width - 10) / max(1, len(pool))

    def path(values: Sequence[float]) -> str:
        points = "".join(f"V{height - 22 - (height - 30) * v / most:.1f}h{step:.2f}" for v in values)
        return f"M5 {height - 22}{points}V{height - 22}"

    parts = [
        f'<path class="pool" d="{path(pool)}Z"/>',
        f'<path d="{path(shares)}" fill="none" stroke="{colour(i)}" stroke-width="1.8"/>',
        _text(5, height - 6, ends[0]),
        _text(width - 5, height - 6, ends[1], anchor="end"),
    ]
    return _svg(width, height, parts, title)


def map_of(everyone: Float32s, picked: Float32s, i: int, title: str, *, background: str) -> Markup:
    """The picked rows over all rows; the dots of all rows are drawn once and used by every map of a page."""
    marks = f'<path d="{_dots(scaled(picked, everyone))}" stroke="{colour(i)}" class="picks"/>'
    return _svg(MAP_PX, MAP_PX, [f'<use href="#{escape(background)}"/>', marks], title)


def map_of_groups(everyone: Float32s, groups: Int32s, title: str) -> Markup:
    """All rows in the colour of their group; a group below 0 is none, and grey."""
    parts = []
    for group in np.unique(groups):
        ink = "" if group < 0 else f' stroke="{colour(int(group))}"'
        kind = "all" if group < 0 else "all group"
        parts.append(f'<path d="{_dots(scaled(everyone[groups == group], everyone))}" class="{kind}"{ink}/>')
    return _svg(MAP_PX, MAP_PX, parts, title)


def map_background(everyone: Float32s, name: str) -> Markup:
    """The dots of all rows, for ``map_of`` to use."""
    path = f'<path id="{escape(name)}" d="{_dots(scaled(everyone, everyone))}" class="all"/>'
    return Markup(
        f'<svg width="0" height="0" style="position:absolute" aria-hidden="true"><defs>{path}</defs></svg>'
    )


def scaled(xy: Float32s, everyone: Float32s) -> Float64s:
    """Coordinates (n, 2) in the pixels of a map whose frame is set by all rows; rows without a place are left out."""
    known = xy[np.isfinite(xy).all(axis=1)].astype(np.float64)
    frame = everyone[np.isfinite(everyone).all(axis=1)].astype(np.float64)
    if not len(frame):
        return known
    low = frame.min(axis=0)
    span = np.where(frame.max(axis=0) > low, frame.max(axis=0) - low, 1.0)
    placed: Float64s = (known - low) / span * (MAP_PX - 16) + 8
    placed[:, 1] = MAP_PX - placed[:, 1]
    return placed


def _dots(places: Float64s) -> str:
    # A line of no length with a round end is a dot, at a tenth of the bytes of a circle.
    return "".join(f"M{x:.0f} {y:.0f}h0" for x, y in places)


def _share_axis(most: float, x: Callable[[float], float], height: float) -> list[str]:
    step = next(s for s in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5) if most / s <= 8 or s == 0.5)
    parts = []
    for n in range(int(most / step) + 1):
        at = x(n * step)
        parts.append(f'<line class="axis" x1="{at:.1f}" x2="{at:.1f}" y1="2" y2="{height - 22:.0f}"/>')
        parts.append(_text(at, height - 6, as_percent(n * step), anchor="middle"))
    return parts


def _line(x1: float, x2: float, y: float, i: int, *, thin: bool) -> str:
    return (
        f'<line x1="{x1:.1f}" x2="{x2:.1f}" y1="{y:.1f}" y2="{y:.1f}" stroke="{colour(i)}" '
        f'stroke-width="{1 if thin else 2.5}" '
        'stroke-opacity="0.55" stroke-linecap="round"/>'
    )


def _text(x: float, y: float, text: str, *, anchor: str = "start", fill: str = "currentColor") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{fill}">{escape(text)}</text>'


def _svg(width: float, height: float, parts: Sequence[str], title: str) -> Markup:
    named = f"<title>{escape(title)}</title>" if title else ""
    role = f'role="img" aria-label="{escape(title)}"' if title else 'aria-hidden="true"'
    return Markup(
        f'<svg viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" height="{height:.0f}" {role}>'
        f"{named}{''.join(parts)}</svg>"
    )
