"""Accepted rows of batches, as a version takes them: which rows, where they come from, and whose family they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tamis.compute.apply import Applied
from tamis.compute.augment.families import family_labels
from tamis.errors import InvalidOptions
from tamis.steps.curate.options import Addition
from tamis.steps.resolve_decisions import apply_frozen
from tamis.store.artifacts.batches import additions_to, read_provenance, require_batch
from tamis.store.artifacts.store import Artifact, ArtifactStore
from tamis.store.artifacts.versions import (
    ADDED,
    ADDED_SCHEMA,
    FAMILIES,
    NOT_THERE,
    PARENT_IDS,
    added_rows,
    ancestor_ids,
    parent_of,
    row_family_numbers,
    versions,
)
from tamis.store.review.frozen_decisions import KIND, freeze_decisions, read_frozen_decisions
from tamis.store.workspace import Workspace
from tamis.types import Int64s


@dataclass(frozen=True, slots=True)
class JoinedBatch:
    """A batch with its accepted rows and their decided texts."""

    addition: Addition
    examples: Artifact
    applied: Applied


def plan_additions(workspace: Workspace, dataset_id: str, batches: Sequence[str]) -> tuple[Addition, ...]:
    """The batches as they stand now, their decisions frozen.

    Raises InvalidOptions for a dataset that is no batch of this one, for one that is in it already, and where no row of it is
    accepted.
    """
    store = workspace.artifacts
    line, inside = versions(store, dataset_id), _joined_before(store, dataset_id)
    additions = []
    for batch in dict.fromkeys(batches):
        examples = store.examples(batch)
        target = require_batch(examples).dataset_id
        if target not in line:
            raise InvalidOptions(
                f"Batch {batch!r} adds to {target!r} and not to {dataset_id!r}. Apply it there: tamis apply --dataset {target} "
                f"--with {batch}."
            )
        if batch in inside:
            raise InvalidOptions(
                f"The rows of batch {batch!r} are in {dataset_id!r} already: leave it out, or write another batch."
            )
        frozen = freeze_decisions(workspace, batch)
        if frozen is None or not len(accepted(frozen)):
            raise InvalidOptions(
                f"No row of batch {batch!r} is accepted yet: review it, or tamis decisions rule --dataset {batch} --accept passed."
            )
        additions.append(Addition(dataset_id=batch, examples=examples.id, decisions=frozen.id))
    return tuple(additions)


def accepted(decisions: Artifact) -> Int64s:
    """Ids of the rows for which keep or replace is decided, ascending: what nobody decided about is not among them."""
    decided = read_frozen_decisions(decisions)
    ids = sorted(row for row, one in decided.items() if one.verdict in ("keep", "replace"))
    return np.array(ids, dtype=np.int64)


def read_additions(store: ArtifactStore, additions: Sequence[Addition]) -> list[JoinedBatch]:
    """The accepted rows of each batch; raises ArtifactMissing, and CurationError for a text that breaks the schema."""
    joined = []
    for one in additions:
        decisions = store.get(one.dataset_id, KIND, one.decisions)
        applied = apply_frozen(accepted(decisions), decisions)
        joined.append(JoinedBatch(one, store.get(one.dataset_id, "examples", one.examples), applied))
    return joined


def write_lineage(
    folder: Path, store: ArtifactStore, parent: Artifact, rows: Int64s, joined: Sequence[JoinedBatch]
) -> None:
    """Write where each row comes from: ``parents.npy``, and for written rows their batch and everybody's family."""
    lines = [line for batch in joined for line in _lines(store, parent, batch)]
    np.save(folder / PARENT_IDS, np.concatenate([rows, np.full(len(lines), NOT_THERE, dtype=np.int64)]))
    before = row_family_numbers(parent)
    if before is None and not lines:
        return
    n_parent = int(parent.summary["n_examples"])
    families = family_labels(n_parent, [line["parent_ids"] for line in lines], before)
    np.save(folder / FAMILIES, np.concatenate([families[rows], families[n_parent:]]))
    numbered = [{"example_id": len(rows) + place} | line for place, line in enumerate(lines)]
    pq.write_table(pa.Table.from_pylist(numbered, ADDED_SCHEMA), folder / ADDED, compression="zstd")


def _lines(store: ArtifactStore, parent: Artifact, batch: JoinedBatch) -> list[dict[str, Any]]:
    """A line of ``added.parquet`` for every accepted row, its parents as ids of the version's parent."""
    target = additions_to(batch.examples)
    assert target is not None
    here = ancestor_ids(store, parent, target.dataset_id)
    known = {int(there): row for row, there in enumerate(here.tolist()) if there != NOT_THERE}
    parents = read_provenance(batch.examples)["parent_ids"].to_pylist()
    return [
        {
            "batch": batch.addition.dataset_id,
            "batch_examples": batch.addition.examples,
            "batch_id": row,
            "parent_ids": [known[one] for one in parents[row] or () if one in known],
        }
        for row in batch.applied.rows.tolist()
    ]


def _joined_before(store: ArtifactStore, dataset_id: str) -> set[str]:
    """The batches whose rows a dataset has, from this version or an earlier one."""
    found: set[str] = set()
    current: Artifact | None = store.examples(dataset_id)
    while current is not None:
        found.update(str(one) for one in added_rows(current)["batch"].to_pylist())
        parent = parent_of(current)
        current = None if parent is None else store.find(parent.dataset_id, "examples", parent.examples)
    return found
