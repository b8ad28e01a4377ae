"""Rows of a filter or a tag, frozen into an artifact when a job is submitted: workers never open the database."""

from __future__ import annotations

import base64

import numpy as np

from tamis.errors import InvalidOptions
from tamis.store.artifacts.store import Artifact, ArtifactStore, Manifest, artifact_id, make_manifest
from tamis.store.row_sets import pack_rows, row_set, unpack_rows
from tamis.types import Int64s

KIND = "rows"
FILE = "rows.npy"
STEP = "freeze"  # in manifests


def freeze_rows(store: ArtifactStore, dataset_id: str, rows: Int64s, label: str) -> Artifact:
    """Store sorted unique row ids under a name that follows from them; ``label`` says where they came from.

    Raises InvalidOptions when there is no row.
    """
    if not len(rows):
        raise InvalidOptions(f"No row matches {label!r}; widen it, or leave it out.")
    packed = base64.b64encode(pack_rows(row_set(rows))).decode()
    identifier = artifact_id(KIND, options={"rows": packed}, inputs={}, format_version=1)
    stored = store.find_whole(dataset_id, KIND, identifier)
    return stored or _write(store, dataset_id, identifier, packed, label)


def thaw_rows(packed: str) -> Int64s:
    """The row ids that a manifest of this kind holds."""
    return unpack_rows(base64.b64decode(packed))


def remake_rows(store: ArtifactStore, recorded: Manifest) -> Artifact:
    """The rows that a manifest records, which holds them whole."""
    rows = thaw_rows(str(recorded.options["rows"]))
    return freeze_rows(store, recorded.dataset_id, rows, str(recorded.summary["label"]))


def read_frozen(artifact: Artifact) -> Int64s:
    """Sorted row ids of a frozen scope."""
    ids: Int64s = np.load(artifact.file(FILE), allow_pickle=False)
    return ids


def _write(store: ArtifactStore, dataset_id: str, identifier: str, packed: str, label: str) -> Artifact:
    rows = thaw_rows(packed)
    with store.writing(dataset_id, KIND, identifier) as writer:
        np.save(writer.path / FILE, rows)
        writer.commit(
            make_manifest(
                writer,
                kind=KIND,
                identifier=identifier,
                dataset_id=dataset_id,
                step=STEP,
                options={"rows": packed},
                inputs={},
                format_version=1,
                summary={"label": label, "n_rows": len(rows)},
            )
        )
    return store.get(dataset_id, KIND, identifier)
