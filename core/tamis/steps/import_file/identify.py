"""Names for datasets that follow from what was imported, so that the same import twice is one dataset."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson

from tamis.errors import InvalidOptions, UnreadableFile
from tamis.formats import FORMATS, load_format
from tamis.formats.detect import Inspection, inspect_file
from tamis.formats.hints import Guess
from tamis.formats.reader import file_stem
from tamis.registry import parse_options
from tamis.steps.import_file.options import ImportOptions, SourceFile
from tamis.types import JSON

BLOCK_BYTES = 1 << 22
DATA_FILE = re.compile(r"\.(jsonl|ndjson|json|csv|tsv|parquet)(\.gz|\.zst)?$")
SAVED_DATASET_MARKS = ("state.json", "dataset_dict.json")


def dataset_id_for(name: str, files: Sequence[SourceFile]) -> str:
    """A readable id: the name as a slug, then 6 hex digits of contents, formats and mappings."""
    read = [[file.content_hash, file.format, file.fields] for file in files]
    identity = orjson.dumps(read, option=orjson.OPT_SORT_KEYS)
    return f"{slug(name)}-{hashlib.blake2b(identity, digest_size=3).hexdigest()}"


def slug(name: str) -> str:
    """Lower-case ASCII letters, digits and dashes, at most 40; ``dataset`` when nothing is left."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")[:40].strip("-") or "dataset"


def file_hash(path: Path) -> str:
    """BLAKE2b (32 hex digits) of a file, or of a folder's relative names and contents; of the text of a hub id."""
    digest = hashlib.blake2b(digest_size=16)
    if path.is_dir():
        for file in sorted(p for p in path.rglob("*") if p.is_file()):
            digest.update(str(file.relative_to(path)).encode())
            _update(digest, file)
    elif path.is_file():
        _update(digest, path)
    else:
        digest.update(str(path).encode())
    return digest.hexdigest()


def _update(digest: hashlib.blake2b, file: Path) -> None:
    with file.open("rb") as stream:
        while block := stream.read(BLOCK_BYTES):
            digest.update(block)


@dataclass(frozen=True, slots=True)
class ImportPlan:
    """An import made exact: which dataset it makes, complete options, and the files of a folder that no format fits."""

    dataset_id: str
    options: dict[str, JSON]
    skipped: tuple[str, ...]


def plan_import(
    paths: Sequence[str],
    *,
    name: str = "",
    format_name: str = "auto",
    fields: Mapping[str, JSON] | None = None,
) -> ImportPlan:
    """Detect what was left open, and name the dataset; a folder stands for the data files in it.

    Several paths make one dataset. Raises UnreadableFile for a named file that no format fits or that holds no
    rows, UnknownName for a format, InvalidOptions for a mapping.
    """
    files: list[SourceFile] = []
    skipped: list[str] = []
    for path in paths:
        inside = files_in_folder(path)
        for file in inside:
            # A folder may hold other things than data; a file that was named may not.
            try:
                files.append(source_file(file, format_name, fields or {}))
            except UnreadableFile:
                skipped.append(file)
        if not inside:
            files.append(source_file(path, format_name, fields or {}))
    if not files:
        raise UnreadableFile(f"No format fits any file in {', '.join(map(str, paths))}.")
    return plan_sources(files, name or file_stem(paths[0]), skipped)


def plan_sources(files: Sequence[SourceFile], name: str, skipped: Sequence[str] = ()) -> ImportPlan:
    """Name the dataset that files make which are known in every detail."""
    options = ImportOptions(files=tuple(files), name=name)
    return ImportPlan(dataset_id_for(name, files), options.model_dump(mode="json"), tuple(skipped))


def files_in_folder(path: str) -> list[str]:
    """The data files of a plain folder, sorted; none for a file, a hub id or a dataset saved by its library."""
    folder = Path(path).expanduser()
    if not folder.is_dir() or any((folder / mark).exists() for mark in SAVED_DATASET_MARKS):
        return []
    return sorted(str(p) for p in folder.iterdir() if p.is_file() and DATA_FILE.search(p.name.lower()))


def source_file(path: str, format_name: str, fields: Mapping[str, JSON]) -> SourceFile:
    """A file and how it is read, what was left open detected; raises UnreadableFile, UnknownName and InvalidOptions."""
    local = Path(path).expanduser()
    given = str(local.resolve()) if local.exists() else path
    roles, fields = fields.get("roles"), {part: column for part, column in fields.items() if part != "roles"}
    if format_name == "auto" and fields:
        format_name = _format_with(given, fields)
    asked = format_name != "auto"
    mapping = parse_options(load_format(format_name).fields, fields) if asked and fields else None
    inspected = inspect_file(given, format_name=format_name if asked else None, fields=mapping, roles=roles)
    if inspected.format_name is None or inspected.fields is None:
        raise UnreadableFile(_undetected(given, inspected))
    complete = inspected.fields.model_dump(mode="json")
    return SourceFile(
        path=given, format=inspected.format_name, fields=complete, content_hash=file_hash(Path(given))
    )


def _format_with(path: str, fields: Mapping[str, JSON]) -> str:
    """The format that has all these parts and reads most of the file; raises InvalidOptions when none has them."""
    names = [name for name in FORMATS if set(fields) <= set(FORMATS[name].options.model_fields)]
    if not names:
        known = "; ".join(f"{name}: {', '.join(FORMATS[name].options.model_fields)}" for name in FORMATS)
        raise InvalidOptions(
            f"No format has the parts {', '.join(fields)}. The parts of the formats are {known}."
        )
    if len(names) == 1:
        return names[0]

    def reads(name: str) -> float:
        mapping = parse_options(load_format(name).fields, fields)
        return inspect_file(path, format_name=name, fields=mapping).confidence

    return max(names, key=reads)


def _undetected(path: str, inspected: Inspection) -> str:
    columns = ", ".join(inspected.columns) or "none"
    guess = inspected.guess or Guess("prompt_completion", {"prompt": "QUESTION", "completion": "ANSWER"})
    likely = "most likely with" if inspected.guess else "for example:"
    return f"No format fits {Path(path).name}: its columns are {columns}. Say which plays which part, {likely} {guess.options}"
