"""Times and dates of Arrow as texts, and back: of any year, also of those that Arrow cannot write or read."""

from __future__ import annotations

from typing import Any, TypeAlias

import pyarrow as pa

from tamis.types import JSON

Array: TypeAlias = Any  # pyarrow's arrays and types, whose stubs know each kind by itself
Kind: TypeAlias = Any
_UNITS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_DAY_S = 86_400
_FIRST_S, _LAST_S = -62_135_596_800, 253_402_300_799  # the years 1 to 9999
_FIRST_NS_S = -9_223_372_036  # of nanoseconds in 64 bits, in whole seconds


def texts_of_times(column: Array) -> Array:
    """Times, timestamps or dates as texts; one outside the years 1 to 9999 as the bare number that is kept for it."""
    texts = column.cast(pa.string())
    if pa.types.is_time(column.type):
        return texts
    numbers = _numbers(column)
    least, most = _ends(column.type)
    if all(number is None or least <= number <= most for number in numbers):
        return texts
    shown = [
        text if number is None or least <= number <= most else str(number)
        for number, text in zip(numbers, texts.to_pylist(), strict=True)
    ]
    return pa.array(shown, pa.string())


def times_of_texts(column: Array, kind: Kind) -> Array:
    """The inverse of ``texts_of_times``; raises ValueError or an ArrowException where a text is no time."""
    if pa.types.is_time(kind):
        ticks = [None if text is None else _ticks(text, _UNITS[kind.unit]) for text in column.to_pylist()]
        return pa.array(ticks, pa.int32() if pa.types.is_time32(kind) else pa.int64()).cast(kind)
    texts: list[str | None] = column.to_pylist()
    given = [text for text in texts if text is not None and not _is_number(text)]
    known = iter(_numbers(pa.array(given, pa.string()).cast(kind)))
    numbers = [None if text is None else int(text) if _is_number(text) else next(known) for text in texts]
    return pa.array(numbers, pa.int32() if pa.types.is_date32(kind) else pa.int64()).cast(kind)


def time_text(text: JSON) -> JSON:
    """The text of a timestamp as datasets write it."""
    return text.replace(" ", "T", 1) if isinstance(text, str) else text


def _numbers(column: Array) -> list[int | None]:
    """What Arrow keeps for each time: parts of a second, or days, since 1970."""
    kept: list[int | None] = column.cast(
        pa.int32() if pa.types.is_date32(column.type) else pa.int64()
    ).to_pylist()
    return kept


def _ends(kind: Kind) -> tuple[int, int]:
    if pa.types.is_date32(kind):
        return _FIRST_S // _DAY_S, _LAST_S // _DAY_S
    unit = "ms" if pa.types.is_date(kind) else kind.unit
    first = _FIRST_NS_S if unit == "ns" else _FIRST_S
    return first * _UNITS[unit], _LAST_S * _UNITS[unit]


def _is_number(text: str) -> bool:
    return text.removeprefix("-").isdecimal()


def _ticks(text: str, per_second: int) -> int:
    """How many parts of a second a clock shows."""
    clock, _, fraction = text.partition(".")
    hours, minutes, seconds = (int(part) for part in clock.split(":"))
    digits = len(str(per_second)) - 1
    return ((hours * 60 + minutes) * 60 + seconds) * per_second + int(
        fraction.ljust(digits, "0")[:digits] or 0
    )
