from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from tamis.compute.compare.metrics import auroc, kept_half


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2, max_size=40))
def test_auroc_is_that_of_scikit_learn_ties_included(rows):
    score, good = np.array([r[0] for r in rows], dtype=float), np.array([r[1] for r in rows])
    if good.all() or not good.any():
        assert np.isnan(auroc(score, good))
    else:
        assert auroc(score, good) == pytest.approx(roc_auc_score(good, score))


def test_rows_without_a_score_stand_last():
    good = np.array([True, True, False])
    assert auroc(np.array([1.0, 2.0, np.nan]), good) == 1.0
    assert auroc(np.array([np.nan, 2.0, 1.0]), good) == 0.5
    assert np.isnan(auroc(np.full(3, np.nan), good))


def test_the_kept_half_is_strictly_above_the_median():
    score, good = np.array([1.0, 2, 2, 3, 4]), np.array([False, True, True, False, True])
    assert kept_half(score, good) == (0.5, pytest.approx(1 / 3))
    assert all(np.isnan(v) for v in kept_half(np.full(5, np.nan), good))
