"""A scope: which rows are meant. The same value filters a table, is acted on, stands in a URL and reads as a sentence."""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Mapping
from typing import Annotated

import orjson
from pydantic import Field, ValidationError, model_validator

from tamis.errors import InvalidOptions, UnknownName
from tamis.registry import Options, parse_options
from tamis.store.rows.conditions import CONDITIONS, TEXT_COLUMNS, ConditionKind
from tamis.types import JSON

MAX_CONDITIONS = 50
MAX_URL_CHARS = 60_000  # web servers refuse request lines of 64 KB
MAX_JSON_BYTES = 4_000_000  # what a short URL may unpack to


class Condition(Options):
    """One filter: its kind (a key of CONDITIONS), what it is on, and the value it compares with.

    ``value`` is kept in canonical form (sets sorted, tuples instead of lists), so equal filters are equal values.
    """

    kind: str
    on: Annotated[str, Field(max_length=1_000)] = ""
    value: JSON

    @model_validator(mode="before")
    @classmethod
    def _check(cls, given: JSON) -> JSON:
        if not isinstance(given, Mapping) or "kind" not in given or "value" not in given:
            return given
        kind = CONDITIONS.get(given["kind"]) if isinstance(given["kind"], str) else None
        if kind is None:
            raise ValueError(str(UnknownName("filter", str(given["kind"]), CONDITIONS)))
        try:
            value = kind.value.validate_python(given["value"])
        except ValidationError as error:
            raise ValueError(_first_reason(kind, error)) from error
        return {**given, "on": _check_on(kind, given.get("on", "")), "value": value}

    @property
    def row(self) -> ConditionKind:
        """The table row of this kind."""
        return CONDITIONS[self.kind]


class Scope(Options):
    """Rows that meet every condition; no condition means all rows. Random samples are drawn last, in order."""

    conditions: Annotated[tuple[Condition, ...], Field(max_length=MAX_CONDITIONS)] = ()

    def and_where(self, kind: str, value: JSON, on: str = "") -> Scope:
        """The scope narrowed by one more condition; raises InvalidOptions."""
        return Scope(conditions=(*self.conditions, where(kind, value, on)))

    def without(self, kind: str, on: str | None = None) -> Scope:
        """The scope without its conditions of that kind (on that column, when it is given)."""
        kept = [c for c in self.conditions if c.kind != kind or (on is not None and c.on != on)]
        return Scope(conditions=tuple(kept))

    def to_url(self) -> str:
        """A short string of letters, digits, ``-`` and ``_`` for a query parameter; empty for all rows.

        Raises InvalidOptions when the scope names so many rows that no URL can hold it.
        """
        if not self.conditions:
            return ""
        plain = orjson.dumps([[c.kind, c.on, c.value] for c in self.conditions])
        packed = zlib.compress(plain, level=9)
        coded = "z" + _base64(packed) if len(packed) < len(plain) else "j" + _base64(plain)
        if len(coded) > MAX_URL_CHARS:
            raise InvalidOptions(
                f"This filter needs {len(coded):,} characters and a link holds {MAX_URL_CHARS:,}: "
                "tag the rows and filter by the tag."
            )
        return coded

    @classmethod
    def from_url(cls, coded: str) -> Scope:
        """The inverse of ``to_url``; raises InvalidOptions for anything that is no scope."""
        if not coded:
            return cls()
        listed = _decode(coded)
        if not isinstance(listed, list) or not all(
            isinstance(item, list) and len(item) == 3 for item in listed
        ):
            raise InvalidOptions(_bad_link("it is no list of conditions"))
        named = [dict(zip(("kind", "on", "value"), item, strict=True)) for item in listed]
        return parse_options(cls, {"conditions": named})


ALL_ROWS = Scope()


def where(kind: str, value: JSON, on: str = "") -> Condition:
    """One condition; raises InvalidOptions naming the bad value."""
    return parse_options(Condition, {"kind": kind, "on": on, "value": value})


def describe_scope(
    scope: Scope,
    cluster_names: Mapping[int, str] | None = None,
    artifact_names: Mapping[str, str] | None = None,
) -> str:
    """The scope as a sentence: ``cluster is 3 (Cooking) and response contains "salt"``; ``all rows`` for none.

    Artifacts are said by their name where ``artifact_names`` has it, else by their id.
    """
    drawn_last = sorted(scope.conditions, key=lambda condition: condition.row.draw is not None)
    called = artifact_names or {}
    sentences: list[str] = [
        c.row.say(called.get(c.on, c.on), c.value, cluster_names or {}) for c in drawn_last
    ]
    return " and ".join(sentences) or "all rows"


def _check_on(kind: ConditionKind, on: JSON) -> str:
    if not isinstance(on, str):
        raise ValueError(f"{kind.label!r} is on {on!r}; give a text")
    named: str = on or ("either" if kind.on == "text" else "")
    if kind.on == "nothing" and named:
        raise ValueError(f"{kind.label!r} is not on anything; leave out {named!r}")
    if kind.on in ("number", "field") and not named:
        raise ValueError(f"{kind.label!r} needs the name of a {kind.on} column")
    if kind.on == "text" and named not in TEXT_COLUMNS:
        raise ValueError(str(UnknownName("text column", named, TEXT_COLUMNS)))
    return named


def _first_reason(kind: ConditionKind, error: ValidationError) -> str:
    reason = error.errors(include_url=False)[0]
    shown = repr(reason["input"])
    return f"{kind.label!r} cannot use {shown[:80]}: {reason['msg'].removeprefix('Value error, ')}"


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _decode(coded: str) -> JSON:
    if len(coded) > MAX_URL_CHARS:
        raise InvalidOptions(_bad_link(f"it has {len(coded):,} characters"))
    try:
        padded = (coded[1:] + "=" * (-len(coded[1:]) % 4)).encode("ascii")
        raw = base64.b64decode(padded, altchars=b"-_", validate=True)
        if coded[0] == "z":
            # Bounded: a few bytes can unpack to gigabytes.
            raw = zlib.decompressobj().decompress(raw, MAX_JSON_BYTES)
        elif coded[0] != "j":
            raise InvalidOptions(_bad_link(f"it starts with {coded[0]!r}"))
        return orjson.loads(raw)
    except (UnicodeEncodeError, binascii.Error, zlib.error, orjson.JSONDecodeError) as error:
        raise InvalidOptions(_bad_link(str(error))) from error


def _bad_link(reason: str) -> str:
    return (
        f"The filter in this link cannot be read ({reason}). Copy the whole link again, or remove the filter."
    )
