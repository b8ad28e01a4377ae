"""What a comparison says, and the rows that tell its methods apart."""

from __future__ import annotations

from tamis.actions.read_rows import ALL_ROWS, Scope
from tamis.errors import InvalidOptions
from tamis.steps.compare.comparison import (
    Comparison,
    IntervalEstimate,
    Metric,
    ScoreHistograms,
    Shares,
    read_comparison,
    read_membership,
)
from tamis.store.artifacts.store import Artifact
from tamis.types import Int64s

__all__ = [
    "Comparison", "IntervalEstimate", "Metric", "ScoreHistograms", "Shares", "read_comparison", "only_rows", "scope_of",
]  # fmt: skip


def only_rows(comparison: Artifact, method: int) -> Int64s:
    """Sorted ids of the rows that the method of this number picked and no other did."""
    table = read_membership(comparison)
    rows_of_method: Int64s = table["example_id"].to_numpy()[table["only_method"].to_numpy() == method]
    return rows_of_method


def scope_of(comparison: Comparison, method: int, rows: Int64s) -> Scope:
    """These rows of one method as a filter: by their ids while a link can hold them, else by the selections they are in
    and not in.
    """
    try:
        by_id = ALL_ROWS.and_where("rows", rows.tolist())
        by_id.to_url()
        return by_id
    except InvalidOptions:
        scope = ALL_ROWS
        for one in comparison.selections:
            if one.method != method:
                scope = scope.and_where("selected", False, one.id)
        # Of several seeds the first stands for the method: a filter has no "or".
        return scope.and_where(
            "selected", True, comparison.selections[comparison.methods[method].selections[0]].id
        )
