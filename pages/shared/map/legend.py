"""What the bytes of a column look like on a map: a colour each, the legend, and the filter that a part of it means."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pages.shared.dataset_context import DatasetContext
from pages.shared.map.colouring import MAX_GROUPS, MUTED, OTHERS, PALETTE, SCALE, cluster_colour
from pages.shared.plain_text import shorten
from tamis.actions.map_tiles import MISSING, OTHER, ColumnCodes
from tamis.actions.read_rows import Condition, Scope
from tamis.types import JSON

MOST_ITEMS = 40
HISTOGRAM_BARS = 48


@dataclass(frozen=True, slots=True)
class Painted:
    """A column's legend as the map draws it, and 256 colours as RGBA."""

    legend: dict[str, JSON]
    palette: bytes

    @property
    def palette_text(self) -> str:
        """The colours as base64."""
        return base64.b64encode(self.palette).decode()


def paint_column(context: DatasetContext, key: str, title: str, column: ColumnCodes, scope: Scope) -> Painted:
    """Colours and legend of a column; what the filter says of it is marked in the legend."""
    said: dict[str, JSON] = {"id": column.id, "key": key, "title": title, "kind": column.kind}
    if column.kind == "numbers":
        return _paint_numbers(said, column, _filtered(scope, context, key))
    return _paint_groups(said, context, key, column, _filtered(scope, context, key))


def is_about(condition: Condition, context: DatasetContext, key: str) -> bool:
    """Whether a condition of the filter is one that the legend of this column sets."""
    family, _, name = key.partition(":")
    if family == "tag":
        return condition.kind in ("tagged", "untagged") and condition.value == (name,)
    if family == "meta" and condition.kind == "meta":
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
        return shorten(context.cluster_name(int(value)), 60)
    if isinstance(value, bool):
        name = title.partition(": ")[2] or title
        return name[:1].upper() + name[1:] if value else f"Not {name}"
    return shorten(str(value), 60) or "(empty)"


def _paint_numbers(said: dict[str, JSON], column: ColumnCodes, filtered: list[Condition]) -> Painted:
    edges = np.asarray(column.edges)
    low, high = (0.0, 1.0) if len(edges) < 2 else (float(edges[0]), float(edges[-1]))
    if len(edges) > 100:  # bins of equal rows: the scale ends at the 1st and the 99th percentile
        low, high = float(edges[len(edges) // 100]), float(edges[-1 - len(edges) // 100])
    middles = (edges[:-1] + edges[1:]) / 2 if len(edges) > 1 else np.empty(0)
    colours = [*_on_scale(middles, low, high), *[OTHERS] * (256 - len(middles))]
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
        "colours": _on_scale(bars, low, high),
        "range": chosen,
        "n_missing": column.n_missing,
    }
    return Painted(legend, _rgba(colours))


def _on_scale(values: NDArray[np.floating], low: float, high: float) -> list[str]:
    stops = np.array([_channels(colour) for colour in SCALE], dtype=np.float64)
    share = np.clip((values - low) / ((high - low) or 1.0), 0, 1) * (len(stops) - 1)
    mixed = np.column_stack(
        [np.interp(share, np.arange(len(stops)), stops[:, channel]) for channel in range(3)]
    )
    return ["#" + bytes(row).hex() for row in np.round(mixed).astype(np.uint8)]


def _channels(colour: str) -> list[int]:
    return list(bytes.fromhex(colour[1:]))


def _rgba(colours: list[str]) -> bytes:
    return b"".join(bytes([*_channels(colour), 255]) for colour in colours)
