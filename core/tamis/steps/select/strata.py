"""The values of a column as group codes, for a selection that divides its budget over them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from tamis.compute.select.groups import NO_GROUP, group_by_quantile, group_by_value
from tamis.compute.text.near_duplicates import normalised_words
from tamis.errors import InvalidOptions
from tamis.store.artifacts.readers import iter_examples
from tamis.store.artifacts.store import Artifact
from tamis.store.artifacts.view import DatasetView
from tamis.store.rows.columns import find_column
from tamis.store.rows.query import column_values
from tamis.types import Int64s

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

MOST_LABELS = 10_000  # each with each: 800 MB


def group_codes(inputs: Mapping[str, Artifact], column: str, n_bins: int) -> tuple[Int64s, int]:
    """Group of each row (n,) in 0..n_groups-1, -1 where it has no value, and n_groups.

    A column of numbers is cut at its quantiles into at most ``n_bins`` groups, fewer where many rows share a value.
    Raises InvalidOptions for a text and for a tag, UnknownName for a column that the dataset does not have.
    """
    _refuse_tags(column)
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


def label_matrix(inputs: Mapping[str, Artifact], column: str) -> csr_matrix:
    """Which labels each row has, sparse 0/1 (n, L), by a column of lists of tags, or of single values.

    Labels are in the order in which they first occur. Raises InvalidOptions for a tag, a number, a text and more than
    MOST_LABELS labels, UnknownName for a column that the dataset does not have.
    """
    from scipy import sparse

    _refuse_tags(column)
    view = _view(inputs)
    described = find_column(view, column)
    if described.kind in ("number", "text"):
        raise InvalidOptions(
            f"{described.label} holds no labels: give a column of lists or of categories, or cluster."
        )
    values = column_values(view, column).tolist()
    seen: dict[str, int] = {}
    rows, places = list[int](), list[int]()
    for row, value in enumerate(values):
        entries = value if isinstance(value, tuple) else () if value is None else (value,)
        for entry in dict.fromkeys(entries):
            rows.append(row)
            places.append(seen.setdefault(str(entry), len(seen)))
    if not seen or len(seen) > MOST_LABELS:
        raise InvalidOptions(
            f"{described.label} has {len(seen):,} labels, and 1 to {MOST_LABELS:,} can be told apart: take another column, or cluster."
        )
    return sparse.csr_matrix((np.ones(len(rows)), (rows, places)), shape=(len(values), len(seen)))


def _refuse_tags(column: str) -> None:
    if column.startswith("tag:") or column == "tags":
        raise InvalidOptions(
            f"{column!r} changes by hand, so no selection can be made again from it: restrict the rows by the tag "
            "instead."
        )


def prompt_groups(examples: Artifact) -> tuple[Int64s, Int64s]:
    """A number (n,) for each prompt, the same where they differ in case, space and punctuation alone, -1 for none; words of responses."""
    seen: dict[str, int] = {}
    codes, words = list[int](), list[int]()
    for batch in iter_examples(examples, ("prompt", "response")):
        for prompt, response in zip(batch["prompt"].to_pylist(), batch["response"].to_pylist(), strict=True):
            key = normalised_words(prompt or "")
            codes.append(seen.setdefault(key, len(seen)) if key else NO_GROUP)
            words.append(len((response or "").split()))
    return np.array(codes, dtype=np.int64), np.array(words, dtype=np.int64)


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
