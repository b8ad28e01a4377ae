"""What kind of file it is, from its content alone: container, compression, encoding, line ends, delimiter."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import orjson

from tamis.errors import UnreadableFile
from tamis.formats.cell_text import data_in
from tamis.formats.chat import LIST_COLUMNS
from tamis.formats.json_documents import Form, form_of
from tamis.formats.json_nests import is_record, is_turns
from tamis.formats.json_text import bare_record, is_comment
from tamis.formats.kinds import said_kinds
from tamis.formats.names import TRANSCRIPTS
from tamis.formats.streams import Compression, TextStream, detect_compression, read_head

Container = Literal["jsonl", "json", "json_table", "csv", "tsv", "parquet", "arrow", "arrow_folder", "hub"]
HUB_PREFIX = "hub:"
SAMPLE_BYTES = 1 << 20
_MARK = b"\x1e"
_SIGNATURES = (
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"%PDF", "a PDF document"),
    (
        b"PK\x03\x04",
        "a ZIP archive (an Excel or Word file is one too): unpack it first, then give its folder",
    ),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive: unpack it first, then give its folder"),
    (b"Rar!\x1a\x07", "a RAR archive: unpack it first, then give its folder"),
    (b"SQLite format 3\0", "an SQLite database"),
    (b"\x1f\x8b", "gzip inside another compression"),
    (b"\x28\xb5\x2f\xfd", "zstd inside another compression"),
    (b"BZh", "bzip2 inside another compression"),
    (b"\xfd7zXZ\0", "xz inside another compression"),
    (b"version https://git-lfs", "a Git LFS pointer, not the file itself: run git lfs pull first"),
)
_TAR_AT, _TAR = 257, b"ustar"
_OFFERED = f"Give {said_kinds()}."
_CHAT_KEYS = {
    *LIST_COLUMNS[:-1],
    "instances",
    "chosen",
    "rejected",
    "prompt",
    "completion",
    "history",
    "tools",
}
_WRAPPER_KEYS = {
    "data",
    "rows",
    "examples",
    "records",
    "items",
    "samples",
    "train",
    "test",
    "validation",
    "dataset",
}
_TOLD_DELIMITER = re.compile(rb"sep=([,;|\t])\r?\n")  # the first line of a table that was made for Excel
_STRING = rb'"[^"\\]*(?:\\.[^"\\]*)*"'
_LEADING_SCALARS = rb"(?:" + _STRING + rb"\s*:\s*(?:" + _STRING + rb"|[-+.\w]+)\s*,\s*){0,50}"
_SPEAKER = re.compile(rb"\s*" + _LEADING_SCALARS + rb'"(?:role|from|speaker|author)"\s*:\s*"', re.DOTALL)
_ONE_KEY = re.compile(rb"\s*\{\s*" + _STRING + rb"\s*:\s*[\[{].*[\]}]\s*\}[\s,]*\Z", re.DOTALL)
_FIRST_OBJECT_BYTES = 1 << 16
_FIRST_LIST = re.compile(rb"\s*\{\s*(" + _LEADING_SCALARS + rb')"(\w+)"\s*:\s*\[\s*\{', re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How a file holds its records."""

    container: Container
    compression: Compression = "none"
    encoding: str = "utf-8"
    encoding_confidence: float = 1.0  # below 1 where it was guessed from the bytes of the text
    newline: bytes = b"\n"
    delimiter: str = ""
    form: Form = ""  # of a JSON file that is read as a whole: one document, or values one after another
    wrapped: bool = False  # a JSON object around the list, as in {"data": [...]}


def detect_layout(path: Path | str, encoding: str = "") -> Layout:
    """Return the layout of a file, a saved folder or ``hub:owner/name``; raises UnreadableFile.

    ``encoding`` is that of its text, when a person named it.
    """
    if isinstance(path, str) and path.startswith(HUB_PREFIX):
        return Layout(container="hub", encoding="")
    path = Path(path)
    if path.is_dir():
        return _folder_layout(path)
    head = read_head(path, 4096)
    if not head:
        raise UnreadableFile(f"{path.name} is empty: it has no bytes.")
    compression = detect_compression(head)
    with TextStream(path, compression, encoding) as stream:
        sample = stream.read(SAMPLE_BYTES)
        complete = next(stream.blocks(), None) is None
        if sample.startswith(b"PAR1"):
            return Layout(container="parquet", compression=compression, encoding="")
        if sample.startswith((b"ARROW1", b"\xff\xff\xff\xff")) and not encoding:
            return Layout(container="arrow", compression=compression, encoding="")
        _refuse_other_kinds(path, sample, stream.damage)
        layout = _text_layout(path, sample, complete=complete, base=(compression, stream.encoding))
        return replace(layout, encoding_confidence=stream.encoding_confidence)


def _folder_layout(path: Path) -> Layout:
    if (path / "state.json").is_file() or (path / "dataset_dict.json").is_file():
        return Layout(container="arrow_folder", encoding="")
    raise UnreadableFile(
        f"{path.name} is a folder without state.json or dataset_dict.json: no dataset saved by save_to_disk. "
        "Give one of the files in it."
    )


def _refuse_other_kinds(path: Path, sample: bytes, damage: str | None) -> None:
    for signature, kind in _SIGNATURES:
        if sample.startswith(signature):
            raise UnreadableFile(f"{path.name} is {kind}. {_OFFERED}")
    if sample[_TAR_AT : _TAR_AT + len(_TAR)] == _TAR and b"\0" in sample[:_TAR_AT]:
        raise UnreadableFile(
            f"{path.name} is a tar archive: unpack it first, then give its folder. {_OFFERED}"
        )
    start = sample[:1000].lstrip().lower()
    if start.startswith((b"<!doctype", b"<html", b"<?xml", b"<head", b"<body")):
        raise UnreadableFile(
            f"{path.name} is an HTML or XML page, perhaps an error page saved as a file. {_OFFERED}"
        )
    if not sample.strip():
        raise UnreadableFile(f"{path.name} is empty: {damage or 'it holds no characters but blanks'}.")
    if start[:1] not in (b"{", b"[") and _looks_binary(sample[:4096]):
        raise UnreadableFile(f"{path.name} is a binary file of an unknown kind. {_OFFERED}")


def _looks_binary(head: bytes) -> bool:
    controls = sum(head.count(byte) for byte in (*range(9), *range(14, 27), *range(28, 32)))
    return controls > max(8, 0.02 * len(head))


def _text_layout(path: Path, sample: bytes, *, complete: bool, base: tuple[Compression, str]) -> Layout:
    compression, encoding = base
    newline = _newline(sample)

    def layout(container: Container, delimiter: str = "", *, wrapped: bool = False) -> Layout:
        return Layout(
            container=container, compression=compression, encoding=encoding, newline=newline,
            delimiter=delimiter, wrapped=wrapped,
        )  # fmt: skip

    lines = [line for line in sample.split(newline) if line.strip() and not is_comment(line.strip())]
    if not complete and len(lines) > 1:
        lines.pop()  # most likely cut by the end of the sample
    lines = lines[:200]
    first = lines[0].lstrip()[:1] if lines else b""
    if first in (b"{", b"["):
        found = (
            form_of(sample.replace(b"\r", b"\n") if newline == b"\r" else sample) if newline != _MARK else ""
        )
        if first == b"{":
            found = _form_of_lines(path, found, lines)
        return _json_layout(found or _form_of_broken(sample, lines), layout)
    if _is_lines(lines):
        return layout("jsonl")
    _refuse_written_twice(path, lines)
    delimiter = _delimiter(sample, complete=complete) or _delimiter_of_one_column(path, sample)
    if delimiter is None and re.match(rb"(---\s|- ?\w+:\s|\w+:[^\S\n]*\n\s*- )", sample.lstrip()):
        raise UnreadableFile(f"{path.name} looks like YAML. Write its records as JSON lines. {_OFFERED}")
    if delimiter is None:
        raise UnreadableFile(
            f"{path.name} is text without columns: no JSON, and no line splits at comma, tab, semicolon, bar "
            f"into at least two columns. {_OFFERED}"
        )
    return layout("tsv" if delimiter == "\t" else "csv", delimiter)


def _is_named_lines(path: Path) -> bool:
    """Whether a file's name says that it holds one value a line."""
    return any(ending.lower() in (".jsonl", ".ndjson") for ending in path.suffixes[-2:])


def _form_of_lines(path: Path, found: Form, lines: Sequence[bytes]) -> Form:
    """The form of a file that begins with an object, where its name or its lines say more than its start."""
    if found in ("wrapped", "document") and len(lines) == 1 and _is_named_lines(path):
        return "lines"  # a line of such a file is a row, also when it is the only one
    # Each an object around its record is read as any such object.
    return "values" if found == "lines" and _are_records_by_id(lines) else found


def _are_records_by_id(lines: Sequence[bytes]) -> bool:
    """Whether every line is an object with nothing but a record or a conversation under its id."""
    if len(lines) < 2 or not _ONE_KEY.match(lines[0]):
        return False
    try:
        values = [orjson.loads(bare_record(line)) for line in lines]
    except orjson.JSONDecodeError:
        return False
    if not all(isinstance(value, dict) and len(value) == 1 for value in values):
        return False
    items = [next(iter(value.values())) for value in values]
    holds = all(is_turns(item) or (isinstance(item, dict) and is_record(item)) for item in items)
    return holds and len({next(iter(value)) for value in values}) == len(values)


def _newline(sample: bytes) -> bytes:
    if sample.lstrip().startswith(_MARK):
        return _MARK  # RFC 7464: it begins every record, which may then be spread over lines
    return b"\r" if b"\r" in sample and b"\n" not in sample else b"\n"


def _json_layout(form: Form, layout: Callable[..., Layout]) -> Layout:
    if form in ("document", "values"):
        return replace(layout("json_table"), form=form)
    return layout("json" if form in ("list", "wrapped") else "jsonl", wrapped=form == "wrapped")


def _form_of_broken(sample: bytes, lines: Sequence[bytes]) -> Form:
    """The form of JSON whose start cannot be parsed, from the look of its lines."""
    if lines[0].lstrip().startswith(b"["):
        return "lines" if _is_lines(lines, alone=True) else "list"
    if _is_wrapper(sample, lines):
        return "wrapped"
    return "values" if _is_spread(lines) else "lines"


def _refuse_written_twice(path: Path, lines: Sequence[bytes]) -> None:
    if lines and all(_holds_object(line) for line in lines[:5]):
        raise UnreadableFile(
            f"{path.name} is JSON that was written as JSON once more: each line is a text in which an object stands. "
            "Take the outer layer off, for example with: jq -r . FILE"
        )


def _holds_object(line: bytes) -> bool:
    """Whether a line is a JSON text in which the text of an object stands."""
    try:
        text = orjson.loads(line)
    except orjson.JSONDecodeError:
        return False
    return isinstance(text, str) and isinstance(data_in(text), dict)


def _parses_to(line: bytes, kinds: tuple[type, ...], *, alone: bool = False) -> bool:
    try:
        return isinstance(orjson.loads(line.strip() if alone else bare_record(line)), kinds)
    except orjson.JSONDecodeError:
        return False


def _is_lines(lines: Sequence[bytes], *, alone: bool = False) -> bool:
    """Tell whether the lines are JSON values of their own: most are objects, or several begin as one each.

    ``alone`` is for text that may be one list: there a line with a comma behind it is no value of its own.
    """
    n_objects = sum(_parses_to(line, (dict,), alone=alone) for line in lines)
    if 2 * n_objects > len(lines):
        return True
    return len(lines) > 1 and _parses_to(lines[0], (dict, list)) and lines[1].lstrip()[:1] in (b"{", b"[")


def _is_wrapper(sample: bytes, lines: Sequence[bytes]) -> bool:
    """Tell whether the file is one object around a list of records, and not a record that holds a list of
    turns.
    """
    match = _FIRST_LIST.match(sample)
    if match is None or (len(lines) > 1 and _is_lines(lines)):
        return False
    # Objects that name a speaker are the turns of one conversation, whatever the list is called.
    if _SPEAKER.match(sample, match.end(), match.end() + _FIRST_OBJECT_BYTES):
        return False
    key = match[2].decode()
    return key.lower() in _WRAPPER_KEYS or (not match[1] and key.lower() not in _CHAT_KEYS)


def _is_spread(lines: Sequence[bytes]) -> bool:
    """Whether objects are each spread over several lines."""
    if len(lines) < 3 or any(_parses_to(line, (dict,)) for line in lines if line[:1] == b"{"):
        return False
    return lines[0].strip() == b"{" or (lines[1][:1] in b" \t" and lines[1].lstrip()[:1] == b'"')


def _delimiter(sample: bytes, *, complete: bool) -> str | None:
    if told := _TOLD_DELIMITER.match(sample):
        return told[1].decode()
    text = sample[: 1 << 18].decode("utf-8", "replace")
    lines = text.splitlines(keepends=True)
    if len(lines) > 1 and not (complete and len(sample) <= 1 << 18):
        lines.pop()
    scores = {delimiter: _column_score(lines, delimiter) for delimiter in (",", "\t", ";", "|")}
    best = max(scores, key=lambda delimiter: scores[delimiter])
    if scores[best] > 0:
        return best
    header = lines[0].strip().strip('"').lower() if lines else ""
    return "," if header in LIST_COLUMNS or _holds_data_alone(lines) else None


def _delimiter_of_one_column(path: Path, sample: bytes) -> str | None:
    """The delimiter of a table that is nothing but conversations in one text, by its name and its header."""
    header, _, rows = sample.lstrip().partition(b"\n")
    if header.strip().strip(b'"').lower().decode("utf-8", "replace") not in TRANSCRIPTS or not rows.strip():
        return None
    endings = [ending.lower() for ending in path.suffixes[-2:]]
    return "," if ".csv" in endings else "\t" if ".tsv" in endings else None


def _holds_data_alone(lines: Sequence[str]) -> bool:
    """Whether the single column of a table is text of lists or objects."""
    try:
        rows = [row for row in csv.reader(lines[:100]) if row]
    except csv.Error:
        return False
    return len(rows) > 1 and all(len(row) == 1 and data_in(row[0]) is not None for row in rows[1:])


def _column_score(lines: Sequence[str], delimiter: str) -> float:
    """Return the share of rows as wide as the header, plus a little for width; 0 when the header is one
    column.
    """
    widths: list[int] = []
    reader = csv.reader(lines, delimiter=delimiter)
    read_row: Callable[[], list[str]] = reader.__next__
    while len(widths) < 100:
        try:
            row = read_row()
        except StopIteration:
            break
        except csv.Error:
            continue
        if row:
            widths.append(len(row))
    if not widths or widths[0] < 2:
        return 0.0
    return sum(width == widths[0] for width in widths) / len(widths) + widths[0] / 1000
