"""Targets on arrays: the golden numbers, and what holds whatever the numbers are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tamis.compute.select.target_round_robin import target_round_robin
from tamis.compute.target.coverage import benjamini_hochberg, cover_examples, null_similarities
from tamis.compute.target.halves import judge_half
from tamis.compute.target.leaks import find_leaks
from tamis.compute.target.similarity import best_targets, bm25, bm25_words, cosines
from tamis.compute.target.vectors import fit_whitening, position_weights
from tamis.compute.vectors import unit_rows
from tamis.errors import InvalidOptions

NAN = float("nan")


# ---- vectors


def test_later_positions_weigh_more_and_padding_nothing():
    states = np.array([[1.0, 0], [0, 1], [1, 1], [-9, 9]])
    weights = position_weights([[1, 1, 1, 0]])
    np.testing.assert_allclose(weights[0], [1 / 6, 1 / 3, 1 / 2, 0])
    mean = weights[0] @ states
    np.testing.assert_allclose(mean, [0.666667, 0.833333], atol=1e-6)
    np.testing.assert_allclose(mean / np.linalg.norm(mean), [0.624695, 0.780869], atol=1e-6)
    assert not position_weights([[0, 0]]).any()


def test_whitening_makes_every_direction_alike():
    rows = np.array([[2, 0], [0, 1], [-2, 0], [0, -1]], dtype=np.float32)
    whitening = fit_whitening(rows, shrinkage=0)
    moved = (rows - whitening.mean) @ whitening.matrix
    np.testing.assert_allclose(np.abs(moved), [[1.414214, 0], [0, 1.414214]] * 2, atol=1e-6)
    np.testing.assert_allclose(np.abs(whitening.apply(rows)), [[1, 0], [0, 1]] * 2, atol=1e-6)
    assert not whitening.is_well_founded


def test_whitening_of_a_shared_direction_leaves_blank_rows_blank_and_takes_others_by_the_pools_map():
    rng = np.random.default_rng(0)
    pool = unit_rows((rng.standard_normal((400, 8)) + 4).astype(np.float32))
    pool[7] = 0
    whitening = fit_whitening(pool, n_axes=5)
    assert whitening.is_well_founded
    found = whitening.apply(pool)
    assert found.shape == (400, 5)
    assert not found[7].any()
    assert abs(float((found[:6] @ found[8:].T).mean())) < 0.05 < 0.8 < float((pool[:6] @ pool[8:].T).mean())
    np.testing.assert_allclose(whitening.apply(pool[:3]), found[:3], atol=1e-6)
    with pytest.raises(InvalidOptions, match="shrinkage"):
        fit_whitening(pool, shrinkage=2)
    with pytest.raises(InvalidOptions, match="vary"):
        fit_whitening(np.tile(pool[:1], (20, 1)), shrinkage=0)


# ---- similarities


def test_bm25_is_lucenes_formula_and_counts_a_word_of_the_query_once():
    documents = [text.split() for text in ("add two numbers", "add salt", "write a poem")]
    found = bm25(documents, [["add", "numbers"], ["add", "numbers", "add"], ["none"], []])
    np.testing.assert_allclose(found[:, 0], [0.549428, 0.211833, 0], atol=1e-6)
    np.testing.assert_array_equal(found[:, 0], found[:, 1])
    assert not found[:, 2].any()
    assert np.isnan(found[:, 3]).all()
    assert np.isnan(bm25([*documents, []], [["add"]])[3, 0])
    assert np.isnan(bm25([[], []], [["add"]])).all()


def test_words_are_lower_case_of_two_letters_without_stop_words():
    assert bm25_words(["The Sum of a x and 42", ""]) == [["sum", "42"], []]


def test_blank_vectors_have_no_similarity():
    pool = np.array([[1, 0], [0, 0]], dtype=np.float32)
    found = cosines(pool, np.array([[0.6, 0.8], [0, 0]], dtype=np.float32))
    np.testing.assert_allclose(found[0, 0], 0.6)
    assert np.isnan(found[1]).all()
    assert np.isnan(found[:, 1]).all()


def test_a_row_serves_the_target_of_its_nearest_example_and_is_ranked_there():
    similarity = np.array(
        [[0.9, 0.1, 0.9], [0.2, 0.3, 0.8], [NAN, NAN, NAN], [0.7, 0.1, 0.0]], dtype=np.float32
    )
    best = best_targets(similarity, np.array([0, 0, 1]))
    assert best.target.tolist() == [0, 1, -1, 0]
    assert best.example.tolist() == [0, 2, -1, 0]
    assert best.rank.tolist() == [1, 2, 0, 2]
    np.testing.assert_allclose(best.similarity, [0.9, 0.8, NAN, 0.7], atol=1e-6)


# ---- leaks and halves


def test_rows_that_are_the_target_are_found_with_the_reason_and_with_their_repeats():
    item = "Explain why the northern harbour of the old town froze over in January while the southern one stayed open"
    prompts = [
        "Sum two numbers",
        "sum  TWO numbers!",
        "What is rain?",
        f"Please: {item}. Thanks",
        "What is rain?",
        "Else",
    ]
    responses = ["4", "four", "Water.", "Ice", "water", "no"]
    leaks, repeated = find_leaks((prompts, responses), (["SUM two numbers.", item, ""], ["4", "", ""]))
    assert [(leak.row, leak.reason, leak.example) for leak in leaks] == [
        (0, "same text", 0), (1, "same prompt", 0), (3, "shared words", 1),
    ]  # fmt: skip
    assert repeated.of.tolist() == [-1, -1, -1, -1, 2, -1]


def test_one_leaking_member_removes_its_group_and_vectors_count_where_asked():
    similarity = np.array([[0.1], [0.999], [0.2], [0.1]], dtype=np.float32)
    sides = (["a b", "c d", "x", "C D"], ["1", "2", "3", "2"])
    leaks, _ = find_leaks(sides, (["q"], ["r"]), similarity=similarity, cosine=0.995)
    assert [(leak.row, leak.reason) for leak in leaks] == [(1, "same vector"), (3, "repeats a leak")]
    assert find_leaks(sides, (["q"], ["r"]), similarity=similarity)[0] == []


def test_halves_depend_on_the_prompt_alone_and_neither_is_empty():
    prompts = [f"prompt {i}" for i in range(200)]
    judges = judge_half(prompts)
    assert 70 < judges.sum() < 130
    assert judge_half(prompts[::-1])[::-1].tolist() == judges.tolist()
    same = [prompts[i] for i in np.flatnonzero(judges)[:3]]
    assert judge_half([f" {same[0].upper()}!", *same]).tolist()[:2] in ([True, True], [False, False])
    for few in (prompts[:2], same):
        assert 0 < judge_half(few).sum() < len(few)
    assert len(set(judge_half(["a", "A"]))) == 1


# ---- coverage


def test_discoveries_are_benjamini_and_hochbergs():
    p = np.array([0.01, NAN, 0.2, 0.03, 0.04, 0.9])
    assert benjamini_hochberg(p, 0.1).tolist() == [True, False, False, True, True, False]
    assert not benjamini_hochberg(np.array([NAN]), 0.1).any()


def test_examples_from_clusters_that_the_pool_lacks_are_out_of_reach_and_others_hardly_ever():
    rng = np.random.default_rng(1)
    centres = unit_rows(rng.standard_normal((20, 32)).astype(np.float32))

    def drawn(n, low, high):
        noise = rng.standard_normal((n, 32)) * 0.9 / np.sqrt(32)
        return unit_rows((centres[rng.integers(low, high, n)] + noise).astype(np.float32))

    flagged, alarms, missed = [], 0, 0
    for _ in range(20):
        pool = drawn(800, 0, 16)
        null = null_similarities(pool, np.arange(800), rng)
        assert null.size == 200
        inside, outside = drawn(30, 0, 16), drawn(30, 16, 20)
        best = np.concatenate([(one @ pool.T).max(axis=1) for one in (inside, outside)])
        found = cover_examples(best, null)
        flagged.append(found.out_of_reach[:30].sum() / max(1, found.out_of_reach.sum()))
        missed += int((~found.out_of_reach[30:]).sum())
        alarms += bool(cover_examples(best[:30], null).out_of_reach.any())
        assert found.covered_fraction == pytest.approx(1 - found.out_of_reach.mean())
    assert np.mean(flagged) < 0.1
    assert missed < 0.05 * 600
    assert alarms <= 4


def test_duplicates_do_not_make_the_null_near():
    rng = np.random.default_rng(2)
    pool = unit_rows(rng.standard_normal((50, 8)).astype(np.float32))
    twice = np.concatenate([pool, pool, np.zeros((1, 8), dtype=np.float32)])
    groups = np.append(np.tile(np.arange(50), 2), 50)
    assert null_similarities(twice, groups, rng).max() < 0.999
    assert null_similarities(twice, np.arange(101), rng).min() > 0.999
    found = cover_examples(np.array([0.1, NAN]), np.array([0.5, 0.6]))
    np.testing.assert_allclose(found.p, [1 / 3, NAN])


# ---- round robin

A = [0.9, 0.8, 0.7, 0.1, 0.2]
B = [0.9, 0.3, 0.8, 0.85, 0.2]


def two(budget, **more):
    matrix = np.array([A, B], dtype=np.float32).T
    return target_round_robin(matrix, np.array([0, 1]), **({"shares": (1, 1), "budget": budget} | more))


def turns(found):
    return [f"{row}{'AB'[target]}" for row, target in zip(found.picked_rows, found.target, strict=True)]


def test_each_target_takes_its_best_unused_row_in_turn():
    assert turns(two(4)) == ["0A", "3B", "1A", "2B"]
    assert two(2).picked_rows.tolist() == [
        0,
        3,
    ]  # the released loop drops the draw that hits row 0, and gives {0, 1}
    assert turns(two(4, shares=(2, 1))) == ["0A", "3B", "1A", "2A"]
    many = np.tile(np.array([[0.5, 0.5]], dtype=np.float32), (9, 1))
    found = target_round_robin(many, np.array([0, 1]), shares=(2, 1), budget=6)
    assert "".join("AB"[one] for one in found.target) == "ABAABA"
    assert found.picked_rows.tolist() == list(range(6))


def test_examples_of_a_target_take_turns_or_are_pooled():
    matrix = np.array([A, B], dtype=np.float32).T
    one = {"shares": (1,), "budget": 3}
    both = np.array([0, 0])
    assert target_round_robin(matrix, both, **one).example.tolist() == [0, 1, 0]
    assert target_round_robin(matrix, both, **one).picked_rows.tolist() == [0, 3, 1]
    assert target_round_robin(matrix, both, pooling="max", **one).picked_rows.tolist() == [0, 3, 1]
    assert target_round_robin(matrix, both, pooling="mean", **one).picked_rows.tolist() == [0, 2, 1]
    assert target_round_robin(matrix, both, pooling="mean", **one).example.tolist() == [-1] * 3


def test_a_target_without_a_list_passes_its_turn_on_and_unknown_rows_stay_out():
    matrix = np.array([[0.1, NAN], [NAN, NAN], [0.3, NAN]], dtype=np.float32)
    found = target_round_robin(matrix, np.array([0, 1]), shares=(1, 1), budget=3)
    assert found.picked_rows.tolist() == [2, 0]
    assert found.empty == (1,)
    assert found.picked.shortfall == 1


@pytest.mark.parametrize("shares", [(0, 1), (-1, 1), (NAN, 1), (float("inf"), 1)])
def test_shares_are_above_0(shares):
    with pytest.raises(InvalidOptions, match="share"):
        two(2, shares=shares)


matrices = st.integers(0, 2**32 - 1).map(np.random.default_rng)


@settings(max_examples=60, deadline=None)
@given(
    matrices,
    st.integers(1, 4),
    st.integers(1, 40),
    st.sampled_from(["example", "max", "mean"]),
    st.booleans(),
)
def test_the_budget_is_exact_shares_are_exact_and_more_budget_appends(rng, n_targets, budget, pooling, ties):
    n = 40
    part = np.sort(rng.integers(n_targets, size=6))
    part[:n_targets] = np.arange(n_targets)
    matrix = rng.integers(0, 4, (n, 6)) / 4 if ties else rng.random((n, 6))
    given_ = {"shares": [1.0] * n_targets, "pooling": pooling}
    found = target_round_robin(matrix.astype(np.float32), part, budget=budget, **given_)
    rows = found.picked_rows
    assert len(rows) == budget == len(np.unique(rows))
    counts = [np.bincount(found.target[:m], minlength=n_targets) for m in range(1, budget + 1)]
    assert all(np.abs(count - m / n_targets).max() < 1 for m, count in enumerate(counts, start=1))
    more = target_round_robin(matrix.astype(np.float32), part, budget=min(n, budget + 5), **given_)
    assert more.picked_rows[:budget].tolist() == rows.tolist()
    if not ties:
        order = rng.permutation(n)
        moved = target_round_robin(matrix[order].astype(np.float32), part, budget=budget, **given_)
        assert order[moved.picked_rows].tolist() == rows.tolist()


@settings(max_examples=40, deadline=None)
@given(matrices, st.integers(1, 900))
def test_a_budget_of_tokens_leaves_less_than_any_row_left_and_shares_follow_it(rng, budget):
    n = 50
    cost = rng.integers(1, 30, n)
    found = target_round_robin(
        rng.random((n, 4)).astype(np.float32),
        np.array([0, 0, 1, 1]),
        shares=(2, 1),
        budget=budget,
        token_counts=cost,
    )
    left = budget - int(cost[found.picked_rows].sum())
    assert left == found.picked.unused_tokens >= 0
    unused = np.delete(cost, found.picked_rows)
    assert not unused.size or left < unused.min()
    spent = np.bincount(found.target, weights=cost[found.picked_rows], minlength=2)
    if 300 < budget < 600:
        assert abs(spent[0] - 2 * spent[1]) <= 3 * 30


def test_shares_are_realised_whatever_they_are():
    rng = np.random.default_rng(3)
    shares = np.array([0.5, 0.3, 0.2])
    found = target_round_robin(
        rng.random((300, 3)).astype(np.float32), np.arange(3), shares=shares, budget=200
    )
    assert np.abs(np.bincount(found.target) - 200 * shares).max() <= 1


def test_one_target_with_one_example_is_the_top_and_no_more_is_put_in_order_than_is_asked():
    values = np.random.default_rng(4).random((5000, 1)).astype(np.float32)
    found = target_round_robin(values, np.array([0]), shares=(1,), budget=700)
    assert found.picked_rows.tolist() == np.argsort(-values[:, 0], kind="stable")[:700].tolist()


def test_pins_come_first_and_count():
    pinned = np.array([False, False, False, False, True])
    found = two(3, pinned=pinned)
    assert found.picked_rows.tolist() == [4, 0, 3]
    assert found.target.tolist() == [-1, 0, 1]
    assert two(3, excluded=pinned).picked_rows.tolist() == [0, 3, 1]
