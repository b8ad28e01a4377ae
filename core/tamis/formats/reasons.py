"""Why a line is no JSON object, in words for a person."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable
from typing import NoReturn

import orjson

_NUMBER = re.compile(r"(?<![A-Za-z]-)\d[\d,]*")  # not that of a name, such as UTF-8
# An escaped backslash begins no escape, and a pair of halves is one character.
_ESCAPES = re.compile(
    rb"\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
)


def why_not_an_object(raw: bytes, error: orjson.JSONDecodeError) -> str:
    """Return the reason why a line was refused, with the 1-based byte or character where that is known."""
    if (position := raw.find(b"\0")) >= 0:
        return f"contains NUL at byte {position + 1}"
    if reason := bad_encoding(raw):
        return reason
    message = str(error)
    if "depth" in message or "recursion" in message:
        return "nested too deeply: more than 1000 levels"
    if "surrogate" in message and (lone := next(filter(None, _ESCAPES.findall(raw)), b"")):
        return f"contains a lone surrogate such as {lone.decode()}, which is no character"
    if "unexpected content after" in message:
        return f"more than one JSON value in a line, from character {error.pos + 1}"
    if constant := _constant_in(raw):
        return f"contains {constant}, which JSON does not allow"
    return f"not JSON: {error.msg} at character {error.pos + 1}"


def bad_encoding(raw: bytes) -> str | None:
    """Return where the bytes stop being UTF-8, or None when all of them are."""
    try:
        raw.decode()
    except UnicodeDecodeError as error:
        # Lone surrogates of UTF-16 are carried over as the three bytes that UTF-8 forbids.
        if raw[error.start] == 0xED and raw[error.start + 1 : error.start + 2] >= b"\xa0":
            return f"contains a lone surrogate at byte {error.start + 1}, which is no character"
        return f"invalid UTF-8 at byte {error.start + 1}"
    return None


def kind_of(reason: str) -> str:
    """Return what reasons of a kind share: what stands before the semicolon, every number as N.

    What follows the semicolon describes the one record; the name of a role, field or column stays.
    """
    parts = re.split("('[^']*')", reason.partition(";")[0])
    return "".join(part if part.startswith("'") else _NUMBER.sub("N", part) for part in parts)[:200]


def most_common(reasons: Iterable[str], n: int = 3) -> str:
    """Return the most common reasons with their counts; reasons of one kind count together."""
    first: dict[str, str] = {}
    counts: Counter[str] = Counter()
    for reason in reasons:
        kind = kind_of(reason)
        first.setdefault(kind, reason)
        counts[kind] += 1
    return "; ".join(f"{first[kind]} ({count:,} records)" for kind, count in counts.most_common(n))


def _constant_in(raw: bytes) -> str | None:
    try:
        json.loads(raw, parse_constant=_refuse)
    except _ConstantError as found:
        return str(found)
    except (ValueError, RecursionError):
        return None
    return None


class _ConstantError(Exception):
    """NaN, Infinity or -Infinity, which Python's reader takes and JSON forbids."""


def _refuse(name: str) -> NoReturn:
    raise _ConstantError(name)
