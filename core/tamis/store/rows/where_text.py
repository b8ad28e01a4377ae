"""One condition of a filter as people type it: ``any_of:topics=math,code``, ``range:column:reward=0.5..``."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import orjson

from tamis.errors import InvalidOptions
from tamis.store.rows import conditions
from tamis.store.rows.conditions import CONDITIONS
from tamis.store.rows.scope import Condition, Scope, where
from tamis.types import JSON

GRAMMAR = "KIND[:COLUMN]=VALUE"


def narrow_scope(scope: str, texts: tuple[str, ...]) -> str:
    """A filter as it stands in an address, narrowed by conditions as people type them; raises InvalidOptions."""
    if not texts:
        return scope
    given = Scope.from_url(scope)
    return Scope(conditions=(*given.conditions, *map(parse_where, texts))).to_url()


def parse_where(text: str) -> Condition:
    """The condition that a text means.

    Several values stand with commas between, a range as ``LOW..HIGH`` of which one may be left out; any value may also be
    JSON. Raises InvalidOptions, and names the kinds there are for one that is none.
    """
    named, equals, value = text.partition("=")
    kind, _, on = named.strip().partition(":")
    if not equals or kind not in CONDITIONS:
        raise InvalidOptions(
            f"{text!r} is no condition: write {GRAMMAR}, with KIND one of {', '.join(CONDITIONS)}."
        )
    read = _READERS.get(CONDITIONS[kind].value, _json)
    return where(kind, read(value.strip(), text), on.strip())


def _json(value: str, text: str) -> JSON:
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError as error:
        raise InvalidOptions(
            f"{text!r}: {value!r} is not the JSON that this condition takes ({error})."
        ) from error


def _text(value: str, text: str) -> JSON:
    return value


def _words(value: str, text: str) -> JSON:
    return (
        _json(value, text)
        if value.startswith("[")
        else [one.strip() for one in value.split(",") if one.strip()]
    )


def _numbers(value: str, text: str) -> JSON:
    return _json(value if value.startswith("[") else f"[{value}]", text)


def _range(value: str, text: str) -> JSON:
    if value.startswith("["):
        return _json(value, text)
    low, dots, high = value.partition("..")
    if not dots:
        raise InvalidOptions(f"{text!r}: write a range as LOW..HIGH, LOW.. or ..HIGH.")
    return [_json(one, text) if one.strip() else None for one in (low, high)]


_READERS: Mapping[object, Callable[[str, str], JSON]] = {
    conditions.TEXT: _text,
    conditions.WORDS: _words,
    conditions.MAYBE_WORDS: _words,
    conditions.INTS: _numbers,
    conditions.ROWS: _numbers,
    conditions.SAMPLE: _numbers,
    conditions.RANGE: _range,
}
