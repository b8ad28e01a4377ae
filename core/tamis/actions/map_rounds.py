"""The rounds of a refinement on a map: what each made of every cluster's weight, the rows it picked, those it flagged.

While clusters have a byte each, a round is a palette and two sets of bits; beyond that, a column. Never positions.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from tamis.actions.dataset_context import DatasetContext
from tamis.actions.map_colours import FADED, GAINED, Painted, Shading, diverging, shade_clusters
from tamis.actions.map_picture import MapRounds
from tamis.actions.map_rows import read_positions
from tamis.actions.map_tiles import (
    ColumnCodes,
    MapTiles,
    Promised,
    RowBits,
    map_column,
    pack_rows_as_bits,
    shade_edges,
    spread_over_clusters,
    to_unit,
)
from tamis.actions.read_rows import cluster_of
from tamis.actions.refinement_history import RefinementHistory
from tamis.store.artifacts.refinements import read_picks
from tamis.store.artifacts.store import Artifact
from tamis.types import JSON, Float64s, Int64s

CHANGE, STEP, WEIGHT = "change", "step", "weight"
MODES = {CHANGE: "since the start", STEP: "since the round before", WEIGHT: "weight"}
_TITLES = {
    CHANGE: "Weight, times the first",
    STEP: "Weight, times the round before",
    WEIGHT: "Weight of the cluster",
}
CLEAR_SHARE = 0.95  # of the changes, that lie within the ends of the scale
MOST_GROUPS = 40  # of flagged rows that a round points at
MOST_CURVE_NUMBERS = 200_000


@dataclass(frozen=True, slots=True)
class _Shown:
    """What colours a mode: one scale in all rounds, so that a change of round shows movement."""

    mode: str
    shading: Shading
    by_cluster: ColumnCodes | None  # None: clusters are more than bytes have values


def map_rounds(
    context: DatasetContext,
    opened: MapTiles,
    refinement: Artifact,
    history: RefinementHistory,
    *,
    at: int | None = None,
    mode: str = CHANGE,
    dark: bool = False,
    linked: bool = False,
    column: ColumnCodes | None = None,
) -> MapRounds:
    """The frames of a refinement from before its first round to its last.

    ``at`` is the round shown first (the last where None or not there), ``linked`` whether maps of one group change rounds
    together, ``column`` that of the clusters where ``opened`` are not the tiles of the whole layout. ``context`` looks
    through the clustering whose weights moved. Raises ArtifactMissing without a layout.
    """
    column = column or map_column(context, opened, "cluster")
    by_cluster = None if -1 in column.values else column
    shown = {name: _Shown(name, _shading(name, history, dark=dark), by_cluster) for name in MODES}
    numbers = range(history.n_rounds + 1)
    rows = _rows_of_rounds(refinement, history)
    columns = {} if by_cluster else _columns(context, opened, refinement, history, shown)
    first = min(max(history.n_rounds if at is None else at, 0), history.n_rounds)
    mode = mode if mode in MODES else CHANGE
    sample = by_cluster or columns[mode, first].make()
    palettes = {(name, n): _palette(one, history, n, sample) for name, one in shown.items() for n in numbers}
    bits = _bits(context, opened, refinement, rows)
    about: dict[str, JSON] = {
        "key": refinement.id, "at": first, "mode": mode, "linked": linked,
        "modes": [{"key": name, "title": MODES[name], "legend": _legend(one, sample)} for name, one in shown.items()],
        "frames": [
            _colours_of(n, palettes, columns, sample)
            | _said_of_rows(rows, bits, n)
            | {"groups": _groups(context, opened, history, n)}
            for n in numbers
        ],
        "curves": _curves(history),
    }  # fmt: skip
    return MapRounds(about, sample, palettes[mode, first], tuple(columns.values()), tuple(bits.values()))


def _colours_of(
    number: int,
    palettes: Mapping[tuple[str, int], Painted],
    columns: Mapping[tuple[str, int], Promised[ColumnCodes]],
    sample: ColumnCodes,
) -> dict[str, JSON]:
    """The name of a round, and for each way of colouring it palette and column."""
    return {
        "name": f"Round {number}" if number else "Start",
        "palettes": {mode: palettes[mode, number].palette_text for mode in MODES},
        "columns": {mode: columns[mode, number].id if columns else sample.id for mode in MODES},
    }


def _said_of_rows(
    rows: Mapping[str, Mapping[int, Int64s]], bits: Mapping[tuple[str, int], Promised[RowBits]], number: int
) -> dict[str, JSON]:
    """Which bits hold the picked and the flagged rows of a round, and how many these are."""
    said: dict[str, JSON] = {}
    for name, by_round in rows.items():
        said[name] = bits[name, number].id if (name, number) in bits else ""
        said[f"n_{name}"] = len(by_round.get(number, ()))
    return said


def round_values(history: RefinementHistory, mode: str, number: int) -> dict[int, float]:
    """What colours each cluster after a round: its weight, or doublings of it since the start or the round before.

    A weight that fell to nothing is minus infinity, and NaN is a cluster that had none before.
    """
    now = history.of_round(number, "weight")
    if mode == WEIGHT:
        values = now
    else:
        before = history.of_round(0 if mode == CHANGE else max(0, number - 1), "weight")
        with np.errstate(divide="ignore", invalid="ignore"):
            values = np.where(before > 0, np.log2(now / before), np.nan)
    return dict(zip(history.cluster_ids.tolist(), values.tolist(), strict=True))


def flagged_group(history: RefinementHistory, number: int, cluster_id: int) -> Int64s:
    """Rows of a cluster that a round flagged, once each and sorted."""
    flags = history.flags
    chosen = (flags["round"].to_numpy() == number) & (flags["cluster_id"].to_numpy() == cluster_id)
    rows: Int64s = np.unique(flags["example_id"].to_numpy()[chosen]).astype(np.int64)
    return rows


def _palette(shown: _Shown, history: RefinementHistory, number: int, column: ColumnCodes) -> Painted:
    values = _ended(shown, round_values(history, shown.mode, number))
    return shade_clusters(_with_own_ends(shown, column), values, shown.shading)


def _with_own_ends(shown: _Shown, column: ColumnCodes) -> ColumnCodes:
    """The column that a mode is painted over: of shades, with the ends of its own scale."""
    if shown.by_cluster is not None:
        return column
    return replace(column, edges=shade_edges(shown.shading.low, shown.shading.high))


def _ended(shown: _Shown, values: Mapping[int, float]) -> dict[int, float]:
    """Infinities at the ends of the scale."""
    return {
        i: float(np.clip(v, shown.shading.low, shown.shading.high)) if not np.isnan(v) else v
        for i, v in values.items()
    }


def _legend(shown: _Shown, column: ColumnCodes) -> dict[str, JSON]:
    legend = shade_clusters(column, {}, shown.shading).legend
    if shown.mode == WEIGHT:
        return legend | {
            "ticks": [f"{100 * v:.2g} %" for v in (0.0, shown.shading.high / 2, shown.shading.high)]
        }
    least, most = 2.0**shown.shading.low, 2.0**shown.shading.high
    return legend | {"ticks": [f"×{least:.2g} or less", "×1", f"×{most:.2g} or more"]}


def _shading(mode: str, history: RefinementHistory, *, dark: bool) -> Shading:
    faded = FADED["dark" if dark else "light"]
    both = diverging(dark=dark)
    # The middle of the scale is near the page, which suits a table and not a dot.
    stops = [(at, faded if at == 0.5 else colour) for at, colour in both]
    numbers = range(1, history.n_rounds + 1)
    if mode == WEIGHT:
        stops, most = (
            [(0.0, faded), (1.0, GAINED)],
            float(history.weights["weight"].to_numpy().max(initial=0)) or 1.0,
        )
        return Shading(title=_TITLES[mode], stops=tuple(stops), low=0.0, high=most, nothing=faded)
    seen = np.array([v for n in numbers for v in round_values(history, mode, n).values()], dtype=np.float64)
    seen = np.abs(seen[np.isfinite(seen)])
    # One cluster that all but vanished must not make all others look unmoved.
    most = max(0.5 if mode == STEP else 1.0, float(np.quantile(seen, CLEAR_SHARE)) if len(seen) else 0.0)
    return Shading(title=_TITLES[mode], stops=tuple(stops), low=-most, high=most, nothing=faded)


def _columns(
    context: DatasetContext,
    opened: MapTiles,
    refinement: Artifact,
    history: RefinementHistory,
    shown: Mapping[str, _Shown],
) -> dict[tuple[str, int], Promised[ColumnCodes]]:
    """A column for every round and mode, of which each is made when somebody looks at it."""
    made = {}
    for name, one in shown.items():
        for n in range(history.n_rounds + 1):
            make = partial(_column, context, opened, _ended(one, round_values(history, name, n)), one.shading)
            made[name, n] = Promised(_id(refinement, f"{name} {n}"), make)
    return made


def _column(
    context: DatasetContext, opened: MapTiles, values: Mapping[int, float], shading: Shading
) -> ColumnCodes:
    return spread_over_clusters(opened, cluster_of(context), values, shading.low, shading.high)


def _rows_of_rounds(refinement: Artifact, history: RefinementHistory) -> dict[str, dict[int, Int64s]]:
    found: dict[str, dict[int, Int64s]] = {}
    for name, table in (("picks", read_picks(refinement)), ("flags", history.flags)):
        number, rows = table["round"].to_numpy(), table["example_id"].to_numpy()
        found[name] = {int(n): np.unique(rows[number == n]).astype(np.int64) for n in np.unique(number)}
    return found


def _bits(
    context: DatasetContext, opened: MapTiles, refinement: Artifact, rows: Mapping[str, Mapping[int, Int64s]]
) -> dict[tuple[str, int], Promised[RowBits]]:
    return {
        (name, n): Promised(
            _id(refinement, f"{name} {n}"), partial(pack_rows_as_bits, opened, own, context.n_rows)
        )
        for name, by_round in rows.items()
        for n, own in by_round.items()
    }


def _groups(context: DatasetContext, opened: MapTiles, history: RefinementHistory, number: int) -> list[JSON]:
    """Where the flagged rows of a round lie, cluster by cluster: id, place on the map, how many; most first."""
    flags = history.flags
    chosen = flags["round"].to_numpy() == number
    ids, rows = flags["cluster_id"].to_numpy()[chosen], flags["example_id"].to_numpy()[chosen]
    found = []
    for cluster in np.unique(ids):
        own = np.unique(rows[ids == cluster])
        places = read_positions(context)[own]
        places = places[np.isfinite(places).all(axis=1)]
        if len(places):
            x, y = to_unit(opened, np.median(places, axis=0, keepdims=True))[0].tolist()
            found.append([int(cluster), round(x, 5), round(y, 5), len(own)])
    return sorted(found, key=lambda one: (-one[3], one[0]))[:MOST_GROUPS]


def _curves(history: RefinementHistory) -> dict[str, JSON]:
    weights: Float64s = np.stack([history.of_round(n, "weight") for n in range(history.n_rounds + 1)], axis=1)
    if weights.size > MOST_CURVE_NUMBERS:
        return {}
    rounded = [[float(f"{v:.4g}") if np.isfinite(v) else None for v in line] for line in weights.tolist()]
    return dict(zip((str(i) for i in history.cluster_ids.tolist()), rounded, strict=True))


def _id(refinement: Artifact, what: str) -> str:
    return hashlib.blake2s(f"{refinement.id} {what}".encode(), digest_size=8).hexdigest()
