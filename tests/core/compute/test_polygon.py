from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tamis.compute.map.polygon import points_in_box, points_in_polygon
from tamis.errors import InvalidOptions
from tests.support import scale


def by_hand(x: float, y: float, corners: np.ndarray) -> bool:
    inside = False
    for (x1, y1), (x2, y2) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        if (y1 > y) != (y2 > y) and x < x1 + (y - y1) * (x2 - x1) / (y2 - y1):
            inside = not inside
    return inside


def test_square_with_a_notch() -> None:
    corners = [(0, 0), (4, 0), (4, 4), (2, 2), (0, 4)]
    points = np.array([[1, 1], [2, 3], [3.5, 3], [5, 1], [2, 1.9], [-1, 2]])
    assert points_in_polygon(points, corners).tolist() == [True, False, True, False, True, False]


def test_a_part_gone_round_twice_is_outside() -> None:
    angles = np.pi / 2 + 4 * np.pi / 5 * np.arange(5)
    star = np.column_stack([np.cos(angles), np.sin(angles)])
    assert points_in_polygon(np.array([[0, 0], [0, 0.8]]), star).tolist() == [False, True]


def test_neighbouring_polygons_share_no_point() -> None:
    grid = np.array([(x, y) for x in range(5) for y in range(5)], dtype=float)
    left = points_in_polygon(grid, [(0, 0), (2, 0), (2, 4), (0, 4)])
    right = points_in_polygon(grid, [(2, 0), (4, 0), (4, 4), (2, 4)])
    assert not (left & right).any()


def test_nan_points_are_outside_and_no_points_are_fine() -> None:
    square = [(0, 0), (1, 0), (1, 1), (0, 1)]
    assert points_in_polygon(np.array([[np.nan, 0.5], [0.5, 0.5]]), square).tolist() == [False, True]
    assert points_in_polygon(np.empty((0, 2)), square).tolist() == []


def test_a_flat_polygon_holds_nothing() -> None:
    assert not points_in_polygon(np.array([[0.5, 0.0]]), [(0, 0), (1, 0), (2, 0)]).any()


@pytest.mark.parametrize("bad", [[(0, 0), (1, 1)], [(0, 0), (1, 1), (np.nan, 2)], [1, 2, 3]])
def test_not_a_polygon_is_refused(bad: list[object]) -> None:
    with pytest.raises(InvalidOptions, match="polygon"):
        points_in_polygon(np.zeros((1, 2)), bad)


@scale.examples(300)
@given(seed=st.integers(0, 10**6), m=st.integers(3, 12))
def test_agrees_with_the_textbook_rule_for_random_crossing_polygons(seed: int, m: int) -> None:
    rng = np.random.default_rng(seed)
    corners, points = rng.integers(0, 6, size=(m, 2)).astype(float), rng.random((40, 2)) * 6
    assert points_in_polygon(points, corners).tolist() == [by_hand(x, y, corners) for x, y in points]


def test_a_long_lasso_over_a_million_points_takes_a_moment() -> None:
    angles = np.linspace(0, 2 * np.pi, 500, endpoint=False)
    points = np.random.default_rng(0).uniform(-1, 1, size=(1_000_000, 2)).astype(np.float32)
    started = time.perf_counter()
    inside = points_in_polygon(points, 0.9 * np.column_stack([np.cos(angles), np.sin(angles)]))
    assert time.perf_counter() - started < 3
    assert inside.mean() == pytest.approx(np.pi * 0.81 / 4, abs=0.003)


def test_box_includes_its_border_in_either_order() -> None:
    points = np.array([[0, 0], [1, 2], [1.1, 1], [0.5, 1], [np.nan, 1]])
    expected = [True, True, False, True, False]
    assert points_in_box(points, (0, 1), (0, 2)).tolist() == expected
    assert points_in_box(points, (1, 0), (2, 0)).tolist() == expected
