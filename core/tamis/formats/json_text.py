"""JSON as files hold it, strict or not quite: what one odd field holds does not cost the record."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Collection
from contextlib import suppress
from typing import TypeAlias

import orjson

from tamis.errors import InvalidRecord
from tamis.formats.conversation import type_name
from tamis.formats.notes import Notes
from tamis.formats.reasons import why_not_an_object
from tamis.types import JSON

Record: TypeAlias = dict[str, JSON]
ODD_NUMBERS = ("nan", "big-integer")  # kinds of notes whose values strict JSON cannot write
LOOSE_PARTS = ("trailing-commas", "comments")
FUSED = "fused-objects"
TEXT_REPAIRS = (*LOOSE_PARTS, FUSED)
_BOM, _SEPARATOR = b"\xef\xbb\xbf", b"\x1e"  # RFC 7464 begins every record with the latter
_STRING = r'"(?:[^"\\]|\\.)*"'
_COMMENT = r"//[^\n]*|/\*.*?\*/"
_LOOSE_TEXT = rf"({_STRING})|({_COMMENT})|(,)(?=(?:\s|{_COMMENT})*[\]}}])"
_LOOSE, _LOOSE_BYTES = re.compile(_LOOSE_TEXT, re.DOTALL), re.compile(_LOOSE_TEXT.encode(), re.DOTALL)
# Every digit becomes a zero.
_DIGITS = bytes(48 if 48 <= byte <= 57 else 45 if byte == 45 else 32 for byte in range(256))
_LONG, _LONG_NEGATIVE = b"0" * 20, b"-" + b"0" * 19  # orjson reads integers outside of 64 bits as floats
_STRIDE, _HINT = 5, b"0" * 3  # 19 digits in a row are found at three neighbouring places of every fifth byte
_LEAST, _MOST = -(2**63), 2**64 - 1


_NONE: Counter[str] = Counter()


class OddRecord(Record):
    """A record that strict JSON would not give, or not as it stands; ``text`` is what was read."""

    text: bytes = b""

    @property
    def problem(self) -> str:
        """Why strict JSON refuses it; empty where it does not."""
        try:
            orjson.loads(self.text)
        except orjson.JSONDecodeError as error:
            return why_not_an_object(self.text, error)
        return ""


def may_hold_long_integers(text: bytes) -> bool:
    """Tell whether there are digits enough for an integer beyond 64 bits; looks at the text once, fast."""
    if _HINT not in text[::_STRIDE].translate(_DIGITS):
        return False
    shape = text.translate(_DIGITS)
    return _LONG in shape or _LONG_NEGATIVE in shape


def bare_record(raw: bytes) -> bytes:
    """Return the text of a record without what joins it to its neighbours: blanks, marks, the comma of a list."""
    text = raw.strip()
    while text.startswith((_BOM, _SEPARATOR)):
        text = text.removeprefix(_BOM).removeprefix(_SEPARATOR).lstrip()
    return text[:-1].rstrip() if text.endswith(b",") and text[:-1].rstrip().endswith(b"}") else text


def is_comment(raw: bytes) -> bool:
    """Tell whether a line is a comment as people put them into JSON lines."""
    return raw.startswith((b"//", b"#"))


def read_object(
    raw: bytes, notes: Notes, repairs: Collection[str] = ()
) -> tuple[bytes, Record | InvalidRecord]:
    """Read a record that strict JSON refuses or would change; returns its text as it is kept, and the record.

    Numbers that JSON has not are empty, integers beyond 64 bits are text; each counts in ``notes`` under its column.
    """
    bare = bare_record(raw)
    try:
        exact = _loads(bare)
    except ValueError as error:
        repaired = _repaired(bare, repairs, notes)
        if repaired is None:
            return raw, InvalidRecord(why_not_json(bare, error))
        exact = repaired
    except RecursionError:
        return raw, InvalidRecord("nested too deeply: more than 1000 levels")
    if type(exact) is not dict:
        return bare, InvalidRecord(f"is {type_name(exact)}, not an object with named fields")
    for name in repeated_keys(bare, exact):
        notes[name, "duplicate-key"] += 1
    if bare != raw.strip().removeprefix(_BOM) and raw.rstrip().endswith(b","):
        notes["", "line-comma"] += 1
    record = OddRecord(settled(exact, notes))
    record.text = bare
    # Bytes that are no UTF-8 are kept as the escapes of JSON for them.
    return bare.decode("utf-8", "surrogateescape").encode("utf-8", "backslashreplace"), record


def loads_exact(text: str | bytes, repairs: Collection[str] = ()) -> tuple[JSON, bool]:
    """Return a kept record with every number exact, and whether strict JSON could not hold it; raises ValueError."""
    raw = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    if not may_hold_long_integers(raw):
        try:
            return orjson.loads(raw), False
        except orjson.JSONDecodeError:
            pass
    try:
        return _loads(bare_record(raw)), True
    except ValueError:
        repaired = _repaired(bare_record(raw), repairs, Notes())
        if repaired is None:
            raise
        return repaired, True
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def dumps_exact(value: JSON, *, odd: bool) -> bytes:
    """Return the JSON text of what ``loads_exact`` gave."""
    if not odd:
        return orjson.dumps(value)
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "backslashreplace")


def settled(record: Record, notes: Notes) -> Record:
    """Return a record with values that strict JSON holds; counts what was changed under its column."""
    kept: Record = {}
    for column, value in record.items():
        kept[column], kinds = settled_value(value)
        for kind in kinds:
            notes[column, kind] += 1
    return kept


def settled_value(value: JSON) -> tuple[JSON, set[str]]:
    """The same of one value, with the kinds of change."""
    kinds: set[str] = set()
    return _settle(value, kinds), kinds


def without_odd_text(meta: Record, notes: Notes) -> Record:
    """Return metadata whose texts any store can hold: NUL and what is no character are replaced and counted."""
    kept: Record = {}
    for column, value in meta.items():
        kinds: set[str] = set()
        name = _clean_text(column, kinds)
        try:
            kept[name] = _clean(value, kinds)
            orjson.dumps(kept[name])
        except (TypeError, RecursionError):  # nested deeper than it can be written
            kinds.add("left-out")
            kept[name] = None
        for kind in kinds:
            notes[name, kind] += 1
    return kept


def _loads(text: bytes) -> JSON:
    return json.loads(text.decode("utf-8", "surrogateescape"))


def _repaired(text: bytes, repairs: Collection[str], notes: Notes) -> JSON:
    """The value of a text whose comments and trailing commas are left out, where that was agreed to; else None."""
    wanted = [name for name in LOOSE_PARTS if name in repairs]
    if not wanted:
        return None
    done: set[str] = set()

    def keep(match: re.Match[str]) -> str:
        kind = "" if match[1] else "comments" if match[2] else "trailing-commas"
        if kind not in wanted:
            return match[0]
        done.add(kind)
        return " "

    loose = _LOOSE.sub(keep, text.decode("utf-8", "surrogateescape"))
    try:
        value = json.loads(loose)
    except (ValueError, RecursionError):
        return None
    for kind in done:
        notes["", kind] += 1
    return value


def without_loose_parts(text: bytes) -> bytes:
    """Return a text with blanks in place of comments and trailing commas, every other character where it was."""

    def blank(match: re.Match[bytes]) -> bytes:
        return match[0] if match[1] else re.sub(rb"[^\n]", b" ", match[0])

    return _LOOSE_BYTES.sub(blank, text)


def split_objects(raw: bytes) -> list[bytes]:
    """Return the texts of objects that stand one after another in a text; none where there is anything else."""
    text = raw.decode("utf-8", "surrogateescape")
    pieces: list[bytes] = []
    at, decoder = 0, json.JSONDecoder()
    while at < len(text):
        try:
            value, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            return []
        if type(value) is not dict:
            return []
        pieces.append(text[at:end].encode("utf-8", "surrogateescape"))
        at = end
        while text[at : at + 1] in (" ", "\t", ","):
            at += 1
    return pieces


def repeated_keys(text: bytes, value: JSON) -> Counter[str]:
    """The names that stand more than once in an object of a text, and how many values of each are lost in its value."""
    try:  # to write a value is much faster than to look for names in a text
        written = orjson.dumps(value)
        if len(written) == len(text) or text.count(b'"') <= written.count(b'"'):
            return _NONE
    except TypeError:  # an integer beyond 64 bits, or objects too deep to be written
        pass
    lost: Counter[str] = Counter()

    def look(pairs: list[tuple[str, JSON]]) -> JSON:
        if len(pairs) > len(dict(pairs)):
            lost.update({name: n - 1 for name, n in Counter(name for name, _ in pairs).items() if n > 1})
        return None

    with suppress(ValueError, RecursionError):
        json.loads(text.decode("utf-8", "surrogateescape"), object_pairs_hook=look)
    return lost


def why_not_json(text: bytes, error: ValueError) -> str:
    """Why a text is no JSON, and the repair that would read it."""
    for names, kind in (
        (("trailing-commas",), "a comma before a closing bracket"),
        (("comments",), "a comment inside the record"),
        (LOOSE_PARTS, "comments and trailing commas"),
    ):
        if _repaired(text, names, Notes()) is not None:
            return f"not JSON: {kind}; import with --repair {','.join(names)} to read it"
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError as strict:
        reason = why_not_an_object(text, strict)
        fused = "more than one JSON value" in reason and split_objects(text)
        return f"{reason}; import with --repair {FUSED} to read each" if fused else reason
    return f"not JSON: {error}"


def _settle(value: JSON, kinds: set[str]) -> JSON:
    kind = type(value)
    if kind is dict:
        return {key: _settle(item, kinds) for key, item in value.items()}
    if kind is list:
        return [_settle(item, kinds) for item in value]
    if kind is float and not math.isfinite(value):
        kinds.add("nan")
        return None
    if kind is int and not _LEAST <= value <= _MOST:
        kinds.add("big-integer")
        return str(value)
    return value


def _clean(value: JSON, kinds: set[str]) -> JSON:
    if isinstance(value, str):
        return _clean_text(value, kinds)
    if isinstance(value, dict):
        return {_clean_text(key, kinds): _clean(item, kinds) for key, item in value.items()}
    return [_clean(item, kinds) for item in value] if isinstance(value, list) else value


def _clean_text(text: str, kinds: set[str]) -> str:
    if "\0" in text:
        kinds.add("nul")
        text = text.replace("\0", "\N{REPLACEMENT CHARACTER}")
    try:
        text.encode()
    except UnicodeEncodeError:
        kinds.add("unicode")
        return text.encode("utf-8", "backslashreplace").decode()
    return text
