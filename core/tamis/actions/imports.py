"""Importing files: what they are, how each would be read, under which name, and the job that does it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
from pydantic.fields import FieldInfo

from tamis.actions.jobs import Job, JobState, list_jobs
from tamis.actions.roles import needs
from tamis.actions.submit import HERE, RunTarget, Submission, submit
from tamis.errors import CurationError
from tamis.formats import FORMATS, load_format
from tamis.formats.detect import Inspection, inspect_file
from tamis.formats.json_text import Record
from tamis.formats.layout import detect_layout
from tamis.formats.reader import file_stem
from tamis.formats.repairs import check_repairs
from tamis.formats.role_labels import label_text, role_of, unknown_label
from tamis.formats.schema import Reject
from tamis.formats.stored_form import open_record
from tamis.jobs.limited_process import run_limited
from tamis.jobs.limits import ReadLimits, limited_for_now
from tamis.registry import parse_options
from tamis.settings import Settings
from tamis.steps.import_file.folders import LeftOut, list_folder
from tamis.steps.import_file.identify import ImportPlan, file_hash, plan_import, plan_sources
from tamis.steps.import_file.options import SourceFile
from tamis.steps.import_file.paths import data_files, hub_address, importable_files, resolve_inside
from tamis.steps.reach import allowed_data
from tamis.store.names import check_name
from tamis.store.workspace import Workspace
from tamis.types import JSON

FAILED_SHOWN = 5
COLUMNS_NAMED = 200
SURE = 0.5  # confidence of a guess below which its text was too short to tell


@dataclass(frozen=True, slots=True)
class ReadAs:
    """How a person wants a file read; empty means as detected."""

    format_name: str = ""
    fields: Mapping[str, JSON] = field(default_factory=dict)
    encoding: str = ""


@dataclass(frozen=True, slots=True)
class ExaminedFile:
    """A file and what is known about it; ``problem`` says why it cannot be read at all."""

    path: str
    inspection: Inspection | None = None
    problem: str = ""
    encoding: str = ""  # that a person named

    @property
    def name(self) -> str:
        """What to call the file."""
        return self.inspection.name if self.inspection else Path(self.path).name

    @property
    def ready(self) -> bool:
        """Whether it is known how to read it, and at least one record of the sample can be."""
        inspection = self.inspection
        return inspection is not None and inspection.format_name is not None and bool(inspection.rows)


@dataclass(frozen=True, slots=True)
class GuessedEncoding:
    """How a file's text is read that is neither UTF-8 nor marked; ``confidence`` in [0, 1]."""

    path: str
    encoding: str
    confidence: float

    @property
    def sentence(self) -> str:
        """What to tell a person."""
        said = f"{self.path} is read as {self.encoding}, a guess with confidence {self.confidence:.2f}"
        if self.is_sure:
            return f"{said}."
        return f"{said}: its text outside ASCII is too short to tell. Look at the rows and name the encoding."

    @property
    def is_sure(self) -> bool:
        """Whether there was text enough to guess from."""
        return self.confidence >= SURE


@dataclass(frozen=True, slots=True)
class OfferedColumns:
    """The columns that can play a part of a format, and what the part says when it is not in the file."""

    names: tuple[str, ...]
    may_be_missing: bool


def list_importable(workspace: Workspace) -> dict[str, str]:
    """Files and saved datasets on this machine that may be imported: how to call each, by path.

    Their names begin with the folder that the settings allow; two that would be called alike go by their whole path.
    """
    folders = workspace.settings.allowed_import_folders()
    called = {str(path): _within(path, folders) for path in importable_files(folders, skip=[workspace.path])}
    names = list(called.values())
    return {path: name if names.count(name) == 1 else path for path, name in called.items()}


def allowed_path(workspace: Workspace, path: str) -> str:
    """The resolved path of something to import; raises ForbiddenPath outside the allowed folders, UnreadableFile."""
    return str(resolve_inside(path, workspace.settings.allowed_import_folders()))


def hub_source(name: str, configuration: str = "", split: str = "") -> str:
    """The address of a hub dataset from what a person typed or pasted; empty for nothing."""
    if not name.strip():
        return ""
    address = hub_address(name)
    address += f":{configuration.strip()}" if configuration.strip() else ""
    return address + (f"@{split.strip()}" if split.strip() else "")


def files_of_sources(paths: Sequence[str]) -> list[str]:
    """Every file that these paths stand for, each once: a folder stands for the data files in it."""
    return list(dict.fromkeys(file for path in paths for file in data_files(path)))


def examine_file(workspace: Workspace, path: str, read_as: ReadAs = ReadAs()) -> ExaminedFile:
    """Look at the start of a file: what it is, how it would be read, and three rows of it; nothing is imported."""
    try:
        path = allowed_data(workspace, path)
        limits = ReadLimits.of_look(workspace.settings)
        if workspace.confined:  # a server, in which nobody's file may use up what everybody needs
            return run_limited(_look_at, path, read_as, limits=limits)
        with limited_for_now(limits):
            return _look_at(path, read_as)
    except CurationError as error:
        return ExaminedFile(path, problem=str(error))


def _look_at(path: str, read_as: ReadAs) -> ExaminedFile:
    try:
        if not read_as.format_name:
            seen = inspect_file(path, encoding=read_as.encoding, lenient=True)
            return ExaminedFile(path, seen, encoding=read_as.encoding)
        given = read_as.fields
        mapping = parse_options(load_format(read_as.format_name).fields, given) if given else None
        seen = inspect_file(path, format_name=read_as.format_name, fields=mapping, encoding=read_as.encoding)
        return ExaminedFile(path, seen, encoding=read_as.encoding)
    except CurationError as error:
        return ExaminedFile(path, problem=str(error))


def columns_for(inspection: Inspection, part: FieldInfo) -> OfferedColumns:
    """What can be chosen for a part of a format: the columns of the file, or the keys inside its lists."""
    described = str(part.description or "")
    names = _turn_keys(inspection) if described.startswith("Key ") else inspection.columns
    return OfferedColumns(tuple(names), "may be missing" in described)


def unknown_roles(inspection: Inspection) -> tuple[str, ...]:
    """Labels of turns whose meaning no format knows, as far as the sample shows, and those that a person has explained.

    A record is rejected for the first of its labels; the others of its turns are there to be explained at once.
    """
    explained = inspection.fields.roles if inspection.fields else {}
    labels: dict[str, None] = dict.fromkeys(explained)
    for problem in inspection.problems:
        label = unknown_label(problem.reason)
        if label is None:
            continue
        labels[label] = None
        for turn in _turns(_rejected(inspection, problem)):
            other = turn.get(getattr(inspection.fields, "role", ""))
            if isinstance(other, str | int) and not role_of(label_text(other)):
                labels[label_text(other)] = None
    return tuple(labels)


def formats_by_fit(inspection: Inspection) -> dict[str, float | None]:
    """Every format, best fit first, with the fraction of the sample in [0, 1] that it reads; None where it reads none."""
    fits = {item.format_name: item.confidence for item in inspection.alternatives}
    if inspection.format_name:
        fits[inspection.format_name] = inspection.confidence
    return {name: fits.get(name) for name in sorted(FORMATS, key=lambda name: -fits.get(name, -1.0))}


def mapping_of(inspection: Inspection) -> dict[str, JSON]:
    """Which column plays which part now."""
    return inspection.fields.model_dump(mode="json") if inspection.fields else {}


def default_import_name(paths: Sequence[str]) -> str:
    """The name of the first file without its endings."""
    return file_stem(paths[0])


def plan_examined(files: Sequence[ExaminedFile], name: str, repairs: Sequence[str] = ()) -> ImportPlan:
    """The dataset's id and the options of its import; reads every file once for its hash. Raises InvalidOptions and UnknownName.

    The files must be ready.
    """
    shown, sources = check_name(name, "dataset"), []
    for file in files:
        inspection = file.inspection
        assert inspection is not None and inspection.format_name is not None
        fields = parse_options(FORMATS[inspection.format_name].options, mapping_of(inspection))
        sources.append(
            SourceFile(
                path=str(Path(file.path).resolve()) if Path(file.path).exists() else file.path,
                format=inspection.format_name,
                fields=fields.model_dump(mode="json"),
                content_hash=file_hash(Path(file.path)),
                encoding=file.encoding
                or (inspection.encoding if inspection.layout.encoding_confidence < 1 else ""),
                repairs=check_repairs(repairs),
            )
        )
    return plan_sources(sources, shown)


def plan_paths(
    paths: Sequence[str],
    *,
    name: str = "",
    format_name: str = "auto",
    fields: Mapping[str, JSON] | None = None,
    roles: Mapping[str, str] | None = None,
    encoding: str = "",
    repairs: Sequence[str] = (),
) -> ImportPlan:
    """The same for files, folders and hub datasets of which nobody has looked at the details.

    ``roles`` says what labels of turns mean that no format knows: system, user, assistant, tool or function_call.
    Raises UnreadableFile for a named file that no format fits or that holds no rows, UnknownName for a format,
    InvalidOptions for a mapping.
    """
    given = dict(fields or {}) | ({"roles": dict(roles)} if roles else {})
    with limited_for_now(ReadLimits.of_look(Settings())):
        return plan_import(
            paths, name=name, format_name=format_name, fields=given, encoding=encoding, repairs=repairs
        )


def guessed_encodings(plan: ImportPlan) -> list[GuessedEncoding]:
    """The files of an import in whose text nothing says how it is encoded, with the guess that it is read by."""
    guessed = []
    for file in (SourceFile(**one) for one in plan.options["files"]):
        found = detect_layout(file.path) if file.encoding else None
        if found is not None and found.encoding == file.encoding and found.encoding_confidence < 1:
            guessed.append(GuessedEncoding(file.path, found.encoding, found.encoding_confidence))
    return guessed


def left_out_files(paths: Sequence[str]) -> list[LeftOut]:
    """The files of these folders that are no data by their names, each with why."""
    return [file for path in paths for file in list_folder(path).left_out]


@needs("curator")
def start_import(workspace: Workspace, plan: ImportPlan, *, target: RunTarget = HERE) -> Submission:
    """Name the dataset and queue its import; the same files read the same way are the same dataset."""
    return submit(workspace, plan.dataset_id, "import", plan.options, target=target)


def import_name(job: Job) -> str:
    """The name that the dataset of an import will have."""
    return str(job.options.get("name") or job.dataset_id)


def columns_beside(summary: Mapping[str, Any]) -> str:
    """The columns of an import's summary that are kept beside the rows and not trained on, in words; "" if none.

    A name that no rule knows may hold what a person wants learned, so every one with something in it is said, wherever in
    the file it stands, up to ``COLUMNS_NAMED``; of imports of before those of their first rows.
    """
    beside = summary.get("beside")
    return _named(list(summary["meta_fields"] if beside is None else beside["kept"]))


def columns_heeded(summary: Mapping[str, Any]) -> str:
    """The columns beside the conversations that training reads, in words: marks, thoughts, tools, pictures; "" if none."""
    return _named((summary.get("beside") or {}).get("read", []))


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - COLUMNS_NAMED:,} more" if len(names) > COLUMNS_NAMED else ""
    return ", ".join(names[:COLUMNS_NAMED]) + more


def first_imports(workspace: Workspace, jobs: Sequence[Job]) -> dict[str, str]:
    """Of these jobs, the name of every dataset that is being imported for the first time, by its id."""
    importing = [job for job in jobs if job.step == "import"]
    present = set(workspace.artifacts.dataset_ids()) if importing else set()
    return {job.dataset_id: import_name(job) for job in importing if job.dataset_id not in present}


def failed_imports(workspace: Workspace) -> list[Job]:
    """The newest imports that failed and left no dataset, at most FAILED_SHOWN, one a dataset, oldest first."""
    failed = list_jobs(workspace, states=(JobState.FAILED,), step="import", limit=50)
    present = set(workspace.artifacts.dataset_ids()) if failed else set()
    newest = {job.dataset_id: job for job in reversed(failed) if job.dataset_id not in present}
    return list(newest.values())[-FAILED_SHOWN:]


def _turn_keys(inspection: Inspection) -> list[str]:
    """Keys of the objects inside list columns, as the first rows have them, or the first rejects where none is a row."""
    records: list[Record] = [row.record for row in inspection.rows]
    if inspection.fields:
        records = [open_record(record, inspection.fields)[0] for record in records]
    records = records or [_rejected(inspection, problem) for problem in inspection.problems]
    return list(dict.fromkeys(key for record in records for turn in _turns(record) for key in turn))


def _turns(record: Record) -> Iterator[Mapping[str, JSON]]:
    """The objects inside the lists of a record."""
    for value in record.values():
        yield from (item for item in (value if isinstance(value, list) else []) if isinstance(item, dict))


def _rejected(inspection: Inspection, problem: Reject) -> Record:
    """A record of JSON that was rejected; empty where its text is cut or is no object."""
    try:
        record = orjson.loads(problem.raw)
    except orjson.JSONDecodeError:
        return {}
    if not isinstance(record, dict):
        return {}
    return open_record(record, inspection.fields)[0] if inspection.fields else record


def _within(path: Path, folders: Sequence[Path]) -> str:
    for folder in sorted(folders, key=lambda one: -len(one.parts)):
        if path.is_relative_to(folder):
            return str(Path(folder.name) / path.relative_to(folder))
    return str(path)
