"""Proposals of the step ``propose``: one row per example considered, ascending by id."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tamis.errors import ArtifactDamaged
from tamis.store.artifacts.store import Artifact

PROPOSALS = "proposals.parquet"
_COLUMNS: list[pa.Field[Any]] = [
    pa.field("example_id", pa.int64()),
    pa.field("action", pa.string()),
    pa.field("outcome", pa.string()),
    pa.field("confidence", pa.float32()),
    pa.field("verdict_confidence", pa.float32()),
    pa.field("candidate", pa.string()),
    pa.field("evidence", pa.string()),
]
SCHEMA = pa.schema(_COLUMNS)


def read_proposals(proposals: Artifact, columns: Sequence[str] | None = None) -> pa.Table:
    """The named columns of SCHEMA, or all: action keep, drop, replace or add; confidences NaN where there is none;
    candidate null where none was written; evidence a JSON object. Raises ArtifactDamaged.
    """
    path = proposals.file(PROPOSALS)
    try:
        return pq.read_table(path, columns=None if columns is None else list(columns), memory_map=True)
    except pa.ArrowInvalid as error:
        raise ArtifactDamaged(
            f"{proposals.kind} {proposals.id}: file {PROPOSALS!r} cannot be read ({error}). "
            f"Delete the folder {proposals.path} and run {proposals.manifest.step!r} again."
        ) from error
