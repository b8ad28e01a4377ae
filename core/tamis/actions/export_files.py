"""The files that were exported from a workspace: where they go, what they are called, and the commands that make them again."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

from tamis.actions.manifests import ExportManifest, read_manifest
from tamis.actions.teams import decides_blind
from tamis.actions.uploads import safe_name
from tamis.errors import CurationError, InvalidOptions
from tamis.formats.targets import says_container
from tamis.steps.import_file.identify import slug
from tamis.steps.resolve_decisions import AS_IMPORTED
from tamis.store.review.frozen_decisions import KIND as DECISIONS
from tamis.store.workspace import Workspace

MANIFEST_ENDING = ".manifest.json"
_SCOPE_WORDS = ("selection", "tag", "scope")


@dataclass(frozen=True, slots=True)
class ExportedFile:
    """One earlier export. ``manifest`` lacks the list of rows, which can be long."""

    path: Path
    manifest_path: Path
    n_bytes: int
    manifest: ExportManifest


def exports_folder(workspace: Workspace) -> Path:
    """Where exports go that name no place."""
    return workspace.path / "exports"


def default_export_name(
    dataset_name: str, rows_label: str, format_name: str, container: str, *, decided: bool = False
) -> str:
    """``questions-all-messages.jsonl``: dataset, rows, whether decisions are applied, and format."""
    label = f"{slug(rows_label)}-decided" if decided else slug(rows_label)
    return f"{slug(dataset_name)}-{label}-{format_name}.{container}"


def export_path(workspace: Workspace, name: str, container: str) -> Path:
    """Where a file of that name goes; a name that does not say what the file is gets the ending of the container.

    Raises InvalidOptions for a name that is empty or that of a manifest.
    """
    cleaned = safe_name(name.strip()) if name.strip() else ""
    if not cleaned or cleaned.endswith(MANIFEST_ENDING):
        raise InvalidOptions(f"{name!r} is no name for a file; write something like rows.{container}.")
    return exports_folder(workspace) / (cleaned if says_container(cleaned) else f"{cleaned}.{container}")


def read_listed_manifest(path: Path) -> ExportManifest | None:
    """The manifest at a path without its list of rows; None for one that cannot be read."""
    try:
        manifest = read_manifest(path)
    except CurationError:
        return None
    return manifest.model_copy(update={"example_ids": None}) if manifest.example_ids else manifest


def list_exports(
    workspace: Workspace,
    dataset_id: str = "",
    *,
    read: Callable[[Path], ExportManifest | None] = read_listed_manifest,
) -> list[ExportedFile]:
    """Earlier exports, newest first; a manifest that cannot be read, or whose file is gone, is left out.

    So is, for who shares rows with others, what was written by decisions: its file and its manifest tell them.
    """
    files, is_blind = [], cache(partial(decides_blind, workspace))
    for manifest_path in exports_folder(workspace).glob(f"*{MANIFEST_ENDING}"):
        path = manifest_path.with_name(manifest_path.name.removesuffix(MANIFEST_ENDING))
        manifest = read(manifest_path)
        if manifest is not None and path.is_file() and dataset_id in ("", manifest.dataset_id):
            told = {one.dataset_id for one in manifest.artifacts if one.kind == DECISIONS}
            if any(manifest.decided.values()) and any(map(is_blind, told | {manifest.dataset_id})):
                continue
            files.append(ExportedFile(path, manifest_path, path.stat().st_size, manifest))
    return sorted(files, key=lambda one: (one.manifest.sequence, one.manifest.created_at), reverse=True)


def count_exports(files: list[ExportedFile]) -> Counter[str]:
    """How many exported files each dataset has."""
    return Counter(one.manifest.dataset_id for one in files)


def named_scope(manifest: ExportManifest) -> dict[str, str]:
    """The selection, tag and filter of a request, read back from how the manifest says them."""
    rest, named = manifest.scope, {}
    for word in reversed(_SCOPE_WORDS):
        # From the end: a tag may hold the words that join the parts, the other two never do.
        before, joint, value = rest.rpartition(f" and {word} ")
        if joint:
            rest, named[word] = before, value
        elif rest.startswith(f"{word} "):
            rest, named[word] = "", rest.removeprefix(f"{word} ")
    return named


def export_command(workspace: Workspace, file: ExportedFile) -> str:
    """The command that writes this file again."""
    manifest = file.manifest
    words = ["tamis", "--workspace", str(workspace.path), "export", "--dataset", manifest.dataset_id]
    for word, value in named_scope(manifest).items():
        words += [f"--{word}", value]
    selection = named_scope(manifest).get("selection", "")
    chosen = next((one for one in manifest.artifacts if one.artifact_id == selection), None)
    if manifest.decisions:
        words += ["--decisions", manifest.decisions]
    elif chosen is not None and DECISIONS in chosen.inputs:
        words += ["--decisions", AS_IMPORTED]  # left out, the command would apply those that it was made with
    words += ["--skip-unfit"] if manifest.n_skipped else []
    words += ["--scores", ",".join(manifest.scores)] if manifest.scores else []
    words += ["--format", manifest.format_name, "--container", manifest.container, "--out", str(file.path)]
    return shlex.join(words)


def replay_command(file: ExportedFile) -> str:
    """The command that rebuilds every step from the source file and compares."""
    return shlex.join(["tamis", "replay", str(file.manifest_path)])
