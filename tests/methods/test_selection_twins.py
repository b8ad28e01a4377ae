"""The selection methods beside plain ones, written from METHODS.md and the papers' equations: slow, exact, no cleverness."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tamis.compute.refine.weights import update_weights
from tamis.compute.select.allocate import allocate, allocate_with_floor
from tamis.compute.select.cluster_picks import kmq_released
from tamis.compute.select.deita import deita
from tamis.compute.select.draw import Odds
from tamis.compute.select.facility_location import facility_location
from tamis.compute.select.k_center import k_center
from tamis.compute.select.kmq import kmq
from tamis.compute.select.qdit import qdit
from tamis.compute.select.semdedup import mark_near_duplicates
from tests.support.scale import examples, times

SURE = 5.6  # standard deviations: a normal number lies beyond in 2 of 100 million cases, so 40 looks fail in 1e-6


def cloud(n: int, d: int, seed: int) -> np.ndarray:
    """Unit vectors in a few loose groups, some of them near copies of others."""
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((max(2, n // 12), d))
    vectors = centres[rng.integers(len(centres), size=n)] + 0.5 * rng.standard_normal((n, d))
    copies = rng.integers(n, size=n // 6)
    vectors[rng.permutation(n)[: copies.size]] = vectors[copies] + 0.02 * rng.standard_normal(
        (copies.size, d)
    )
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def cosines(vectors: np.ndarray) -> np.ndarray:
    wide = vectors.astype(np.float64)
    wide = wide / np.linalg.norm(wide, axis=1, keepdims=True)
    return wide @ wide.T


# Division of a budget (1.8)


def quota_twin(total: int, weights: list[int], available: list[int]) -> list[int]:
    """The pseudo-code of 1.8 in exact fractions."""
    share = [0] * len(weights)
    total = min(total, sum(available))
    while sum(share) < total:
        left = total - sum(share)
        unfilled = [j for j in range(len(weights)) if available[j] > share[j]]
        weighted = [j for j in unfilled if weights[j] > 0]
        parts = {j: Fraction(weights[j]) for j in weighted} or {j: Fraction(1) for j in unfilled}
        exact = {j: left * w / sum(parts.values()) for j, w in parts.items()}
        whole = {j: math.floor(r) for j, r in exact.items()}
        by_rest = sorted(parts, key=lambda j: (-(exact[j] - whole[j]), j))
        for j in by_rest[: left - sum(whole.values())]:
            whole[j] += 1
        for j, more in whole.items():
            share[j] = min(share[j] + more, available[j])
    return share


CLUSTERS = st.integers(1, 7).flatmap(
    lambda k: st.tuples(
        st.lists(st.integers(0, 40), min_size=k, max_size=k),
        st.lists(st.integers(0, 15), min_size=k, max_size=k),
    )
)


@examples(400, derandomize=True)
@given(CLUSTERS, st.integers(0, 80))
def test_a_budget_is_divided_as_the_pseudo_code_says(
    clusters: tuple[list[int], list[int]], total: int
) -> None:
    weights, available = clusters
    assert allocate(total, weights, available).tolist() == quota_twin(total, weights, available)


@examples(300, derandomize=True)
@given(CLUSTERS, st.integers(0, 80), st.data())
def test_floors_are_kept_and_the_others_divide_the_rest(
    clusters: tuple[list[int], list[int]], total: int, data: st.DataObject
) -> None:
    weights, available = clusters
    least = [data.draw(st.integers(0, have)) for have in available]
    total = max(total, sum(least))
    share = allocate_with_floor(total, weights, available, least)
    assert all(low <= got <= have for low, got, have in zip(least, share, available, strict=True))
    assert share.sum() == min(total, sum(available))
    # Whoever would have less than its floor has the floor, and the others divide what that leaves, as often as needed.
    free = list(range(len(least)))
    while True:
        left = total - sum(least[j] for j in range(len(least)) if j not in free)
        alone = dict(
            zip(free, quota_twin(left, [weights[j] for j in free], [available[j] for j in free]), strict=True)
        )
        short = [j for j in free if alone[j] < least[j]]
        if not short:
            break
        free = [j for j in free if j not in short]
    assert share.tolist() == [alone.get(j, least[j]) for j in range(len(least))]


# kMQ's draw (1.1)


def inclusion_twin(odds: list[float], m: int) -> list[float]:
    """Chance of each row to be among ``m`` weighted draws, one after the other, by going through all orders."""
    chance = [0.0] * len(odds)
    for order in itertools.permutations(range(len(odds)), m):
        p, left = 1.0, sum(odds)
        for row in order:
            p *= odds[row] / left
            left -= odds[row]
        for row in order:
            chance[row] += p
    return chance


QUALITY = [0.2, 1.5, 0.7, 3.0, 0.7]
ODDS = [
    (Odds("linear"), QUALITY),
    # Of a row and its many copies, which all tie, the mean rank in units of their number.
    (Odds("rank"), [0.5, 3.5, 2.0, 4.5, 2.0]),
    (Odds("softmax", 0.5), [math.exp(q / (0.5 * np.std(QUALITY))) for q in QUALITY]),
    (Odds("softmax", 2.0, in_spreads=False), [math.exp(q / 2.0) for q in QUALITY]),
]


@pytest.mark.parametrize(("odds", "expected"), ODDS)
@pytest.mark.parametrize("m", [1, 2, 3])
def test_draws_inside_a_cluster_follow_the_law_of_one_draw_after_the_other(
    odds: Odds, expected: list[float], m: int
) -> None:
    copies = times(6000, 60_000)  # clusters that are alike, so that one call is so many independent draws
    drawn = kmq(
        np.repeat(np.arange(copies), 5),
        np.tile(QUALITY, copies),
        budget=m * copies,
        n_clusters=copies,
        odds=odds,
        rng=np.random.default_rng(11 + m),
    )
    assert (drawn.allocated[:-1] == m).all()
    share = np.bincount(drawn.rows % 5, minlength=5) / copies
    law = np.array(inclusion_twin(expected, m))
    spread = np.sqrt(law * (1 - law) / copies)
    assert (np.abs(share - law) <= SURE * spread + 1e-12).all()


def test_the_released_code_draws_by_whole_scores() -> None:
    copies = times(6000, 60_000)
    scores = [0.9, 1.7, 2.2, -1.5]
    drawn = kmq_released(
        np.repeat(np.arange(copies), 4),
        np.tile(scores, copies),
        budget=2 * copies + 1,
        n_clusters=copies,
        rng=np.random.default_rng(4),
    )
    assert drawn.shortfall == 1
    law = np.array(inclusion_twin([math.exp(int(s)) for s in scores], 2))
    share = np.bincount(drawn.rows % 4, minlength=4) / copies
    assert (np.abs(share - law) <= SURE * np.sqrt(law * (1 - law) / copies)).all()


# k-center (1.3)


def k_center_twin(vectors: np.ndarray, first: int, budget: int) -> list[int]:
    picked = [first]
    while len(picked) < budget:

        def away(i: int) -> float:
            return min(math.dist(vectors[i].tolist(), vectors[c].tolist()) for c in picked)

        rest = [i for i in range(len(vectors)) if i not in picked]
        picked.append(max(rest, key=lambda i: (away(i), -i)))
    return picked


@examples(40, derandomize=True)
@given(st.integers(0, 10_000), st.integers(8, 30), st.integers(2, 8))
def test_k_center_takes_the_farthest_row_again_and_again(seed: int, n: int, budget: int) -> None:
    vectors = np.random.default_rng(seed).standard_normal((n, 5)).astype(np.float32)
    rows = k_center(vectors, budget=budget, rng=np.random.default_rng(seed)).rows.tolist()
    assert rows == k_center_twin(vectors.astype(np.float64), rows[0], budget)


def test_k_center_is_within_twice_the_best_radius() -> None:
    for seed in range(times(6, 60)):
        vectors = np.random.default_rng(seed).standard_normal((11, 2)).astype(np.float32)
        away = np.linalg.norm(vectors[:, None].astype(np.float64) - vectors[None], axis=2)
        best = min(away[list(some)].min(axis=0).max() for some in itertools.combinations(range(11), 3))
        rows = k_center(vectors, budget=3, rng=np.random.default_rng(seed)).rows
        assert away[rows].min(axis=0).max() <= 2 * best + 1e-6


# QDIT and facility location (4.2)


def cover(cosine: np.ndarray, picked: list[int], start: float) -> float:
    return float(np.maximum(cosine[:, picked].max(axis=1), start).mean()) if picked else start


@examples(60, derandomize=True)
@given(
    seed=st.integers(0, 10_000),
    n=st.integers(10, 40),
    budget=st.integers(1, 8),
    weight=st.sampled_from([0.0, 0.3, 0.7, 0.95]),
    start=st.sampled_from([0.0, -1.0]),
    balanced=st.booleans(),
)
def test_qdit_always_picks_a_row_that_adds_most(
    seed: int, n: int, budget: int, weight: float, start: float, *, balanced: bool
) -> None:
    vectors, quality = cloud(n, 6, seed), np.random.default_rng(seed).normal(3.0, 2.0, n)
    spread_over = float(budget) if balanced else 1.0
    rows = qdit(
        vectors, quality, budget=budget, alpha=weight, spread_over=spread_over, start_value=start
    ).rows.tolist()
    cosine, scaled = cosines(vectors), (quality - quality.min()) / np.ptp(quality)

    def value(a: int, before: list[int]) -> float:
        gain = cover(cosine, [*before, a], start) - cover(cosine, before, start)
        return (1 - weight) * gain + weight * scaled[a] / spread_over

    for t, row in enumerate(rows):
        best = max(value(a, rows[:t]) for a in range(n) if a not in rows[:t])
        assert value(row, rows[:t]) >= best - 2e-6 * max(1.0, best)


@examples(60, derandomize=True)
@given(st.integers(0, 10_000), st.integers(10, 40), st.integers(1, 8))
def test_facility_location_always_picks_a_row_that_covers_most(seed: int, n: int, budget: int) -> None:
    """Not the rows of a naive run: of a pair that is alone either covers as much, and rounding decides which."""
    vectors = cloud(n, 6, seed)
    cosine, rows = cosines(vectors), facility_location(vectors, budget=budget).rows.tolist()
    for t in range(budget):
        best = max(cover(cosine, [*rows[:t], a], 0.0) for a in range(n) if a not in rows[:t])
        assert cover(cosine, rows[: t + 1], 0.0) == pytest.approx(best, abs=2e-6)


def test_facility_location_reaches_its_part_of_the_best_possible_coverage() -> None:
    for seed in range(times(5, 50)):
        vectors = cloud(12, 4, seed)
        cosine = cosines(vectors)
        best = max(cover(cosine, list(some), 0.0) for some in itertools.combinations(range(12), 3))
        rows = facility_location(vectors, budget=3).rows.tolist()
        assert cover(cosine, rows, 0.0) >= (1 - 1 / math.e) * best - 1e-9


def test_qdit_balances_both_parts_where_the_older_sum_was_the_best_scores() -> None:
    vectors = cloud(600, 12, 3)
    quality = np.random.default_rng(0).normal(size=600)
    top = set(np.argsort(-quality)[:60].tolist())
    cosine = cosines(vectors)
    random_cover = cover(cosine, np.random.default_rng(1).permutation(600)[:60].tolist(), 0.0)
    older = qdit(vectors, quality, budget=60, alpha=0.7).rows.tolist()
    newer = qdit(vectors, quality, budget=60, alpha=0.7, spread_over=60).rows.tolist()
    assert len(top & set(older)) >= 58
    assert len(top & set(newer)) <= 56
    assert cover(cosine, newer, 0.0) > max(cover(cosine, older, 0.0), random_cover)
    assert quality[newer].mean() > 1.2


# DEITA (4.1)


def deita_twin(vectors: np.ndarray, score: np.ndarray, budget: int, rule: str, threshold: float) -> list[int]:
    cosine, kept = cosines(vectors), []
    for i in sorted(range(len(score)), key=lambda i: (-score[i], i)):
        if len(kept) == budget:
            break
        if rule == "cosine":
            near = any(cosine[i, j] > threshold for j in kept)
        elif rule == "squared_l2":
            near = any(sum((vectors[i] - vectors[j]).astype(np.float64) ** 2) < threshold for j in kept)
        else:
            near = any(1 - cosine[i, j] < threshold for j in range(len(score)) if j != i)
        if not near:
            kept.append(i)
    return kept


@examples(60, derandomize=True)
@given(
    seed=st.integers(0, 10_000),
    n=st.integers(2, 40),
    budget=st.integers(1, 12),
    threshold=st.floats(0.2, 0.95),
    negative=st.booleans(),
)
@pytest.mark.parametrize("rule", ["cosine", "squared_l2", "distance"])
def test_deita_walks_down_the_scores(
    rule: str, seed: int, n: int, budget: int, threshold: float, *, negative: bool
) -> None:
    vectors = cloud(max(n, 2), 6, seed)
    score = np.random.default_rng(seed).integers(0, 6, n).astype(float) - (9.0 if negative else 0.0)
    limit = threshold if rule != "distance" else threshold / 10
    found = deita(vectors[:n], score, budget=budget, rule=rule, threshold=limit)
    assert found.rows.tolist() == deita_twin(vectors[:n], score, budget, rule, limit)
    assert found.shortfall == budget - len(found.rows)


# SemDeDup (4.6)


@examples(60, derandomize=True)
@given(
    st.integers(0, 10_000),
    st.integers(10, 40),
    st.floats(0.5, 0.97),
    st.sampled_from(["farthest", "closest"]),
)
def test_semdedup_drops_what_resembles_a_row_ahead(seed: int, n: int, threshold: float, keep: str) -> None:
    vectors = cloud(n, 6, seed)
    ids = np.random.default_rng(seed).integers(-1, 3, n)
    marked = mark_near_duplicates(vectors, ids, n_clusters=3, threshold=threshold, keep=keep)
    cosine, dropped = cosines(vectors), set()
    for j in range(3):
        rows = np.flatnonzero(ids == j).tolist()
        if not rows:
            continue
        centre = vectors[rows].astype(np.float64).mean(axis=0)
        typical = {i: float(vectors[i].astype(np.float64) @ centre / np.linalg.norm(centre)) for i in rows}
        by_typicality = sorted(typical.values())
        # What float32 cannot tell apart is ordered by rounding: the two rows of a cluster of two, for one.
        assume(all(b - a > 3e-6 for a, b in itertools.pairwise(by_typicality)))
        order = sorted(rows, key=lambda i: typical[i] * (1 if keep == "farthest" else -1))
        for at, i in enumerate(order):
            if any(cosine[i, ahead] > threshold for ahead in order[:at]):
                dropped.add(i)
    assert set(np.flatnonzero(marked.dropped).tolist()) == dropped


# Eq. 6 (1.8)


@examples(200, derandomize=True)
@given(st.data())
def test_equation_6_as_it_is_mended(data: st.DataObject) -> None:
    k = data.draw(st.integers(1, 6))
    weights = [w / 1000 for w in data.draw(st.lists(st.integers(1, 1000), min_size=k, max_size=k))]
    scores = [s / 100 for s in data.draw(st.lists(st.integers(-300, 300), min_size=k, max_size=k))]
    found = update_weights(weights, scores, [5] * k, mode="paper")
    most = max(scores)
    raw = [w * max(s, 1e-6 * most) if most > 0 else w for w, s in zip(weights, scores, strict=True)]
    assert found == pytest.approx([w / sum(raw) for w in raw], rel=1e-9, abs=1e-15)


def test_twins_see_enough_kinds_of_rows() -> None:
    near = Counter(int((cosines(cloud(40, 6, seed)) > 0.97).sum() > 40) for seed in range(20))
    assert near[1] >= 15, "hardly any cloud holds near copies: the twins would look at nothing"
