"""What a column looks like on a map: which columns there are, a colour for each byte, the legend, and what of it filters."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tamis.actions.dataset_context import DatasetContext
from tamis.actions.map_tiles import MISSING, OTHER, ColumnCodes
from tamis.actions.read_rows import Condition, Scope, columns_of
from tamis.reprs import shortened
from tamis.types import JSON

# Middle lightness, so that every colour can be told from a white and from a nearly black page.
PALETTE = [
    "#0F9D8A",
    "#E4632B",
    "#5B6CDE",
    "#C48A00",
    "#D6438A",
    "#1E8FCB",
    "#6FA01F",
    "#9257D9",
    "#D64545",
    "#8B7355",
    "#00A5B5",
    "#B5651D",
    "#8B7BE8",
    "#9A9400",
    "#B03FB5",
    "#3F7FBF",
    "#3E9E5B",
    "#C77DBB",
    "#A8674C",
    "#5E8C9A",
]
SCALE = ("#5B3FB5", "#1E8FCB", "#12A584", "#9CB02A", "#F0A500")
_SCALE_STOPS = tuple((number / 4, colour) for number, colour in enumerate(SCALE))
MUTED = "#8A9794"
FADED = {"light": "#D5DCDA", "dark": "#3A4644"}  # what has nothing to say
# Gained is teal and lost is orange wherever it appears; the middle is near the page, so that "nothing" does not shout.
GAINED, LOST = "#0F9D8A", "#E4632B"
OTHERS = "#B9A58A"  # values that have no colour of their own
MAX_GROUPS = 10
MOST_ITEMS = 40  # lines of a legend
HISTOGRAM_BARS = 48
NUMBERS_WITHOUT_MEANING = ("example_id", "rank", "weight")


@dataclass(frozen=True, slots=True)
class Painted:
    """A column's legend as the map draws it, and 256 colours as RGBA."""

    legend: dict[str, JSON]
    palette: bytes

    @property
    def palette_text(self) -> str:
        """The colours as base64."""
        return base64.b64encode(self.palette).decode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Shading:
    """A scale of colours from ``low`` to ``high``: stops from 0 to 1, and the colour of what has no value."""

    title: str
    stops: tuple[tuple[float, str], ...]
    low: float
    high: float
    nothing: str = MUTED

    def colours_of(self, values: NDArray[np.floating]) -> list[str]:
        """The colour of each number; beyond the ends, that of the end."""
        share = np.clip((values - self.low) / ((self.high - self.low) or 1.0), 0, 1)
        at, stops = (
            [stop for stop, _ in self.stops],
            np.array([_channels(colour) for _, colour in self.stops]),
        )
        mixed = np.column_stack([np.interp(share, at, stops[:, channel]) for channel in range(3)])
        return ["#" + bytes(row).hex() for row in np.round(mixed).astype(np.uint8)]


def diverging(*, dark: bool) -> list[tuple[float, str]]:
    """A colour scale whose middle says that nothing happened."""
    middle = "#2A3532" if dark else "#EEF2F1"
    soft = ("#9C4A26", "#0D6B5F") if dark else ("#F3B79C", "#8CCEC4")
    return [(0.0, LOST), (0.25, soft[0]), (0.5, middle), (0.75, soft[1]), (1.0, GAINED)]


def colour_choices(context: DatasetContext) -> dict[str, str]:
    """Columns that can colour the map, and their labels; the first is the default."""
    titles = {
        column.key: f"{column.label} (first entry)" if column.kind == "list" else column.label
        for column in columns_of(context)
        if column.kind != "text" and column.key not in NUMBERS_WITHOUT_MEANING
    }
    first = [
        key for key in ("cluster", "source", *_with_prefix(titles, "score:"), "selected") if key in titles
    ]
    return {key: _choice_label(key, titles[key]) for key in [*first, *(k for k in titles if k not in first)]}


def cluster_colour(cluster_id: int) -> str:
    """The colour of a cluster wherever it appears."""
    return MUTED if cluster_id < 0 else PALETTE[cluster_id % len(PALETTE)]


def paint_column(context: DatasetContext, key: str, title: str, column: ColumnCodes, scope: Scope) -> Painted:
    """Colours and legend of a column; what the filter says of it is marked in the legend."""
    said: dict[str, JSON] = {"id": column.id, "key": key, "title": title, "kind": column.kind}
    if column.kind == "numbers":
        return _paint_numbers(said, column, _filtered(scope, context, key))
    return _paint_groups(said, context, key, column, _filtered(scope, context, key))


def shade_clusters(column: ColumnCodes, values: Mapping[int, float], scale: Shading) -> Painted:
    """Every cluster in the colour of its value; one without a finite value in the colour for "nothing to say".

    ``column`` is that of clusters, or where those are too many for a byte each, that of ``spread_over_clusters``.
    """
    colours = [scale.nothing] * 256
    if column.kind == "numbers":
        edges = np.asarray(column.edges)
        colours[: len(edges) - 1] = scale.colours_of((edges[:-1] + edges[1:]) / 2)
    else:
        known = [
            (code, values[i]) for code, i in enumerate(column.values) if np.isfinite(values.get(i, np.nan))
        ]
        shades = scale.colours_of(np.array([value for _, value in known], dtype=np.float64))
        for (code, _), colour in zip(known, shades, strict=True):
            colours[code] = colour
        if np.isfinite(values.get(-1, np.nan)):
            (colours[MISSING],) = scale.colours_of(np.array([values[-1]]))
    ramp = scale.colours_of(np.linspace(scale.low, scale.high, 9))
    ticks = [f"{value:.3g}" for value in (scale.low, (scale.low + scale.high) / 2, scale.high)]
    legend: dict[str, JSON] = {
        "id": column.id, "key": f"shades {scale.title}", "title": scale.title, "kind": "scale", "colours": ramp, "ticks": ticks,
    }  # fmt: skip
    return Painted(legend, _rgba(colours))


def paint_evenly(column: ColumnCodes, colour: str) -> Painted:
    """Every row in one colour, and no legend: what a map shows is which rows it keeps."""
    return Painted({"id": column.id, "key": "", "title": "picks", "kind": "none"}, _rgba([colour] * 256))


def paint_groups(column: ColumnCodes, title: str, colours: Sequence[str]) -> Painted:
    """A colour for each group of a column of named groups, in their order; what is in none is muted and not in the legend."""
    items = [
        {"code": code, "label": str(name), "count": count, "colour": colour, "on": False}
        for code, (name, count, colour) in enumerate(zip(column.values, column.counts, colours, strict=True))
    ]
    legend: dict[str, JSON] = {
        "id": column.id, "key": f"groups {title}", "title": title, "kind": "groups", "items": items, "folded": False,
    }  # fmt: skip
    return Painted(legend, _rgba([*colours, *[MUTED] * (256 - len(colours))]))


def is_about(condition: Condition, context: DatasetContext, key: str) -> bool:
    """Whether a condition of the filter is one that the legend of this column sets."""
    family, _, name = key.partition(":")
    if family == "tag":
        return condition.kind in ("tagged", "untagged") and condition.value == (name,)
    if family == "meta" and condition.kind in ("meta", "any_of"):
        return condition.on == name
    if condition.kind == "range":
        return condition.on == key
    shown = {"cluster": context.view.clustering, "selected": context.view.selection}.get(key)
    return condition.kind == key and condition.on in ("", shown.id if shown else "")


def condition_of(context: DatasetContext, key: str, values: list[JSON]) -> tuple[str, JSON, str] | None:
    """The condition, as (kind, value, on), that leaves rows with these values of a column; None where all are left."""
    family, _, name = key.partition(":")
    if not values:
        return None
    if family in ("tag", "selected"):
        if len(set(values)) > 1:
            return None
        kept = bool(values[0])
        if family == "tag":
            return ("tagged" if kept else "untagged", [name], "")
        return ("selected", kept, context.view.require("selection").id)
    if family == "cluster":
        return ("cluster", values, context.view.require("clustering").id)
    if family == "meta" and any(one.key == key and one.kind == "list" for one in columns_of(context)):
        # A row has the colour of its first entry; a filter asks for any, and what has none cannot be asked for so.
        entries = [value for value in values if value is not None]
        return ("any_of", entries, name) if entries else None
    return ("meta", values, name) if family == "meta" else ("source", values, "")


def values_of(column: ColumnCodes, codes: list[int]) -> list[JSON]:
    """What these codes stand for; a missing value is None, or -1 for a cluster; codes that stand for several are left out."""
    known = [column.values[code] for code in codes if 0 <= code < len(column.values)]
    known = [value for value in known if value != -1 or isinstance(value, bool)]
    numbered = bool(column.values) and type(column.values[0]) is int
    return [*known, *([-1 if numbered else None] if MISSING in codes else [])]


def _filtered(scope: Scope, context: DatasetContext, key: str) -> list[Condition]:
    return [condition for condition in scope.conditions if is_about(condition, context, key)]


def _paint_groups(
    said: dict[str, JSON], context: DatasetContext, key: str, column: ColumnCodes, filtered: list[Condition]
) -> Painted:
    colours = np.full(256, OTHERS, dtype=object)
    colours[MISSING] = MUTED
    items: list[dict[str, JSON]] = []
    kept = _kept_values(filtered)
    for code, (value, count) in enumerate(zip(column.values, column.counts, strict=True)):
        colours[code] = _colour(key, value, code, len(column.values))
        if len(items) < MOST_ITEMS and not _is_shared(key, value):
            items.append(
                {
                    "code": code, "label": _label(context, key, value, str(said["title"])), "count": count,
                    "colour": colours[code], "on": value in kept,
                }
            )  # fmt: skip
    more = sum(column.counts) - sum(item["count"] for item in items) + column.n_other
    if more:
        items.append({"code": -1, "label": "others", "count": more, "colour": colours[OTHER], "on": False})
    if column.n_missing:
        missing = -1 if key == "cluster" else None
        label = context.cluster_name(-1) if key == "cluster" else "missing"
        items.append(
            {
                "code": MISSING,
                "label": label,
                "count": column.n_missing,
                "colour": MUTED,
                "on": missing in kept,
            }
        )
    return Painted(said | {"items": items, "folded": key == "cluster"}, _rgba(list(colours)))


def _is_shared(key: str, value: JSON) -> bool:
    return key == "cluster" and value == -1


def _kept_values(filtered: list[Condition]) -> list[JSON]:
    if not filtered:
        return []
    (condition, *_) = filtered
    if condition.kind in ("tagged", "untagged"):
        return [condition.kind == "tagged"]
    return [condition.value] if condition.kind == "selected" else list(condition.value)


def _colour(key: str, value: JSON, code: int, n_values: int) -> str:
    if key == "cluster":
        # Small clusters share codes, each of one colour: see encode_groups.
        return PALETTE[code - (n_values - len(PALETTE))] if value == -1 else cluster_colour(int(value))
    if isinstance(value, bool):
        return PALETTE[1] if value else MUTED
    return PALETTE[code] if code < MAX_GROUPS else OTHERS


def _label(context: DatasetContext, key: str, value: JSON, title: str) -> str:
    if key == "cluster":
        return shortened(context.cluster_name(int(value)), 60)
    if isinstance(value, bool):
        name = title.partition(": ")[2] or title
        return name[:1].upper() + name[1:] if value else f"Not {name}"
    return shortened(str(value), 60) or "(empty)"


def _paint_numbers(said: dict[str, JSON], column: ColumnCodes, filtered: list[Condition]) -> Painted:
    edges = np.asarray(column.edges)
    low, high = (0.0, 1.0) if len(edges) < 2 else (float(edges[0]), float(edges[-1]))
    if len(edges) > 100:  # bins of equal rows: the scale ends at the 1st and the 99th percentile
        low, high = float(edges[len(edges) // 100]), float(edges[-1 - len(edges) // 100])
    middles = (edges[:-1] + edges[1:]) / 2 if len(edges) > 1 else np.empty(0)
    scale = Shading(title=str(said["title"]), stops=_SCALE_STOPS, low=low, high=high)
    colours = [*scale.colours_of(middles), *[OTHERS] * (256 - len(middles))]
    colours[MISSING] = MUTED
    width = (column.high - column.low) / HISTOGRAM_BARS
    bars = column.low + width * (np.arange(HISTOGRAM_BARS) + 0.5)
    chosen: Any = next((list(condition.value) for condition in filtered), None)
    if chosen is not None:
        chosen = [
            column.low if chosen[0] is None else chosen[0],
            column.high if chosen[1] is None else chosen[1],
        ]
    legend = said | {
        "low": column.low,
        "high": column.high,
        "edges": list(column.edges),
        "histogram": list(column.histogram),
        "colours": scale.colours_of(bars),
        "range": chosen,
        "n_missing": column.n_missing,
    }
    return Painted(legend, _rgba(colours))


def _channels(colour: str) -> list[int]:
    return list(bytes.fromhex(colour[1:]))


def _rgba(colours: list[str]) -> bytes:
    return b"".join(bytes([*_channels(colour), 255]) for colour in colours)


def _with_prefix(keys: dict[str, str], prefix: str) -> list[str]:
    return [key for key in keys if key.startswith(prefix)]


def _choice_label(key: str, label: str) -> str:
    family = key.partition(":")[0]
    return {"score": f"score: {label}", "meta": f"metadata: {label}", "tag": f"tag: {label}"}.get(
        family, label
    )
