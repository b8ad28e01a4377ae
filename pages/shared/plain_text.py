"""Text of people and datasets where Streamlit or plotly would read markup in it."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence

# Everything that starts something in Streamlit's markdown: emphasis, links, code, maths, directives, HTML.
_MARKUP = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~$:])")


# What markdown makes a link of without any markup, and whatever is escaped in it; not on this machine, which is our own.
_ADDRESS = re.compile(
    r"(?i)(?<=[a-z])(?=://(?!(127\.0\.0\.1|localhost)(:\d{1,5})?(/|\s|$)))|(?<=www)(?=\.)|(?<=[-.\w+]@)(?=[-\w])"
)
_JOINER = "\u2060"  # has no width, and breaks no line


def plain(text: str) -> str:
    """The text for a label or markdown, shown as it is and on one line; an address in it is no link."""
    return _MARKUP.sub(r"\\\1", _ADDRESS.sub(_JOINER, " ".join(text.split())))


def plain_in_figure(text: str) -> str:
    """The text for a plotly label, which would read some HTML tags."""
    return html.escape(" ".join(text.split()), quote=False)


def shorten(text: str, length: int) -> str:
    """At most ``length`` characters, with an ellipsis where something was cut."""
    flat = " ".join(text[: length * 4].split())
    return flat if len(flat) <= length else flat[: length - 1].rstrip(" ,;") + "…"


def count_of(n: int, noun: str) -> str:
    """A number with its noun: ``1 row``, ``1,030 rows``."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def unlike(names: Sequence[str], marks: Sequence[object] = ()) -> list[str]:
    """The names, each once: one that was there before gets its mark behind it, or how often it came; a chart would lay
    two groups of one name over each other.
    """
    seen: dict[str, int] = {}
    out = []
    for at, name in enumerate(names):
        seen[name] = seen.get(name, 0) + 1
        out.append(name if seen[name] == 1 else f"{name} ({marks[at] if marks else seen[name]})")
    return out
