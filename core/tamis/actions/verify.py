"""Read every artifact of a workspace and compare it with what was written; make again what can be made again."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from tamis.actions.audit import AuditCheck, check_audit
from tamis.actions.given_scores import JOIN, TAKE, remake_scores
from tamis.actions.roles import needs
from tamis.actions.row_tokens import COUNT, remake_row_tokens
from tamis.actions.submit import Submission
from tamis.actions.why_row import REPLACE, remake_edits
from tamis.errors import ArtifactDamaged, CurationError
from tamis.jobs.scheduler.again import BACKUP, maker_of, plan_again
from tamis.jobs.scheduler.queue import submit_plan
from tamis.store.artifacts.digests import damaged_files
from tamis.store.artifacts.frozen_rows import STEP as FREEZE
from tamis.store.artifacts.frozen_rows import remake_rows
from tamis.store.artifacts.store import MANIFEST, SET_ASIDE, Artifact, Manifest, load_artifact
from tamis.store.artifacts.targets import STEP as TARGET
from tamis.store.artifacts.targets import remake_target
from tamis.store.database.backups import check_database
from tamis.store.review.frozen_decisions import STEP as DECIDED
from tamis.store.review.frozen_decisions import refreeze_decisions
from tamis.store.workspace import Workspace

Progress = Callable[[int, int], None]
# What no job makes: edits by hand, scores that were given, and what stands whole in its manifest or the database.
_AT_ONCE: Mapping[str, Callable[[Workspace, Manifest], Artifact]] = {
    REPLACE: lambda workspace, manifest: remake_edits(workspace.artifacts, manifest),
    COUNT: lambda workspace, manifest: remake_row_tokens(workspace.artifacts, manifest),
    TAKE: lambda workspace, manifest: remake_scores(workspace.artifacts, manifest, ()),
    JOIN: lambda workspace, manifest: remake_scores(workspace.artifacts, manifest, ()),
    FREEZE: lambda workspace, manifest: remake_rows(workspace.artifacts, manifest),
    TARGET: lambda workspace, manifest: remake_target(workspace.artifacts, manifest),
    DECIDED: lambda workspace, manifest: refreeze_decisions(workspace, manifest),
}
# What damage, or another edition, makes of a manifest that is read all the same.
_NONSENSE = (LookupError, TypeError, ValueError, OSError, zlib.error)


@dataclass(frozen=True, slots=True)
class Damage:
    """An artifact that is not what was written: ``what`` says which files; ``step`` makes it again, "" where none does.

    ``path`` is where it lies, which is under a name that nothing reads where a crash left it so.
    """

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

    ``n_unknown`` artifacts are older than digests: only their sizes could be compared. ``set_aside`` are damaged ones of
    before, kept beside the sound ones that took their places, for a person to delete.
    """

    n_artifacts: int
    n_bytes: int
    n_unknown: int
    damaged: tuple[Damage, ...]
    database: str
    audit: AuditCheck
    set_aside: tuple[Path, ...] = ()

    @property
    def is_sound(self) -> bool:
        """Whether nothing is damaged."""
        return not self.damaged and not self.database and self.audit.is_sound


@needs("operator", writes=False)
def verify(workspace: Workspace, *, progress: Progress = lambda done, total: None) -> Verification:
    """Read every file of every artifact, let SQLite check the database, and follow the audit log; nothing is changed."""
    folder = workspace.artifacts.datasets_path
    # Hidden folders hold what can be made again at any time, and what is being written.
    shown = (path for path in folder.glob("*/*/*") if "." not in (path.name[0], path.parent.name[0]))
    paths = sorted(path for path in shown if path.is_dir())
    aside = sorted(path for path in folder.glob(f"*/*/.*{SET_ASIDE}") if (path / MANIFEST).is_file())
    replaced = [path for path in aside if _place_of(path).exists()]
    found, n_bytes, n_unknown = [_look_at(workspace, path) for path in aside if path not in replaced], 0, 0
    for done, path in enumerate(paths):
        progress(done, len(paths))
        found.append(_look_at(workspace, path))
        with suppress(ArtifactDamaged):
            manifest = load_artifact(path).manifest
            n_bytes += sum(manifest.files.values())
            n_unknown += not manifest.digests
    progress(len(paths), len(paths))
    database = _check(workspace)
    audit = AuditCheck(0, "", ()) if database else check_audit(workspace)
    damaged = _inputs_first([one for one in found if one is not None])
    return Verification(len(paths), n_bytes, n_unknown, damaged, database, audit, tuple(replaced))


@needs("operator")
def make_again(workspace: Workspace, damage: Damage) -> Submission | Artifact:
    """Queue what makes a damaged artifact, with the same options and inputs; what no job makes is made at once.

    It stays where it is until the new one is finished, which then takes its place; the damaged one is kept beside, under a
    name that nothing reads. Raises CurationError where nothing can make the very same: no step does, or what it was made
    from is gone, damaged or another by now.
    """
    named = (damage.dataset_id, damage.kind, damage.artifact_id)
    if not damage.step:
        raise CurationError(
            f"{damage.kind} {damage.artifact_id} of {damage.dataset_id!r} cannot be computed again: {BACKUP}."
        )
    try:
        recorded = load_artifact(damage.path).manifest
    except ArtifactDamaged:
        recorded = None
    if damage.step in _AT_ONCE and recorded is not None:
        return _at_once(workspace, damage, recorded)
    return submit_plan(workspace, plan_again(workspace, named, recorded), for_a_run=True)


def _at_once(workspace: Workspace, damage: Damage, manifest: Manifest) -> Artifact:
    what = f"{damage.kind} {damage.artifact_id}"
    try:
        made = _AT_ONCE[damage.step](workspace, manifest)
    except (CurationError, *_NONSENSE) as error:
        why = str(error) if isinstance(error, CurationError) else "its manifest says what cannot be"
        raise CurationError(
            f"{what} is made from what has to be there first ({why}). Once that is made again: "
            f"tamis doctor --verify --recompute; else {BACKUP}."
        ) from error
    if made.id != damage.artifact_id:
        raise CurationError(f"{what} cannot be made again: by now it would be another one; {BACKUP}.")
    return made


def _inputs_first(found: list[tuple[frozenset[str], Damage]]) -> tuple[Damage, ...]:
    """What others are made from before them, whenever it was made last; what is known of each is the ids of its inputs."""
    ordered: list[Damage] = []
    left = sorted(found, key=lambda one: one[1].path)
    while left:
        ids = {damage.artifact_id for _, damage in left}
        ready = [one for one in left if not one[0] & ids] or left
        ordered += [damage for _, damage in ready]
        left = [one for one in left if one not in ready]
    return tuple(ordered)


def _look_at(workspace: Workspace, path: Path) -> tuple[frozenset[str], Damage] | None:
    """What is damaged in a folder, with the ids of its inputs; None for a sound one in its place."""
    dataset_id, kind, _ = path.parts[-3:]
    place = _place_of(path)
    named = (dataset_id, kind, place.name)
    try:
        manifest = load_artifact(path).manifest
        what = damaged_files(path, manifest.files, manifest.digests)
    except ArtifactDamaged:
        state = "cannot be read" if (path / MANIFEST).exists() else "is missing"
        manifest, what = None, [f"{MANIFEST} {state}"]
    if manifest is not None and (manifest.dataset_id, manifest.kind, manifest.artifact_id) != named:
        manifest, what = None, [*what, f"{MANIFEST} is that of something else"]
    if place != path:
        what = [*what, f"it lies in {path.name}, and nothing is in its place"]
    if not what:
        return None
    step = _maker(workspace, named, manifest)
    inputs = frozenset(manifest.inputs.values()) if manifest else frozenset()
    return inputs, Damage(*named, path, tuple(what), step)


def _maker(workspace: Workspace, named: tuple[str, str, str], manifest: Manifest | None) -> str:
    """What makes it again, as far as a database that may be damaged too says."""
    if manifest is not None and manifest.step in _AT_ONCE:
        return manifest.step
    try:
        return maker_of(workspace, named, manifest)
    except (CurationError, sqlite3.DatabaseError):
        return ""


def _place_of(path: Path) -> Path:
    """Where an artifact belongs that may have been set aside."""
    name = path.name
    return path.with_name(name[1 : -len(SET_ASIDE)]) if name.startswith(".") else path


def _check(workspace: Workspace) -> str:
    try:
        with closing(sqlite3.connect(workspace.database.path)) as connection:
            check_database(connection)
    except sqlite3.DatabaseError as error:
        return str(error)
    return ""
