"""A quadtree of tiles over a layout, in one random rank order: any prefix of a tile is a fair sample of its square.

A square keeps its first points by rank and hands the rest to its four quarters; so all prefixes below one rank are a fair
sample of everything, and a map can stop reading anywhere. Nothing here knows of columns: a column is written in the order
of ``Tiles.order``, and so never moves a position.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from tamis.types import Bools, Float64s, Int64s

CAPACITY = 65_536  # points that a square keeps for itself: 328 kB with one column
DEEPEST = 20  # here a tile takes all that is left: rows at one and the same place cannot be split
TILE = np.dtype(
    [
        ("depth", "u1"), ("padding", "u1", 3),
        ("ix", "<u4"), ("iy", "<u4"),  # which square of that depth, from the lower left
        ("start", "<u4"), ("n", "<u4"),  # its own points in ``order``
        ("total", "<u4"),  # its own points and those below it
        ("last", "<u4"),  # one above the highest rank among its own points
        ("parent", "<i4"),  # the tile above, where ranks of this one begin; -1 for the first
    ]
)  # fmt: skip

UInt8s: TypeAlias = "NDArray[np.uint8]"
UInt16s: TypeAlias = "NDArray[np.uint16]"
UInt32s: TypeAlias = "NDArray[np.uint32]"
_Square: TypeAlias = "tuple[UInt32s, int, int, int, int]"  # ranks, ix, iy, parent, where ranks begin


@dataclass(frozen=True, slots=True)
class Tiles:
    """A layout as tiles.

    ``index`` (t,) of TILE, by where ranks begin, so that any prefix of it is the best next sample. ``order`` (m,) is the
    example at each place; rows without a finite position have no place. ``places`` (m, 2) lie within their tile: a
    coordinate is ``origin + side * (ix + (v + 0.5) / 65536) / 2**depth``. ``bounds`` are width and height of what is
    occupied, in sides.
    """

    index: NDArray[np.void]
    order: UInt32s
    places: UInt16s
    origin: tuple[float, float]
    side: float
    bounds: tuple[float, float]


def build_tiles(xy: NDArray[np.floating], *, seed: int = 0, capacity: int = CAPACITY) -> Tiles:
    """Tiles over ``xy`` (n, 2); rows with a position that is not finite are left out. O(n · depth)."""
    placed = np.flatnonzero(np.isfinite(xy).all(axis=1)).astype(np.uint32)
    ranked = placed[np.random.default_rng(seed).permutation(len(placed))]
    low, span = _extent(xy, placed)
    side = float(span.max()) * (1 + 1e-6) or 1.0
    # Fixed point of 32 bits once: a depth and the 16 bits below it are shifts from here on.
    scale = (2.0**32 - 1) / side
    fixed = [((xy[ranked, axis].astype(np.float64) - low[axis]) * scale).astype(np.uint32) for axis in (0, 1)]
    index, own = _divide(fixed, capacity)
    at = np.concatenate(own) if own else np.empty(0, np.uint32)
    bounds = (float(span[0]) / side, float(span[1]) / side)
    return Tiles(index, ranked[at], _within(index, fixed, at), (float(low[0]), float(low[1])), side, bounds)


def unit_positions(tiles: Tiles) -> Float64s:
    """Positions (m, 2) in tile order, in sides from the origin."""
    n = tiles.index["n"]
    halves = 0.5 ** tiles.index["depth"].astype(np.float64)
    cells = np.column_stack([tiles.index["ix"], tiles.index["iy"]]).astype(np.float64)
    unit: Float64s = (np.repeat(cells, n, axis=0) + (tiles.places + 0.5) / 65536) * np.repeat(halves, n)[
        :, None
    ]
    return unit


def pack_tile_bits(tiles: Tiles, member: Bools) -> tuple[UInt8s, Int64s]:
    """Membership (n,) as one bit a point in tile order, lowest bit first, every tile from a new byte.

    Also the byte at which each tile begins, and where the last one ends, (t + 1,).
    """
    sizes = (tiles.index["n"].astype(np.int64) + 7) // 8
    begins = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    ordered = member[tiles.order]
    packed = np.empty(begins[-1], np.uint8)
    for tile, begin, size in zip(tiles.index, begins, sizes, strict=False):
        start = int(tile["start"])
        packed[begin : begin + size] = np.packbits(ordered[start : start + int(tile["n"])], bitorder="little")
    return packed, begins


def _extent(xy: NDArray[np.floating], placed: UInt32s) -> tuple[Float64s, Float64s]:
    if not len(placed):
        return np.zeros(2), np.zeros(2)
    low = xy[placed].min(axis=0).astype(np.float64)
    return low, xy[placed].max(axis=0).astype(np.float64) - low


def _divide(fixed: list[UInt32s], capacity: int) -> tuple[NDArray[np.void], list[UInt32s]]:
    """The index, and the ranks that each of its tiles keeps."""
    level: list[_Square] = [(np.arange(len(fixed[0]), dtype=np.uint32), 0, 0, -1, 0)]
    rows, own, begins, depth = [], [], [], 0
    while level:
        below: list[_Square] = []
        for ranks, ix, iy, parent, begin in level:
            kept = ranks if depth == DEEPEST else ranks[:capacity]
            last = int(kept[-1]) + 1 if len(kept) else 0
            rows.append((depth, (0, 0, 0), ix, iy, 0, len(kept), len(ranks), last, parent))
            own.append(kept)
            begins.append(begin)
            below += _quarters(fixed, ranks[len(kept) :], depth, (ix, iy, len(rows) - 1, last))
        level, depth = below, depth + 1
    # By where ranks begin: a child begins where its parent ends, so parents still come first.
    turn = np.argsort(begins, kind="stable")
    renamed = np.full(len(turn) + 1, -1, np.int32)
    renamed[turn] = np.arange(len(turn), dtype=np.int32)
    index = np.array(rows, dtype=TILE)[turn]
    index["parent"] = renamed[index["parent"]]
    index["start"] = np.cumsum(index["n"]) - index["n"]
    return index, [own[number] for number in turn]


def _quarters(
    fixed: list[UInt32s], rest: UInt32s, depth: int, above: tuple[int, int, int, int]
) -> list[_Square]:
    if not len(rest):
        return []
    ix, iy, number, last = above
    bit = np.uint32(31 - depth)
    quarter = ((fixed[0][rest] >> bit) & 1) | (((fixed[1][rest] >> bit) & 1) << 1)
    parts = [(q, rest[quarter == q]) for q in range(4)]
    return [(part, ix * 2 + (q & 1), iy * 2 + (q >> 1), number, last) for q, part in parts if len(part)]


def _within(index: NDArray[np.void], fixed: list[UInt32s], at: UInt32s) -> UInt16s:
    """The sixteen bits below the depth of each point's tile."""
    places = np.empty((len(at), 2), np.uint16)
    for tile in index:
        own = slice(int(tile["start"]), int(tile["start"]) + int(tile["n"]))
        depth = int(tile["depth"])
        for axis in (0, 1):
            bits = fixed[axis][at[own]]
            # Deeper than the fixed point reaches, the lowest bits are zero.
            shifted = bits >> np.uint32(16 - depth) if depth <= 16 else bits << np.uint32(depth - 16)
            places[own, axis] = shifted & np.uint32(0xFFFF)
    return places
