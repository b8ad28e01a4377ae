"""replay: make the rows of an export again from their source, in a fresh workspace, and compare."""

from __future__ import annotations

import tempfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from tamis.actions.export import write_rows
from tamis.actions.given_scores import JOIN, TAKE, remake_scores
from tamis.actions.manifests import ExportManifest, read_manifest
from tamis.actions.replay_plan import plan_replay, refuse_unknown
from tamis.actions.row_tokens import COUNT, remake_row_tokens
from tamis.actions.why_row import REPLACE, remake_edits
from tamis.errors import CurationError, InvalidOptions
from tamis.formats.layout import HUB_PREFIX
from tamis.formats.targets import Target
from tamis.jobs.limited_process import run_limited
from tamis.jobs.limits import ReadLimits, limited_for_now
from tamis.registry import parse_options
from tamis.settings import Settings
from tamis.steps import STEPS
from tamis.steps.execute import Task, execute
from tamis.steps.import_file.folders import is_saved_dataset
from tamis.steps.import_file.identify import file_hash
from tamis.steps.import_file.options import SourceFile
from tamis.steps.spec import as_recorded
from tamis.store.artifacts.frozen_rows import KIND, freeze_rows, thaw_rows
from tamis.store.artifacts.readers import read_selected_ids
from tamis.store.artifacts.refinements import ROUND
from tamis.store.artifacts.store import Artifact, ArtifactStore, Manifest
from tamis.store.artifacts.targets import KIND as TARGET
from tamis.store.artifacts.targets import remake_target
from tamis.store.review.frozen_decisions import KIND as DECISIONS
from tamis.store.review.frozen_decisions import FrozenDecision, store_decisions
from tamis.types import Int64s

Say = Callable[[str], None]
# What a manifest can say that nothing can be made of: names that it lacks, values that are none.
_NONSENSE = (LookupError, TypeError, ValueError, zlib.error)
_AS_EXPORTED = "it was cut or changed by hand. Use the manifest as it was exported."


@dataclass(frozen=True, slots=True)
class Replay:
    """What came out, beside what the manifest says."""

    identical: bool
    n_rows: int
    sha256: str
    verdict: str


class _Quiet:
    """A reporter that says when a stage begins."""

    def __init__(self, step: str, say: Say) -> None:
        self._step, self._say, self._stage = step, say, ""

    def progress(self, stage: str, done: int, total: int, message: str = "") -> None:
        if stage != self._stage:
            self._stage = stage
            self._say(f"  {self._step}: {stage}")

    def metric(self, name: str, value: float, position: float) -> None:
        """Curves are of no use here."""


def replay_manifest(
    manifest_path: Path,
    workspace: Path,
    *,
    sources: Sequence[Path],
    out: Path | None,
    say: Say,
    trust: bool = False,
) -> Replay:
    """Run every step of the manifest again, none of it from stored artifacts, and compare the bytes.

    ``sources`` are files to look at besides the recorded paths, recognised by their content. Raises CurationError when
    the source is gone or is another file than it was. Unless the manifest is trusted, only steps that compute the same
    anywhere are run (see
    ``plan_replay``), because whoever wrote it decides what they read and where they send it. What it holds and what it
    names is read within the limits of an import.
    """
    with limited_for_now(ReadLimits.of_look(Settings())):
        manifest = read_manifest(manifest_path)
    wanted = _wanted(manifest, say)
    steps = plan_replay(wanted)
    say("The manifest asks for: " + ", ".join(f"{one.step} ({one.kind})" for one in steps))
    if not trust:
        refuse_unknown(steps, manifest.sources)
    _refuse_gaps(manifest)
    files = [_found(file, sources) for file in manifest.sources]
    workspace.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".replay-", dir=workspace) as folder:
        store = ArtifactStore(Path(folder))
        made = {
            recorded.artifact_id: _make(store, recorded, files, manifest, say, sources) for recorded in wanted
        }
        examples = store.examples(manifest.dataset_id)
        target = out or Path(folder) / "rows"
        written = write_rows(
            examples,
            _rows(manifest, made, int(examples.summary["n_examples"])),
            target,
            format_name=manifest.format_name,
            target=Target(manifest.container, manifest.compression, manifest.layout),
            decisions=made[manifest.decisions] if manifest.decisions else None,
            skip_unfit=manifest.n_skipped > 0,
            scores={name: made[one] for name, one in manifest.scores.items()},
        )
    return _compare(manifest, written.n_rows, written.sha256)


def _refuse_gaps(manifest: ExportManifest) -> None:
    """Raise CurationError for what the manifest names and does not hold."""
    held = {one.artifact_id for one in manifest.artifacts}
    named = [manifest.selection, manifest.decisions, *manifest.scores.values()]
    named += [identifier for one in manifest.artifacts for identifier in one.inputs.values()]
    for name in named:
        if name and name not in held:
            raise CurationError(f"The manifest names {name} and does not say how it was made: {_AS_EXPORTED}")
    if not any(
        one.kind == "examples" and one.dataset_id == manifest.dataset_id for one in manifest.artifacts
    ):
        raise CurationError(f"The manifest does not say how its rows were imported: {_AS_EXPORTED}")


def _found(file: SourceFile, sources: Sequence[Path]) -> SourceFile:
    """The file at its recorded path, or whichever of ``sources`` has its content; a device or a pipe never ends."""
    limits = ReadLimits.of_import(Settings())
    is_hub = file.path.startswith(HUB_PREFIX)
    for path in (Path(file.path), *sources):
        is_data = path.is_file() or is_saved_dataset(path) or (is_hub and path == Path(file.path))
        if is_data and run_limited(file_hash, path, limits=limits) == file.content_hash:
            return file.model_copy(update={"path": str(path.resolve()) if path.exists() else str(path)})
    state = "is another file than when it was imported" if Path(file.path).exists() else "is not there"
    raise CurationError(f"The source {file.path} {state}. Name the file where it is now as a source.")


def _wanted(manifest: ExportManifest, say: Say) -> list[Manifest]:
    """What has to be made for the rows: everything, or, for listed rows, only what holds their texts."""
    if manifest.example_ids is None:
        return manifest.artifacts
    if any(recorded.kind == ROUND for recorded in manifest.artifacts):
        say(
            "The rows were selected by a refinement, which trains models on its way. They are taken as the manifest "
            "lists them; only their texts are made again."
        )
    if manifest.scores:  # written beside the texts, so they are made again with all that they read
        return [recorded for recorded in manifest.artifacts if recorded.kind != ROUND]
    return [recorded for recorded in manifest.artifacts if recorded.kind in ("examples", DECISIONS, KIND)]


def _make(
    store: ArtifactStore,
    recorded: Manifest,
    files: list[SourceFile],
    manifest: ExportManifest,
    say: Say,
    sources: Sequence[Path],
) -> Artifact:
    say(f"{recorded.step} -> {recorded.kind} {recorded.artifact_id}")
    if recorded.kind in (KIND, TARGET) or recorded.step in ("import", TAKE, JOIN):
        # A manifest packs rows, and its files can be packed: both are unpacked where there are limits.
        limits = ReadLimits.of_import(Settings())
        return run_limited(_read_in, store, recorded, files, manifest.dataset_name, sources, limits=limits)
    if recorded.step in (REPLACE, COUNT):
        try:
            return (remake_edits if recorded.step == REPLACE else remake_row_tokens)(store, recorded)
        except _NONSENSE as error:
            raise _unmakeable(recorded, error) from error
    if recorded.kind == DECISIONS:
        return _decisions(store, recorded, manifest)
    kinds = {m.artifact_id: m.kind for m in manifest.artifacts}
    task = Task(
        dataset_id=recorded.dataset_id,
        step=recorded.step,
        options=dict(recorded.options),
        inputs=recorded.inputs,
        input_kinds={role: kinds[identifier] for role, identifier in recorded.inputs.items()},
        artifact_id=recorded.artifact_id,
    )
    limited = partial(run_limited, limits=ReadLimits.of_import(Settings()))
    try:
        _refuse_lacking(recorded, task.input_kinds)
        return execute(store, task, _Quiet(recorded.step, say), limited=limited)
    except (InvalidOptions, AssertionError, *_NONSENSE) as error:
        raise _unmakeable(recorded, error) from error


def _refuse_lacking(recorded: Manifest, kinds: Mapping[str, str]) -> None:
    """Raise InvalidOptions for an input that the step needs and that the manifest does not give it, or as another kind."""
    step = STEPS[recorded.step]
    options = parse_options(step.options, as_recorded(step.options, recorded.options))
    try:
        wanted = options.needs()
    except (
        InvalidOptions
    ):  # what is refused today may have been made by an earlier edition: it is made as it was
        return
    for need in wanted:
        given = kinds.get(need.role)
        if given is None and not need.optional:
            raise InvalidOptions(f"{recorded.step} reads its {need.role}, which is not among its inputs")
        if given not in (None, need.kind):
            raise InvalidOptions(f"the {need.role} of {recorded.step} are {need.kind}, and not {given}")


def _read_in(
    store: ArtifactStore, recorded: Manifest, files: list[SourceFile], name: str, sources: Sequence[Path]
) -> Artifact:
    """Rows, scores of a file and the import, from what the manifest or a file of it holds."""
    try:
        if recorded.kind == KIND:
            rows = thaw_rows(recorded.options["rows"])
            return freeze_rows(store, recorded.dataset_id, rows, str(recorded.summary["label"]))
        if recorded.kind == TARGET:
            return remake_target(store, recorded)
        if recorded.step in (TAKE, JOIN):
            return remake_scores(store, recorded, sources)
        options = {"files": [file.model_dump(mode="json") for file in files], "name": name}
        task = Task(recorded.dataset_id, "import", options, {}, {}, recorded.artifact_id)
        return execute(store, task, _Quiet(recorded.step, lambda _: None))
    except _NONSENSE as error:
        raise _unmakeable(recorded, error) from error


def _unmakeable(recorded: Manifest, error: Exception) -> CurationError:
    what = f"{recorded.kind} {recorded.artifact_id}"
    told = f"{error}".rstrip(".") if isinstance(error, CurationError) else f"{type(error).__name__}: {error}"
    return CurationError(f"The manifest says of {what} what cannot be ({told}): {_AS_EXPORTED}")


def _decisions(store: ArtifactStore, recorded: Manifest, manifest: ExportManifest) -> Artifact:
    listed = manifest.decided.get(recorded.artifact_id, [])
    decided = [
        FrozenDecision(**row.model_dump() | {"messages": row.messages and tuple(row.messages)})
        for row in listed
    ]
    made = store_decisions(store, recorded.dataset_id, decided)
    if made.id != recorded.artifact_id:
        raise CurationError(
            f"The decisions {recorded.artifact_id} of the manifest are not those that were applied: the list was "
            "changed since. Use the manifest as it was exported."
        )
    return made


def _rows(manifest: ExportManifest, made: dict[str, Artifact], n_rows: int) -> Int64s:
    if manifest.example_ids is not None:
        if any(not 0 <= row < n_rows for row in manifest.example_ids):
            raise CurationError(
                f"The manifest lists rows that its source, of {n_rows:,}, does not have: {_AS_EXPORTED}"
            )
        return np.asarray(manifest.example_ids, dtype=np.int64)
    if manifest.selection:
        return read_selected_ids(made[manifest.selection])
    return np.arange(n_rows, dtype=np.int64)


def _compare(manifest: ExportManifest, n_rows: int, sha256: str) -> Replay:
    identical = sha256 == manifest.sha256
    verdict = (
        f"Identical: {n_rows:,} rows, sha256 {sha256}."
        if identical
        else f"Different: {n_rows:,} rows with sha256 {sha256}; the manifest says {manifest.n_rows:,} rows with "
        f"{manifest.sha256}. Compare the package versions in the manifest with: tamis doctor."
    )
    return Replay(identical, n_rows, sha256, verdict)
