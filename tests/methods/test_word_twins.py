"""Names of clusters, overlaps that chance makes, and rows that belong together beside plain counting."""

from __future__ import annotations

import itertools
import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tamis.compute.cluster.keywords import cluster_keywords
from tamis.compute.refine.draw import RefinementPool, draw_round, split_budget, spread_order
from tamis.compute.refine.flags import flag_rows
from tamis.compute.refine.shared_luck import expected_overlap
from tamis.compute.select.kmq import kmq_tokens
from tamis.compute.text.row_families import link_rows
from tests.support.scale import examples, times

NOUNS = ["garden", "rocket", "violin", "lemon", "bridge", "window", "candle", "marble"]


@examples(60, derandomize=True)
@given(st.integers(0, 10_000), st.integers(1, 3))
def test_keywords_are_ranked_by_class_based_tf_idf(seed: int, k: int) -> None:
    """6.3, on texts of single words that are no form of each other: share in the cluster times log(1 + A / f)."""
    rng = np.random.default_rng(seed)
    ids = rng.integers(0, k, 12)
    texts = [", ".join(rng.choice(NOUNS, int(rng.integers(1, 4)), replace=False)) for _ in ids]
    counts = [Counter() for _ in range(k)]
    for text, j in zip(texts, ids, strict=True):
        counts[j].update(text.split(", "))
    for j in range(k):
        if sum(i == j for i in ids) > 5:  # words of one text say nothing about a cluster of more than a few
            counts[j] = Counter({w: c for w, c in counts[j].items() if c > 1}) or counts[j]
    total = sum(counts, Counter())
    found = cluster_keywords(texts, ids, k, top=len(NOUNS))
    mean = total.total() / max(1, sum(bool(c) for c in counts))

    def worth(word: str, j: int) -> float:
        return counts[j][word] / counts[j].total() * math.log(1 + mean / total[word])

    for j in range(k):
        single = [word for word in found[j] if " " not in word]
        if any(" " in word for word in found[j]):
            continue  # runs of words count as terms of their own there
        assert set(single) <= set(counts[j])
        assert all(worth(a, j) >= worth(b, j) - 1e-9 for a, b in itertools.pairwise(single))


@pytest.mark.parametrize("shared", [False, True])
def test_the_expected_overlap_is_what_runs_have_on_average(*, shared: bool) -> None:
    """Two runs over the same clusters, drawn as a refinement draws, with luck of their own or with the same."""
    sizes, mine, theirs = [40, 25], [[8, 4], [6, 2]], [[4, 9], [4, 5]]
    ids = np.repeat([0, 1], sizes)
    nobody = np.zeros(65, dtype=bool)
    pool = RefinementPool(ids, 2, None, nobody, nobody)

    def run(budgets: list[list[int]], seeds: list[int]) -> set[int]:
        taken = nobody.copy()
        for budget, seed in zip(budgets, seeds, strict=True):
            rng = np.random.default_rng(seed)
            taken[draw_round(pool, [*budget, 0], sum(budget), taken=taken, rng=rng).rows] = True
        return set(np.flatnonzero(taken).tolist())

    both = []
    for case in range(times(400, 5000)):
        first = [2 * case, 2 * case + 1]
        second = first if shared else [100_000 + seed for seed in first]
        both.append(len(run(mine, first) & run(theirs, second)))
    expected = expected_overlap(
        np.array(mine), np.array(theirs), np.array(sizes), shared=shared, rng=np.random.default_rng(1)
    )
    # The simulated expectation has an error of its own, of 20 draws.
    error = np.std(both, ddof=1) * (1 / len(both) + (1 / 20 if shared else 0)) ** 0.5
    assert abs(np.mean(both) - expected) <= 4.9 * error


@examples(60, derandomize=True)
@given(
    st.lists(
        st.tuples(st.sampled_from("ab c"), st.lists(st.integers(0, 3), max_size=2)), min_size=1, max_size=12
    )
)
def test_rows_belong_together_through_any_chain_of_prompts_and_families(
    rows: list[tuple[str, list[int]]],
) -> None:
    links = link_rows([p for p, _ in rows], [f for _, f in rows], np.random.default_rng(0))
    together = [
        [i == j or (a.strip() == b.strip() != "") or bool(set(f) & set(g)) for j, (b, g) in enumerate(rows)]
        for i, (a, f) in enumerate(rows)
    ]
    reached = np.array(together)
    for _ in rows:
        reached = (reached.astype(int) @ reached.astype(int)) > 0
    groups = links.groups()
    assert ((groups[:, None] == groups[None]) == reached).all()


@examples(80, derandomize=True)
@given(st.integers(0, 10_000), st.integers(3, 25), st.integers(1, 60))
def test_a_budget_of_tokens_is_spent_until_nothing_fits(seed: int, n: int, budget: int) -> None:
    rng = np.random.default_rng(seed)
    cost, ids = rng.integers(1, 12, n), rng.integers(-1, 2, n)
    found = kmq_tokens(
        ids,
        rng.random(n),
        token_counts=cost,
        token_budget=budget,
        n_clusters=2,
        rng=np.random.default_rng(seed),
    )
    rows = found.selection.rows
    spent = int(cost[rows].sum())
    assert spent + found.unused_tokens == budget
    assert found.unused_tokens >= 0
    rest = np.setdiff1d(np.arange(n), rows)
    assert (cost[rest] > found.unused_tokens).all()
    assert [int(cost[rows[ids[rows] == j]].sum()) for j in (0, 1, -1)] == found.tokens.tolist()


@examples(60, derandomize=True)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=20), st.integers(1, 6))
def test_every_group_is_heard_once_before_any_a_second_time(groups: list[int], rounds: int) -> None:
    order = spread_order(groups, np.random.default_rng(3))
    assert sorted(order.tolist()) == list(range(len(groups)))
    for end in range(1, len(groups) + 1):
        heard = Counter(groups[i] for i in order[:end])
        for group in set(groups):
            # Nobody is behind another by more than one turn unless all of its rows were heard.
            assert heard[group] >= max(heard.values()) - 1 or heard[group] == groups.count(group)
    total = len(groups) + rounds
    parts = split_budget(total, rounds)
    assert sum(parts) == total
    assert max(parts) - min(parts) <= 1
    assert list(parts) == sorted(parts, reverse=True)


GAP = st.one_of(st.floats(-2, 2), st.just(math.nan))


@examples(80, derandomize=True)
@given(st.lists(st.tuples(GAP, GAP, st.floats(0, 3)), min_size=1, max_size=12), st.sampled_from([0.0, 1.0]))
def test_flags_are_three_rules_of_their_own(rows: list[tuple[float, float, float]], margin: float) -> None:
    """1.4: below 0, and below the mean less a deviation of the round where that is asked; NaN never flags."""
    gaps, sure, ratio = ([row[i] for row in rows] for i in range(3))
    found = flag_rows(
        gap=gaps, confidence=sure, weight_ratio=ratio, below_own=True, margin_sd=margin, gamma=0.5, floor=0.8
    )
    known = [g for g in gaps if not math.isnan(g)]
    limit = 0.0
    if margin and len(known) > 1:
        mean = sum(known) / len(known)
        limit = min(0.0, mean - (sum((g - mean) ** 2 for g in known) / (len(known) - 1)) ** 0.5)
    elif margin:
        limit = -math.inf
    expected = {("below_own_answer", i) for i, g in enumerate(gaps) if g < limit - 1e-9}
    expected |= {("low_confidence", i) for i, c in enumerate(sure) if c < 0.5}
    expected |= {("low_cluster_weight", i) for i, w in enumerate(ratio) if w < 0.8}
    flagged = set(zip(found.reason, found.position.tolist(), strict=True))
    near = {("below_own_answer", i) for i, g in enumerate(gaps) if abs(g - limit) <= 1e-9}
    assert flagged - near == expected - near
