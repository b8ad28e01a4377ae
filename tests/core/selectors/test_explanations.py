"""Every explanation is true: what it says would change the answer does, and one step less does not; for every method."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tamis.compute.select.inclusion import EXACT_STEPS, NODES, inclusion_probability
from tamis.errors import CurationError
from tamis.selectors import SELECTORS
from tamis.selectors.explanation import Explanation
from tamis.selectors.problem import Problem
from tests.core.selectors.problems import mask, pick, problem_of, token_problem

N = 40
VARIANTS: list[tuple[str, dict[str, Any]]] = [(name, {}) for name in SELECTORS] + [
    ("kmq", {"quota": "equal", "weighting": "softmax"}),
    ("kmq", {"weighting": "linear"}),
    ("deita", {"threshold": 0.2}),
    ("deita", {"fill": True, "threshold": 0.2}),
    ("deita", {"rule": "squared_l2"}),
    ("deita", {"rule": "distance", "threshold": 0.1}),
    ("k_center", {"first": "nearest to mean"}),
    ("qdit", {"alpha": 0.5}),
    ("qdit", {"quality_weight": 0.0}),
    ("qdit", {"quality_weight": 1.0}),
    ("facility_location", {"reference_rows": 20}),
    ("semdedup", {"threshold": 0.5, "then": "quality"}),
    ("semdedup", {"threshold": 0.5, "then": "kmq"}),
    ("semdedup", {"threshold": 0.5}),
    ("log_det", {"kernel": "gaussian"}),
    ("novel_select", {"miss": 0.0}),
    ("mig", {"gain": "gradient", "threshold": 0.2}),
    ("car", {"per_cluster": 3}),
    ("mixture", {"weights": {"0": 3, "2": 1}}),
]
BY_TOKENS = [(name, options) for name, options in VARIANTS if SELECTORS[name].counts_tokens]


def rows_of(name: str, problem: Problem, options: dict[str, Any]) -> list[int]:
    return pick(name, problem, **options).rows.tolist()


def explain_all(
    name: str, problem: Problem, options: dict[str, Any], rows: list[int] | None = None
) -> list[Explanation]:
    selector = SELECTORS[name]
    picked = pick(name, problem, **options).rows
    explainer = selector.load_explainer()(problem, selector.options(**options), picked)
    return [explainer.explain(row) for row in (range(problem.n_rows) if rows is None else rows)]


def check(name: str, problem: Problem, options: dict[str, Any], said: Explanation) -> None:
    """The whole truth of one explanation, by selecting anew."""
    picked = rows_of(name, problem, options)
    assert said.picked == (said.row in picked)
    if said.step is not None:
        assert picked[said.step - 1] == said.row
    if said.budget_change is not None:
        assert (said.budget_change < 0) == said.picked
        turned = replace(problem, budget=problem.budget + int(said.budget_change))
        assert (said.row in rows_of(name, turned, options)) != said.picked
        before = replace(turned, budget=turned.budget + (1 if said.picked else -1))
        assert (said.row in rows_of(name, before, options)) == said.picked
    if said.quality_line is not None:
        sign = -1 if said.picked else 1
        beyond, short = (
            with_quality(problem, said.row, said.quality_line + sign * by) for by in (1e-9, -1e-5)
        )
        assert (said.row in rows_of(name, beyond, options)) != said.picked
        # A row without a score may be taken at the lowest score there is: lower ones are not looked at.
        assert said.quality is None or (said.row in rows_of(name, short, options)) == said.picked
        at = with_quality(problem, said.row, said.quality_line)
        assert ((said.row in rows_of(name, at, options)) != said.picked) == said.turns_on_line
    if said.above is not None:
        assert said.above.row in picked
    if said.below is not None:
        assert said.below.row not in picked


def with_quality(problem: Problem, row: int, value: float) -> Problem:
    assert problem.quality is not None
    quality = problem.quality.copy()
    quality[row] = value
    return replace(problem, quality=quality)


def some_rows(seed: int, n: int = 5) -> list[int]:
    return np.random.default_rng(seed).choice(N, n, replace=False).tolist()


@pytest.mark.parametrize(("name", "options"), VARIANTS)
def test_what_is_said_would_happen_does(name: str, options: dict[str, Any]) -> None:
    seed = 1
    problem = problem_of(N, 9, seed=seed, pinned=mask(N, 3), excluded=mask(N, 7, 8), non_negative=True)
    for said in explain_all(name, problem, options, [3, 7, *some_rows(seed, 4)]):
        check(name, problem, options, said)


@pytest.mark.parametrize(("name", "options"), BY_TOKENS)
def test_the_same_for_a_budget_of_tokens(name: str, options: dict[str, Any]) -> None:
    problem = token_problem(N, 500, non_negative=True)
    for said in explain_all(name, problem, options, some_rows(2, 2)):
        check(name, problem, options, said)


@settings(max_examples=6, deadline=None)
@given(
    values=st.lists(st.sampled_from([float("nan"), 0.0, 0.1, 0.5, 0.5, 0.9]), min_size=N, max_size=N),
    budget=st.integers(2, 20),
    seed=st.integers(0, 50),
)
@pytest.mark.parametrize("name", ["kmq", "top_quality", "deita", "semdedup"])
def test_ties_and_missing_scores_are_explained_truly(
    name: str, values: list[float], budget: int, seed: int
) -> None:
    problem = problem_of(N, budget, seed=seed, quality=np.array(values))
    for said in explain_all(name, problem, {}, some_rows(seed, 2)):
        check(name, problem, {}, said)


@pytest.mark.parametrize("name", ["kmq", "random", "stratified", "km_random", "kmq_released"])
def test_the_chance_is_how_often_other_seeds_draw_the_row(name: str) -> None:
    problem = problem_of(N, 12, quality=5 * np.random.default_rng(1).random(N))
    drawn = np.zeros(N)
    n = 400
    for seed in range(n):
        drawn[rows_of(name, replace(problem, seed=seed), {})] += 1
    for said in explain_all(name, problem, {}, some_rows(4)):
        assert said.chance == pytest.approx(drawn[said.row] / n, abs=0.1)


def test_a_budget_of_tokens_says_of_how_many_draws_the_chance_is() -> None:
    said = explain_all("kmq", token_problem(N, 500), {}, [5])[0]
    assert said.n_draws > 0
    assert said.chance is not None
    assert 0 <= said.chance <= 1


def one_after_the_other(weights: list[float], m: int, row: int) -> float:
    """The chance by listing every order in which m rows can be drawn."""
    total = 0.0
    for order in permutations(range(len(weights)), m):
        left, p = sum(weights), 1.0
        for one in order:
            p *= weights[one] / left
            left -= weights[one]
        total += p if row in order else 0
    return total


@settings(max_examples=60, deadline=None)
@given(weights=st.lists(st.floats(1e-3, 1e3), min_size=2, max_size=6), data=st.data())
def test_the_chance_of_a_weighted_draw_is_exact(weights: list[float], data: st.DataObject) -> None:
    m = data.draw(st.integers(0, len(weights)))
    row = data.draw(st.integers(0, len(weights) - 1))
    exact = one_after_the_other(weights, m, row)
    assert inclusion_probability(np.log(weights), m, row) == pytest.approx(exact, abs=1e-5)


def test_chances_of_a_draw_sum_to_what_is_drawn_in_large_groups_too() -> None:
    weights = np.log(np.random.default_rng(0).integers(1, 4000, size=4000))
    m = 400
    assert NODES * weights.size * m > EXACT_STEPS
    some = np.linspace(0, 3999, 60).astype(int)
    ranks = np.argsort(weights)[some]
    mean = np.mean([inclusion_probability(weights, m, int(row)) for row in ranks])
    assert mean == pytest.approx(m / 4000, abs=0.005)


def test_rows_without_odds_are_drawn_when_nothing_else_is_left() -> None:
    weights = np.array([0.0, -np.inf, -np.inf, 1.0])
    assert inclusion_probability(weights, 2, 1) == 0
    assert inclusion_probability(weights, 3, 1) == 0.5
    assert inclusion_probability(weights, 3, 0) == 1


def test_the_named_neighbour_is_the_one_that_excludes() -> None:
    """Without the row that it is too near to, and what else it resembles, the row is kept."""
    problem = problem_of(N, 20)
    assert problem.vectors is not None
    n_near = 0
    for said in explain_all("deita", problem, {"threshold": 0.5}):
        if said.reason != "too near":
            continue
        n_near += 1
        assert said.near is not None
        cosines = problem.vectors @ problem.vectors[said.row]
        assert said.near.value == pytest.approx(cosines[said.near.row], abs=1e-5)
        assert said.near.value > 0.5
        kept = pick("deita", problem, threshold=0.5).rows
        assert said.near.row in kept
        rivals = [row for row in kept.tolist() if cosines[row] > 0.5]
        alone = replace(problem, excluded=mask(N, *rivals))
        gone = [said.row] + [row for row in range(N) if problem.quality[row] <= problem.quality[said.row]]  # type: ignore[index]
        alone = replace(alone, excluded=~mask(N, *gone) | mask(N, *rivals), budget=N)
        assert said.row in rows_of("deita", alone, {"threshold": 0.5})
    assert n_near > 3


def test_a_semantic_duplicate_names_a_row_above_the_threshold() -> None:
    problem = problem_of(N, 10)
    assert problem.vectors is not None
    assert problem.cluster_id is not None
    dropped = [
        said for said in explain_all("semdedup", problem, {"threshold": 0.5}) if said.reason == "too near"
    ]
    assert dropped
    for said in dropped:
        assert said.near is not None
        cosine = float(problem.vectors[said.row] @ problem.vectors[said.near.row])
        assert said.near.value == pytest.approx(cosine, abs=1e-5)
        assert cosine > 0.5
        assert problem.cluster_id[said.row] == problem.cluster_id[said.near.row]


def test_k_center_tells_the_distance_that_it_went_by() -> None:
    problem = problem_of(N, 9)
    assert problem.vectors is not None
    picked = pick("k_center", problem).rows
    for said in explain_all("k_center", problem, {}):
        if said.step == 1:
            assert said.chance == pytest.approx(1 / N)
            continue
        before = picked[: said.step - 1] if said.step else picked
        away = np.linalg.norm(problem.vectors[before] - problem.vectors[said.row], axis=1)
        assert said.near is not None
        assert said.near.row == before[np.argmin(away)]
        assert said.value == pytest.approx(away.min(), abs=1e-5)
        if not said.picked:
            assert said.above is not None
            assert said.value <= said.above.value + 1e-6


def test_quotas_sum_to_the_budget_and_say_how() -> None:
    problem = problem_of(N, 10)
    groups = {said.quota.group: said.quota for said in explain_all("kmq", problem, {}) if said.quota}
    assert sum(quota.quota for quota in groups.values()) == 10
    assert sum(quota.share for quota in groups.values()) == pytest.approx(1)
    assert {quota.how for quota in groups.values()} == {"weight"}
    short = problem_of(N, N - 1, pinned=mask(N, 1))
    assert "all" in {said.quota.how for said in explain_all("kmq", short, {"quota": "equal"}) if said.quota}


def test_a_selection_that_another_edition_drew_is_refused() -> None:
    problem = problem_of(N, 9)
    selector = SELECTORS["kmq"]
    with pytest.raises(CurationError, match="another edition"):
        selector.load_explainer()(problem, selector.options(), np.arange(9))
