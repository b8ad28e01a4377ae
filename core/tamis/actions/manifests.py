"""The manifest written beside an export: everything that determined the rows, enough to make them again."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Literal

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError

from tamis import __version__
from tamis.errors import ArtifactDamaged, UnreadableFile
from tamis.formats.targets import TargetCompression, TargetContainer
from tamis.steps.import_file.options import SourceFile
from tamis.steps.kept import kept_place
from tamis.store.artifacts.batches import additions_to
from tamis.store.artifacts.examinations import KIND as EXAMINATION
from tamis.store.artifacts.frozen_rows import KIND as ROWS
from tamis.store.artifacts.store import Artifact, ArtifactStore, Manifest
from tamis.store.artifacts.versions import parent_of
from tamis.store.review.frozen_decisions import KIND as DECISIONS
from tamis.store.review.frozen_decisions import read_frozen_decisions
from tamis.types import JSON, Message

VERSIONED = (
    "duckdb", "faiss-cpu", "hdbscan", "numpy", "orjson", "pyarrow", "scikit-learn", "scipy", "sentence-transformers",
    "torch", "transformers", "umap-learn",
)  # fmt: skip


class DecidedRow(BaseModel):
    """One decision: ``messages`` is the whole conversation of ``replace``, else null."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    example_id: int
    verdict: Literal["keep", "drop", "replace"]
    messages: list[Message] | None
    via: str
    reviewer: str
    created_at: str


class ExportManifest(BaseModel):
    """What was exported and from what.

    ``selection`` names one of ``artifacts``; ``example_ids`` lists the rows when they came from a filter or a tag,
    whose state lives in the database and may have changed since. Exactly one of the two is given, or neither for
    the whole dataset. ``artifacts`` are in the order in which they can be made again. ``decisions`` names the
    decisions that were applied, if any; ``layout`` is that of its container, 1 for what the first edition wrote;
    ``decided`` lists those and the ones that went into earlier versions.
    ``n_skipped`` counts rows that the format cannot hold, which were left out. ``dataset_info`` (LLaMA-Factory's),
    ``axolotl`` and ``trl`` say how trainers read the file, or are empty where they cannot; ``trainer_remarks`` says why,
    by trainer, or what a trainer leaves out.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    tamis_version: str
    created_at: str
    sequence: int = 0
    dataset_id: str
    dataset_name: str
    sources: list[SourceFile]
    selection: str
    example_ids: list[int] | None
    scope: str
    format_name: str
    container: TargetContainer
    compression: TargetCompression = "none"
    layout: int = 1
    n_rows: int
    sha256: str
    n_skipped: int = 0
    decisions: str = ""
    decided: dict[str, list[DecidedRow]] = {}
    scores: dict[str, str] = {}  # written as columns, by name: the artifact
    artifacts: list[Manifest]
    packages: dict[str, str]
    dataset_info: dict[str, JSON]
    axolotl: dict[str, JSON] = {}
    trl: dict[str, JSON] = {}
    trainer_remarks: dict[str, list[str]] = {}


def read_manifest(path: Path) -> ExportManifest:
    """Read a manifest; raises UnreadableFile naming what is wrong with it."""
    try:
        text = path.read_bytes()
        if _is_of_a_result(text):
            raise UnreadableFile(
                f"{path} is the manifest of a result, not of an export: tamis doctor --verify --recompute makes a result again."
            )
        return ExportManifest.model_validate_json(text)
    except ValidationError as error:
        raise UnreadableFile(f"{path} is not a manifest of an export: {_first_reason(error)}") from error
    except OSError as error:
        raise UnreadableFile(f"{path} is not a manifest of an export: {error}") from error


def _first_reason(error: ValidationError) -> str:
    """The first of what a file of nonsense lacks, and how much more there is."""
    first, *others = error.errors(include_url=False, include_input=False, include_context=False)
    named = ".".join(str(part) for part in first["loc"])
    more = f", and {len(others):,} more faults" if others else ""
    return f"{named + ': ' if named else ''}{first['msg'].lower()}{more}."


def _is_of_a_result(text: bytes) -> bool:
    """Whether this is what lies beside an artifact."""
    try:
        named = orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return isinstance(named, dict) and "artifact_id" in named and "format_name" not in named


def lineage(store: ArtifactStore, *artifacts: Artifact) -> list[Artifact]:
    """The artifacts and everything they were made from, inputs before what reads them, each once.

    For a version of a dataset that includes the examples of its parent and the decisions that were applied.
    """
    known: dict[str, dict[tuple[str, str], Artifact]] = {}
    ordered: dict[tuple[str, str, str], Artifact] = {}

    def found(dataset_id: str, identifier: str, kind: str) -> Artifact | None:
        if dataset_id not in known:
            known[dataset_id] = {(a.id, a.kind): a for a in store.list(dataset_id)}
        of_dataset = known[dataset_id]
        return next((a for (i, k), a in of_dataset.items() if i == identifier and kind in ("", k)), None)

    def visit(current: Artifact) -> None:
        place = (current.manifest.dataset_id, current.kind, current.id)
        if place in ordered:
            return
        for role, kind, dataset_id, identifier in _made_from(current):
            source = found(dataset_id, identifier, kind)
            if source is None:
                raise ArtifactDamaged(
                    f"{current.kind} {current.id} was made from {role} {identifier}, which is no longer there. "
                    f"Run {role!r} and then {current.manifest.step!r} again."
                )
            visit(source)
        ordered[place] = current

    for artifact in artifacts:
        visit(artifact)
    return list(ordered.values())


def _made_from(artifact: Artifact) -> list[tuple[str, str, str, str]]:
    """Role, kind (empty when any), dataset and id of everything that an artifact reads."""
    dataset_id = artifact.manifest.dataset_id
    made_from = [(role, "", dataset_id, identifier) for role, identifier in artifact.manifest.inputs.items()]
    parent = parent_of(artifact) if artifact.kind == "examples" else None
    if parent is not None:
        made_from.append(("examples", "examples", parent.dataset_id, parent.examples))
        if parent.decisions:
            made_from.append(("decisions", DECISIONS, parent.dataset_id, parent.decisions))
    kept_from = str(artifact.manifest.options.get("kept_from") or "")
    if kept_from:
        made_from.append(("kept_from", artifact.kind, *kept_place(kept_from)))
    return made_from + _written_from(artifact)


def _written_from(artifact: Artifact) -> list[tuple[str, str, str, str]]:
    """What a version takes of batches, and what a batch was written from."""
    options, target = artifact.manifest.options, additions_to(artifact)
    made_from = []
    for one in options.get("additions") or () if artifact.kind == "examples" else ():
        made_from.append(("examples", "examples", one["dataset_id"], one["examples"]))
        made_from.append(("decisions", DECISIONS, one["dataset_id"], one["decisions"]))
    if target is not None:
        made_from.append(("examples", "examples", target.dataset_id, target.examples))
        read = (("parents", ROWS), ("held_out", ROWS), ("examination", EXAMINATION))
        made_from += [
            (role, kind, target.dataset_id, options[role]) for role, kind in read if options.get(role)
        ]
        earlier = options.get("earlier") or ()
        made_from += [("examples", "examples", one["dataset_id"], one["examples"]) for one in earlier]
    return made_from


def listed_decisions(artifacts: Iterable[Artifact]) -> dict[str, list[DecidedRow]]:
    """The rows of every decisions artifact among these, by artifact id."""
    return {
        artifact.id: [
            DecidedRow(**asdict(decision) | {"messages": decision.messages and list(decision.messages)})
            for decision in read_frozen_decisions(artifact).values()
        ]
        for artifact in artifacts
        if artifact.kind == DECISIONS
    }


def installed_versions() -> dict[str, str]:
    """Versions of the packages that can change a result, and of Tamis."""
    versions = {"tamis": __version__}
    for name in VERSIONED:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions
