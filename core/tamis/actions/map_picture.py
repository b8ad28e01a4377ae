"""What a map shows, and the data that draw it: the same on a page and in a file that is sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from tamis.actions.cluster_levels import ClusterGroup
from tamis.actions.dataset_context import DatasetContext
from tamis.actions.map_colours import Painted
from tamis.actions.map_facts import map_caption
from tamis.actions.map_tiles import ColumnCodes, MapTiles, Promised, RowBits, to_unit
from tamis.reprs import shortened
from tamis.types import JSON, Float32s

# How many names each level holds, largest clusters first; the rest appears close up.
LEVELS = (16, 48)
NAME_CHARS, GROUP_CHARS = 24, 40
ACCENT = {"light": [15, 118, 110], "dark": [45, 212, 191]}
GHOST = {"light": [150, 161, 158, 70], "dark": [120, 134, 130, 62]}
Region = tuple[str, tuple[tuple[float, float], ...]]  # how, and corners in coordinates of the layout
MOST_FIRST = 64  # clusters up to which the largest are named from far away, beside the groups above them
CLUSTER = 2  # tier of the name of a cluster; groups above it have lower ones


class Label(NamedTuple):
    """A name on the map, at a place of the layout: shown from the zoom ``level`` on and, of a group, up to ``until``."""

    id: int
    x: float
    y: float
    text: str
    level: int
    weight: float
    tier: int = CLUSTER
    until: int = 99


@dataclass(frozen=True, slots=True)
class MapRounds:
    """Frames that a map plays: ``about`` says what they are, ``column`` and ``painted`` are what it begins with; what other
    frames need is made when it is asked for.
    """

    about: dict[str, JSON]
    column: ColumnCodes
    painted: Painted
    columns: tuple[Promised[ColumnCodes], ...]
    bits: tuple[Promised[RowBits], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MapContent:
    """What a map shows: a column and its colours, the rows that a filter keeps (None: all; ``shown`` says which), names, regions that were
    drawn, the open row, rings around a few rows, and rounds to play; positions are those of the layout.
    ``sieve`` is what the sieve below it is given.

    Maps of one ``group`` move together. ``height`` in pixels; without one it is as high as the window allows.
    """

    column: ColumnCodes
    painted: Painted
    kept: RowBits | None = None
    n_kept: int = 0
    shown: str = ""
    labels: tuple[Label, ...] = ()
    regions: tuple[Region, ...] = ()
    mark: tuple[float, float] | None = None
    rings: Float32s | None = None
    rounds: MapRounds | None = None
    group: str = ""
    height: int = 0
    sieve: dict[str, JSON] | None = None


def describe_map(
    context: DatasetContext, opened: MapTiles, content: MapContent, *, dark: bool
) -> dict[str, JSON]:
    """The content as the JSON that the map's modules read."""
    theme = "dark" if dark else "light"
    said = f"{content.n_kept:,} of {context.n_rows:,} rows match." if content.kept else ""
    title = content.painted.legend["title"]
    return {
        "bounds": list(opened.tiles.bounds),
        "column": content.painted.legend,
        "palette": content.painted.palette_text,
        "mask": content.kept.id if content.kept else "",
        "labels": [_label(opened, label) for label in content.labels],
        "regions": [[how, _unit(opened, corners)] for how, corners in content.regions],
        "mark": None if content.mark is None else _unit(opened, [content.mark])[0],
        "rings": [] if content.rings is None else np.round(_unit(opened, content.rings), 6).tolist(),
        "rounds": content.rounds.about if content.rounds else None,
        "group": content.group,
        "height": content.height,
        "sieve": content.sieve,
        "theme": theme,
        "ghost": GHOST[theme],
        "accent": ACCENT[theme],
        "said": said,
        "file": f"map-{context.dataset_id}",
        "caption": map_caption(
            context,
            n_points=opened.n_placed,
            n_rows=opened.n_placed,
            colour=str(title),
            shown=content.shown,
            n_shown=content.n_kept,
        ),
        "label": f"Map of {context.n_rows:,} rows, coloured by {title}. {said} Arrow keys go from row to row, Enter opens one; "
        "the table on this page is the same in words.",
    }


def cluster_labels(
    context: DatasetContext,
    weights: Mapping[int, float],
    middles: Mapping[int, tuple[float, float]],
    levels: Sequence[Sequence[ClusterGroup]] = (),
) -> tuple[Label, ...]:
    """The names of clusters at their ``middles`` and of the groups above them, those of most weight first and from far away.

    A group stands at the cluster of it that is nearest to its middle: the middle itself may lie among others.
    """
    there = [
        i
        for i in sorted(weights, key=lambda i: -weights[i])
        if i in middles and np.isfinite(middles[i]).all()
    ]
    behind = 1 if levels and len(there) > MOST_FIRST else 0
    named = [
        Label(
            i,
            *middles[i],
            shortened(context.cluster_name(i), NAME_CHARS),
            behind + sum(place >= n for n in LEVELS),
            weights[i],
        )
        for place, i in enumerate(there)
    ]
    for tier, groups in enumerate(levels, start=CLUSTER - len(levels)):
        named += _group_labels(groups, tier, {i: weights[i] for i in there}, middles)
    return tuple(named)


def _group_labels(
    groups: Sequence[ClusterGroup],
    tier: int,
    weights: Mapping[int, float],
    middles: Mapping[int, tuple[float, float]],
) -> list[Label]:
    named = []
    for number, group in enumerate(groups):
        own = [i for i in group.clusters if i in weights]
        if not own:
            continue
        places, share = np.array([middles[i] for i in own]), np.array([weights[i] for i in own])
        middle = np.average(places, axis=0, weights=share if share.sum() > 0 else None)
        x, y = places[np.argmin(((places - middle) ** 2).sum(axis=1))].tolist()
        identifier = -1_000_000 * (tier + 1) - number
        named.append(
            Label(
                identifier,
                x,
                y,
                shortened(group.name, GROUP_CHARS),
                0,
                float(share.sum()),
                tier,
                until=1 + tier,
            )
        )
    return named


def _unit(opened: MapTiles, positions: JSON) -> list[JSON]:
    return list(to_unit(opened, np.asarray(positions, dtype=np.float64).reshape(-1, 2)).tolist())


def _label(opened: MapTiles, label: Label) -> dict[str, JSON]:
    ((x, y),) = _unit(opened, [(label.x, label.y)])
    return label._asdict() | {"x": x, "y": y}
