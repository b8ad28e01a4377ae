"""A view of the map as SVG: points, names, legend and caption, for a paper."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape

import numpy as np

from tamis.actions.map_picture import GHOST, Label, MapContent
from tamis.actions.map_tiles import MapTiles, to_unit
from tamis.compute.map.raster import encode_png, raster
from tamis.compute.map.tiles import unit_positions
from tamis.types import JSON, Float64s

WIDTH, HEIGHT = 960, 640  # of the picture itself
SHARP = 2  # pixels of a raster for each of these
MOST_VECTORS = 15_000  # points that are shapes of their own; more of them are one picture
INK, PAPER = {"light": "#17211f", "dark": "#e8eeec"}, {"light": "#ffffff", "dark": "#101614"}
LINE, LEGEND_WIDE, MOST_ITEMS, CAPTION_CHARS = 18, 236, 30, 118
Placed = tuple[float, float, str, int]
SIZES = {0: 17, 1: 15, 2: 13}  # of names, by tier


def map_svg(
    opened: MapTiles,
    content: MapContent,
    caption: Sequence[str],
    *,
    camera: tuple[float, float, float] | None,
    dark: bool,
) -> str:
    """The picture; ``camera`` is the middle on the map, in sides of its square, and how many map widths are seen."""
    theme = "dark" if dark else "light"
    at, scale = _project(opened, unit_positions(opened.tiles), camera)
    lines = _wrapped(caption)
    legend = _legend(content.painted.legend, INK[theme])
    wide, high = WIDTH + (LEGEND_WIDE if legend else 0), HEIGHT + LINE * len(lines) + 14
    names = [_name(one, INK[theme], PAPER[theme]) for one in _place(opened, content.labels, camera)]
    words = "".join(
        f'<text x="8" y="{HEIGHT + LINE * (i + 1)}" fill="{INK[theme]}" font-size="12">{escape(line)}</text>'
        for i, line in enumerate(lines)
    )
    return "".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}" width="{wide}" height="{high}" ',
            'font-family="system-ui, Noto Sans, sans-serif">',
            f"<title>{escape(caption[0])}</title><desc>{escape('; '.join(caption))}</desc>",
            f'<rect width="{wide}" height="{high}" fill="{PAPER[theme]}"/>',
            f'<clipPath id="view"><rect width="{WIDTH}" height="{HEIGHT}"/></clipPath><g clip-path="url(#view)">',
            _points(opened, content, at, scale, theme), *names, "</g>",
            f'<g transform="translate({WIDTH + 12} 12)">{legend}</g>{words}</svg>',
        ]
    )  # fmt: skip


def _project(
    opened: MapTiles, unit: Float64s, camera: tuple[float, float, float] | None
) -> tuple[Float64s, float]:
    wide, high = (max(one, 1e-6) for one in opened.tiles.bounds)
    x, y, widths = camera or (wide / 2, high / 2, 1.0)
    scale = 0.94 * min(WIDTH / wide, HEIGHT / high) / max(widths, 1e-9)
    return np.column_stack(
        [WIDTH / 2 + scale * (unit[:, 0] - x), HEIGHT / 2 - scale * (unit[:, 1] - y)]
    ), scale


def _points(opened: MapTiles, content: MapContent, at: Float64s, scale: float, theme: str) -> str:
    palette = np.frombuffer(content.painted.palette, dtype=np.uint8).reshape(256, 4)[:, :3]
    colours = palette[np.asarray(content.column.codes)]
    seen = ((at >= 0) & (at < (WIDTH, HEIGHT))).all(axis=1)
    kept = np.ones(len(at), dtype=np.bool_) if content.kept is None else _member(opened, content)
    size = float(np.clip(np.sqrt(WIDTH * HEIGHT * 0.16 / max(int((seen & kept).sum()), 16)), 1, 9))
    if seen.sum() > MOST_VECTORS:
        return _picture(at, colours, kept, size, theme)
    red, green, blue, solid = GHOST[theme]
    groups = [_dots(at[seen & ~kept], f"rgb({red},{green},{blue})", min(size, 5), solid / 255)]
    shown = colours[seen & kept]
    for colour in np.unique(shown, axis=0):
        own = (shown == colour).all(axis=1)
        groups.append(_dots(at[seen & kept][own], "#" + bytes(colour).hex(), size, 0.85))
    return "".join(groups)


def _dots(at: Float64s, colour: str, size: float, solid: float) -> str:
    if not len(at):
        return ""
    path = "".join(f"M{x:.1f} {y:.1f}h0" for x, y in at.tolist())
    return f'<path d="{path}" stroke="{colour}" stroke-opacity="{solid:.2f}" stroke-width="{size:.1f}" stroke-linecap="round"/>'


def _picture(at: Float64s, colours: JSON, kept: JSON, size: float, theme: str) -> str:
    """All points as one picture, those that the filter leaves out below."""
    ghost = np.broadcast_to(np.array(GHOST[theme][:3], dtype=np.uint8), colours.shape)
    layers = [(~kept, ghost, 0.28), (kept, colours, 0.5 if kept.sum() > 200_000 else 0.85)]
    images = []
    for chosen, paint, alpha in layers:
        if chosen.any():
            pixels = raster(
                at[chosen] * SHARP, paint[chosen], width=WIDTH * SHARP, height=HEIGHT * SHARP,
                size=max(1, round(size * SHARP)), alpha=alpha,
            )  # fmt: skip
            coded = base64.b64encode(encode_png(pixels)).decode()
            images.append(f'<image width="{WIDTH}" height="{HEIGHT}" href="data:image/png;base64,{coded}"/>')
    return "".join(images)


def _member(opened: MapTiles, content: MapContent) -> JSON:
    assert content.kept is not None
    parts = []
    for number, tile in enumerate(opened.tiles.index):
        packed = np.frombuffer(content.kept.of_tiles(number, number), dtype=np.uint8)
        parts.append(np.unpackbits(packed, bitorder="little")[: int(tile["n"])])
    return np.concatenate(parts).astype(np.bool_) if parts else np.zeros(0, dtype=np.bool_)


def _place(
    opened: MapTiles, labels: Sequence[Label], camera: tuple[float, float, float] | None
) -> list[Placed]:
    """Names without overlap, the most important first; a letter is taken to be as wide as most are."""
    taken: list[tuple[float, float, float]] = []
    placed: list[Placed] = []
    for label in sorted(labels, key=lambda one: (one.level, one.tier, -one.weight)):
        ((px, py),), _ = _project(opened, to_unit(opened, np.array([[label.x, label.y]])), camera)
        size = SIZES[label.tier]
        half = size * 0.31 * sum(1.7 if ord(letter) > 0x2E80 else 1.0 for letter in label.text) + 6
        if not (half <= px <= WIDTH - half and 12 <= py <= HEIGHT - 12):
            continue
        if any(abs(py - oy) < 20 and abs(px - ox) < half + other for ox, oy, other in taken):
            continue
        taken.append((px, py, half))
        placed.append((float(px), float(py), label.text, size))
    return placed


def _name(placed: Placed, ink: str, paper: str) -> str:
    x, y, text, size = placed
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="middle" dominant-baseline="middle" font-size="{size}" font-weight="600" '
        f'fill="{ink}" stroke="{paper}" stroke-width="4" stroke-linejoin="round" paint-order="stroke">{escape(text)}</text>'
    )


def _legend(legend: JSON, ink: str) -> str:
    title = (
        f'<text y="12" font-size="13" font-weight="600" fill="{ink}">{escape(str(legend["title"]))}</text>'
    )
    if legend["kind"] == "groups":
        rows = [
            f'<circle cx="6" cy="{22 + LINE * i + 5}" r="5" fill="{item["colour"]}"/>'
            f'<text x="18" y="{22 + LINE * i + 9}" font-size="12" fill="{ink}">&#x2068;{escape(_cut(item["label"]))}&#x2069; '
            f'<tspan opacity=".65">{item["count"]:,}</tspan></text>'
            for i, item in enumerate(legend["items"][:MOST_ITEMS])
        ]
        return title + "".join(rows)
    if legend["kind"] == "numbers":
        colours = legend["colours"]
        wide = (LEGEND_WIDE - 24) / max(1, len(colours))
        bars = "".join(
            f'<rect x="{wide * i:.1f}" y="22" width="{wide + 0.3:.1f}" height="12" fill="{colour}"/>'
            for i, colour in enumerate(colours)
        )
        ends = "".join(
            f'<text x="{x}" y="50" font-size="12" text-anchor="{anchor}" fill="{ink}">{value:.4g}</text>'
            for x, anchor, value in ((0, "start", legend["low"]), (LEGEND_WIDE - 24, "end", legend["high"]))
        )
        return title + bars + ends
    return ""


def _cut(text: str) -> str:
    return text if len(text) <= 26 else text[:25] + "…"


def _wrapped(caption: Sequence[str]) -> list[str]:
    """The facts in lines that fit below the picture."""
    lines: list[str] = []
    for fact in caption:
        if lines and len(lines[-1]) + len(fact) + 3 <= CAPTION_CHARS:
            lines[-1] += f" · {fact}"
        else:
            lines.append(fact)
    return lines
