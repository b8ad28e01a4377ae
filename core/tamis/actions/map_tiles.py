"""A map of every row: its tiles, any column as one byte a row, which rows are meant, and what one row says."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from tamis.actions.dataset_context import DatasetContext
from tamis.actions.read_rows import read_rows
from tamis.compute.map.columns import MISSING, OTHER
from tamis.compute.map.tiles import Tiles, pack_tile_bits
from tamis.errors import InvalidOptions
from tamis.store.map.column_files import ColumnCodes, open_column
from tamis.store.map.tile_files import open_tiles
from tamis.types import JSON, Float64s, Int32s, Int64s

__all__ = [
    "MISSING", "OTHER", "ColumnCodes", "MapTiles", "Promised", "RowBits", "card_words", "group_rows", "map_column", "open_map", "pack_rows_as_bits", "say_card", "shade_edges",
    "spread_over_clusters", "to_layout", "to_unit",
]  # fmt: skip

SHADES = 64
CARD_CHARS = 220
CARD_SCORES = 3
Part = TypeVar("Part")


@dataclass(frozen=True, slots=True)
class MapTiles:
    """A layout and its tiles; positions on the map are in sides of its square, from the lower left."""

    layout_id: str
    dataset_id: str
    tiles: Tiles

    @property
    def n_placed(self) -> int:
        """Rows with a place."""
        return len(self.tiles.order)

    def span(self, first: int, last: int) -> slice:
        """Where the points of these tiles, both included, stand in the order; raises IndexError."""
        index = self.tiles.index
        if not 0 <= first <= last < len(index):
            raise IndexError(last)
        return slice(int(index["start"][first]), int(index["start"][last]) + int(index["n"][last]))


@dataclass(frozen=True, slots=True)
class RowBits:
    """Which rows are meant, one bit a point: ``id`` names the set, ``begins`` says at which byte each tile begins."""

    id: str
    bits: NDArray[np.uint8]
    begins: Int64s

    def of_tiles(self, first: int, last: int) -> bytes:
        """The bits of these tiles, both included; raises IndexError."""
        if not 0 <= first <= last < len(self.begins) - 1:
            raise IndexError(last)
        return self.bits[self.begins[first] : self.begins[last + 1]].tobytes()


@dataclass(frozen=True, slots=True)
class Promised(Generic[Part]):
    """A part of a map that is made when it is asked for; ``id`` names it among all parts of that map, for ever."""

    id: str
    make: Callable[[], Part]


def open_map(context: DatasetContext) -> MapTiles:
    """The tiles of the layout in view, made on the first look at an older one; raises ArtifactMissing."""
    layout = context.view.require("layout")
    return MapTiles(layout.id, context.dataset_id, open_tiles(layout))


def map_column(context: DatasetContext, opened: MapTiles, key: str) -> ColumnCodes:
    """A column as one byte a row in the order of the tiles; raises UnknownName and ArtifactMissing."""
    layout = context.view.require("layout")
    return open_column(layout, opened.tiles, context.view, key, tags=context.tags)


def spread_over_clusters(
    opened: MapTiles, clusters: Int32s, values: Mapping[int, float], low: float, high: float
) -> ColumnCodes:
    """The value of each row's cluster as one byte a row, in equal bins from ``low`` to ``high``: for more clusters than
    bytes have values. Rows whose cluster has no finite value are missing.
    """
    edges = np.asarray(shade_edges(low, high))
    by_cluster = np.full(int(clusters.max(initial=-1)) + 2, np.nan)  # the last place is for -1
    for number, value in values.items():
        by_cluster[number] = value
    shades = np.clip(np.searchsorted(edges, by_cluster, side="right") - 1, 0, SHADES - 1)
    codes = np.where(np.isfinite(by_cluster), shades, MISSING).astype(np.uint8)[clusters][opened.tiles.order]
    digest = hashlib.blake2s(codes.tobytes(), digest_size=8).hexdigest()
    return ColumnCodes(
        id=f"shades-{digest}", kind="numbers", codes=codes, values=(), counts=(), n_other=0,
        n_missing=int((codes == MISSING).sum()), edges=shade_edges(low, high), histogram=(), low=low, high=high,
    )  # fmt: skip


def shade_edges(low: float, high: float) -> tuple[float, ...]:
    """The ends of the bins of ``spread_over_clusters``."""
    return tuple(np.linspace(low, high, SHADES + 1).tolist())


def group_rows(opened: MapTiles, groups: Mapping[str, Int64s], n_rows: int) -> ColumnCodes:
    """Which of these groups each row is in as one byte a row, of several the last; rows in none are missing."""
    codes = np.full(n_rows, MISSING, dtype=np.uint8)
    for code, rows in enumerate(groups.values()):
        codes[rows] = code
    ordered = codes[opened.tiles.order]
    sizes = np.bincount(ordered, minlength=256)
    digest = hashlib.blake2s(ordered.tobytes(), digest_size=8).hexdigest()
    return ColumnCodes(
        id=f"groups-{digest}", kind="groups", codes=ordered, values=tuple(groups), counts=tuple(sizes[: len(groups)].tolist()),
        n_other=0, n_missing=int(sizes[MISSING]), edges=(), histogram=(), low=0.0, high=0.0,
    )  # fmt: skip


def pack_rows_as_bits(opened: MapTiles, rows: Int64s, n_rows: int) -> RowBits:
    """A set of rows as bits in the order of the tiles; equal sets have one id."""
    member = np.zeros(n_rows, dtype=np.bool_)
    member[rows] = True
    bits, begins = pack_tile_bits(opened.tiles, member)
    return RowBits(hashlib.blake2s(bits.tobytes(), digest_size=8).hexdigest(), bits, begins)


def to_unit(opened: MapTiles, xy: NDArray[np.floating]) -> Float64s:
    """Positions of the layout (k, 2) as positions on the map."""
    unit: Float64s = (np.asarray(xy, dtype=np.float64) - opened.tiles.origin) / opened.tiles.side
    return unit


def to_layout(opened: MapTiles, unit: JSON) -> Float64s:
    """Positions on the map as positions of the layout (k, 2); raises InvalidOptions for what is no list of positions."""
    try:
        given = np.asarray(unit, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidOptions(f"These are no positions on a map: {str(unit)[:80]}.") from error
    if given.ndim != 2 or given.shape[1] != 2 or not np.isfinite(given).all():
        raise InvalidOptions(f"These are no positions on a map: {str(unit)[:80]}.")
    xy: Float64s = given * opened.tiles.side + opened.tiles.origin
    return xy


def say_card(context: DatasetContext, opened: MapTiles, place: int) -> dict[str, JSON]:
    """What a row says in a few lines: its number, first words of prompt and response, cluster (by name, and as ``group``) and scores.

    Raises IndexError for a place that the map does not have.
    """
    if not 0 <= place < opened.n_placed:
        raise IndexError(place)
    row = int(opened.tiles.order[place])
    view = context.view
    scores = [f"score:{name}" for name in list(view.scores)[:CARD_SCORES]]
    keys = ["prompt", "response", *(["cluster"] if view.clustering is not None else []), *scores]
    values = read_rows(context, [row], keys).to_pylist()[0]
    cluster = values.get("cluster")
    return {
        "row": row,
        "prompt": card_words(values["prompt"]),
        "response": card_words(values["response"]),
        "cluster": "" if cluster is None else context.cluster_name(int(cluster)),
        "group": None if cluster is None else int(cluster),
        "scores": [
            [key.partition(":")[2], values[key]]
            for key in scores
            if values[key] is not None and values[key] == values[key]
        ],
    }


def card_words(text: str | None) -> str:
    """What a card shows of a text: one line, of at most CARD_CHARS."""
    cut = " ".join((text or "")[: 4 * CARD_CHARS].split())
    return cut if len(cut) <= CARD_CHARS else cut[: CARD_CHARS - 1].rstrip() + "…"
