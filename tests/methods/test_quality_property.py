"""A score that is multiplied or shifted never turns a quality pick into a random one in silence, whatever the method."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tamis.compute.select.quality_gain import LEAST_GAIN, quality_gain
from tamis.errors import InvalidOptions
from tamis.registry import parse_options
from tamis.selectors import SELECTORS
from tamis.selectors.problem import Answer, Problem, TargetSimilarity
from tamis.selectors.quality import gain_aside, gain_of, gain_remark
from tests.support.scale import examples

N, K, BUDGET = 600, 6, 150
NOBODY = np.zeros(N, dtype=bool)
CHANGES = [(1.0, 0.0), (1e-6, 0.0), (1e6, 0.0), (1.0, -1000.0), (1.0, 1000.0), (0.01, -7.0), (100.0, 3.0)]
# Every way in which a method lets a score decide. A method that gets one has to be added.
VARIANTS = [
    ("kmq", {}),
    ("kmq", {"weighting": "rank", "quota": "equal"}),
    ("kmq", {"weighting": "softmax"}),
    ("kmq", {"weighting": "softmax", "temperature": 1.0}),
    ("kmq", {"weighting": "linear"}),
    ("top_quality", {}),
    ("kmq_released", {}),
    ("deita", {}),
    ("deita", {"rule": "squared_l2", "threshold": 0.1}),
    ("qdit", {}),
    ("qdit", {"quality_weight": 0.3}),
    ("qdit", {"alpha": 0.7}),
    ("semdedup", {"then": "quality"}),
    ("semdedup", {"then": "kmq"}),
    ("semdedup", {"then": "kmq", "weighting": "softmax"}),
    ("longest", {}),
    ("car", {}),
    ("grape", {}),
    ("mig", {}),
    ("mig", {"gain": "gradient"}),
]
# The same rows for every change of unit and level: these look at the order or at spreads alone.
UNMOVED = [
    ("kmq", {"weighting": "rank"}),
    ("kmq", {"weighting": "softmax"}),
    ("top_quality", {}),
    ("deita", {}),
    ("semdedup", {"then": "quality"}),
    ("semdedup", {"then": "kmq"}),
]


def quality_of(seed: int = 0) -> np.ndarray:
    """Quality in 0..1, most of it near the middle, none of it alike."""
    return np.random.default_rng(seed).beta(2.0, 2.0, N)


def problem_of(quality: np.ndarray, *, non_negative: bool = False) -> Problem:
    rng = np.random.default_rng(5)
    vectors = rng.standard_normal((N, 24)).astype(np.float32)
    return Problem(
        n_rows=N,
        budget=BUDGET,
        pinned=NOBODY,
        excluded=NOBODY,
        seed=3,
        n_clusters=K,
        cluster_id=np.arange(N) % K,
        n_groups=N // 2,
        codes=np.arange(N) // 2,
        distance=rng.random(N).astype(np.float32),
        vectors=vectors / np.linalg.norm(vectors, axis=1, keepdims=True),
        quality=quality,
        non_negative=non_negative,
    )


def picked(method: str, problem: Problem, options: dict) -> tuple[Answer, float | None]:
    row = SELECTORS[method]
    chosen = parse_options(row.options, options)
    made = row.load()(problem, chosen)
    return made, gain_of(problem, chosen, made)


def test_every_method_that_reads_a_score_has_a_variant() -> None:
    assert {name for name in SELECTORS if SELECTORS[name].uses("quality")} == {name for name, _ in VARIANTS}


@pytest.mark.parametrize(
    ("method", "options", "declared"),
    [
        (method, options, declared)
        for method, options in VARIANTS
        for declared in ([False, True] if hasattr(SELECTORS[method].options(), "weighting") else [False])
    ],
)
def test_a_pick_goes_by_quality_or_says_that_it_does_not(
    method: str, options: dict, *, declared: bool
) -> None:
    for factor, level in CHANGES:
        problem = problem_of(factor * quality_of() + level, non_negative=declared)
        made, gain = picked(method, problem, options)
        by_quality = gain is not None and gain >= 0.15  # a margin to what is said, so that no seed decides
        said = made.selection.n_forced > 0 or bool(gain_remark(method, gain, BUDGET))
        assert by_quality or said, (
            f"{method} {options} is random in silence at {factor:g} q {level:+g}: {gain}"
        )


@pytest.mark.parametrize(("method", "options"), UNMOVED)
def test_unit_and_level_of_a_score_do_not_change_the_rows(method: str, options: dict) -> None:
    usual, _ = picked(method, problem_of(quality_of()), options)
    for factor, level in ((2.0, 0.0), (0.25, 0.0), (64.0, 0.0), (1.0, -3.0), (8.0, 5.0)):
        other, _ = picked(method, problem_of(factor * quality_of() + level), options)
        assert other.rows.tolist() == usual.rows.tolist()


def test_qdit_does_not_change_with_the_unit_of_the_score() -> None:
    usual, gain = picked("qdit", problem_of(quality_of()), {})
    other, _ = picked("qdit", problem_of(1000 * quality_of() - 400), {})
    # Sums of float32 cosines are rounded, so one near tie may fall the other way.
    assert len(np.intersect1d(usual.rows, other.rows)) >= BUDGET - 2
    assert gain > 0.8


@pytest.mark.parametrize("scale", [0.4, 1.0])
def test_the_released_code_says_when_whole_numbers_leave_nothing_of_the_score(scale: float) -> None:
    made, gain = picked("kmq_released", problem_of(scale * quality_of()), {})
    assert gain < LEAST_GAIN
    assert made.selection.n_forced == 0
    assert "whole numbers" in gain_remark("kmq_released", gain, BUDGET)
    _, wide = picked("kmq_released", problem_of(10 * quality_of()), {})
    assert wide > 0.8


@pytest.mark.parametrize("method", [name for name in SELECTORS if "quality" in SELECTORS[name].reads])
def test_a_score_that_is_the_same_everywhere_is_said(method: str) -> None:
    made, gain = picked(method, problem_of(np.full(N, 3.0)), {})
    assert len(made.rows)
    assert gain == 0.0
    assert "the same score" in gain_remark(method, gain, BUDGET)
    assert gain_aside(method, gain, BUDGET).startswith("; the picked rows score hardly higher")


def test_ratings_near_the_top_of_their_scale_make_linear_odds_nearly_even() -> None:
    ratings = np.random.default_rng(1).normal(4.5, 0.2, N)
    _, linear = picked("kmq", problem_of(ratings, non_negative=True), {})
    _, rank = picked("kmq", problem_of(ratings), {})
    assert linear < LEAST_GAIN < 0.25 < rank
    assert "Weigh by rank" in gain_remark("kmq", linear, BUDGET)


def test_one_extreme_score_leaves_qdit_to_coverage_and_that_is_said() -> None:
    gains = []
    for seed in range(5):
        quality = quality_of(seed)
        quality[7] = 1e7
        gains.append(picked("qdit", problem_of(quality), {})[1])
    assert "extreme values" in gain_remark("qdit", float(np.median(gains)), BUDGET)


def test_one_extreme_score_drowns_a_softmax_in_spreads_and_that_is_said_while_ranks_do_not_mind() -> None:
    gains: dict[str, list[float]] = {"softmax": [], "rank": []}
    for seed in range(5):
        quality = quality_of(seed)
        quality[7] = 1e7
        for weighting, found in gains.items():
            found.append(picked("kmq", problem_of(quality), {"weighting": weighting})[1])
    assert gain_remark("kmq", float(np.median(gains["softmax"])), BUDGET)
    assert np.median(gains["rank"]) > 0.25


def test_where_quality_is_switched_off_nothing_is_said() -> None:
    assert picked("qdit", problem_of(quality_of()), {"quality_weight": 0.0})[1] is None
    assert picked("semdedup", problem_of(quality_of()), {"then": "random"})[1] is None


def gain_by_pairs(quality: list[float], taken: list[bool], group: list[int]) -> float:
    """The same from pairs: how often a picked row beats one left out, less one half, over the same for the best pick."""

    def above_half(picks: list[bool]) -> float:
        total = 0.0
        for i, mine in enumerate(picks):
            for j, other in enumerate(picks):
                if mine and not other and group[i] == group[j]:
                    total += (quality[i] > quality[j]) - (quality[i] < quality[j])
        return total

    best = [False] * len(quality)
    for one in set(group):
        rows = sorted((i for i in range(len(quality)) if group[i] == one), key=lambda i: -quality[i])
        for i in rows[: sum(taken[i] for i in rows)]:
            best[i] = True
    return above_half(taken) / above_half(best) if above_half(best) else 0.0


@examples(100, derandomize=True)
@given(st.data())
def test_the_gain_is_that_of_all_pairs(data: st.DataObject) -> None:
    n = data.draw(st.integers(2, 14))
    quality = data.draw(st.lists(st.integers(-3, 3).map(float), min_size=n, max_size=n))
    taken = data.draw(st.lists(st.booleans(), min_size=n, max_size=n))
    group = data.draw(st.lists(st.integers(-1, 2), min_size=n, max_size=n))
    found = quality_gain(quality, np.flatnonzero(taken), available=np.ones(n, bool), group=group)
    mixed = any({taken[i] for i in range(n) if group[i] == one} == {True, False} for one in set(group))
    if mixed:
        assert found == pytest.approx(gain_by_pairs(quality, taken, group))
    else:
        assert np.isnan(found)
    assert not found > 1 + 1e-12


def test_pins_and_rows_without_a_score_say_nothing_of_the_gain() -> None:
    quality = np.array([9.0, 1.0, 2.0, np.nan, 3.0])
    available = np.array([False, True, True, True, True])
    assert quality_gain(quality, np.array([0, 4]), available=available) == 1.0
    assert quality_gain(quality, np.array([0, 1]), available=available) == -1.0
    assert np.isnan(quality_gain(quality, np.array([1, 2, 3, 4]), available=available))


def test_a_linear_draw_of_negative_scores_is_refused_with_the_way_out() -> None:
    import tamis

    with pytest.raises(InvalidOptions, match="'rank' or 'softmax'"):
        tamis.kmq(quality=-quality_of(), clusters=np.arange(N) % K, budget=9, weighting="linear")


def test_of_few_picks_nothing_is_said_that_chance_may_have_done() -> None:
    assert gain_remark("kmq", 0.05, 29) == ""
    assert gain_remark("kmq", 0.05, 30)
    assert gain_remark("kmq", 0.0, 3), "all scores tie: that is no chance"


# A budget of 150 gives each of six clusters 25 rows, of which only so many have a chance by linear odds.
WITH_A_CHANCE = 5
LINEAR_DRAWS = [
    ("kmq", {"weighting": "linear"}),
    ("semdedup", {"then": "kmq", "weighting": "linear"}),
    ("spread_then_target", {"weighting": "linear"}),  # its quality is the similarity to the target
]


def sparse_quality() -> np.ndarray:
    """1 for the first rows of each cluster, 0 for all others."""
    return (np.arange(N) // K < WITH_A_CHANCE).astype(float)


def similar_to_a_target(similarity: np.ndarray) -> TargetSimilarity:
    """One example of one target, to which each row is so similar; none is the target, and none says what another says."""
    return TargetSimilarity(
        names=("the target",),
        shares=(1.0,),
        similarity=similarity[:, None].astype(np.float32),
        part=np.zeros(1, dtype=np.int64),
        leaks=NOBODY,
        first=np.arange(N),
    )


@pytest.mark.parametrize(("method", "options"), LINEAR_DRAWS)
def test_rows_picked_without_a_chance_are_counted_exactly(method: str, options: dict) -> None:
    problem = replace(
        problem_of(sparse_quality(), non_negative=True), target=similar_to_a_target(sparse_quality())
    )
    made, _ = picked(method, problem, options)
    assert len(made.rows) == BUDGET
    assert made.selection.n_forced == BUDGET - K * WITH_A_CHANCE > 0
    assert made.selection.n_forced == int((sparse_quality()[made.rows] == 0).sum())


@pytest.mark.parametrize(("method", "options"), [one for one in VARIANTS if one not in LINEAR_DRAWS])
def test_what_weighs_otherwise_leaves_no_row_without_a_chance(method: str, options: dict) -> None:
    made, _ = picked(method, problem_of(sparse_quality()), options)
    assert made.selection.n_forced == 0


def test_every_method_that_offers_linear_odds_counts_them() -> None:
    offered = {name for name in SELECTORS if hasattr(SELECTORS[name].options(), "weighting")}
    assert offered == {name for name, _ in LINEAR_DRAWS}
