"""Names for datasets that follow from what was imported, so that the same import twice is one dataset."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from tamis.errors import InvalidOptions, UnreadableFile
from tamis.formats import FORMATS, load_format
from tamis.formats.detect import Inspection, inspect_file
from tamis.formats.doubts import asked_by
from tamis.formats.encodings import check_encoding
from tamis.formats.hints import Guess
from tamis.formats.reader import file_stem
from tamis.formats.repairs import check_repairs
from tamis.registry import parse_options
from tamis.steps.import_file.folders import LeftOut, list_folder
from tamis.steps.import_file.options import ImportOptions, SourceFile
from tamis.steps.import_file.splits import splits_of
from tamis.types import JSON

BLOCK_BYTES = 1 << 22


def dataset_id_for(name: str, files: Sequence[SourceFile]) -> str:
    """A readable id: the name as a slug, then 6 hex digits of contents, formats and mappings."""
    read = [
        [file.content_hash, file.format, file.fields, *([file.how] if file.how else [])] for file in files
    ]
    identity = orjson.dumps(read, option=orjson.OPT_SORT_KEYS)
    return f"{slug(name)}-{hashlib.blake2b(identity, digest_size=3).hexdigest()}"


def slug(name: str) -> str:
    """Lower-case ASCII letters, digits and dashes, at most 40; ``dataset`` when nothing is left."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")[:40].strip("-") or "dataset"


def file_hash(path: Path) -> str:
    """BLAKE2b (32 hex digits) of a file, or of a folder's relative names and contents; of the text of a hub id.

    Raises UnreadableFile.
    """
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
    try:
        with file.open("rb") as stream:
            while block := stream.read(BLOCK_BYTES):
                digest.update(block)
    except OSError as error:
        raise UnreadableFile(
            f"{file} cannot be read ({error.strerror or error}). Name a file that can."
        ) from error


@dataclass(frozen=True, slots=True)
class ImportPlan:
    """An import made exact: which dataset it makes, complete options, and the files of a folder that are not read."""

    dataset_id: str
    options: dict[str, JSON]
    skipped: tuple[LeftOut, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingChoices:
    """How files are to be read where that is not detected; ``repairs`` are names out of REPAIRS."""

    format_name: str = "auto"
    fields: Mapping[str, JSON] = field(default_factory=dict)
    encoding: str = ""
    repairs: Sequence[str] = ()


def plan_import(
    paths: Sequence[str],
    *,
    name: str = "",
    format_name: str = "auto",
    fields: Mapping[str, JSON] | None = None,
    encoding: str = "",
    repairs: Sequence[str] = (),
) -> ImportPlan:
    """Detect what was left open, and name the dataset; a folder stands for the data files in it and below it.

    Several paths make one dataset; where their names tell splits apart, every row gets a column ``split``. Raises
    UnreadableFile for a named file that no format fits or that holds no rows, or an encoding that there is not,
    UnknownName for a format or a repair, InvalidOptions for a mapping.
    """
    choices = ReadingChoices(
        format_name=format_name,
        fields=fields or {},
        encoding=check_encoding(encoding) if encoding else "",
        repairs=check_repairs(repairs),
    )
    files: list[SourceFile] = []
    skipped: list[LeftOut] = []
    for path in paths:
        listing = list_folder(path)
        skipped += listing.left_out
        for file in listing.files:
            # A folder may hold other things than data; a file that was named may not.
            try:
                files.append(source_file(file, choices))
            except UnreadableFile as error:
                skipped.append(LeftOut(file, str(error)))
        if not listing.is_folder:
            files.append(source_file(path, choices))
    if not files:
        named = "".join(f" {one.path}: {one.reason}" for one in skipped[:3])
        raise UnreadableFile(f"No format fits any file in {', '.join(map(str, paths))}.{named}")
    return plan_sources(files, name or file_stem(paths[0]), skipped)


def plan_sources(files: Sequence[SourceFile], name: str, skipped: Sequence[LeftOut] = ()) -> ImportPlan:
    """Name the dataset that files make which are known in every detail but their splits."""
    splits = splits_of([file.path for file in files])
    named = [file.model_copy(update={"split": file.split or splits.get(file.path, "")}) for file in files]
    options = ImportOptions(files=tuple(named), name=name)
    return ImportPlan(dataset_id_for(name, named), options.model_dump(mode="json"), tuple(skipped))


def source_file(path: str, choices: ReadingChoices) -> SourceFile:
    """A file and how it is read, what was left open detected; raises UnreadableFile, UnknownName and InvalidOptions."""
    local = Path(path).expanduser()
    given = str(local.resolve()) if local.exists() else path
    format_name, roles = choices.format_name, choices.fields.get("roles")
    fields = {part: column for part, column in choices.fields.items() if part != "roles"}
    if format_name == "auto" and fields:
        _refuse_doubt(given, fields, choices)
        format_name = _format_with(given, fields, choices)
    asked = format_name != "auto"
    mapping = parse_options(load_format(format_name).fields, fields) if asked and fields else None
    inspected = inspect_file(
        given,
        format_name=format_name if asked else None,
        fields=mapping,
        roles=roles,
        encoding=choices.encoding,
        repairs=choices.repairs,
    )
    if inspected.format_name is None or inspected.fields is None:
        raise UnreadableFile(_undetected(given, inspected))
    guessed = inspected.encoding if inspected.layout.encoding_confidence < 1 else ""
    return SourceFile(
        path=given,
        format=inspected.format_name,
        fields=inspected.fields.model_dump(mode="json"),
        content_hash=file_hash(Path(given)),
        encoding=choices.encoding or guessed,
        repairs=tuple(choices.repairs),
    )


def _refuse_doubt(path: str, fields: Mapping[str, JSON], choices: ReadingChoices) -> None:
    """Raise UnreadableFile where the columns leave open what is learned and none of the parts that were named says it."""
    seen = inspect_file(path, encoding=choices.encoding, repairs=choices.repairs, lenient=True)
    if seen.doubt is not None and asked_by(seen.doubt, fields):
        raise UnreadableFile(_undetected(path, seen))


def _format_with(path: str, fields: Mapping[str, JSON], choices: ReadingChoices) -> str:
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
        return inspect_file(
            path, format_name=name, fields=mapping, encoding=choices.encoding, repairs=choices.repairs
        ).confidence

    return max(names, key=reads)


def _undetected(path: str, inspected: Inspection) -> str:
    if inspected.doubt is not None:
        return f"What is to be learned of {Path(path).name} is not sure: {inspected.doubt.sentence}"
    columns = ", ".join(inspected.columns) or "none"
    guess = inspected.guess or Guess("prompt_completion", {"prompt": "QUESTION", "completion": "ANSWER"})
    if not guess.is_sure:  # no name is called likely where another one may be
        guess = Guess(guess.format_name, guess.parts | {"completion": "ANSWER"}, is_sure=False)
    likely = "most likely with" if guess.is_sure and inspected.guess else "for example:"
    return f"No format fits {Path(path).name}: its columns are {columns}. Say which plays which part, {likely} {guess.options}"
