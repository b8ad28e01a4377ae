"""The values of a column as group codes, for a selection that divides its budget over them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tamis.compute.select.groups import group_by_quantile, group_by_value
from tamis.errors import InvalidOptions
from tamis.store.artifacts.store import Artifact
from tamis.store.artifacts.view import DatasetView
from tamis.store.rows.columns import find_column
from tamis.store.rows.query import column_values
from tamis.types import Int64s


def group_codes(inputs: Mapping[str, Artifact], column: str, n_bins: int) -> tuple[Int64s, int]:
    """Group of each row (n,) in 0..n_groups-1, -1 where it has no value, and n_groups.

    A column of numbers is cut at its quantiles into at most ``n_bins`` groups, fewer where many rows share a value.
    Raises InvalidOptions for a text and for a tag, UnknownName for a column that the dataset does not have.
    """
    if column.startswith("tag:") or column == "tags":
        raise InvalidOptions(
            f"{column!r} changes by hand, so no selection can be made again from it: restrict the rows by the tag "
            "instead."
        )
    view = _view(inputs)
    described = find_column(view, column)
    if described.kind == "text":
        raise InvalidOptions(
            f"{described.label} is a text that hardly two rows share: give a category or a number, such as source."
        )
    if described.kind == "list":
        raise InvalidOptions(
            f"A row can have several entries of {described.label}, and a stratum wants one: give a category or a number."
        )
    values = column_values(view, column)
    if described.kind == "number":
        return group_by_quantile(values.astype(np.float64), n_bins)
    if values.dtype == np.int32:  # the cluster, -1 for noise
        return values.astype(np.int64), int(values.max(initial=-1)) + 1
    return group_by_value(values)


def _view(inputs: Mapping[str, Artifact]) -> DatasetView:
    examples = inputs["examples"]
    scores = inputs.get("column_scores")
    return DatasetView(
        dataset_id=examples.manifest.dataset_id,
        examples=examples,
        clustering=inputs.get("clustering"),
        layout=None,
        embeddings=inputs.get("embeddings"),
        scores={str(scores.manifest.options["scorer"]): scores} if scores else {},
        selection=None,
        selections=(),
        artifacts=(),
    )
