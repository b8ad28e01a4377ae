"""What can be done with a finished adapter: merge it into its base, take it elsewhere, delete it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Callable
from pathlib import Path

from tamis.actions.deletion import DeletionPlan, carry_out, obstacle_to_deleting
from tamis.actions.roles import needs
from tamis.errors import (
    ArtifactMissing,
    CurationError,
    ForbiddenPath,
    InvalidOptions,
    MissingExtra,
    ModelMissing,
)
from tamis.formats.targets import check_place
from tamis.models.adapters import ABOUT, BUNDLED_LLM, CONFIG, PREFIX, WEIGHTS, adapter_folder, base_of
from tamis.settings import source_folder
from tamis.steps.base_model import base_model_folder
from tamis.steps.import_file.paths import is_inside, listed
from tamis.store.artifacts.adapters import KIND, known_adapters
from tamis.store.artifacts.store import MANIFEST, Artifact, ArtifactStore
from tamis.store.workspace import Workspace

# What the bundled model is called where there is no Tamis.
HUB_NAME = "HuggingFaceTB/SmolLM2-135M-Instruct"
MERGED = "merged"


def find_adapter(store: ArtifactStore, identifier: str) -> Artifact:
    """The adapter of that id (with or without ``adapter:``) in any dataset; raises ArtifactMissing."""
    bare = identifier.removeprefix(PREFIX)
    known = known_adapters(store)
    for adapter in known:
        if adapter.artifact_id == bare:
            return store.get(adapter.dataset_id, KIND, bare)
    listed = ", ".join(adapter.artifact_id for adapter in known) or "none"
    raise ArtifactMissing(f"There is no adapter {bare!r} in {store.workspace}. Known: {listed}.")


@needs("curator", noted="export")
def merge_adapter(workspace: Workspace, identifier: str, target: Path) -> Path:
    """Write the base with the adapter added as one model into the folder ``target``, and return it.

    A model whose weights were all trained is copied. Raises InvalidOptions when ``target`` is there already, cannot be
    written, or when its disk has no room for the model.
    """
    check_merge_target(workspace, target)
    artifact = find_adapter(workspace.artifacts, identifier)
    weights = artifact.path / WEIGHTS
    problem = merge_problem(artifact, target)
    if problem:
        raise InvalidOptions(problem)
    if not (weights / CONFIG).exists():
        return _export(artifact, target)
    base_model_folder(f"{PREFIX}{artifact.id}", workspace.path)  # its base is there, unpacked if need be
    try:
        from tamis.models.merge import write_merged
    except ModuleNotFoundError as error:
        raise MissingExtra("Merging an adapter", "finetune") from error
    return _written(target, artifact, lambda folder: write_merged(weights, folder))


def check_merge_target(workspace: Workspace, target: Path) -> None:
    """Raise ForbiddenPath for a place where a person at a browser may not have a model written.

    That is anywhere but in the workspace's own folder of merged models and in those of ``TAMIS_MODEL_FOLDERS``, links
    followed first; the command line and Python write wherever the system lets them.
    """
    if not workspace.confined:
        return
    folders = (
        workspace.path / MERGED,
        *(one.expanduser().resolve() for one in workspace.settings.model_folders),
    )
    try:
        is_allowed = is_inside(target.expanduser().resolve(), folders)
    except (OSError, RuntimeError, ValueError):  # a loop of links, nobody's home, a NUL
        is_allowed = False
    if not is_allowed:
        raise ForbiddenPath(
            f"A model is not written to {str(target)[:200]!r}: this server writes them into {listed(folders)}. Name a new folder "
            "in there, or start the server with TAMIS_MODEL_FOLDERS naming another one."
        )


def merge_problem(adapter: Artifact, target: Path) -> str:
    """Why an adapter cannot be merged into that folder, with the next step; empty when it can."""
    target = target.expanduser()
    if target.exists():
        return _there_already(target)
    above = next(folder for folder in target.absolute().parents if folder.exists())
    if not above.is_dir() or not os.access(above, os.W_OK):
        return f"{above} cannot be written, so {target} cannot be made: name another folder."
    needed, free = merged_bytes(adapter), shutil.disk_usage(above).free
    if needed > free:
        return (
            f"The merged model needs about {needed / 1e9:,.2f} GB and the disk of {above} has {free / 1e9:,.2f} GB free: name a "
            "folder on another disk, or free some space."
        )
    return ""


def merged_bytes(adapter: Artifact) -> int:
    """About the size of the merged model: the weights of its base; its own where all were trained, or no base is here."""
    weights = adapter.path / WEIGHTS
    try:
        base = base_of(weights) if (weights / CONFIG).exists() else weights
    except ModelMissing:
        base = weights  # unpacked or fetched when it is merged
    return sum(path.stat().st_size for path in base.glob("*.safetensors"))


def adapter_bytes(adapter: Artifact) -> int:
    """Size of its weights and tokenizer."""
    return sum(path.stat().st_size for path in (adapter.path / WEIGHTS).rglob("*") if path.is_file())


def weights_folder(adapter: Artifact) -> Path:
    """Where its weights and tokenizer lie."""
    return adapter.path / WEIGHTS


def is_low_rank(adapter: Artifact) -> bool:
    """Whether it is weights on top of a base, which can be merged, or a model by itself."""
    return (adapter.path / WEIGHTS / CONFIG).exists()


def merged_folder(workspace: Workspace, adapter: Artifact) -> Path:
    """Where the merged model is, or will be, unless another folder is named."""
    return workspace.path / MERGED / adapter.id


def is_merged(adapter: Artifact, target: Path) -> bool:
    """Whether what lies there was merged from this adapter."""
    try:
        return bool(json.loads((target / ABOUT).read_bytes()).get("artifact_id") == adapter.id)
    except (OSError, ValueError, AttributeError):
        return False


@needs("curator")
def merge_elsewhere(workspace: Workspace, adapter: Artifact, target: Path) -> None:
    """``merge_adapter`` in a process of its own, because it loads the model; raises CurationError with what went wrong."""
    check_merge_target(workspace, target)
    command = [
        sys.executable, "-m", "tamis.cli", "--workspace", str(workspace.path), "adapters", "merge", adapter.id, "--out",
        str(target),
    ]  # fmt: skip
    done = subprocess.run(command, cwd=source_folder(), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        text = (done.stderr or done.stdout).strip()[-600:].removeprefix("tamis: ")
        raise CurationError(text or "It ended without a word.")


@needs("curator", noted="export")
def pack_adapter(workspace: Workspace, identifier: str) -> bytes:
    """What ``export_adapter`` writes, as one ZIP."""
    with tempfile.TemporaryDirectory() as folder:
        return _export(
            find_adapter(workspace.artifacts, identifier), Path(folder) / "adapter.zip"
        ).read_bytes()


@needs("curator", noted="export", writes=False)
def export_adapter(workspace: Workspace, identifier: str, target: Path) -> Path:
    """Copy the weights with their tokenizer and manifest to the folder ``target``, or into one file if it ends in .zip.

    The configuration then names the base as the hub does, where it is the bundled model. Raises InvalidOptions when
    ``target`` is there already.
    """
    return _export(find_adapter(workspace.artifacts, identifier), target)


def _export(artifact: Artifact, target: Path) -> Path:
    weights = adapter_folder(artifact.id, artifact.path.parents[3])  # which are what was trained

    def write(folder: Path) -> None:
        shutil.copytree(weights, folder, dirs_exist_ok=True)
        if artifact.summary.get("model") == BUNDLED_LLM and (folder / CONFIG).exists():
            config = json.loads((folder / CONFIG).read_text("utf-8"))
            config["base_model_name_or_path"] = HUB_NAME
            (folder / CONFIG).write_text(json.dumps(config, indent=2, sort_keys=True), "utf-8")

    return _written(target, artifact, write)


def plan_adapter_deletion(workspace: Workspace, identifier: str) -> DeletionPlan:
    """What deleting an adapter takes away, and what is in the way; raises ArtifactMissing."""
    artifact = find_adapter(workspace.artifacts, identifier)
    obstacle = obstacle_to_deleting(workspace, [artifact])
    return DeletionPlan(subject=f"adapter {artifact.id}", artifacts=(artifact,), obstacle=obstacle)


@needs("operator", noted="delete")
def delete_adapter(workspace: Workspace, identifier: str) -> Artifact:
    """Delete an adapter for good; its manifest, which is returned, says how to make it again.

    Raises JobConflict while a job under way uses it, ArtifactMissing.
    """
    return carry_out(workspace, plan_adapter_deletion(workspace, identifier)).artifacts[0]


def _there_already(target: Path) -> str:
    return f"{target} is there already: name a new folder, or a file that ends in .zip."


def _written(target: Path, artifact: Artifact, write: Callable[[Path], None]) -> Path:
    """``target`` with everything in it, or nothing."""
    target = target.expanduser()
    if target.exists():
        raise InvalidOptions(_there_already(target))
    check_place(target)
    aside = target.with_name(f".{target.name}.{uuid.uuid4().hex}.aside")
    try:
        aside.mkdir()
        write(aside)
        shutil.copy2(artifact.path / MANIFEST, aside / ABOUT)
        if target.suffix != ".zip":
            return aside.rename(target)
        packed = Path(shutil.make_archive(str(aside), "zip", aside))
        return packed.rename(target)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
        aside.with_name(f"{aside.name}.zip").unlink(missing_ok=True)
