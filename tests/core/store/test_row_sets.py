from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tamis.store.row_sets import difference, intersection, row_set, union

IDS = st.lists(st.integers(0, 30) | st.integers(0, 2**62), max_size=40)


@given(IDS, IDS)
def test_row_sets_are_sets(first, second):
    a, b = row_set(first), row_set(second)
    assert a.tolist() == sorted(set(first))
    assert union(a, b).tolist() == sorted(set(first) | set(second))
    assert difference(a, b).tolist() == sorted(set(first) - set(second))
    assert intersection(a, b).tolist() == sorted(set(first) & set(second))
    assert a.dtype == union(a, b).dtype == np.int64
