"""The decisions in force, frozen into an artifact: workers never open the database, and a manifest lists them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from tamis.errors import ArtifactDamaged, CurationError
from tamis.store.artifacts.store import Artifact, ArtifactStore, Manifest, artifact_id, make_manifest
from tamis.store.review.decisions import decision_state
from tamis.store.review.seals import require_sound
from tamis.store.review.types import VERDICTS
from tamis.store.workspace import Workspace
from tamis.types import JSON, Message

KIND = "decisions"
STEP = "freeze decisions"
FILE = "decisions.parquet"
FORMAT_VERSION = 1
_FIELDS: list[pa.Field[pa.DataType]] = [
    pa.field("example_id", pa.int64()),
    pa.field("verdict", pa.string()),
    pa.field("messages", pa.string()),  # JSON; null unless the verdict is replace
    # Who, how and when: for people. What is decided does not depend on it, so neither does the artifact's name.
    pa.field("via", pa.string()),
    pa.field("reviewer", pa.string()),
    pa.field("created_at", pa.string()),
]
SCHEMA = pa.schema(_FIELDS)


@dataclass(frozen=True, slots=True)
class FrozenDecision:
    """What was decided about one row; ``messages`` only for ``replace``."""

    example_id: int
    verdict: str
    messages: tuple[Message, ...] | None
    via: str = ""
    reviewer: str = ""
    created_at: str = ""


def freeze_decisions(workspace: Workspace, dataset_id: str) -> Artifact | None:
    """Freeze the decisions in force; None when no row is decided. Equal decisions are one artifact.

    Raises ArtifactDamaged where one of them, or its text, is not what was stored.
    """
    frozen = _in_force(workspace, dataset_id)
    return store_decisions(workspace.artifacts, dataset_id, frozen) if frozen else None


def refreeze_decisions(workspace: Workspace, recorded: Manifest) -> Artifact:
    """The decisions that a manifest names, where those in force are still the same; raises CurationError where they are not."""
    frozen = _in_force(workspace, recorded.dataset_id)
    if _name(frozen)[1] != recorded.artifact_id:
        raise CurationError("other decisions are in force by now")
    return store_decisions(workspace.artifacts, recorded.dataset_id, frozen)


def store_decisions(store: ArtifactStore, dataset_id: str, decisions: Sequence[FrozenDecision]) -> Artifact:
    """Write decisions as an artifact whose name follows from them, or find it."""
    ordered = sorted(decisions, key=lambda decision: decision.example_id)
    options, identifier = _name(ordered)
    stored = store.find_whole(dataset_id, KIND, identifier)
    return stored or _write(store, dataset_id, identifier, ordered, options)


def read_frozen_decisions(artifact: Artifact) -> Mapping[int, FrozenDecision]:
    """The frozen decisions by example id, in the order of the ids; raises ArtifactDamaged."""
    try:
        table = pq.read_table(artifact.file(FILE), schema=SCHEMA)
    except pa.ArrowInvalid as error:
        raise ArtifactDamaged(
            f"decisions {artifact.id}: {FILE} cannot be read ({error}). Delete the folder {artifact.path} and "
            "apply the decisions again."
        ) from error
    return {
        row["example_id"]: FrozenDecision(**row | {"messages": _loads(row["messages"])})
        for row in table.to_pylist()
    }


def _in_force(workspace: Workspace, dataset_id: str) -> list[FrozenDecision]:
    decided = decision_state(workspace.database, dataset_id).decided.values()
    with workspace.database.reading() as connection:
        require_sound(connection, dataset_id, {one.event_id for one in decided})
    frozen = [
        FrozenDecision(d.example_id, d.verdict, d.messages, d.via, d.reviewer, d.created_at) for d in decided
    ]
    return sorted(frozen, key=lambda decision: decision.example_id)


def _name(ordered: Sequence[FrozenDecision]) -> tuple[dict[str, JSON], str]:
    """The options and the id that follow from decisions in the order of their rows."""
    content = hashlib.blake2b(digest_size=16)
    for decision in ordered:
        content.update(orjson.dumps([decision.example_id, decision.verdict, decision.messages]))
    options = {"content": content.hexdigest()}
    return options, artifact_id(KIND, options=options, inputs={}, format_version=FORMAT_VERSION)


def _loads(packed: str | None) -> tuple[Message, ...] | None:
    return None if packed is None else tuple(orjson.loads(packed))


def _write(
    store: ArtifactStore,
    dataset_id: str,
    identifier: str,
    decisions: Sequence[FrozenDecision],
    options: Mapping[str, JSON],
) -> Artifact:
    rows = [
        {name: getattr(decision, name) for name in SCHEMA.names}
        | {"messages": None if decision.messages is None else orjson.dumps(decision.messages).decode()}
        for decision in decisions
    ]
    counts = {f"n_{verdict}": sum(d.verdict == verdict for d in decisions) for verdict in VERDICTS}
    with store.writing(dataset_id, KIND, identifier) as writer:
        pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), writer.path / FILE, compression="zstd")
        writer.commit(
            make_manifest(
                writer,
                kind=KIND,
                identifier=identifier,
                dataset_id=dataset_id,
                step=STEP,
                options=options,
                inputs={},
                format_version=FORMAT_VERSION,
                summary={"n_decided": len(decisions)} | counts,
            )
        )
    return store.get(dataset_id, KIND, identifier)
