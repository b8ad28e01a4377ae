"""A view of the map to send: one HTML file that works from disk, or an SVG for a paper, with the facts of its caption."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from tamis.actions.cluster_levels import cluster_levels
from tamis.actions.dataset_context import DatasetContext, open_context, through_clustering
from tamis.actions.map_colours import colour_choices, paint_column
from tamis.actions.map_facts import SEED, map_caption
from tamis.actions.map_file import map_page, pack_texts, to_bytes
from tamis.actions.map_picture import Label, MapContent, MapRounds, cluster_labels, describe_map
from tamis.actions.map_rounds import map_rounds
from tamis.actions.map_rows import cluster_middles, read_positions
from tamis.actions.map_svg import map_svg
from tamis.actions.map_tiles import (
    ColumnCodes,
    MapTiles,
    card_words,
    map_column,
    open_map,
    pack_rows_as_bits,
    to_layout,
    to_unit,
)
from tamis.actions.read_rows import Scope, cluster_of, describe_scope, matching, read_rows
from tamis.actions.refinement_history import read_history
from tamis.actions.refinements import STEP
from tamis.actions.roles import needs
from tamis.actions.runs import find_run
from tamis.compute.map.tiles import build_tiles
from tamis.errors import InvalidOptions, UnknownName
from tamis.reprs import HtmlFacts
from tamis.store.durable import write_atomically
from tamis.store.workspace import Workspace
from tamis.types import JSON, Int64s

MOST_POINTS = 300_000  # of a file: about 2 MB
TEXT_POINTS = 50_000  # of a file with texts
KINDS = (".html", ".svg")
Camera = tuple[
    float, float, float
]  # middle on the map in sides of its square, and how many of its widths are seen (1: all)


@dataclass(frozen=True, slots=True, kw_only=True)
class MapView:
    """Which view: the column that colours it, the filter, a refinement whose rounds are played, names or not, and where one looks (None: at everything)."""

    colour: str = ""
    scope: Scope = Scope()
    refinement: str = ""
    labels: bool = True
    camera: Camera | None = None
    dark: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedMap(HtmlFacts):
    """What was written: ``n_points`` of the ``n_rows`` with a place, and what the caption says."""

    path: Path
    n_points: int
    n_rows: int
    caption: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DrawnMap:
    """A file in memory, with the same facts."""

    data: bytes
    n_points: int
    n_rows: int
    caption: tuple[str, ...]


@needs("curator")
def share_map(
    workspace: Workspace, dataset_id: str, out: Path, *, view: MapView | None = None, texts: bool = False
) -> SharedMap:
    """Write a view of the active layout as HTML or SVG, by the name of the file.

    The HTML file holds up to MOST_POINTS rows, beyond that a random sample that it says it is, and no text of a row unless
    ``texts`` asks for the first words of each (of at most TEXT_POINTS). Raises InvalidOptions for another kind of file,
    UnknownName for a column, ArtifactMissing without a layout, DatasetMissing.
    """
    if out.suffix not in KINDS:
        raise InvalidOptions(
            f"{out.name}: name a file that ends in .html or .svg. A PNG is saved from the map itself, on the page or in the HTML."
        )
    context = open_context(workspace, dataset_id)
    context.view.require("layout")
    drawn = draw_map(context, view or MapView(), kind=out.suffix, texts=texts)
    out.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(out, drawn.data)
    return SharedMap(path=out, n_points=drawn.n_points, n_rows=drawn.n_rows, caption=drawn.caption)


def draw_map(context: DatasetContext, view: MapView, *, kind: str = ".html", texts: bool = False) -> DrawnMap:
    """The same as bytes."""
    if view.refinement:
        run = find_run(context.workspace, context.dataset_id, STEP, view.refinement)
        context = through_clustering(context, run.inputs.get("clustering", ""))
    whole = open_map(context)
    chosen = _sample(context, TEXT_POINTS if texts else MOST_POINTS)
    opened = _retiled(context, whole, chosen)
    view = replace(view, camera=_moved(view.camera, whole, opened))
    content = _content(context, whole, opened, view)
    caption = map_caption(
        context, n_points=opened.n_placed, n_rows=whole.n_placed, colour=str(content.painted.legend["title"]),
        shown=content.shown, n_shown=content.n_kept,
    )  # fmt: skip
    if kind == ".svg":
        data = map_svg(opened, content, caption, camera=view.camera, dark=view.dark).encode()
    else:
        data = _html(context, opened, content, view, caption, texts=texts)
    return DrawnMap(data, opened.n_placed, whole.n_placed, caption)


def _moved(camera: Camera | None, whole: MapTiles, opened: MapTiles) -> Camera | None:
    """The same place on tiles of other ends."""
    if camera is None or opened is whole:
        return camera
    x, y, widths = camera
    ((new_x, new_y),) = to_unit(opened, to_layout(whole, [[x, y]])).tolist()
    return (new_x, new_y, widths * whole.tiles.side / opened.tiles.side)


def _sample(context: DatasetContext, most: int) -> Int64s:
    placed: Int64s = np.flatnonzero(np.isfinite(read_positions(context)).all(axis=1)).astype(np.int64)
    if len(placed) <= most:
        return placed
    return np.sort(np.random.default_rng(SEED).choice(placed, most, replace=False))


def _retiled(context: DatasetContext, whole: MapTiles, rows: Int64s) -> MapTiles:
    """Tiles of these rows alone, with the rows' own numbers."""
    if len(rows) == whole.n_placed:
        return whole
    tiles = build_tiles(read_positions(context)[rows])
    return replace(whole, tiles=replace(tiles, order=rows[tiles.order].astype(np.uint32)))


def _recoded(column: ColumnCodes, whole: MapTiles, opened: MapTiles, n_rows: int) -> ColumnCodes:
    """A column in the order of other tiles."""
    if opened is whole:
        return column
    by_row = np.zeros(n_rows, dtype=np.uint8)
    by_row[whole.tiles.order] = column.codes
    return replace(column, codes=by_row[opened.tiles.order])


def _content(context: DatasetContext, whole: MapTiles, opened: MapTiles, view: MapView) -> MapContent:
    choices = colour_choices(context)
    key = view.colour or next(iter(choices))
    if key not in choices:
        raise UnknownName("column of the map", key, choices)
    column = _recoded(map_column(context, whole, key), whole, opened, context.n_rows)
    kept = matching(context, view.scope) if view.scope.conditions else None
    return MapContent(
        column=column,
        painted=paint_column(context, key, choices[key], column, Scope()),
        kept=None if kept is None else pack_rows_as_bits(opened, kept, context.n_rows),
        n_kept=0 if kept is None else len(kept),
        shown="" if kept is None else describe_scope(view.scope, context.names.names),
        labels=_labels(context, kept) if view.labels else (),
        rounds=_rounds(context, whole, opened, view) if view.refinement else None,
    )


def _rounds(context: DatasetContext, whole: MapTiles, opened: MapTiles, view: MapView) -> MapRounds:
    refinement = context.workspace.artifacts.get(context.dataset_id, "refinement", view.refinement)
    history = read_history(refinement, ())
    assert history is not None
    column = _recoded(map_column(context, whole, "cluster"), whole, opened, context.n_rows)
    return map_rounds(context, opened, refinement, history, dark=view.dark, column=column)


def _labels(context: DatasetContext, kept: Int64s | None) -> tuple[Label, ...]:
    clusters = cluster_of(context)
    inside = clusters if kept is None else clusters[kept]
    ids, counts = np.unique(inside[inside >= 0], return_counts=True)
    middles = cluster_middles(read_positions(context), clusters)
    weights = dict(zip(ids.tolist(), counts.astype(float).tolist(), strict=True))
    return cluster_labels(context, weights, middles, cluster_levels(context))


def _html(
    context: DatasetContext,
    opened: MapTiles,
    content: MapContent,
    view: MapView,
    caption: Sequence[str],
    *,
    texts: bool,
) -> bytes:
    tiles, column = opened.tiles, content.column
    data: dict[str, JSON] = describe_map(context, opened, content, dark=view.dark) | {
        "base": "sent", "name": "sent", "token": "", "hands": ["look"], "clusters": [],
        "camera": view.camera and list(view.camera),
    }  # fmt: skip
    arrays = {
        "index": tiles.index.tobytes(), "xy": to_bytes(tiles.places), "rows": to_bytes(tiles.order),
        f"column {column.id}": to_bytes(column.codes),
    }  # fmt: skip
    if content.kept is not None:
        arrays[f"bits {content.kept.id}"] = content.kept.bits.tobytes()
    if content.rounds is not None:
        begun, *later = content.rounds.column, *content.rounds.columns
        arrays[f"column {begun.id}"] = to_bytes(begun.codes)
        arrays |= {f"column {one.id}": to_bytes(one.make().codes) for one in later}
        arrays |= {f"bits {one.id}": one.make().bits.tobytes() for one in content.rounds.bits}
    if context.view.clustering is not None:
        arrays["clusters"], data["clusters"] = _clusters(context, opened)
    cards = _texts(context, opened) if texts else []
    return map_page(
        data, arrays, title=f"Map of {caption[0]}", caption=caption[1:], dark=view.dark, texts=cards
    )


def _clusters(context: DatasetContext, opened: MapTiles) -> tuple[bytes, list[JSON]]:
    """The cluster of each point as a byte, and id and name of each such byte; 255 for those beyond the largest 254."""
    clusters = cluster_of(context)
    ids, counts = np.unique(clusters[clusters >= 0], return_counts=True)
    largest = ids[np.argsort(-counts, kind="stable")][:254]
    code = np.full(int(clusters.max(initial=-1)) + 2, 255, dtype=np.uint8)
    code[largest] = np.arange(len(largest), dtype=np.uint8)
    return to_bytes(code[clusters][opened.tiles.order]), [
        [int(i), context.cluster_name(int(i))] for i in largest
    ]


def _texts(context: DatasetContext, opened: MapTiles) -> list[bytes]:
    """The first words of every row, tile by tile."""
    packed = []
    for number in range(len(opened.tiles.index)):
        rows = opened.tiles.order[opened.span(number, number)].astype(np.int64)
        table = read_rows(context, rows, ["prompt", "response"])
        pairs = zip(table["prompt"].to_pylist(), table["response"].to_pylist(), strict=True)
        packed.append(pack_texts([{"prompt": card_words(p), "response": card_words(r)} for p, r in pairs]))
    return packed
