"""Scores beside exported rows: which there are, and what their columns are called beside those of the file."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tamis.errors import UnknownName
from tamis.steps.resolve_rows import look_at
from tamis.store.artifacts.readers import EXAMPLES, read_scores
from tamis.store.artifacts.store import Artifact
from tamis.store.rows.columns import json_pointer
from tamis.store.rows.engine import Clause, scan_parquet
from tamis.store.workspace import Workspace
from tamis.types import JSON, Float64s

_OURS = "tamis_"  # before the name of a column that the file has already


def find_scores(workspace: Workspace, dataset_id: str, names: tuple[str, ...]) -> dict[str, Artifact]:
    """The scores of these names that people chose last; raises UnknownName listing those that there are."""
    known = look_at(workspace, dataset_id).scores if names else {}
    for name in names:
        if name not in known:
            raise UnknownName("score of this dataset", name, known)
    return {name: known[name] for name in names}


def score_columns(examples: Artifact, names: tuple[str, ...]) -> dict[str, str]:
    """The column of every score: ``score_NAME``, or ``tamis_score_NAME`` where the file has a column of that name."""
    columns: dict[str, str] = {}
    for name in names:
        column = f"score_{name.replace(':', '_')}"
        while column in columns.values() or _is_taken(examples, column):
            column = f"{_OURS}{column}"
        columns[name] = column
    return columns


class ScoreColumns:
    """The numbers that stand beside a row."""

    def __init__(self, examples: Artifact, scores: Mapping[str, Artifact]) -> None:
        called = score_columns(examples, tuple(scores))
        self._values: dict[str, Float64s] = {called[name]: read_scores(one) for name, one in scores.items()}

    def of(self, row: int) -> dict[str, JSON]:
        """Every column with the score of a row, null where it has none."""
        values = ((column, float(numbers[row])) for column, numbers in self._values.items())
        return {column: value if np.isfinite(value) else None for column, value in values}


def _is_taken(examples: Artifact, column: str) -> bool:
    has_it = Clause("json_exists(meta, ?)", (json_pointer(column),))
    return scan_parquet(examples.file(EXAMPLES), [Clause("example_id")], [has_it]).num_rows > 0
