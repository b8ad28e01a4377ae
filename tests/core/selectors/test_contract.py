"""What every row of the table of selection methods promises, whatever it does inside."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tamis.errors import CurationError, InvalidOptions
from tamis.selectors import SELECTORS
from tamis.selectors.problem import Answer, Problem
from tests.core.selectors.problems import mask, pick, problem_of, token_problem

ALL = list(SELECTORS)
BY_TOKENS = [name for name in ALL if SELECTORS[name].counts_tokens]
# These may leave a part of the budget: duplicates go first, or each cluster gives its quota and no more.
MAY_FALL_SHORT = {"deita", "semdedup", "kmq_released", "grape"}
EVERY_OPTION = [
    ("kmq", {"quota": "equal", "weighting": "softmax"}),
    ("stratified", {"quota": "equal"}),
    ("km_random", {"noise": "exclude"}),
    ("car", {"per_cluster": 3}),
    ("mixture", {"weights": {"0": 3, "-1": 1}}),
    ("km_closest", {"quota": "equal"}),
    ("k_center", {"first": "nearest to mean"}),
    ("deita", {"rule": "squared_l2"}),
    ("deita", {"fill": True, "threshold": 0.2}),
    ("qdit", {"alpha": 0.0, "cosines": "all"}),
    ("qdit", {"alpha": 1.0}),
    ("qdit", {"quality_weight": 0.0}),
    ("qdit", {"quality_weight": 1.0}),
    ("qdit", {"reference_rows": 20}),
    ("facility_location", {"reference_rows": 20}),
    ("semdedup", {"then": "quality"}),
    ("semdedup", {"then": "kmq", "keep": "closest"}),
    ("log_det", {"kernel": "gaussian"}),
    ("novel_select", {"miss": 0.0, "beta": 0.0}),
    ("mig", {"gain": "gradient", "propagate": "send", "threshold": 0.0}),
]


def check_rows(picked: Answer, problem: Problem) -> None:
    rows = picked.rows
    assert rows.dtype == np.int64
    assert len(np.unique(rows)) == len(rows)
    assert len(rows) == 0 or (rows.min() >= 0 and rows.max() < problem.n_rows)
    assert not problem.excluded[rows].any()
    assert set(np.flatnonzero(problem.pinned)) <= set(rows.tolist())
    assert len(picked.selection.weight) == len(rows)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("budget", [4, 12, 37])
def test_budget_is_spent_exactly_or_the_shortfall_is_told(name: str, budget: int) -> None:
    problem = problem_of(budget=budget)
    picked = pick(name, problem)
    check_rows(picked, problem)
    assert len(picked.rows) + picked.selection.shortfall == budget
    if name not in MAY_FALL_SHORT:
        assert picked.selection.shortfall == 0


@pytest.mark.parametrize(("name", "options"), EVERY_OPTION)
def test_every_variant_spends_the_budget_too(name: str, options: dict) -> None:
    picked = pick(name, problem_of(), **options)
    check_rows(picked, problem_of())
    assert len(picked.rows) + picked.selection.shortfall == 12


@pytest.mark.parametrize("name", ALL)
def test_the_same_problem_gives_the_same_rows(name: str) -> None:
    assert pick(name, problem_of()).rows.tolist() == pick(name, problem_of()).rows.tolist()


@pytest.mark.parametrize("name", ALL)
def test_the_seed_matters_only_where_there_is_chance(name: str) -> None:
    drawn = {tuple(pick(name, problem_of(seed=seed)).rows.tolist()) for seed in range(6)}
    assert (len(drawn) > 1) == SELECTORS[name].random


@pytest.mark.parametrize("name", ALL)
def test_pins_are_in_and_exclusions_out(name: str) -> None:
    problem = problem_of(pinned=mask(60, 3, 17, 40), excluded=mask(60, *range(20, 30)))
    check_rows(pick(name, problem), problem)


@pytest.mark.parametrize("name", ALL)
def test_a_row_both_pinned_and_excluded_is_refused(name: str) -> None:
    with pytest.raises(InvalidOptions, match="pinned and excluded"):
        pick(name, problem_of(pinned=mask(60, 3), excluded=mask(60, 3)))


@pytest.mark.parametrize("name", ALL)
def test_more_pins_than_budget_is_refused(name: str) -> None:
    with pytest.raises(InvalidOptions, match="pin"):
        pick(name, problem_of(budget=4, pinned=mask(60, 1, 2, 3, 4, 5, 6)))


@pytest.mark.parametrize("name", ALL)
def test_budget_0_is_refused(name: str) -> None:
    with pytest.raises(InvalidOptions, match="budget is 0"):
        pick(name, problem_of(budget=0))


@pytest.mark.parametrize("name", [name for name in ALL if name != "kmq_released"])
def test_budget_1_is_one_row(name: str) -> None:
    assert len(pick(name, problem_of(budget=1)).rows) == 1


def test_the_released_code_refuses_less_than_a_row_per_cluster() -> None:
    with pytest.raises(InvalidOptions, match=r"int\(b / K\)"):
        pick("kmq_released", problem_of(budget=3))


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("budget", [60, 200])
def test_budget_n_and_more_take_what_there_is(name: str, budget: int) -> None:
    picked = pick(name, problem_of(budget=budget))
    assert len(picked.rows) + picked.selection.shortfall == budget
    if name not in MAY_FALL_SHORT:
        assert len(picked.rows) == 60


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("vector", [np.zeros(16), np.eye(16)[0]])
def test_identical_and_zero_vectors_are_no_trouble(name: str, vector: np.ndarray) -> None:
    problem = problem_of(vectors=np.tile(vector, (60, 1)).astype(np.float32))
    picked = pick(name, problem)
    check_rows(picked, problem)
    assert len(picked.rows) + picked.selection.shortfall == 12
    if name == "deita" and vector.any():
        assert len(picked.rows) == 1  # all others resemble the first


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("missing", ["some", "all"])
def test_nan_scores_are_no_trouble(name: str, missing: str) -> None:
    quality = problem_of().quality.copy()
    quality[:: 2 if missing == "some" else 1] = np.nan
    problem = problem_of(quality=quality)
    picked = pick(name, problem)
    check_rows(picked, problem)
    assert len(picked.rows) + picked.selection.shortfall == 12
    if name == "top_quality" and missing == "some":
        assert not np.isnan(quality[picked.rows]).any()


@pytest.mark.parametrize("name", ALL)
def test_one_giant_cluster_among_empty_ones(name: str) -> None:
    problem = problem_of(cluster_id=np.zeros(60, dtype=np.int64))
    picked = pick(name, problem)
    check_rows(picked, problem)
    assert len(picked.rows) + picked.selection.shortfall == 12


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("k", [1, 60])
def test_one_cluster_and_a_cluster_per_row(name: str, k: int) -> None:
    problem = problem_of(cluster_id=np.arange(60) % k, n_clusters=k, budget=60)
    picked = pick(name, problem)
    check_rows(picked, problem)
    assert len(picked.rows) + picked.selection.shortfall == 60


@pytest.mark.parametrize("name", ALL)
def test_all_noise_is_picked_from_or_refused_in_words(name: str) -> None:
    problem = problem_of(cluster_id=np.full(60, -1), n_clusters=0)
    if name == "grape":
        problem = replace(problem, codes=np.arange(60))  # no two answers to one prompt
    if name == "kmq_released":
        with pytest.raises(InvalidOptions, match="noise"):
            pick(name, problem)
    else:
        picked = pick(name, problem)
        check_rows(picked, problem)
        assert len(picked.rows) == 12


@pytest.mark.parametrize("name", ALL)
def test_ten_rows(name: str) -> None:
    problem = problem_of(n=10, budget=5)
    picked = pick(name, problem)
    check_rows(picked, problem)
    assert len(picked.rows) + picked.selection.shortfall == 5


@pytest.mark.parametrize("name", BY_TOKENS)
@pytest.mark.parametrize("budget", [100, 700, 100_000])
def test_a_budget_of_tokens_is_never_overspent_and_what_is_left_is_told(name: str, budget: int) -> None:
    problem = token_problem(budget=budget)
    picked = pick(name, problem)
    check_rows(picked, problem)
    assert problem.token_counts is not None
    spent = int(problem.token_counts[picked.rows].sum())
    assert spent <= budget
    assert picked.unused_tokens == budget - spent
    if budget == 100_000 and name not in MAY_FALL_SHORT:
        assert len(picked.rows) == 60
    if budget == 700 and name not in MAY_FALL_SHORT:
        assert picked.unused_tokens <= 100  # no row is longer


@pytest.mark.parametrize("name", BY_TOKENS)
def test_pins_count_against_a_budget_of_tokens(name: str) -> None:
    problem = token_problem(pinned=mask(60, 5, 6))
    picked = pick(name, problem)
    check_rows(picked, problem)
    with pytest.raises(InvalidOptions, match="pin"):
        pick(name, token_problem(budget=20, pinned=np.ones(60, dtype=bool)))


@pytest.mark.parametrize("name", [n for n in ALL if "embeddings" in SELECTORS[n].reads])
def test_vectors_that_are_not_numbers_are_refused(name: str) -> None:
    vectors = problem_of().vectors.copy()
    vectors[5] = np.nan
    with pytest.raises(CurationError, match="NaN"):
        pick(name, problem_of(vectors=vectors))


@pytest.mark.parametrize("name", ["qdit", "facility_location"])
def test_a_pool_too_large_to_do_exactly_says_how_to_approximate(name: str) -> None:
    n = 200_001
    vectors = np.broadcast_to(np.eye(2, dtype=np.float32)[0], (n, 2))
    with pytest.raises(CurationError, match="reference rows"):
        pick(name, problem_of(n=60, budget=2, **_pool(n, vectors)))


def _pool(n: int, vectors: np.ndarray) -> dict:
    empty = np.zeros(n, dtype=bool)
    return {"n_rows": n, "vectors": vectors, "pinned": empty, "excluded": empty, "quality": np.zeros(n)}


def test_an_approximate_run_reports_its_gap() -> None:
    exact = pick("facility_location", problem_of())
    rough = pick("facility_location", problem_of(), reference_rows=15)
    assert exact.notes == {"approximate": False}
    assert rough.notes["approximate"] is True
    assert rough.notes["n_reference"] == 15
    assert rough.notes["reference_value"] > rough.notes["held_out_value"]


@pytest.mark.parametrize("name", [n for n in ALL if SELECTORS[n].resumes])
@pytest.mark.parametrize("stopped_after", [1, 5, 19])
def test_a_run_that_goes_on_picks_what_it_would_have_picked(name: str, stopped_after: int) -> None:
    problem = problem_of(budget=20, pinned=mask(60, 8))
    whole = pick(name, problem).rows
    seen: list[list[int]] = []
    pick(name, replace(problem, record=lambda rows: seen.append(list(rows))))
    assert seen[-1] == whole.tolist()
    prefix = np.array(whole[: stopped_after + 1])
    assert prefix.tolist() in seen
    assert pick(name, replace(problem, picked=prefix)).rows.tolist() == whole.tolist()


@pytest.mark.parametrize("name", [n for n in ALL if SELECTORS[n].resumes])
def test_a_slow_run_can_be_cancelled_at_every_row(name: str) -> None:
    class Stopped(Exception):
        pass

    def stop(done: int, budget: int) -> None:
        if done >= 3:
            raise Stopped

    with pytest.raises(Stopped):
        pick(name, problem_of(progress=stop))
