"""Repeats and leaks beside plain set arithmetic on words (METHODS.md 4.7, 4.8)."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tamis.compute.text.contamination import ngram_overlap
from tamis.compute.text.near_duplicates import exact_duplicates, minhash_duplicates, vector_duplicates
from tests.support.scale import examples, times

WORDS = [f"w{i}" for i in range(400)]


def runs(text: str, size: int) -> set[tuple[str, ...]]:
    words = re.findall(r"\w+", text.casefold())
    return {tuple(words[i : i + size]) for i in range(max(1, len(words) - size + 1))} if words else set()


def jaccard(a: str, b: str) -> float:
    one, other = runs(a, 3), runs(b, 3)
    return len(one & other) / len(one | other)


def pair_of(rng: np.random.Generator, changed: int) -> tuple[str, str]:
    """A text of 90 words and the same with the last ``changed`` words replaced."""
    words = rng.choice(WORDS, 90).tolist()
    return " ".join(words), " ".join(words[: 90 - changed] + [f"x{i}" for i in range(changed)])


def test_the_share_of_equal_minima_is_near_the_exact_jaccard_index() -> None:
    rng = np.random.default_rng(3)
    for _ in range(times(60, 600)):
        a, b = pair_of(rng, int(rng.integers(0, 30)))
        found = minhash_duplicates([a, b], threshold=0.05, rng=rng)
        exact = jaccard(a, b)
        error = math.sqrt(max(exact * (1 - exact), 1e-9) / 128)
        # Hashes of one call share their seed, so cases are independent; 6 errors are passed in 2 of a billion.
        assert abs(float(found.similarity[1]) - exact) <= 6 * error + 1e-6


@pytest.mark.parametrize(("changed", "least", "most"), [(6, 0.95, 1.0), (9, 0.4, 0.9), (30, 0.0, 0.01)])
def test_pairs_above_the_threshold_are_found_and_at_it_about_half_of_them(
    changed: int, least: float, most: float
) -> None:
    n, found, indices = times(120, 1200), 0, []
    rng = np.random.default_rng(changed)
    for _ in range(n):
        a, b = pair_of(rng, changed)
        indices.append(jaccard(a, b))
        found += int(minhash_duplicates([a, b], threshold=0.8, rng=rng).of[1] == 0)
    assert least <= found / n <= most, f"Jaccard {np.mean(indices):.2f}: found {found} of {n}"


TEXTS = st.lists(
    st.lists(st.sampled_from(["a", "b", "B", "c!", "d"]), min_size=0, max_size=5).map(" ".join),
    min_size=1,
    max_size=12,
)


@examples(150, derandomize=True)
@given(TEXTS)
def test_exact_repeats_are_equal_words_in_equal_order(texts: list[str]) -> None:
    found = exact_duplicates(texts)
    keys = [tuple(re.findall(r"\w+", text.casefold())) for text in texts]
    for row, key in enumerate(keys):
        before = [i for i in range(row) if keys[i] == key and key]
        assert found.of[row] == (before[0] if before else -1)


@examples(60, derandomize=True)
@given(st.integers(0, 10_000), st.integers(2, 40), st.floats(0.5, 0.99))
def test_vectors_repeat_the_nearest_row_that_stands_for_itself(seed: int, n: int, threshold: float) -> None:
    rng = np.random.default_rng(seed)
    vectors = rng.standard_normal((n, 3)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    found = vector_duplicates(vectors, threshold=threshold)
    standing: list[int] = []
    for row in range(n):
        near = {i: float(vectors[row].astype(np.float64) @ vectors[i].astype(np.float64)) for i in standing}
        best = max(near, key=lambda i: near[i], default=-1)
        if near and abs(near[best] - threshold) < 1e-6:
            return  # float32 may decide either way
        repeats = bool(near) and near[best] >= threshold
        assert found.of[row] == (best if repeats else -1)
        standing += [] if repeats else [row]


@examples(150, derandomize=True)
@given(st.integers(0, 10_000), st.integers(2, 6))
def test_contamination_is_the_part_of_an_item_that_a_row_holds(seed: int, size: int) -> None:
    rng = np.random.default_rng(seed)
    some = ["one", "two", "three", "four"]
    texts = [" ".join(rng.choice(some, rng.integers(0, 12))) for _ in range(5)]
    items = [" ".join(rng.choice(some, rng.integers(0, 9))) for _ in range(4)]
    found = ngram_overlap(texts, items, n_words=size)
    for row, text in enumerate(texts):
        shares = []
        for item in items:
            width = min(size, len(item.split()))
            if width < max(2, size // 2):  # says nothing
                shares.append(0.0)
                continue
            wanted = runs(item, width)
            held = runs(text, width) if len(text.split()) >= width else set()
            shares.append(len(wanted & held) / len(wanted))
        assert found.fraction[row] == pytest.approx(max(shares))
        assert found.item[row] == (shares.index(max(shares)) if max(shares) else -1)
