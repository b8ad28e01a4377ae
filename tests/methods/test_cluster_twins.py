"""Clusters, the choice of their number, and the map beside plain loops (METHODS.md 1.2, 6.2, 6.4)."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tamis.compute.cluster.choose_k import choose_k, null_vectors, simplified_silhouette, standard_silhouette
from tamis.compute.cluster.density import assign_noise, hdbscan_clusters
from tamis.compute.cluster.kmeans import assign, by_size, kmeans
from tamis.compute.map.polygon import points_in_polygon
from tamis.compute.neighbours import nearest
from tests.methods.test_selection_twins import cloud, cosines
from tests.support.scale import examples, times


@examples(60, derandomize=True)
@given(st.integers(0, 10_000), st.integers(3, 60), st.integers(1, 6))
def test_every_row_is_at_the_centroid_of_highest_cosine(seed: int, n: int, k: int) -> None:
    vectors = cloud(n, 5, seed)
    found = kmeans(vectors, min(k, n), rng=np.random.default_rng(seed))
    centres = found.centroids.astype(np.float64)
    for row in range(n):
        mine = vectors[row].astype(np.float64) / np.linalg.norm(vectors[row].astype(np.float64))
        similar = [float(mine @ c / np.linalg.norm(c)) for c in centres]
        assert similar[found.cluster_id[row]] >= max(similar) - 1e-6
        assert found.distance[row] == pytest.approx(1 - max(similar), abs=2e-6)
    sizes = np.bincount(found.cluster_id, minlength=found.n_clusters)
    assert (sizes > 0).all()
    assert (np.diff(sizes) <= 0).all()


def test_a_trained_centroid_is_the_direction_of_its_rows() -> None:
    """The fixed point of Lloyd's iteration on the sphere, where all rows trained and all iterations were done."""
    for seed in range(times(4, 40)):
        vectors = cloud(200, 6, seed)
        found = kmeans(vectors, 5, n_iterations=80, rng=np.random.default_rng(seed))
        for j in range(found.n_clusters):
            mean = vectors[found.cluster_id == j].astype(np.float64).sum(axis=0)
            assert found.centroids[j] @ mean / np.linalg.norm(mean) == pytest.approx(1.0, abs=1e-4)


def test_no_plain_start_does_much_better() -> None:
    """Mean cosine to the own centroid against twenty plain runs from random rows."""
    vectors = cloud(150, 6, 2)
    found = kmeans(vectors, 6, n_iterations=30, n_restarts=2, rng=np.random.default_rng(0))
    wide, best = vectors.astype(np.float64), -math.inf
    for seed in range(20):
        centres = wide[np.random.default_rng(seed).choice(150, 6, replace=False)]
        for _ in range(30):
            ids = (wide @ centres.T).argmax(axis=1)
            sums = np.array(
                [wide[ids == j].sum(axis=0) if (ids == j).any() else centres[j] for j in range(6)]
            )
            centres = sums / np.linalg.norm(sums, axis=1, keepdims=True)
        best = max(best, float((wide @ centres.T).max(axis=1).mean()))
    assert 1 - float(found.distance.mean()) >= best - 0.03


@examples(60, derandomize=True)
@given(st.lists(st.integers(-1, 4), min_size=1, max_size=20))
def test_cluster_0_is_the_largest_and_ids_have_no_gap(ids: list[int]) -> None:
    new, old = by_size(np.array(ids), 5)
    order = sorted({j for j in ids if j >= 0}, key=lambda j: (-ids.count(j), j))
    assert new.tolist() == [order.index(j) if j >= 0 else -1 for j in ids]
    assert old.tolist() == order


@examples(40, derandomize=True)
@given(st.integers(0, 10_000), st.integers(4, 40), st.integers(2, 4))
def test_silhouettes_are_those_of_the_definitions(seed: int, n: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    points, centroids = rng.normal(size=(n, 3)).astype(np.float32), rng.normal(size=(k, 3)).astype(np.float32)
    total = 0.0
    for row in points.tolist():
        d1, d2 = sorted(math.dist(row, c) ** 2 for c in centroids.tolist())[:2]
        total += (d2 - d1) / d2 if d2 else 0.0
    assert simplified_silhouette(points, centroids) == pytest.approx(total / n, abs=1e-5)
    ids = rng.integers(0, k, n)
    sizes = np.bincount(ids, minlength=k)
    if not 2 <= (sizes > 0).sum() < n:
        return
    parts = []
    for i in range(n):
        away = {
            j: [math.dist(points[i].tolist(), points[m].tolist()) for m in range(n) if ids[m] == j and m != i]
            for j in range(k)
        }
        own = away[int(ids[i])]
        if not own:
            parts.append(0.0)
            continue
        a = sum(own) / len(own)
        b = min(sum(d) / len(d) for j, d in away.items() if j != ids[i] and d)
        parts.append((b - a) / max(a, b) if max(a, b) else 0.0)
    found = standard_silhouette(points, ids, rng=np.random.default_rng(0))
    assert found == pytest.approx(sum(parts) / n, abs=1e-5)


def test_the_chosen_k_is_the_largest_gap_of_its_own_table_or_the_square_root() -> None:
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((6, 16))
    planted = centres[rng.integers(6, size=500)] + 0.15 * rng.standard_normal((500, 16))
    for vectors, structured in ((planted, True), (rng.standard_normal((500, 16)), False)):
        unit = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
        found = choose_k(unit, (3, 6, 12, 24), n_null=1, rng=np.random.default_rng(1))
        gaps = {
            s.k: ((s.simplified - s.null_simplified) + (s.standard - s.null_standard)) / 2
            for s in found.table
        }
        assert all(s.difference == pytest.approx(gaps[s.k]) for s in found.table)
        best = max(gaps, key=lambda k: gaps[k])
        assert found.structure == (gaps[best] >= 0.02) == structured
        assert found.k == (best if structured else min(24, max(3, round(math.sqrt(500 / 2)))))
    assert found.k == 16


def test_both_nulls_keep_what_they_say() -> None:
    rng = np.random.default_rng(0)
    wide = rng.standard_normal((4000, 4)) @ rng.standard_normal((4, 4)) + [4.0, 1.0, -2.0, 3.0]
    unit = (wide / np.linalg.norm(wide, axis=1, keepdims=True)).astype(np.float32)
    permuted = null_vectors(unit, kind="permuted", rng=rng)
    assert np.allclose(np.linalg.norm(permuted, axis=1), 1, atol=1e-5)
    # Shuffled columns keep their marginals up to the scaling, and lose what ties them together.
    before, after = np.corrcoef(unit, rowvar=False), np.corrcoef(permuted, rowvar=False)
    assert np.abs(after - np.eye(4)).mean() < np.abs(before - np.eye(4)).mean()


# HDBSCAN (6.2)


Edges = list[tuple[float, int, int]]


def reachability_tree(points: np.ndarray, min_samples: int) -> Edges:
    """The edges of a minimum spanning tree of mutual reachability, by Prim's rule on the full matrix."""
    away = np.linalg.norm(points[:, None] - points[None], axis=2)
    core = np.sort(away, axis=1)[:, min_samples]
    mutual = np.maximum(np.maximum(core[:, None], core[None]), away)
    inside, edges = {0}, []
    while len(inside) < len(points):
        edge = min((mutual[i, j], i, j) for i in inside for j in range(len(points)) if j not in inside)
        edges.append(edge)
        inside.add(edge[2])
    return edges


def connected(rows: frozenset[int], edges: Edges, below: float) -> list[frozenset[int]]:
    """Connected parts of ``rows`` by the edges shorter than ``below``."""
    part_of = {row: row for row in rows}

    def root(row: int) -> int:
        while part_of[row] != row:
            row = part_of[row]
        return row

    for length, i, j in edges:
        if length < below and i in rows and j in rows:
            part_of[root(i)] = root(j)
    return [frozenset(r for r in rows if root(r) == one) for one in {root(r) for r in rows}]


def next_split(rows: frozenset[int], edges: Edges, size: int) -> tuple[float, list[frozenset[int]]]:
    """1/distance at which rows next fall out of a cluster, and its parts of at least ``size`` rows then."""
    cut = max(length for length, i, j in edges if i in rows and j in rows)
    return 1 / cut, [part for part in connected(rows, edges, cut) if len(part) >= size]


def most_stable(
    rows: frozenset[int], edges: Edges, size: int, birth: float
) -> tuple[float, list[frozenset[int]]]:
    """Excess of mass of a cluster born at 1/distance ``birth``, or of the best clusters inside it if they have more."""
    mass, here = 0.0, rows
    while True:
        level, big = next_split(here, edges, size)
        if len(big) > 1:
            mass += len(here) * (level - birth)
            below = [most_stable(part, edges, size, level) for part in big]
            inside = sum(one for one, _ in below)
            return (inside, [c for _, found in below for c in found]) if inside > mass else (mass, [rows])
        stays = big[0] if big else frozenset()
        mass += (len(here) - len(stays)) * (level - birth)
        if not stays:
            return mass, [rows]
        here = stays


def density_twin(points: np.ndarray, size: int, min_samples: int) -> set[frozenset[int]]:
    """Clusters by excess of mass (Campello et al. 2013), from the definition; all rows together are no cluster."""
    edges, here = reachability_tree(points, min_samples), frozenset(range(len(points)))
    while True:
        level, big = next_split(here, edges, size)
        if len(big) > 1:
            return {c for part in big for c in most_stable(part, edges, size, level)[1]}
        if not big:
            return set()
        here = big[0]


@pytest.mark.parametrize("seed", range(4))
def test_density_clusters_are_the_most_stable_ones(seed: int) -> None:
    rng = np.random.default_rng(seed)
    centres = rng.uniform(-6, 6, (3, 2))
    points = np.vstack([rng.normal(c, s, (14, 2)) for c, s in zip(centres, (0.3, 0.5, 0.4), strict=True)])
    points = np.vstack([points, rng.uniform(-9, 9, (6, 2))]).astype(np.float32)
    found = hdbscan_clusters(points, min_cluster_size=6, min_samples=4)
    mine = {frozenset(np.flatnonzero(found.cluster_id == j).tolist()) for j in range(found.n_clusters)}
    assert mine == density_twin(points.astype(np.float64), 6, 4)


@examples(25, derandomize=True)
@given(st.integers(0, 10_000), st.integers(2, 60), st.integers(2, 10), st.sampled_from(["eom", "leaf"]))
def test_what_density_clusters_promise(seed: int, n: int, size: int, method: str) -> None:
    rng = np.random.default_rng(seed)
    points = (rng.integers(0, 4, (n, 1)) * 3 + rng.normal(0, 0.4, (n, 3))).astype(np.float32)
    found = hdbscan_clusters(points, min_cluster_size=size, method=method)
    ids, member = found.cluster_id, found.membership
    sizes = [int((ids == j).sum()) for j in range(found.n_clusters)]
    assert set(ids.tolist()) <= {-1, *range(found.n_clusters)}
    assert all(one >= size for one in sizes)
    assert sizes == sorted(sizes, reverse=True)
    assert found.noise_fraction == pytest.approx(float(np.mean(ids == -1)))
    assert ((member >= 0) & (member <= 1) & ((ids >= 0) | (member == 0))).all()
    placed = assign_noise(points, ids)
    assert (placed[ids >= 0] == ids[ids >= 0]).all()
    assert (placed >= 0).all() or found.n_clusters == 0


@examples(60, derandomize=True)
@given(st.integers(0, 10_000), st.integers(1, 40), st.integers(1, 12))
def test_nearest_rows_are_those_of_a_full_sort(seed: int, n: int, k: int) -> None:
    vectors = cloud(max(n, 2), 5, seed)[:n]
    query = np.random.default_rng(seed + 1).standard_normal(5)
    rows, found = nearest(vectors, query, k)
    similar = (vectors.astype(np.float64) @ query) / np.linalg.norm(query)
    best = sorted(range(n), key=lambda i: -similar[i])[: min(k, n)]
    assert similar[rows] == pytest.approx(similar[best], abs=1e-6)
    assert found == pytest.approx(similar[rows], abs=1e-5)
    assert assign(vectors[:1], vectors[:1])[0].tolist() == [0]
    assert cosines(vectors[rows[:1]])[0, 0] == pytest.approx(1.0)


@examples(80, derandomize=True)
@given(st.data())
def test_a_lasso_holds_the_points_whose_ray_crosses_its_line_an_odd_number_of_times(
    data: st.DataObject,
) -> None:
    corner = st.tuples(st.integers(0, 8), st.integers(0, 8))
    polygon = data.draw(st.lists(corner, min_size=3, max_size=7))
    # Points off the grid of corners, so that none lies on a corner's height.
    points = [(x + 0.37, y + 0.53) for x in range(-1, 9) for y in range(-1, 9)]
    inside = points_in_polygon(np.array(points), polygon)
    for (x, y), found in zip(points, inside, strict=True):
        crossed = 0
        for (x1, y1), (x2, y2) in zip(polygon, polygon[1:] + polygon[:1], strict=True):
            if (y1 > y) != (y2 > y):
                at = x1 + (y - y1) * (x2 - x1) / (y2 - y1)
                if abs(at - x) < 1e-9:
                    break
                crossed += at > x
        else:
            assert found == (crossed % 2 == 1)
