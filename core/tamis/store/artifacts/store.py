"""Immutable artifacts in folders named by what made them; a manifest, written last, proves completeness."""

from __future__ import annotations

import hashlib
import logging
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import orjson
from pydantic import BaseModel, ConfigDict

from tamis import __version__
from tamis.errors import ArtifactDamaged, ArtifactMissing, DatasetMissing, JobConflict
from tamis.store.actor import AT_THE_MACHINE, Actor
from tamis.store.artifacts.digests import (
    CHECKED_ON_READING,
    damaged_files,
    digests_of,
    is_sound,
    sealed,
    unsealed,
)
from tamis.store.durable import make_folder, move_into_place, swap_into_place, write_atomically
from tamis.store.locks import FileLock
from tamis.store.modes import make_private_folder
from tamis.store.sequence import next_number
from tamis.types import JSON

MANIFEST = "manifest.json"
SET_ASIDE = ".damaged"
logger = logging.getLogger(__name__)


MOST_ID_BYTES = 200  # of the 255 that file systems take, with room for what is put before and behind an id


class Manifest(BaseModel):
    """What an artifact is and what made it; enough to make it again."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str
    artifact_id: str
    dataset_id: str
    step: str
    options: dict[str, JSON]
    inputs: dict[str, str]
    format_version: int
    tamis_version: str
    created_at: str
    sequence: int = 0  # of what the workspace made, from 1; 0 for artifacts of before
    files: dict[str, int]
    digests: dict[str, str] = {}  # SHA-256 by path inside the folder; artifacts of before have none
    summary: dict[str, JSON]


@dataclass(frozen=True, slots=True)
class Artifact:
    """A finished artifact: its folder, its manifest, and when it was last asked for (ISO 8601, UTC).

    Asking again for what is there already computes nothing, yet it is what the person now works with: so "newest"
    goes by when it was asked for, which is when it was made until someone asks again; by ``sequence``, because clocks
    go back.
    """

    path: Path
    manifest: Manifest
    asked_at: str
    sequence: int = 0

    @property
    def id(self) -> str:
        """The artifact id."""
        return self.manifest.artifact_id

    @property
    def order(self) -> tuple[int, str, str]:
        """What sorts artifacts by when they were asked for last."""
        return self.sequence, self.asked_at, self.id

    @property
    def kind(self) -> str:
        """The kind, such as ``embeddings``."""
        return self.manifest.kind

    @property
    def summary(self) -> dict[str, JSON]:
        """What the step said about its result."""
        return self.manifest.summary

    def damage(self) -> list[str]:
        """Which of its files do not hold what was written, each with why; a file is read once while it stays as it is."""
        return damaged_files(self.path, self.manifest.files, self.manifest.digests, remembered=True)

    def file(self, name: str) -> Path:
        """Path of one of its files.

        Raises ArtifactDamaged when it is missing, has another size than recorded or, up to ``CHECKED_ON_READING``
        bytes, another content.
        """
        path = self.path / name
        expected = self.manifest.files.get(name)
        actual = path.stat().st_size if path.is_file() else None
        if expected is None or actual != expected:
            raise self._damaged(f"file {name!r} should have {expected} bytes and has {actual}")
        digest = self.manifest.digests.get(name)
        if digest and expected <= CHECKED_ON_READING and not is_sound(path, digest):
            raise self._damaged(f"file {name!r} holds other bytes than were written")
        return path

    def _damaged(self, what: str) -> ArtifactDamaged:
        return ArtifactDamaged(
            f"{self.kind} {self.id}: {what}. tamis doctor --verify --recompute makes it again where that can be done, as it "
            f"does to run {self.manifest.step!r} again; else take it from a backup (tamis restore)."
        )


def artifact_id(
    kind: str, *, options: Mapping[str, JSON], inputs: Mapping[str, str], format_version: int
) -> str:
    """16 hex digits naming an artifact by everything that determines it."""
    identity = {"kind": kind, "options": dict(options), "inputs": dict(inputs), "format": format_version}
    return hashlib.blake2b(orjson.dumps(identity, option=orjson.OPT_SORT_KEYS), digest_size=8).hexdigest()


class ArtifactWriter:
    """A folder beside the final one in which a step writes; ``commit`` moves it into place."""

    def __init__(self, final: Path, workspace: Path) -> None:
        self._final, self.workspace = final, workspace
        self.path = final.parent / f".{final.name}.partial"

    def open(self) -> None:
        """Create the folder, or find what an interrupted run left in it."""
        self.path.mkdir(parents=True, exist_ok=True)

    def part(self, name: str) -> Path:
        """Path of a part that lets an interrupted run resume; parts are dropped by ``commit``."""
        folder = self.path / "parts"
        folder.mkdir(exist_ok=True)
        return folder / name

    def commit(self, manifest: Manifest) -> Path:
        """Write the manifest and move the folder into place; a sound artifact that is already there wins.

        A damaged one stands until then, and is kept beside, under a name that nothing reads.
        """
        shutil.rmtree(self.path / "parts", ignore_errors=True)
        write_atomically(self.path / MANIFEST, sealed(manifest.model_dump_json(indent=1).encode()))
        if is_whole(self._final):
            shutil.rmtree(self.path)
        elif self._final.exists():
            swap_into_place(self.path, self._final, set_aside_path(self._final))
        else:
            move_into_place(self.path, self._final)
        return self._final

    def files(self) -> dict[str, int]:
        """Name and size in bytes of every file written so far, parts excluded."""
        return {
            path.name: path.stat().st_size
            for path in sorted(self.path.iterdir())
            if path.is_file() and path.name != MANIFEST
        }

    def digests(self) -> dict[str, str]:
        """SHA-256 of every file written so far, those in folders too, parts excluded."""
        return digests_of(self.path, frozenset({MANIFEST, "parts"}))


class ArtifactStore:
    """The artifacts of a workspace."""

    def __init__(self, workspace: Path) -> None:
        self.workspace = workspace
        self.datasets_path = workspace / "datasets"
        self.actor = AT_THE_MACHINE

    def acting_as(self, actor: Actor) -> ArtifactStore:
        """The same artifacts in the hands of an account."""
        made = copy(self)
        made.actor = actor
        return made

    def dataset_ids(self) -> list[str]:
        """Ids of the datasets whose examples are there, sorted."""
        if not self.datasets_path.is_dir():
            return []
        return sorted(p.name for p in self.datasets_path.iterdir() if self.list(p.name, "examples"))

    def damaged_dataset_ids(self) -> list[str]:
        """Ids of the datasets whose examples cannot be read or were set aside with nothing in their place, sorted."""
        if not self.datasets_path.is_dir():
            return []
        return sorted(p.name for p in self.datasets_path.iterdir() if self._is_damaged(p.name))

    def _is_damaged(self, dataset_id: str) -> bool:
        if not is_folder_name(dataset_id) or self.list(dataset_id, "examples"):
            return False
        folders = (path for path in (self.datasets_path / dataset_id / "examples").glob("*") if path.is_dir())
        return any(path.name[0] != "." or path.name.endswith(SET_ASIDE) for path in folders)

    def list(self, dataset_id: str, kind: str | None = None) -> list[Artifact]:
        """Finished artifacts of a dataset, newest first; a damaged one is left out, and ``get`` says what it has."""
        if not is_folder_name(dataset_id):
            return []
        pattern = f"{kind or '*'}/*/{MANIFEST}"
        paths = (p.parent for p in (self.datasets_path / dataset_id).glob(pattern) if p.parent.name[0] != ".")
        artifacts = [artifact for artifact in map(_load_or_skip, paths) if artifact is not None]
        return sorted(artifacts, key=lambda a: a.order, reverse=True)

    def find(self, dataset_id: str, kind: str, identifier: str) -> Artifact | None:
        """The artifact of that kind and id, or None while it is not finished."""
        if not (is_folder_name(dataset_id) and is_folder_name(identifier)):
            return None
        path = self.artifact_path(dataset_id, kind, identifier)
        return load_artifact(path) if (path / MANIFEST).exists() else None

    def find_whole(self, dataset_id: str, kind: str, identifier: str) -> Artifact | None:
        """The artifact of that kind and id to be used again instead of being made, every file as it was written; else None.

        Whoever makes it then puts it in the place of a damaged one.
        """
        if not (is_folder_name(dataset_id) and is_folder_name(identifier)):
            return None
        path = self.artifact_path(dataset_id, kind, identifier)
        return load_artifact(path) if is_whole(path) else None

    def damage_of(self, dataset_id: str, kind: str, identifier: str) -> tuple[str, ...]:
        """What is wrong with an artifact that is there, in words; nothing for one that is sound, or is not there."""
        if not (is_folder_name(dataset_id) and is_folder_name(identifier)):
            return ()
        return tuple(damage_at(self.artifact_path(dataset_id, kind, identifier)))

    def ask_again(self, artifact: Artifact) -> None:
        """Note that a finished artifact was asked for now, which makes it the newest of its kind."""
        moment = f"{utc_now()} {next_number(self.workspace)}"
        write_atomically(_asked_file(artifact.path), moment.encode())

    def get(self, dataset_id: str, kind: str, identifier: str) -> Artifact:
        """Like ``find``; raises ArtifactMissing."""
        artifact = self.find(dataset_id, kind, identifier)
        if artifact is None:
            raise ArtifactMissing(f"Dataset {dataset_id!r} has no {kind} {identifier!r}.")
        return artifact

    def examples(self, dataset_id: str) -> Artifact:
        """The examples artifact of a dataset; raises DatasetMissing, and ArtifactDamaged for one that cannot be read."""
        artifacts = self.list(dataset_id, "examples")
        if not artifacts:
            if self._is_damaged(dataset_id):
                raise dataset_damaged(dataset_id)
            known = ", ".join(self.dataset_ids()) or "none"
            raise DatasetMissing(f"There is no dataset {dataset_id!r} in {self.workspace}. Known: {known}.")
        return artifacts[0]

    def artifact_path(self, dataset_id: str, kind: str, identifier: str) -> Path:
        """Where an artifact is, or will be."""
        return self.datasets_path / dataset_id / kind / identifier

    @contextmanager
    def writing(self, dataset_id: str, kind: str, identifier: str) -> Iterator[ArtifactWriter]:
        """A writer that holds the artifact's lock; raises JobConflict while another process writes the same one.

        Raises NotAllowed in hands that may start no step: whatever is drawn for who only looks or reviews writes nothing.
        """
        self.actor.require("curator")
        if not (is_folder_name(dataset_id) and is_folder_name(identifier)):
            raise ValueError(f"{dataset_id!r} and {identifier!r} must be plain folder names")
        final = self.artifact_path(dataset_id, kind, identifier)
        make_private_folder(self.workspace)
        make_folder(final.parent)
        lock = FileLock(final.parent / f".{identifier}.lock")
        if not lock.acquire():
            raise JobConflict(f"Another process is writing {kind} {identifier} of {dataset_id!r} right now.")
        try:
            writer = ArtifactWriter(final, self.workspace)
            writer.open()
            yield writer
        finally:
            lock.release()


def is_folder_name(name: str) -> bool:
    """Whether a name is that of a folder, and of nothing above or beside it."""
    # Ids arrive in URLs and on command lines: one that could climb out of the workspace names nothing.
    return re.fullmatch(r"\w[\w.-]*", name) is not None and len(name.encode()) <= MOST_ID_BYTES


def _load_or_skip(path: Path) -> Artifact | None:
    """One damaged folder must not hide the rest of a dataset."""
    try:
        return load_artifact(path)
    except ArtifactDamaged as error:
        logger.warning("%s", error)
        return None


def dataset_damaged(dataset_id: str) -> ArtifactDamaged:
    """That the rows of a dataset cannot be read, and what to do."""
    return ArtifactDamaged(
        f"Dataset {dataset_id!r} is damaged: what says how to read its rows is not what was written. tamis doctor --verify "
        "--recompute makes it again from the file that it came from, if that is still as it was; else restore a backup (tamis "
        "restore), or import the file again."
    )


def is_whole(path: Path) -> bool:
    """Whether a folder holds a finished artifact whose files are all what was written."""
    return (path / MANIFEST).exists() and not damage_at(path)


def damage_at(path: Path) -> list[str]:
    """What is wrong with the artifact in a folder, in words; nothing where there is none."""
    if not path.is_dir():
        return []
    if not (path / MANIFEST).exists():
        return [f"{MANIFEST} is missing"]
    try:
        return load_artifact(path).damage()
    except ArtifactDamaged:
        return [f"{MANIFEST} cannot be read"]


def set_aside_path(path: Path) -> Path:
    """Where a damaged artifact is kept once another one is in its place."""
    return path.with_name(f".{path.name}{SET_ASIDE}")


def load_artifact(path: Path) -> Artifact:
    """Read one artifact folder; raises ArtifactDamaged when its manifest cannot be read."""
    try:
        manifest = Manifest.model_validate_json(unsealed((path / MANIFEST).read_bytes()))
        return Artifact(path, manifest, *_asked(path, manifest))
    except (OSError, ValueError, ArtifactDamaged) as error:
        why = "it is not what was written" if isinstance(error, ValueError) else error
        raise ArtifactDamaged(
            f"{path}: its {MANIFEST} cannot be read ({why}). tamis doctor --verify --recompute makes again what can be made "
            "again; else take it from a backup."
        ) from error


def _asked(path: Path, manifest: Manifest) -> tuple[str, int]:
    """When it was asked for last, and the number of that; when it was made where nothing readable says more."""
    try:
        moment, _, sequence = _asked_file(path).read_text("utf-8").partition(" ")
        datetime.fromisoformat(moment)
        return moment, int(sequence or 0)
    except (FileNotFoundError, ValueError):
        return manifest.created_at, manifest.sequence


def _asked_file(path: Path) -> Path:
    # Beside the artifact, which itself never changes.
    return path.parent / f".{path.name}.asked"


def utc_now() -> str:
    """The time now as ISO 8601 in UTC with microseconds: sorts as text."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def make_manifest(
    writer: ArtifactWriter,
    *,
    kind: str,
    identifier: str,
    dataset_id: str,
    step: str,
    options: Mapping[str, JSON],
    inputs: Mapping[str, str],
    format_version: int,
    summary: Mapping[str, JSON],
) -> Manifest:
    """The manifest for what ``writer`` holds now."""
    return Manifest(
        kind=kind,
        artifact_id=identifier,
        dataset_id=dataset_id,
        step=step,
        options=dict(options),
        inputs=dict(inputs),
        format_version=format_version,
        tamis_version=__version__,
        created_at=utc_now(),
        sequence=next_number(writer.workspace),
        files=writer.files(),
        digests=writer.digests(),
        summary=dict(summary),
    )
