"""Read every artifact of a workspace and compare it with what was written; make again what can be made again."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from tamis.actions.audit import AuditCheck, check_audit
from tamis.actions.given_scores import JOIN, TAKE, remake_scores
from tamis.actions.roles import needs
from tamis.actions.row_tokens import COUNT, remake_row_tokens
from tamis.actions.submit import Submission, submit
from tamis.actions.why_row import REPLACE, remake_edits
from tamis.errors import ArtifactDamaged, CurationError
from tamis.steps import STEPS
from tamis.store.artifacts.digests import damaged_files
from tamis.store.artifacts.store import MANIFEST, Artifact, ArtifactStore, Manifest, load_artifact
from tamis.store.database.backups import check_database
from tamis.store.durable import rename_durably
from tamis.store.workspace import Workspace

Progress = Callable[[int, int], None]
# What no job makes: edits by hand, and scores that were given.
_AT_ONCE: Mapping[str, Callable[[ArtifactStore, Manifest], Artifact]] = {
    REPLACE: remake_edits,
    COUNT: remake_row_tokens,
    TAKE: lambda store, manifest: remake_scores(store, manifest, ()),
    JOIN: lambda store, manifest: remake_scores(store, manifest, ()),
}


@dataclass(frozen=True, slots=True)
class Damage:
    """An artifact that is not what was written: ``what`` says which files; ``step`` makes it again, "" where none does."""

    dataset_id: str
    kind: str
    artifact_id: str
    path: Path
    what: tuple[str, ...]
    step: str


@dataclass(frozen=True, slots=True)
class Verification:
    """What was looked at and what was found; ``database`` is empty when SQLite finds nothing wrong.

    ``audit`` is what was found in the log of who did what; nothing where the database itself is damaged.

    ``n_unknown`` artifacts are older than digests: only their sizes could be compared.
    """

    n_artifacts: int
    n_bytes: int
    n_unknown: int
    damaged: tuple[Damage, ...]
    database: str
    audit: AuditCheck

    @property
    def is_sound(self) -> bool:
        """Whether nothing is damaged."""
        return not self.damaged and not self.database and self.audit.is_sound


@needs("operator", writes=False)
def verify(workspace: Workspace, *, progress: Progress = lambda done, total: None) -> Verification:
    """Read every file of every artifact, let SQLite check the database, and follow the audit log; nothing is changed."""
    manifests = sorted(workspace.artifacts.datasets_path.glob(f"*/*/*/{MANIFEST}"))
    paths = [path.parent for path in manifests if not path.parent.name.startswith(".")]
    damaged, n_bytes, n_unknown = [], 0, 0
    for done, path in enumerate(paths):
        progress(done, len(paths))
        try:
            artifact = load_artifact(path)
        except ArtifactDamaged:
            damaged.append(_damage(path, [f"{MANIFEST} cannot be read"], ""))
            continue
        n_bytes += sum(artifact.manifest.files.values())
        n_unknown += not artifact.manifest.digests
        found = damaged_files(path, artifact.manifest.files, artifact.manifest.digests)
        if found:
            damaged.append(_damage(path, found, _maker(artifact)))
    progress(len(paths), len(paths))
    database = _check(workspace)
    audit = AuditCheck(0, "", ()) if database else check_audit(workspace)
    return Verification(len(paths), n_bytes, n_unknown, tuple(damaged), database, audit)


@needs("operator")
def make_again(workspace: Workspace, damage: Damage) -> Submission | Artifact:
    """Set a damaged artifact aside and queue what made it, with the same options and inputs; a selection that was edited by
    hand is made at once from the one that was edited, and scores of a column or a file from these.

    It stays beside where it was, under a name that nothing reads. Raises CurationError where no step can make it, or
    where what it was made from is gone or damaged too; it is where it was then.
    """
    if not damage.step:
        raise CurationError(
            f"{damage.kind} {damage.artifact_id} of {damage.dataset_id!r} cannot be computed again: take it from a backup."
        )
    manifest = load_artifact(damage.path).manifest
    if damage.step in _AT_ONCE:
        return _at_once(workspace, damage, manifest)
    pointers = STEPS[damage.step].options.POINTERS
    exact = {role: manifest.inputs[role] for role in pointers if role in manifest.inputs}
    set_aside(damage)
    return submit(workspace, damage.dataset_id, damage.step, {**manifest.options, **exact}, standing=None)


def _at_once(workspace: Workspace, damage: Damage, manifest: Manifest) -> Artifact:
    aside = set_aside(damage)
    try:
        return _AT_ONCE[damage.step](workspace.artifacts, manifest)
    except CurationError as error:
        rename_durably(aside, damage.path)
        raise CurationError(
            f"{damage.kind} {damage.artifact_id} is made from what has to be there first ({error}). Once that is made again: "
            "tamis doctor --verify --recompute."
        ) from error


@needs("operator")
def set_aside(damage: Damage) -> Path:
    """Rename a damaged artifact so that nothing reads it any more; returns where it is now."""
    aside = damage.path.with_name(f".{damage.path.name}.damaged")
    rename_durably(damage.path, aside)
    return aside


def _damage(path: Path, what: list[str], step: str) -> Damage:
    dataset_id, kind, identifier = path.parts[-3:]
    return Damage(dataset_id, kind, identifier, path, tuple(what), step)


def _maker(artifact: Artifact) -> str:
    """The step that makes it, where that is one a person can start."""
    step = artifact.manifest.step
    return step if step in _AT_ONCE or (step in STEPS and STEPS[step].makes == artifact.kind) else ""


def _check(workspace: Workspace) -> str:
    try:
        with closing(sqlite3.connect(workspace.database.path)) as connection:
            check_database(connection)
    except sqlite3.DatabaseError as error:
        return str(error)
    return ""
