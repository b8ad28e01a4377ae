"""What people said of a brief's rows: several drafts of one parent are no several opinions."""

from __future__ import annotations

import pytest

from tamis.actions.briefs import _Decided, _version
from tamis.compute.augment.types import JudgedRow, Provenance, SyntheticRow
from tamis.compute.compare.win_rate import wilson_interval


def decided(parents: tuple[int, ...], *, accepted: bool) -> _Decided:
    row = SyntheticRow((), Provenance("similar", "t", parent_ids=parents))
    return _Decided(JudgedRow(row), accepted, "")


def test_drafts_of_the_same_parents_count_once() -> None:
    alike = [decided((parent,), accepted=parent < 6) for parent in range(10) for _ in range(4)]
    found = _version(1, "", alike)
    assert (found.n_decided, found.n_accepted) == (40, 24)
    assert (found.low, found.high) == pytest.approx(wilson_interval(6, 10))
    apart = _version(1, "", [decided((), accepted=i < 24) for i in range(40)])
    assert (apart.low, apart.high) == pytest.approx(wilson_interval(24, 40))
    assert _version(1, "", []).n_decided == 0
