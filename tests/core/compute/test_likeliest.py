"""GRAPE: the likeliest answer of each prompt, by hand and beside a plain loop."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tamis.compute.select.likeliest import FEWEST_TOKENS, likeliest_answers


def test_the_golden_answer_stays() -> None:
    means = np.array([-12 / 6, -9 / 3, -20 / 11])
    assert means == pytest.approx([-2, -3, -1.8182], abs=1e-4)
    found = likeliest_answers(np.zeros(3, dtype=np.int64), means, np.ones(3, dtype=bool))
    assert found.kept.tolist() == [False, False, True]
    assert found.instead.tolist() == [2, 2, 2] and found.n_choices == 1


def test_short_answers_come_last_alone_ones_stay_and_ties_go_to_the_lower_row() -> None:
    group = np.array([0, 0, 1, 2, 2, -1, -1, 3, 3])
    value = np.array([-1.0, -5, -9, -2, -2, np.nan, -1, np.nan, -3])
    tokens = np.array([2, 9, 1, 9, 9, 9, 9, 9, 9])
    found = likeliest_answers(group, value, np.ones(9, dtype=bool), n_tokens=tokens)
    assert np.flatnonzero(found.kept).tolist() == [1, 2, 3, 5, 6, 8]
    assert found.n_choices == 3
    left = likeliest_answers(group, value, np.arange(9) != 1, n_tokens=tokens)
    assert left.kept[0] and not left.kept[1]


@settings(max_examples=40, deadline=None)
@given(n=st.integers(0, 30), seed=st.integers(0, 99))
def test_one_of_each_prompt_stays_and_it_is_the_likeliest(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    group, value = rng.integers(-1, 6, n), rng.integers(-4, 0, n).astype(float)
    available, tokens = rng.random(n) < 0.8, rng.integers(1, 9, n)
    found = likeliest_answers(group, value, available, n_tokens=tokens)
    wanted = []
    for one in np.unique(group):
        rows = [i for i in range(n) if group[i] == one and available[i]]
        if one < 0:
            wanted += rows
        elif rows:
            wanted.append(max(rows, key=lambda i: (tokens[i] >= FEWEST_TOKENS, value[i], -i)))
    assert np.flatnonzero(found.kept).tolist() == sorted(wanted)
