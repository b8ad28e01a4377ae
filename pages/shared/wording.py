"""Numbers, times and names in code as short texts, said the same way on every page."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

from tamis.reprs import as_percent as as_percent
from tamis.reprs import duration as duration
from tamis.reprs import moment as moment
from tamis.reprs import percent as percent
from tamis.reprs import signed as signed
from tamis.reprs import with_minus as with_minus

BadgeColour = Literal[
    "red", "orange", "yellow", "blue", "green", "violet", "gray", "grey", "primary"
]  # of st.badge
_UNITS_OF_NAMES = {"s": "seconds", "min": "minutes", "gb": "GB"}
# What an axis of shares says at its ticks, as an expression of Vega: as ``percent`` says it.
PERCENT_TICKS = "format(datum.value * 100, '.3~g') + ' %'"
# Names that read as code in any form: what the field's papers and libraries call so.
_SAID_OTHERWISE = {
    "llm": "Language model",
    "n": "Answers to each row",
    "max_new_tokens": "Longest answer (tokens)",
    "smooth": "Neighbours averaged into the quality",
    "mark": "When an answer is right",
    "group": "Groups told apart",
}
_UNITS = ((86_400.0, "day"), (3_600.0, "hour"), (60.0, "min"))


def ago(moment: str) -> str:
    """How long ago a stored time was: ``just now``, ``5 min ago``, ``3 days ago``, later the date."""
    then = datetime.fromisoformat(moment)
    seconds = (datetime.now(UTC) - then).total_seconds()
    if seconds > 30 * 86_400:
        return f"{then:%d %b %Y}"
    for size, unit in _UNITS:
        if seconds >= size:
            number = int(seconds // size)
            return f"{number} {unit}{'s' if number > 1 and unit != 'min' else ''} ago"
    return "just now"


def size(n_bytes: int) -> str:
    """A size in bytes as people read it."""
    number = float(n_bytes)
    for unit in ("bytes", "KB", "MB"):
        if number < 1000:
            return f"{number:.0f} {unit}" if unit == "bytes" else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} GB"


def table_height(n_rows: int, most_px: int) -> int | Literal["content"]:
    """As high as its rows while they are few, then this many pixels with a scroll bar."""
    return "content" if (n_rows + 1) * 35 <= most_px else most_px


def sentence(name: str) -> str:
    """A name in code as people read it: ``max_points_per_centroid`` is *Max points per centroid*."""
    if name in _SAID_OTHERWISE:
        return _SAID_OTHERWISE[name]
    words = str(name).split("_")
    if words[0] == "n" and len(words) > 1:
        words[:1] = ["number", "of"]
    unit = _UNITS_OF_NAMES.get(words[-1], "") if len(words) > 1 else ""
    text = " ".join(words[:-1] if unit else words)
    return text[:1].upper() + text[1:] + (f" ({unit})" if unit else "")
