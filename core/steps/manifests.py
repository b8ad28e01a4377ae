"""The manifest written beside an export: everything that determined the rows, enough to make them again."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from core import __version__
from core.errors import ArtifactDamaged, UnreadableFile
from core.steps.options import SourceFile
from core.store.artifacts import Artifact, ArtifactStore, Manifest
from core.types import JSON

VERSIONED = (
    "duckdb", "faiss-cpu", "hdbscan", "numpy", "orjson", "pyarrow", "scikit-learn", "scipy", "sentence-transformers",
    "torch", "transformers", "umap-learn",
)  # fmt: skip


class ExportManifest(BaseModel):
    """What was exported and from what.

    ``selection`` names one of ``artifacts``; ``example_ids`` lists the rows when they came from a filter or a tag,
    whose state lives in the database and may have changed since. Exactly one of the two is given, or neither for
    the whole dataset. ``artifacts`` are in the order in which they can be made again.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    tamis_version: str
    created_at: str
    dataset_id: str
    dataset_name: str
    sources: list[SourceFile]
    selection: str
    example_ids: list[int] | None
    scope: str
    format_name: str
    container: Literal["jsonl", "parquet"]
    n_rows: int
    sha256: str
    artifacts: list[Manifest]
    packages: dict[str, str]
    dataset_info: dict[str, JSON]


def read_manifest(path: Path) -> ExportManifest:
    """Read a manifest; raises UnreadableFile naming what is wrong with it."""
    try:
        return ExportManifest.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise UnreadableFile(f"{path} is not a manifest of an export: {error}") from error


def lineage(store: ArtifactStore, artifact: Artifact) -> list[Artifact]:
    """The artifact and everything it was made from, inputs before what reads them, each once."""
    by_id = {found.id: found for found in store.list(artifact.manifest.dataset_id)}
    ordered: dict[str, Artifact] = {}

    def visit(current: Artifact) -> None:
        for role, identifier in current.manifest.inputs.items():
            if identifier not in by_id:
                raise ArtifactDamaged(
                    f"{current.kind} {current.id} was made from {role} {identifier}, which is no longer there. "
                    f"Run {role!r} and then {current.manifest.step!r} again."
                )
            if identifier not in ordered:
                visit(by_id[identifier])
        ordered[current.id] = current

    visit(artifact)
    return list(ordered.values())


def installed_versions() -> dict[str, str]:
    """Versions of the packages that can change a result, and of Tamis."""
    found = {"tamis": __version__}
    for name in VERSIONED:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
