"""NovelSum and NovelSelect, log-determinant, MIG and smoothing beside golden numbers and their definitions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from tamis.compute import nearest_rows as nearest_module
from tamis.compute.compare.novel_sum import novel_sum
from tamis.compute.compare.selections import log_det_per_row
from tamis.compute.neighbour_smoothing import smooth
from tamis.compute.select import log_det_walk
from tamis.compute.select.information_gain import (
    gain_of_row,
    information,
    information_gain,
    label_similarity,
    propagation,
    row_information,
    shifted_scores,
    total_told,
)
from tamis.compute.select.log_det import Kernel, check_room, log_det, log_det_gains, strengths
from tamis.compute.select.log_det_kernel import RIDGE
from tamis.compute.select.novelty import density, novel_select
from tamis.errors import CurationError, InvalidOptions


def at_angles(*degrees: float) -> np.ndarray:
    angle = np.deg2rad(degrees)
    return np.c_[np.cos(angle), np.sin(angle)].astype(np.float32)


FOUR = at_angles(0, 10, 90, 180)
ALL = np.arange(4)


def pool(n: int, d: int = 6, seed: int = 0) -> np.ndarray:
    vectors = np.random.default_rng(seed).standard_normal((n, d))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


# NovelSum and NovelSelect


def test_novel_sum_is_the_golden_number_and_the_plain_one_beside_it() -> None:
    assert density(FOUR, ALL, n_neighbours=1) == pytest.approx(
        [5.736857, 5.736857, 0.777862, 0.707107], abs=2e-6
    )
    found = novel_sum(FOUR, ALL, n_neighbours=1)
    assert (found.value, found.without_density) == pytest.approx((1.349377, 0.513395), abs=1e-6)
    without = novel_sum(FOUR, np.array([0, 2, 3]), n_neighbours=1)
    assert (without.value, without.without_density) == pytest.approx((1.484759, 0.575758), abs=1e-6)


def test_every_row_of_the_golden_novel_sum_is_the_plain_one_with_its_own_distance_at_the_first_rank() -> None:
    apart = density(FOUR, ALL, n_neighbours=1)[:, None] * (1 - FOUR.astype(float) @ FOUR.T)

    def averaged(own: int) -> np.ndarray:
        ranked = np.sort(apart, axis=1)[:, own:]
        weight = 1 / np.arange(1, ranked.shape[1] + 1)
        return ranked @ weight / weight.sum()

    assert averaged(0) == pytest.approx([2.315660, 2.145810, 0.372070, 0.563967], abs=2e-6)
    found = novel_sum(FOUR, ALL, n_neighbours=1).value
    assert found == pytest.approx(averaged(0).mean(), abs=1e-6)
    assert averaged(1).mean() == pytest.approx(2.209693, abs=2e-6) != found


def test_a_set_that_is_its_own_reference_gains_by_a_near_copy_and_a_fixed_pool_does_not_let_it() -> None:
    three = np.array([0, 2, 3])
    alone = novel_sum(FOUR, three, reference=three, n_neighbours=1).value
    assert alone == pytest.approx(0.407122, abs=1e-6)
    assert novel_sum(FOUR, ALL, reference=ALL, n_neighbours=1).value > 3 * alone
    assert novel_sum(FOUR, ALL, n_neighbours=1).value < novel_sum(FOUR, three, n_neighbours=1).value


def test_copies_in_the_reference_count_once_and_few_rows_have_as_many_neighbours_as_there_are() -> None:
    twice = np.concatenate([FOUR, FOUR])
    assert density(twice, np.arange(8), n_neighbours=1)[:4] == pytest.approx(
        density(FOUR, ALL, n_neighbours=1)
    )
    squares = ((FOUR[:, None].astype(float) - FOUR[None]) ** 2).sum(axis=2)
    assert density(FOUR, ALL) == pytest.approx((squares.sum(axis=1) / 3 + 1e-9) ** -0.5, rel=1e-5)
    away = ((at_angles(45).astype(float) - FOUR) ** 2).sum(axis=1).mean()
    assert density(np.r_[FOUR, at_angles(45)], np.array([4]), reference=ALL) == pytest.approx(
        away**-0.5, rel=1e-5
    )


def test_the_nearest_of_many_are_those_of_a_full_sort() -> None:
    vectors = pool(500)
    squares = ((vectors[:, None].astype(float) - vectors[None]) ** 2).sum(axis=2)
    nearest = np.sort(squares, axis=1)[:, 1:4].mean(axis=1)
    assert density(vectors, np.arange(500), n_neighbours=3) == pytest.approx(
        (nearest + 1e-9) ** -0.5, rel=1e-5
    )


def test_a_large_selection_is_measured_by_parts_with_their_spread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tamis.compute.compare.novel_sum.MOST_ROWS", 50)
    monkeypatch.setattr("tamis.compute.compare.novel_sum.PART_ROWS", 30)
    found = novel_sum(pool(80), np.arange(80))
    assert found.spread > 0
    assert found.n == 80
    assert np.isnan(novel_sum(pool(20), np.arange(20)).spread)
    assert np.isnan(novel_sum(pool(20), np.arange(0)).value)


def test_novel_select_takes_the_golden_rows() -> None:
    crowding = density(FOUR, ALL, n_neighbours=1)
    found = novel_select(FOUR, crowding, budget=3, expected_picks=3, miss=0, first=0)
    assert found.rows.tolist() == [0, 3, 1]


def plain_novel_select(vectors: np.ndarray, crowding: np.ndarray, budget: int, first: int) -> list[int]:
    apart = 1 - vectors.astype(float) @ vectors.T.astype(float)
    rows = [first]
    while len(rows) < budget:
        value = np.full(len(vectors), -np.inf)
        for row in range(len(vectors)):
            if row not in rows:
                ranked = sorted(apart[row, one] * (crowding[row] + crowding[one]) for one in rows)
                value[row] = sum(v / (rank + 1) for rank, v in enumerate(ranked)) / len(rows)
        rows.append(int(np.argmax(value)))
    return rows


@settings(max_examples=15, deadline=None)
@given(n=st.integers(3, 25), seed=st.integers(0, 99), data=st.data())
def test_novel_select_over_all_rows_is_the_plain_loop(n: int, seed: int, data: st.DataObject) -> None:
    budget, first = data.draw(st.integers(1, n)), data.draw(st.integers(0, n - 1))
    vectors = pool(n, seed=seed)
    crowding = density(vectors, np.arange(n), n_neighbours=3)
    found = novel_select(vectors, crowding, budget=budget, expected_picks=budget, miss=0, first=first)
    assert found.rows.tolist() == plain_novel_select(vectors, crowding, budget, first)


def test_a_random_part_of_the_rows_keeps_most_of_the_gain_over_random() -> None:
    vectors, budget = pool(300, 12), 40
    crowding = density(vectors, np.arange(300))

    def worth(miss: float, seed: int = 0) -> float:
        given_ = {"budget": budget, "expected_picks": budget, "miss": miss, "seed": seed}
        return novel_sum(vectors, novel_select(vectors, crowding, **given_).rows).value

    rng = np.random.default_rng(0)
    by_chance = np.mean([novel_sum(vectors, rng.choice(300, budget, replace=False)).value for _ in range(10)])
    part, whole = np.mean([worth(0.05, seed) for seed in range(4)]), worth(0.0)
    assert (part - by_chance) / (whole - by_chance) > 0.6


# log-determinant


def test_log_det_takes_the_golden_rows_with_the_golden_gains_which_are_the_best_there_are() -> None:
    strength = np.array([1, 1, 1.2, 0.9])
    kernel = Kernel(FOUR, ALL, gaussian=False, strength=strength)
    gains = log_det_gains(kernel, np.array([2, 0, 1]))
    assert gains == pytest.approx([0.459953, 0.095310, -1.655958], abs=1e-5)
    assert gains.sum() == pytest.approx(-1.100694, abs=1e-5)
    quality = [0.0, 0.0, 1.0, np.nan]
    assert log_det(FOUR, quality, budget=1, quality_weight=1).rows.tolist() == [2]
    assert strengths([3.0, 1.0, np.nan], 3, 1.0) == pytest.approx(np.exp([1.0, 0.0, 0.5]))
    assert strengths([3.0], 1, 0.0) is None


@settings(max_examples=20, deadline=None)
@given(n=st.integers(2, 30), seed=st.integers(0, 99), gaussian=st.booleans(), data=st.data())
def test_every_row_taken_adds_most_to_the_determinant(
    n: int, seed: int, gaussian: bool, data: st.DataObject
) -> None:
    budget = data.draw(st.integers(1, n))
    vectors, quality = pool(n, seed=seed), np.random.default_rng(seed).random(n)
    rows = log_det(vectors, quality, budget=budget, gaussian=gaussian, quality_weight=0.5).rows
    assert len(set(rows.tolist())) == budget
    kernel = Kernel(vectors, np.arange(n), gaussian=gaussian, strength=strengths(quality, n, 0.5))
    whole = kernel.matrix(np.arange(n))
    for step in range(budget):
        before = rows[:step].tolist()
        worth = [
            -np.inf if one in before else np.linalg.slogdet(whole[np.ix_([*before, one], [*before, one])])[1]
            for one in range(n)
        ]
        assert worth[rows[step]] == pytest.approx(max(worth), abs=1e-4)
    assert log_det_gains(kernel, rows).sum() == pytest.approx(
        np.linalg.slogdet(whole[np.ix_(rows, rows)])[1], abs=1e-6
    )


def test_past_the_dimension_a_cosine_kernel_gains_only_the_ridge_and_a_gaussian_one_more() -> None:
    vectors = pool(40, 3)
    flat = log_det_gains(Kernel(vectors, np.arange(40), gaussian=False), np.arange(40))[-10:]
    bent = log_det_gains(Kernel(vectors, np.arange(40), gaussian=True), np.arange(40))[-10:]
    assert flat == pytest.approx(np.log(0.1), abs=0.2)
    assert bent.std() > flat.std()


def test_copies_come_last_and_by_position_and_too_many_numbers_are_refused() -> None:
    vectors = np.concatenate([FOUR[:1], FOUR[:1], FOUR[2:3], FOUR[:1]])
    assert log_det(vectors, budget=4).rows.tolist() == [0, 2, 1, 3]
    with pytest.raises(CurationError, match="keeps a number"):
        check_room(1_000_000, 5000)
    with pytest.raises(CurationError, match="NaN"):
        log_det(np.full((3, 2), np.nan, dtype=np.float32), budget=2)


# MIG

SIMILAR = np.array([[1, 0.95, 0.2], [0.95, 1, 0.1], [0.2, 0.1, 1]])
LABELS = sparse.csr_matrix(np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 0, 1.0]]))
SCORES = [3.0, 3, 2, 1]


def test_mig_takes_the_golden_rows_by_gain_and_by_slope() -> None:
    taken = propagation(SIMILAR)
    assert taken[0] == pytest.approx([0.512821, 0.487179, 0], abs=1e-6)
    told = row_information(SCORES, LABELS, taken)
    first = [gain_of_row(told, np.zeros(3), row) for row in range(4)]
    assert first == pytest.approx([2.766148, 2.766148, 1.741086, 2.148593], abs=1e-6)
    by_gain = information_gain(told, budget=3).rows
    by_slope = information_gain(told, budget=3, gain="gradient").rows
    assert (by_gain.tolist(), by_slope.tolist()) == ([0, 1, 2], [0, 2, 1])
    for rows in (by_gain, by_slope):
        assert information(total_told(told, rows)).sum() == pytest.approx(6.557552, abs=1e-6)


def test_sending_keeps_what_there_is_and_receiving_averages() -> None:
    similar = np.array([[1, 0.95, 0.95], [0.95, 1, 0], [0.95, 0, 1]])
    sent = row_information(SCORES, LABELS, propagation(similar, direction="send"))
    assert np.asarray(sent.sum(axis=1)).ravel() == pytest.approx([3, 3, 2, 2])
    received = row_information(SCORES, LABELS, propagation(similar))
    assert np.asarray(received.sum(axis=1)).ravel() != pytest.approx([3, 3, 2, 2])
    halved = row_information(SCORES, LABELS, np.eye(3), per_label=True)
    assert halved.toarray()[3].tolist() == [0.5, 0, 0.5]
    assert label_similarity([[2.0, 0], [0, 3], [0, 0]]).diagonal().tolist() == [1, 1, 0]


@settings(max_examples=25, deadline=None)
@given(
    n=st.integers(1, 25), seed=st.integers(0, 99), gain=st.sampled_from(["exact", "gradient"]), data=st.data()
)
def test_the_lazy_heap_takes_what_a_plain_loop_does(
    n: int, seed: int, gain: str, data: st.DataObject
) -> None:
    budget = data.draw(st.integers(1, n))
    rng = np.random.default_rng(seed)
    labels = sparse.csr_matrix((rng.random((n, 5)) < 0.3).astype(float))
    told = row_information(
        rng.integers(0, 4, n), labels, propagation(label_similarity(pool(5, 3, seed)), threshold=0.3)
    )
    total, wanted = np.zeros(5), []
    for _ in range(budget):
        worth = [-1.0 if row in wanted else gain_of_row(told, total, row, gain) for row in range(n)]  # type: ignore[arg-type]
        wanted.append(int(np.argmax(worth)))
        total += told.toarray()[wanted[-1]]
    assert information_gain(told, budget=budget, gain=gain).rows.tolist() == wanted  # type: ignore[arg-type]


def test_scores_are_moved_to_zero_and_up_only_where_they_are_below() -> None:
    assert shifted_scores([1.0, 3.0, np.nan], 3).tolist() == [1, 3, 2]
    assert shifted_scores([-1.0, 3.0], 2).tolist() == [0, 4]
    assert shifted_scores([0.0, 0.0], 2).tolist() == [1, 1]
    assert shifted_scores([np.nan] * 2, 2).tolist() == shifted_scores(None, 2).tolist() == [1, 1]


@settings(max_examples=25, deadline=None)
@given(
    n=st.integers(1, 40),
    seed=st.integers(0, 99),
    gaussian=st.booleans(),
    front=st.integers(1, 9),
    data=st.data(),
)
def test_the_front_takes_what_the_plain_recursion_does(
    n: int, seed: int, gaussian: bool, front: int, data: st.DataObject
) -> None:
    budget, start = data.draw(st.integers(1, n)), data.draw(st.integers(0, 3))
    vectors = pool(n, 5, seed)
    if data.draw(st.booleans()):
        vectors[n // 2 :] = vectors[: n - n // 2]  # each row twice: ties everywhere
    pinned = np.arange(n) < min(start, budget)
    kernel = Kernel(vectors, np.arange(n), gaussian=gaussian)
    whole = kernel.matrix(np.arange(n))
    wanted: list[int] = np.flatnonzero(pinned).tolist()
    while len(wanted) < budget:
        gains = np.array([
            -np.inf if row in wanted else np.linalg.slogdet(whole[np.ix_([*wanted, row], [*wanted, row])])[1]
            for row in range(n)
        ])  # fmt: skip
        wanted.append(int(np.argmax(gains >= gains.max() - 1e-5)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(log_det_walk, "FRONT_ROWS", front)
        patch.setattr(log_det_walk, "FRONT_PICKS", 1 + front // 2)
        patch.setattr(log_det_walk, "TIE_FRACTION", 1e-5)
        found = log_det(vectors, budget=budget, gaussian=gaussian, pinned=pinned).rows
        again = log_det(
            vectors, budget=budget, gaussian=gaussian, pinned=pinned, picked=found[: budget // 2 + 3]
        ).rows
    assert found.tolist() == wanted
    assert again.tolist() == found.tolist()


def test_log_det_picks_what_pyversity_does() -> None:
    pyversity = pytest.importorskip("pyversity")
    for seed in range(8):
        vectors = pool(60, 8, seed)
        # The ridge as numbers of each row's own: there the cosine is ours over 1.1.
        wide = np.hstack([vectors, np.sqrt(RIDGE) * np.eye(60, dtype=np.float32)])
        theirs = pyversity.dpp(wide, np.ones(60), k=20, diversity=1.0)
        ours = log_det(vectors, budget=20).rows
        # In float32 two rows may add the same, so that they change places.
        assert set(theirs.indices.tolist()) == set(ours.tolist())
        gains = log_det_gains(Kernel(vectors, np.arange(60), gaussian=False), ours)
        assert np.log(theirs.selection_scores * (1 + RIDGE)) == pytest.approx(gains, abs=2e-5)


def test_the_log_determinant_of_a_comparison_is_that_of_the_kernel() -> None:
    vectors = pool(30, 6, 1)
    for rows in (np.arange(4), np.arange(20)):
        whole = Kernel(vectors, np.arange(30), gaussian=False).matrix(rows)
        assert log_det_per_row(vectors, rows) == pytest.approx(
            np.linalg.slogdet(whole)[1] / rows.size, abs=1e-6
        )
    assert np.isnan(log_det_per_row(vectors, np.arange(0)))


# nearest rows


@settings(max_examples=40, deadline=None)
@given(
    n=st.integers(1, 40),
    k=st.integers(1, 12),
    seed=st.integers(0, 99),
    tile=st.integers(2, 17),
    crowd=st.booleans(),
)
def test_the_nearest_of_every_row_are_those_of_a_full_sort(
    n: int, k: int, seed: int, tile: int, crowd: bool
) -> None:
    rng = np.random.default_rng(seed)
    vectors = np.eye(4, dtype=np.float32)[rng.integers(4, size=n)] if crowd else pool(n, 5, seed)
    group = rng.integers(0, max(1, n // 2), n)
    cosine = vectors @ vectors.T
    cosine[group[:, None] == group] = -np.inf
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nearest_module, "TILE", tile)
        patch.setattr(nearest_module, "MANY", 1)
        found = nearest_module.nearest_of_all(vectors, k, group=group)
    order = np.argsort(-cosine, axis=1, kind="stable")[:, :k]
    wanted = np.take_along_axis(cosine, order, axis=1)
    there = np.isfinite(wanted)
    assert found.cosine[:, : order.shape[1]][there] == pytest.approx(wanted[there], abs=1e-6)
    assert np.isneginf(found.cosine[:, : order.shape[1]][~there]).all()
    if crowd:  # whole numbers: ties are exact, and go to the lower row
        assert np.array_equal(found.places[:, : order.shape[1]][there], order[there])


# smoothing


def test_smoothing_is_the_golden_example() -> None:
    vectors, score = at_angles(0, 10, 90, 120), [1, 0.2, 0.6, 0]
    assert smooth(vectors, score, k=1).score == pytest.approx([0.6, 0.6, 0.3, 0.3], abs=1e-6)
    two = smooth(FOUR, score, k=2)
    assert two.score == pytest.approx([0.6, 0.570021, 0.4, 0], abs=1e-6)
    assert two.local_sd == pytest.approx(
        [np.std(pair, ddof=1) for pair in ([0.2, 0.6], [1, 0.6], [1, 0.2], [0.6, 0.2])]
    )


def test_rows_that_say_the_same_and_rows_without_a_score_are_no_neighbours() -> None:
    vectors, score = at_angles(0, 0, 20, 40), [1.0, 1.0, np.nan, 0.0]
    found = smooth(vectors, score, k=1, first=np.array([0, 0, 2, 3]))
    assert found.score[[0, 1, 3]].tolist() == [0.5, 0.5, 0.5]
    assert np.isnan(found.score[2])
    assert smooth(at_angles(0, 180), [1.0, 0.0]).score.tolist() == [1, 0]
    assert np.isnan(smooth(at_angles(0, 9), [np.nan] * 2).score).all()
    with pytest.raises(InvalidOptions, match="score for each of 2 rows"):
        smooth(at_angles(0, 9), [1.0])


@settings(max_examples=20, deadline=None)
@given(n=st.integers(2, 20), seed=st.integers(0, 99), weight=st.floats(0, 1))
def test_smoothing_stays_between_the_lowest_and_the_highest(n: int, seed: int, weight: float) -> None:
    score = np.random.default_rng(seed).random(n)
    found = smooth(pool(n, 3, seed), score, k=3, weight=weight).score
    assert found.min() >= score.min() - 1e-9
    assert found.max() <= score.max() + 1e-9
    assert smooth(pool(n, 3, seed), np.ones(n), k=3, weight=weight).score == pytest.approx(1)
