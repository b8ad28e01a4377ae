"""Versions of a dataset: which dataset a curated one was made from, and which of its rows is which."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tamis.errors import InvalidOptions
from tamis.store.artifacts.store import Artifact, ArtifactStore
from tamis.types import Int64s

PARENT_IDS = "parents.npy"
ADDED, FAMILIES = "added.parquet", "families.npy"
NOT_THERE = -1  # instead of an example id in the parent: the row came from a batch
_ADDED: list[pa.Field[Any]] = [
    pa.field("example_id", pa.int64()),
    pa.field("batch", pa.string()),
    pa.field("batch_examples", pa.string()),
    pa.field("batch_id", pa.int64()),
    pa.field("parent_ids", pa.list_(pa.int64())),  # in the parent of the version
]
ADDED_SCHEMA = pa.schema(_ADDED)


@dataclass(frozen=True, slots=True)
class Parent:
    """What a version was made from: the dataset, its examples, and the decisions that were applied to them."""

    dataset_id: str
    examples: str
    decisions: str


def parent_of(examples: Artifact) -> Parent | None:
    """The parent of a curated dataset; None for one that was imported."""
    recorded = examples.summary.get("parent")
    return Parent(**recorded) if recorded else None


def read_parent_ids(examples: Artifact) -> Int64s:
    """For each row of a curated dataset its example id in the parent, shape (n,), ascending, then NOT_THERE for each row
    that came from a batch.
    """
    ids: Int64s = np.load(examples.file(PARENT_IDS), allow_pickle=False)
    return ids


def ancestor_ids(store: ArtifactStore, examples: Artifact, ancestor: str) -> Int64s:
    """For each row its example id in an ancestor, however many versions back, shape (n,); NOT_THERE where it has none.

    A dataset is its own ancestor. Raises InvalidOptions when ``ancestor`` is none, naming those that are.
    """
    ids = np.arange(int(examples.summary["n_examples"]), dtype=np.int64)
    current, line = examples, [examples.manifest.dataset_id]
    while current.manifest.dataset_id != ancestor:
        parent = parent_of(current)
        if parent is None:
            raise InvalidOptions(
                f"{examples.manifest.dataset_id!r} was not made from {ancestor!r}. It comes from: {', '.join(line)}."
            )
        ids = np.where(ids == NOT_THERE, NOT_THERE, read_parent_ids(current)[ids])
        current = store.get(parent.dataset_id, "examples", parent.examples)
        line.append(parent.dataset_id)
    return ids


def added_rows(examples: Artifact) -> pa.Table:
    """The rows of a version that came from batches with it, ADDED_SCHEMA; none for any other dataset."""
    if ADDED not in examples.manifest.files:
        return ADDED_SCHEMA.empty_table()
    return pq.read_table(examples.file(ADDED))


def row_family_numbers(examples: Artifact) -> Int64s | None:
    """The family of each row, through generations of written rows, shape (n,); None for a dataset without such rows."""
    if FAMILIES not in examples.manifest.files:
        return None
    families: Int64s = np.load(examples.file(FAMILIES), allow_pickle=False)
    return families


def versions(store: ArtifactStore, dataset_id: str) -> list[str]:
    """Ids of the datasets that this one was made from, oldest first, itself last; a deleted parent ends the line."""
    line = [dataset_id]
    parent = parent_of(store.examples(dataset_id))
    while parent is not None:
        line.append(parent.dataset_id)
        examples_of_parent = store.find(parent.dataset_id, "examples", parent.examples)
        parent = parent_of(examples_of_parent) if examples_of_parent is not None else None
    return line[::-1]
