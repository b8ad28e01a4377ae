"""Tiles hold every row once, and any prefix of them is a fair sample."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tamis.compute.map.columns import (
    FOLDED,
    MISSING,
    MOST_BINS,
    MOST_GROUPS,
    OTHER,
    encode_groups,
    encode_numbers,
)
from tamis.compute.map.tiles import CAPACITY, Tiles, build_tiles, pack_tile_bits, unit_positions
from tests.support import scale


def clouds(n: int, seed: int) -> np.ndarray:
    """Gaussians of unequal size and a floor of noise, as a layout has."""
    rng = np.random.default_rng(seed)
    centres, spread = rng.random((12, 2)) * 40, rng.random(12) + 0.05
    of = rng.integers(0, 12, n)
    xy = centres[of] + rng.standard_normal((n, 2)) * spread[of, None]
    floor = rng.random(n) < 0.1
    xy[floor] = rng.random((int(floor.sum()), 2)) * 40
    return xy.astype(np.float32)


def positions(tiles: Tiles) -> np.ndarray:
    return unit_positions(tiles) * tiles.side + tiles.origin


@scale.examples(40)
@given(
    n=st.integers(0, 3_000),
    capacity=st.integers(1, 500),
    seed=st.integers(0, 99),
    lost=st.integers(0, 5),
    twins=st.integers(0, 400),
)
def test_every_row_has_one_place_and_comes_back_to_where_it_was(
    n: int, capacity: int, seed: int, lost: int, twins: int
) -> None:
    xy = clouds(n, seed)
    xy[: min(twins, n)] = xy[:1]
    xy[-lost or n :] = np.nan
    tiles = build_tiles(xy, seed=seed, capacity=capacity)
    finite = np.flatnonzero(np.isfinite(xy).all(axis=1))
    assert np.sort(tiles.order).tolist() == finite.tolist()
    # As exact as the fixed point, which for a coordinate far from zero is finer than its float32.
    allowed = tiles.side * 0.5 / 65536 + np.abs(xy[finite]).max(initial=0) * 1e-6
    assert np.abs(positions(tiles) - xy[tiles.order]).max(initial=0) <= allowed
    index = tiles.index
    assert index["n"].sum() == len(finite) and index["total"][0] == len(finite)
    children = index["parent"] >= 0
    assert (index["parent"][children] < np.flatnonzero(children)).all()
    assert (index["n"][index["depth"] < 20] <= capacity).all()


def test_positions_lie_in_the_square_of_their_tile() -> None:
    tiles = build_tiles(clouds(20_000, 1), capacity=500)
    unit = unit_positions(tiles)
    for tile in tiles.index:
        own = unit[int(tile["start"]) : int(tile["start"]) + int(tile["n"])]
        side = 0.5 ** int(tile["depth"])
        low = np.array([int(tile["ix"]), int(tile["iy"])]) * side
        assert (own >= low).all() and (own <= low + side).all()


def test_any_prefix_below_a_rank_is_a_fair_sample_of_everything() -> None:
    xy = clouds(200_000, 2)
    tiles = build_tiles(xy, capacity=4_000)
    cells = 8
    every = np.histogram2d(*xy.T, bins=cells)[0]
    edges = [np.linspace(xy[:, axis].min(), xy[:, axis].max(), cells + 1) for axis in (0, 1)]
    for rank in (20_000, 60_000):
        # As the browser does: of each tile the share of its own ranks that lies below.
        first = np.where(
            tiles.index["parent"] >= 0, tiles.index["last"][tiles.index["parent"]].astype(np.int64), 0
        )
        own = tiles.index["last"].astype(np.int64) - first
        share = np.clip((rank - first) / np.maximum(own, 1), 0, 1)
        counts = np.round(tiles.index["n"] * share).astype(np.int64)
        taken = np.concatenate(
            [
                tiles.order[start : start + n]
                for start, n in zip(tiles.index["start"].astype(np.int64), counts, strict=True)
            ]
        )
        drawn = np.histogram2d(*xy[taken].T, bins=edges)[0]
        full = every >= 4_000
        error = np.abs(drawn[full] / len(taken) / (every[full] / len(xy)) - 1)
        assert error.max() < 0.12, (rank, error.max())


def test_bits_begin_anew_with_each_tile() -> None:
    tiles = build_tiles(clouds(3_001, 3), capacity=101)
    member = np.random.default_rng(0).random(3_001) < 0.3
    packed, begins = pack_tile_bits(tiles, member)
    for number, tile in enumerate(tiles.index):
        own = tiles.order[int(tile["start"]) : int(tile["start"]) + int(tile["n"])]
        bits = np.unpackbits(packed[begins[number] : begins[number + 1]], bitorder="little")[: len(own)]
        assert (bits == member[own]).all()


def test_rows_at_one_place_end_in_one_tile() -> None:
    tiles = build_tiles(np.ones((1_000, 2), dtype=np.float32), capacity=10)
    assert tiles.index["depth"].max() == 20
    assert np.sort(tiles.order).tolist() == list(range(1_000))


@scale.examples(60)
@given(n_groups=st.integers(1, 600), n=st.integers(0, 2_000), fold=st.booleans(), seed=st.integers(0, 99))
def test_groups_keep_their_rows(n_groups: int, n: int, fold: bool, seed: int) -> None:
    groups = np.random.default_rng(seed).integers(-1, n_groups, n)
    codes, stands_for = encode_groups(groups, fold=fold)
    assert ((codes == MISSING) == (groups < 0)).all()
    named = groups[codes < len(stands_for)]
    by_code = stands_for[codes[codes < len(stands_for)]]
    assert (by_code[by_code >= 0] == named[by_code >= 0]).all()
    if len(np.unique(groups[groups >= 0])) <= MOST_GROUPS:
        assert (stands_for >= 0).all() and not (codes == OTHER).any()
    elif fold:
        shared = (codes >= len(stands_for) - FOLDED) & (codes < len(stands_for))
        assert (codes[shared] - (len(stands_for) - FOLDED) == groups[shared] % FOLDED).all()


@scale.examples(60)
@given(
    values=st.lists(st.floats(allow_nan=True, allow_infinity=True, width=32), max_size=300),
    many=st.booleans(),
)
def test_a_number_lies_in_the_bin_of_its_byte(values: list[float], many: bool) -> None:
    numbers = np.array(values, dtype=np.float64)
    if many:
        numbers = np.concatenate([numbers, np.random.default_rng(0).normal(size=2_000)])
    codes, edges = encode_numbers(numbers)
    known = np.isfinite(numbers)
    assert ((codes == MISSING) == ~known).all()
    if known.any():
        at = codes[known].astype(int)
        assert len(edges) - 1 <= MOST_BINS
        assert (edges[at] <= numbers[known]).all()
        assert (numbers[known] <= edges[at + 1]).all()


@pytest.mark.slow
def test_a_million_rows_make_few_tiles() -> None:
    tiles = build_tiles(clouds(1_000_000, 4))
    assert len(tiles.index) < 80
    assert (tiles.index["n"] <= CAPACITY).all()
    assert len(np.unique(tiles.order)) == 1_000_000
