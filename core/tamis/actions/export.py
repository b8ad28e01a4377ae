"""export: exactly the rows of a scope as a training file, with a manifest from which they can be made again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import orjson
from pydantic import Field, field_validator

from tamis import __version__
from tamis.actions.export_scores import ScoreColumns, find_scores, score_columns
from tamis.actions.manifests import ExportManifest, installed_versions, lineage, listed_decisions
from tamis.actions.roles import needs
from tamis.actions.trainer_entries import describe_for_trainers
from tamis.compute.apply import Applied
from tamis.errors import InvalidOptions
from tamis.formats import load_format
from tamis.formats.source_shape import SourceShape, read_shape
from tamis.formats.stored_form import ColumnMapping
from tamis.formats.targets import Target, TargetContainer, check_place, target_of
from tamis.formats.writer import SOURCE_SHAPE, StoredExample, export_file
from tamis.formats.written_files import SkippedRow
from tamis.formats.written_files import WrittenFile as Written
from tamis.registry import Options, parse_options
from tamis.steps.import_file.options import SourceFile
from tamis.steps.resolve_decisions import apply_frozen, find_decisions, respected_by
from tamis.steps.resolve_rows import EVERY, find_selection, look_at, rows_of
from tamis.store.artifacts.readers import iter_examples
from tamis.store.artifacts.store import Artifact, utc_now
from tamis.store.durable import write_atomically
from tamis.store.names import dataset_names
from tamis.store.sequence import next_number
from tamis.store.workspace import Workspace
from tamis.types import JSON, Int64s, Message

ByName = Literal[""]  # the container that the file's name says
PROGRESS_ROWS = 2_000
SKIPPED_ENDING = ".skipped.jsonl"
COLUMNS = ("example_id", "file", "messages", "raw", "source", "source_row", "meta")


class ExportRequest(Options):
    """Which rows, written how."""

    dataset_id: str = Field(description="Dataset to export from.")
    selection: str = Field(
        "",
        description="Artifact id of a selection, active, newest, or all for every row; when nothing is named, no tag and no "
        "scope either, the active one where there is one.",
    )
    tag: str = Field("", description="Only rows with this tag.")
    scope: str = Field("", description="Only rows in this scope, as in the map's address.")
    decisions: str = Field(
        "",
        description="Decisions to apply: current, the artifact id of frozen ones, or none; when empty those that the "
        "selection was made with, if any, because these texts were trained on.",
    )
    format_name: str = Field("source", description="Conversation format; source keeps the file's own shape.")
    container: TargetContainer | ByName = Field("", description="Kind of file; by its name when empty.")
    skip_unfit: bool = Field(
        False, description="Leave out rows that the format cannot hold, and list them beside the file."
    )
    scores: tuple[str, ...] = Field(
        (),
        description="Scores to write as columns score_NAME; in a named format, not in the source's own shape.",
    )

    @field_validator("scores", mode="before")
    @classmethod
    def _one_name(cls, given: JSON) -> JSON:
        """One name is a list of one."""
        return (given,) if isinstance(given, str) and given else given or ()


@dataclass(frozen=True, slots=True)
class ExportResult:
    """What was written and where; ``taken`` says which rows these are, ``renamed`` are columns of the source that the
    format would have taken for its own, ``score_columns`` those of the scores by their name.
    """

    path: Path
    manifest_path: Path
    n_rows: int
    sha256: str
    manifest: ExportManifest
    taken: str
    skipped: tuple[SkippedRow, ...] = ()
    skipped_path: Path | None = None
    renamed: Mapping[str, str] = field(default_factory=dict)
    score_columns: Mapping[str, str] = field(default_factory=dict)

    @property
    def obstacles(self) -> dict[str, int]:
        """Why rows were left out, with how many, the most frequent first."""
        return dict(Counter(row.obstacle for row in self.skipped).most_common())


@dataclass(frozen=True, slots=True)
class _Rows:
    """The rows of the scope, the decisions that were applied to them, and the scores that stand beside them."""

    ids: Int64s
    decisions: Artifact | None
    scores: Mapping[str, Artifact]


@needs("curator", noted="export")
def export(
    workspace: Workspace,
    request: ExportRequest,
    path: Path,
    *,
    progress: Callable[[int], None] | None = None,
) -> ExportResult:
    """Write the rows and ``<path>.manifest.json``; an existing file is replaced only when all is written.

    Where the request names no rows, they are those of the active selection, or all where there is none (``taken``).
    The name of the file says its container and compression (``rows.csv``, ``rows.jsonl.gz``); it must not contradict the
    request. Where the request names decisions, or its selection was made with some, dropped rows are left out and decided
    texts written. ``progress`` is told the rows read so far. Raises InvalidOptions when no row is in scope or all are
    dropped, CurationError when format or container cannot hold some conversations (unless these are to be left out: then
    ``<path>.skipped.jsonl`` lists them), a decided one breaks the chat schema, or nothing can be written to that place.
    """
    if path.parent == workspace.path / "exports":
        path.parent.mkdir(exist_ok=True)
    check_place(path)
    target = target_of(path.name, request.container)
    # By its id, so that the file can be made again when another one is active or newer.
    request = request.model_copy(update={"selection": _selection_id(workspace, request)})
    rows, decisions, applied = _decided_rows(workspace, request)
    examples = workspace.artifacts.examples(request.dataset_id)
    scores = _scores(workspace, request)
    stored = stored_examples(examples, applied.rows, applied.replaced, scores)
    written = export_file(
        stored if progress is None else _counted(stored, progress),
        path,
        format_name=request.format_name,
        target=target,
        shapes=shapes_of(examples),
        spoken=spoken_columns(examples),
        skip_unfit=request.skip_unfit,
    )
    manifest = _manifest(workspace, request, _Rows(rows, decisions, scores), written, target)
    manifest_path = path.with_name(f"{path.name}.manifest.json")
    write_atomically(manifest_path, manifest.model_dump_json(indent=1).encode())
    listed, (n_rows, sha256) = _list_skipped(path, written.skipped), (written.n_rows, written.sha256)
    return ExportResult(
        path, manifest_path, n_rows, sha256, manifest, _taken(request), written.skipped, listed, written.renamed,
        score_columns(examples, tuple(scores)),
    )  # fmt: skip


def _decided_rows(workspace: Workspace, request: ExportRequest) -> tuple[Int64s, Artifact | None, Applied]:
    """The rows of the scope, the decisions that count for them, and what is left with these applied."""
    rows = rows_of(
        workspace,
        request.dataset_id,
        selection=request.selection,
        tag=request.tag,
        scope=request.scope,
    )
    if not len(rows):
        raise InvalidOptions("No row is in this scope, so there is nothing to export. Widen the filter.")
    pointer = request.decisions or _respected(workspace, request)
    decisions = find_decisions(workspace, request.dataset_id, pointer)
    applied = apply_frozen(rows, decisions)
    if not len(applied.rows):
        raise InvalidOptions(
            f"All {len(rows):,} rows of this scope are decided to be dropped. Widen it, or undo some decisions."
        )
    return rows, decisions, applied


def _selection_id(workspace: Workspace, request: ExportRequest) -> str:
    """The selection that is meant; empty for none."""
    if request.selection == EVERY:
        return ""
    if request.selection:
        return find_selection(workspace, request.dataset_id, request.selection).id
    active = None if request.tag or request.scope else look_at(workspace, request.dataset_id).selection
    return active.id if active is not None else ""


def _taken(request: ExportRequest) -> str:
    named = {"selection": request.selection, "tag": request.tag, "filter": request.scope}
    narrowed = [kind if kind == "filter" else f"{kind} {value}" for kind, value in named.items() if value]
    return " and ".join(narrowed) or "all"


def _list_skipped(path: Path, skipped: Sequence[SkippedRow]) -> Path | None:
    """Write the rows that were left out beside the file; a list of an earlier export of that name goes."""
    listed = path.with_name(path.name + SKIPPED_ENDING)
    if not skipped:
        listed.unlink(missing_ok=True)
        return None
    write_atomically(listed, b"".join(orjson.dumps(asdict(row)) + b"\n" for row in skipped))
    return listed


def _scores(workspace: Workspace, request: ExportRequest) -> dict[str, Artifact]:
    if request.scores and request.format_name == SOURCE_SHAPE:
        raise InvalidOptions(
            "The source's own shape has no place for scores: name a format to write them beside, for example messages."
        )
    return find_scores(workspace, request.dataset_id, request.scores)


def _respected(workspace: Workspace, request: ExportRequest) -> str:
    if not request.selection:
        return ""
    return respected_by(find_selection(workspace, request.dataset_id, request.selection))


def write_rows(
    examples: Artifact,
    rows: Int64s,
    path: Path,
    *,
    format_name: str,
    target: Target,
    decisions: Artifact | None = None,
    skip_unfit: bool = False,
    scores: Mapping[str, Artifact] | None = None,
) -> Written:
    """Write these rows in the order of the dataset, as they are stored or as ``decisions`` say."""
    applied = apply_frozen(rows, decisions)
    stored = stored_examples(examples, applied.rows, applied.replaced, scores)
    return export_file(
        stored,
        path,
        format_name=format_name,
        target=target,
        shapes=shapes_of(examples),
        spoken=spoken_columns(examples),
        skip_unfit=skip_unfit,
    )


def _counted(stored: Iterator[StoredExample], progress: Callable[[int], None]) -> Iterator[StoredExample]:
    for number, example in enumerate(stored):
        if number % PROGRESS_ROWS == 0:
            progress(number)
        yield example


def stored_examples(
    examples: Artifact,
    rows: Int64s,
    replaced: Mapping[int, Sequence[Message]] | None = None,
    scores: Mapping[str, Artifact] | None = None,
) -> Iterator[StoredExample]:
    """The examples at ``rows`` (sorted), a batch in memory at a time; ``replaced`` has conversations by example id.

    Each of ``scores`` is one more field, null where a row has none (``score_columns`` says what it is called).
    """
    edited = replaced or {}
    beside = ScoreColumns(examples, scores or {})
    wanted = np.zeros(int(examples.summary["n_examples"]), dtype=np.bool_)
    wanted[rows] = True
    files, mappings = files_of(examples), _mappings(examples)
    start = 0
    for batch in iter_examples(examples, COLUMNS):
        inside = np.flatnonzero(wanted[start : start + batch.num_rows])
        start += batch.num_rows
        for row in batch.take(inside).to_pylist():
            new = edited.get(row["example_id"])
            yield StoredExample(
                messages=orjson.loads(row["messages"]) if new is None else list(new),
                raw=row["raw"],
                source=row["source"],
                source_row=row["source_row"],
                file=row["file"],
                meta=orjson.loads(row["meta"] or "{}") | beside.of(row["example_id"]),
                format_name=files[row["file"]]["format"],
                fields=mappings[row["file"]],
                repairs=tuple(files[row["file"]].get("repairs", ())),
                example_id=row["example_id"],
            )


def files_of(examples: Artifact) -> list[dict[str, JSON]]:
    """The files that a dataset was imported from: path, format, fields, content_hash and counts."""
    files: list[dict[str, JSON]] = examples.summary["files"]
    return files


def shapes_of(examples: Artifact) -> list[SourceShape]:
    """What each of the files was beside its records."""
    return [read_shape(file.get("shape")) for file in files_of(examples)]


def spoken_columns(examples: Artifact) -> frozenset[str]:
    """The columns of the files that hold the conversations."""
    return frozenset(
        column for mapping in _mappings(examples) for column in mapping.spoken if "." not in column
    )


def _mappings(examples: Artifact) -> list[ColumnMapping]:
    return [parse_options(load_format(f["format"]).fields, f["fields"]) for f in files_of(examples)]


def _manifest(
    workspace: Workspace, request: ExportRequest, rows: _Rows, written: Written, target: Target
) -> ExportManifest:
    examples = workspace.artifacts.examples(request.dataset_id)
    last, listed, whole = _origin(workspace, request)
    names = dataset_names(workspace)
    artifacts = lineage(
        workspace.artifacts, last, *([rows.decisions] if rows.decisions else []), *rows.scores.values()
    )
    return ExportManifest(
        tamis_version=__version__,
        created_at=utc_now(),
        sequence=next_number(workspace.path),
        dataset_id=request.dataset_id,
        dataset_name=names[request.dataset_id],
        sources=[
            SourceFile(**{key: f[key] for key in SourceFile.model_fields if key in f})
            for f in files_of(examples)
        ],
        selection="" if listed or whole else last.id,
        example_ids=[int(row) for row in rows.ids] if listed else None,
        scope=_describe(request),
        format_name=request.format_name,
        container=target.container,
        compression=target.compression,
        layout=target.layout,
        n_rows=written.n_rows,
        n_skipped=len(written.skipped),
        sha256=written.sha256,
        decisions=rows.decisions.id if rows.decisions else "",
        decided=listed_decisions(artifacts),
        scores={name: one.id for name, one in rows.scores.items()},
        artifacts=[artifact.manifest for artifact in artifacts],
        packages=installed_versions(),
        **describe_for_trainers(
            written.path, request.dataset_id, request.format_name, target.container, files_of(examples)
        ),
    )


def _origin(workspace: Workspace, request: ExportRequest) -> tuple[Artifact, bool, bool]:
    """What the rows are remade from; whether they are listed by number instead; whether they are all rows."""
    whole = not (request.selection or request.tag or request.scope)
    # A whole selection is rebuilt from its artifacts; anything that a filter or tag narrowed is listed.
    if not request.selection or request.tag or request.scope:
        return workspace.artifacts.examples(request.dataset_id), not whole, whole
    selection = find_selection(workspace, request.dataset_id, request.selection)
    # A refinement trains models on its way, so its rows are listed rather than selected again.
    return selection, selection.manifest.step == "refine", whole


def _describe(request: ExportRequest) -> str:
    named = {"selection": request.selection, "tag": request.tag, "scope": request.scope}
    described = " and ".join(f"{kind} {value}" for kind, value in named.items() if value) or "all rows"
    return f"{described}, decisions applied" if request.decisions else described
