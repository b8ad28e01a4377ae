"""Numbers that selections and models are compared by beside plain ones (METHODS.md 5)."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.stats import t as students

from tamis.compute.compare.histograms import count_in, mean_per_group, middle_edges
from tamis.compute.compare.jackknife import entropy_interval, jackknife_interval, vendi_interval
from tamis.compute.compare.seeds import mean_over_seeds, overlap_of_methods
from tamis.compute.compare.selections import cluster_entropy, coverage, distribution, jaccard, vendi_score
from tamis.compute.compare.win_rate import wilson_interval, win_rate
from tamis.compute.ranks import average_ranks
from tamis.compute.refine.weights import cluster_scores, rank_correlation
from tamis.compute.text.text_overlap import exact_match, rouge_l, token_f1
from tests.methods.test_selection_twins import cloud, cosines
from tests.support.scale import examples


def vendi_twin(vectors: np.ndarray) -> float:
    """From the kernel of all pairs, as the paper defines it."""
    values = np.linalg.eigvalsh(cosines(vectors) / len(vectors))
    return math.exp(-sum(v * math.log(v) for v in values.tolist() if v > 1e-12))


@examples(60, derandomize=True)
@given(st.integers(0, 10_000), st.integers(2, 40))
def test_vendi_score_is_the_entropy_of_the_kernel(seed: int, n: int) -> None:
    vectors = cloud(max(n, 4), 6, seed)
    assert vendi_score(vectors) == pytest.approx(vendi_twin(vectors), rel=1e-5)


@examples(60, derandomize=True)
@given(st.integers(0, 10_000), st.integers(4, 40), st.integers(1, 6))
def test_coverage_is_the_way_to_the_nearest_pick(seed: int, n: int, b: int) -> None:
    vectors, rng = cloud(n, 5, seed), np.random.default_rng(seed)
    rows = rng.choice(n, min(b, n), replace=False)
    cosine = cosines(vectors)
    near = [1.0 if v in rows else max(float(cosine[v, a]) for a in rows) for v in range(n)]
    away = [math.sqrt(max(0.0, 2 - 2 * c)) for c in near]
    found = coverage(vectors, rows)
    assert found.radius == pytest.approx(max(away), abs=2e-3)
    assert found.mean_distance == pytest.approx(sum(away) / n, abs=2e-3)
    assert found.facility_location == pytest.approx(sum(max(c, 0.0) for c in near) / n, abs=1e-5)


@examples(100, derandomize=True)
@given(st.lists(st.integers(-1, 3), min_size=1, max_size=20), st.data())
def test_entropy_and_overlap_are_counts(ids: list[int], data: st.DataObject) -> None:
    subset = st.lists(st.integers(0, len(ids) - 1), unique=True, max_size=len(ids))
    one, other = data.draw(subset), data.draw(subset)
    counts = Counter(ids[i] for i in one)
    entropy = -sum(c / len(one) * math.log(c / len(one)) for c in counts.values())
    assert cluster_entropy(ids, np.array(one, dtype=np.int64)) == pytest.approx(entropy)
    both, either = set(one) & set(other), set(one) | set(other)
    index = jaccard([np.array(one, dtype=np.int64), np.array(other, dtype=np.int64)])
    assert index[0, 1] == pytest.approx(len(both) / len(either) if either else 1.0)


VALUES = st.lists(st.one_of(st.integers(-50, 50).map(float), st.just(math.nan)), min_size=1, max_size=60)


@examples(100, derandomize=True)
@given(VALUES, st.integers(1, 9))
def test_histograms_count_every_known_value_once(values: list[float], bins: int) -> None:
    edges = middle_edges(values, bins)
    known = [v for v in values if not math.isnan(v)]
    counts = [0] * bins
    for v in known:
        inside = [i for i in range(bins) if edges[i] <= v < edges[i + 1]]
        counts[inside[0] if inside else (0 if v < edges[0] else bins - 1)] += 1
    assert count_in(values, edges).tolist() == counts
    assert sum(counts) == len(known)
    assert len(edges) == bins + 1
    assert (np.diff(edges) > 0).all()


@examples(80, derandomize=True)
@given(VALUES, st.data())
def test_means_and_quantiles_leave_out_what_is_not_known(values: list[float], data: st.DataObject) -> None:
    labels = data.draw(st.lists(st.integers(0, 3), min_size=len(values), max_size=len(values)))
    means = mean_per_group(np.array(labels), values, 4)
    for j in range(4):
        mine = [v for v, g in zip(values, labels, strict=True) if g == j and not math.isnan(v)]
        assert math.isnan(means[j]) if not mine else means[j] == pytest.approx(sum(mine) / len(mine))
    found = distribution(values, np.arange(len(values)))
    known = sorted(v for v in values if not math.isnan(v))
    assert (found.n, found.n_missing) == (len(known), len(values) - len(known))
    if known:
        assert found.mean == pytest.approx(sum(known) / len(known))
        assert (found.quantiles[0], found.quantiles[-1]) == (known[0], known[-1])


# Intervals (5.4)


@examples(60, derandomize=True)
@given(
    st.floats(-5, 5), st.lists(st.floats(-5, 5), min_size=2, max_size=20), st.sampled_from([0.5, 0.9, 0.95])
)
def test_the_jackknife_is_its_formula(whole: float, without: list[float], level: float) -> None:
    g = len(without)
    mean = sum(without) / g
    reach = students.ppf(0.5 + level / 2, g - 1) * math.sqrt(
        (g - 1) / g * sum((v - mean) ** 2 for v in without)
    )
    found = jackknife_interval(whole, np.array(without), confidence_fraction=level)
    assert (found.mean, found.n) == (whole, g)
    assert (found.low, found.high) == (pytest.approx(whole - reach), pytest.approx(whole + reach))


def test_the_jackknife_of_a_mean_is_students_interval_for_it() -> None:
    """Of a mean the delete-one values have the textbook standard error, so both intervals are the same."""
    values = np.random.default_rng(0).normal(3, 2, 25)
    without = np.array([np.delete(values, i).mean() for i in range(25)])
    found = jackknife_interval(float(values.mean()), without)
    mean, low, high = mean_over_seeds(values[:, None])
    assert (found.mean, found.low, found.high) == (
        pytest.approx(mean[0]),
        pytest.approx(low[0]),
        pytest.approx(high[0]),
    )


@pytest.mark.parametrize("n", [45, 120])
def test_the_intervals_of_diversity_leave_out_parts_of_the_picks(n: int) -> None:
    vectors = cloud(200, 6, 1)
    ids = np.random.default_rng(1).integers(0, 7, 200)
    rows = np.random.default_rng(2).choice(200, n, replace=False)
    parts = np.array_split(np.random.default_rng(5).permutation(rows), min(20, n // 2))
    vendi = [vendi_twin(vectors[np.setdiff1d(rows, part)]) for part in parts]
    found = vendi_interval(vectors, rows, rng=np.random.default_rng(5))
    twin = jackknife_interval(vendi_twin(vectors[rows]), np.array(vendi))
    assert (found.mean, found.n) == (pytest.approx(twin.mean, rel=1e-5), 20)
    assert (found.low, found.high) == (pytest.approx(twin.low, rel=1e-4), pytest.approx(twin.high, rel=1e-4))
    entropy = [cluster_entropy(ids, np.setdiff1d(rows, part)) for part in parts]
    other = entropy_interval(ids, rows, rng=np.random.default_rng(5))
    twin = jackknife_interval(cluster_entropy(ids, rows), np.array(entropy))
    assert (other.low, other.high) == (pytest.approx(twin.low), pytest.approx(min(twin.high, math.log(n))))


def test_diversity_of_few_rows_has_bounds_or_no_interval() -> None:
    vectors = np.eye(5, dtype=np.float32)[[0, 1, 2, 3]]
    few = vendi_interval(vectors, np.arange(4), rng=np.random.default_rng(0))
    assert 1 <= few.low <= few.mean <= few.high <= 4
    one = vendi_interval(vectors, np.arange(3), rng=np.random.default_rng(0))
    assert (one.mean, math.isnan(one.low), math.isnan(one.high)) == (pytest.approx(3.0), True, True)
    nothing = entropy_interval([0, 0, 1], np.array([2]), rng=np.random.default_rng(0))
    assert (nothing.mean, math.isnan(nothing.low)) == (0.0, True)
    alike = vendi_interval(np.tile(vectors[:1], (60, 1)), np.arange(60), rng=np.random.default_rng(0))
    assert (alike.low, alike.high) == (pytest.approx(1.0), pytest.approx(1.0))


@examples(60, derandomize=True)
@given(st.integers(0, 10_000), st.integers(1, 4), st.integers(1, 4))
def test_the_overlap_of_methods_leaves_out_one_seed_at_a_time(seed: int, a: int, b: int) -> None:
    rng = np.random.default_rng(seed)
    index = rng.uniform(0.1, 0.6, (a + b, a + b))
    index = (index + index.T) / 2
    left, right = np.arange(a), np.arange(a, a + b)
    apart = np.ones((a + b, a + b), dtype=bool)
    found = overlap_of_methods(index, left, right, independent=apart)
    pairs = index[:a, a:]
    assert found.mean == pytest.approx(pairs.mean())
    groups = [
        [np.delete(pairs, i, axis=axis).mean() for i in range(size)]
        for axis, size in ((0, a), (1, b))
        if size > 1
    ]
    if not groups:
        assert math.isnan(found.low)
        return
    variance = sum((len(p) - 1) / len(p) * sum((v - np.mean(p)) ** 2 for v in p) for p in groups)
    reach = students.ppf(0.975, min(len(p) for p in groups) - 1) * math.sqrt(variance)
    assert (found.low, found.high) == (
        pytest.approx(max(0.0, found.mean - reach)),
        pytest.approx(min(1.0, found.mean + reach)),
    )


@examples(100, derandomize=True)
@given(st.integers(1, 200), st.data())
def test_wilsons_interval_is_where_the_normal_test_would_not_reject(n: int, data: st.DataObject) -> None:
    won = data.draw(st.integers(0, 2 * n)) / 2
    low, high = wilson_interval(won, n)
    share = won / n

    def away(p: float) -> float:
        return (share - p) ** 2 - 1.959963984540054**2 * p * (1 - p) / n

    if 0 < share < 1:
        assert low == pytest.approx(brentq(away, 1e-15, share), abs=1e-9)
        assert high == pytest.approx(brentq(away, share, 1 - 1e-15), abs=1e-9)
    assert -1e-12 <= low <= share + 1e-12
    assert share - 1e-12 <= high <= 1 + 1e-12


@examples(50, derandomize=True)
@given(st.lists(st.sampled_from(["tuned", "base", "tie"]), min_size=1, max_size=30))
def test_a_win_rate_counts_a_tie_as_half(winners: list[str]) -> None:
    found = win_rate(winners, 3)
    assert found.rate == pytest.approx((winners.count("tuned") + winners.count("tie") / 2) / len(winners))
    assert (found.n_votes, found.n_won, found.n_tied) == (
        len(winners),
        winners.count("tuned"),
        winners.count("tie"),
    )


@examples(100, derandomize=True)
@given(st.lists(st.integers(-3, 3), min_size=1, max_size=20))
def test_average_ranks_count_who_is_below(values: list[int]) -> None:
    expected = [sum(v < one for v in values) + (values.count(one) + 1) / 2 for one in values]
    assert average_ranks(values).tolist() == expected


@examples(60, derandomize=True)
@given(st.lists(st.tuples(st.integers(-4, 4), st.integers(-4, 4)), min_size=3, max_size=12))
def test_rank_correlation_is_pearsons_of_ranks(pairs: list[tuple[int, int]]) -> None:
    a, b = average_ranks([x for x, _ in pairs]), average_ranks([y for _, y in pairs])
    cov = sum((x - a.mean()) * (y - b.mean()) for x, y in zip(a, b, strict=True))
    size = math.sqrt(sum((x - a.mean()) ** 2 for x in a) * sum((y - b.mean()) ** 2 for y in b))
    found = rank_correlation([x for x, _ in pairs], [y for _, y in pairs])
    assert math.isnan(found) if size == 0 else found == pytest.approx(cov / size)


@examples(60, derandomize=True)
@given(st.lists(st.tuples(st.integers(0, 3), st.one_of(st.floats(-5, 5), st.just(math.nan))), max_size=20))
def test_cluster_scores_are_means_with_their_textbook_error(rows: list[tuple[int, float]]) -> None:
    found = cluster_scores([g for _, g in rows], np.array([j for j, _ in rows], dtype=np.int64), 4)
    for j in range(4):
        gaps = [g for i, g in rows if i == j and not math.isnan(g)]
        assert found.n_scored[j] == len(gaps)
        assert (
            math.isnan(found.mean[j]) if not gaps else found.mean[j] == pytest.approx(sum(gaps) / len(gaps))
        )
        if len(gaps) < 2:
            assert math.isnan(found.standard_error[j])
        else:
            mean = sum(gaps) / len(gaps)
            error = math.sqrt(sum((g - mean) ** 2 for g in gaps) / (len(gaps) - 1) / len(gaps))
            assert found.standard_error[j] == pytest.approx(error, abs=1e-9)


WORDS = st.lists(st.sampled_from(["a", "B", "cat", "cat,", "dog"]), max_size=8).map(" ".join)


@examples(100, derandomize=True)
@given(WORDS, WORDS)
def test_overlaps_of_texts_are_bags_and_subsequences(gold: str, made: str) -> None:
    one, other = ([w.strip(",").casefold() for w in text.split()] for text in (gold, made))
    table = [[0] * (len(other) + 1) for _ in range(len(one) + 1)]
    for i, a in enumerate(one, 1):
        for j, b in enumerate(other, 1):
            table[i][j] = table[i - 1][j - 1] + 1 if a == b else max(table[i - 1][j], table[i][j - 1])
    size = len(one) + len(other)
    shared = sum((Counter(one) & Counter(other)).values())
    assert rouge_l(gold, made) == pytest.approx(2 * table[-1][-1] / size if size else 1.0)
    assert token_f1(gold, made) == pytest.approx(2 * shared / size if size else 1.0)
    assert exact_match(gold, made) == float(one == other)
