"""Rows through the filters that are on: one after the other, then all of them at once."""

from __future__ import annotations

from collections.abc import Sequence

from tamis.compute.augment.types import JudgedRow, SyntheticRow
from tamis.filters import Chosen
from tamis.filters.pool import FilterPool


def judge_rows(rows: Sequence[SyntheticRow], chosen: Sequence[Chosen], pool: FilterPool) -> list[JudgedRow]:
    """Each row with what speaks against it; a row with a reason is shown to no later filter.

    Rows that pass are put into the pool, so that what comes later is held against them. Filters of the ``end`` are left
    to ``judge_set``.
    """
    judged = []
    for row in rows:
        reason, looked_at = None, ""
        for one in chosen:
            if one.kind != "end" and reason is None:
                looked_at = one.name
                (reason,) = one.filter.look([row], pool)
        if reason is None:
            pool.add(row)
        pool.n_judged += 1
        judged.append(JudgedRow(row, () if reason is None else (reason,), looked_at))
    return judged


def judge_set(judged: Sequence[JudgedRow], chosen: Sequence[Chosen], pool: FilterPool) -> list[JudgedRow]:
    """The same rows, with what filters of the ``end`` have against those that passed until now."""
    result = list(judged)
    for one in (one for one in chosen if one.kind == "end"):
        places = [place for place, judgement in enumerate(result) if judgement.passed]
        for place, reason in zip(places, one.filter.look([result[i].row for i in places], pool), strict=True):
            reasons = () if reason is None else (reason,)
            result[place] = JudgedRow(result[place].row, reasons, one.name)
    return result
