"""What the colours of the map say: any column becomes either a number on a scale or at most a dozen groups."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pages.shared import queries
from pages.shared.dataset_context import DatasetContext
from pages.shared.plain_text import shorten
from tamis.actions.read_rows import columns_of
from tamis.types import Bools, Float32s, Int64s

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
MUTED = "#8A9794"
OTHERS = "#B9A58A"  # values that have no colour of their own
MAX_GROUPS = 10
NUMBERS_WITHOUT_MEANING = ("example_id", "rank", "weight")


@dataclass(frozen=True, slots=True)
class ColourGroups:
    """A colour per drawn row from few: ``codes`` (n,) index ``colours``; groups without a label are not in the legend."""

    title: str
    codes: Int64s
    colours: tuple[str, ...]
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Shades:
    """A number per drawn row, NaN where there is none, and the ends of the scale: the 1st and 99th percentile."""

    title: str
    values: Float32s
    low: float
    high: float


Colouring = ColourGroups | Shades


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
    return {key: _label(key, titles[key]) for key in [*first, *(k for k in titles if k not in first)]}


def cluster_colour(cluster_id: int) -> str:
    """The colour of a cluster wherever it appears."""
    return MUTED if cluster_id < 0 else PALETTE[cluster_id % len(PALETTE)]


def colour_rows(context: DatasetContext, column: str, rows: Int64s) -> Colouring:
    """What the colours of these rows are; ``rows`` are ids in drawing order."""
    title = colour_choices(context).get(column, column)
    if column == "cluster":
        return _by_cluster(title, queries.cluster_of(context)[rows])
    values = queries.values(context, column)
    if values.dtype == bool:
        return _by_flag(title, values[rows])
    if values.dtype == object:
        values = first_entries(values)
        return _by_value(context, column, title, values[rows])
    return _by_number(title, values, rows)


def first_entries(values: NDArray[Any]) -> NDArray[Any]:
    """Of lists the first entry, of an empty one None; other values as they are."""
    if not any(isinstance(one, tuple) for one in values):
        return values
    made = np.empty(len(values), dtype=object)
    made[:] = [(one[0] if one else None) if isinstance(one, tuple) else one for one in values]
    return made


def _by_cluster(title: str, ids: NDArray[np.int32]) -> ColourGroups:
    codes = np.where(ids < 0, len(PALETTE), ids % len(PALETTE)).astype(np.int64)
    return ColourGroups(title, codes, (*PALETTE, MUTED), ())


def _by_flag(title: str, flags: Bools) -> ColourGroups:
    name = title[:1].upper() + title[1:]
    return ColourGroups(title, flags.astype(np.int64), (MUTED, PALETTE[1]), (f"Not {title}", name))


def _by_value(context: DatasetContext, column: str, title: str, values: NDArray[Any]) -> ColourGroups:
    counted = queries.facets(context, column)
    top = [value for value, _ in counted.counts[:MAX_GROUPS]]
    place = {value: number for number, value in enumerate(top)}
    others, missing = len(top), len(top) + 1
    codes = np.fromiter(
        (missing if value is None else place.get(value, others) for value in values),
        dtype=np.int64,
        count=len(values),
    )
    more = counted.n_distinct - len(top)
    labels = [shorten(str(value), 28) or "(empty)" for value in top]
    labels += [f"{more:,} more" if more else "", "missing" if counted.n_missing else ""]
    return ColourGroups(title, codes, (*PALETTE[: len(top)], OTHERS, MUTED), tuple(labels))


def _by_number(title: str, values: NDArray[Any], rows: Int64s) -> Shades:
    numbers = values.astype(np.float32)
    known = numbers[np.isfinite(numbers)]
    low, high = (float(q) for q in np.quantile(known, (0.01, 0.99))) if len(known) else (0.0, 1.0)
    return Shades(title, numbers[rows], low, high if high > low else low + 1.0)


def _with_prefix(keys: dict[str, str], prefix: str) -> list[str]:
    return [key for key in keys if key.startswith(prefix)]


def _label(key: str, label: str) -> str:
    family = key.partition(":")[0]
    return {"score": f"score: {label}", "meta": f"metadata: {label}", "tag": f"tag: {label}"}.get(
        family, label
    )
