"""Text of datasets and models in the review: never interpreted, with characters that act in secret made visible."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence

import streamlit as st

from pages.shared.plain_text import count_of
from tamis.actions.word_marks import Part

MAX_SHOWN_CHARS = 50_000
_FRAME = "white-space:pre-wrap;overflow-wrap:anywhere;line-height:1.5;unicode-bidi:plaintext"
# A shade at an edge beyond which there is more. The veils move with the text and hide the shade at its two ends.
# Their colours are the backgrounds of the two themes in config.toml, which no variable of the page holds.
_VEIL, _SHADE = "light-dark(#FFFFFF,#101615)", "rgba(128,140,138,.3)"
_SCROLLS = (
    "overflow-y:auto;background:"
    f"linear-gradient({_VEIL},{_VEIL}) top/100% 1rem no-repeat local,"
    f"linear-gradient({_VEIL},{_VEIL}) bottom/100% 1rem no-repeat local,"
    f"linear-gradient({_SHADE},transparent) top/100% .8rem no-repeat scroll,"
    f"linear-gradient(transparent,{_SHADE}) bottom/100% .8rem no-repeat scroll"
)
_STYLES = {
    "kept": "",
    # Seen in both themes: a veil over the page's own colours, and a line for eyes that do not tell red from green.
    "removed": "background:rgba(228,99,43,.24);text-decoration:line-through;text-decoration-thickness:1px;border-radius:3px",
    "added": "background:rgba(20,160,130,.28);border-radius:3px",
}
_SECRET = "opacity:.6;font-family:monospace;font-size:.85em;border:1px solid;border-radius:3px;padding:0 2px"
# C0 and C1 controls, marks that turn the direction of writing or have no width, and what is no character at all.
# Joiners (U+200C, U+200D) stay: emoji and several scripts need them.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\uffff"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)


def name_hidden(character: str) -> str:
    """A character that nobody sees, as something to see: ``␛`` for an escape, else ``U+202E``."""
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code)
    return "␡" if code == 0x7F else f"U+{code:04X}"


def as_html(text: str) -> str:
    """The text as HTML that shows it and nothing else; line ends are written so that no white space is cleaned away."""
    pieces: list[str] = []
    at = 0
    for hidden in _HIDDEN.finditer(text):
        pieces.append(_escape(text[at : hidden.start()]))
        pieces.append(f'<span style="{_SECRET}">{name_hidden(hidden[0])}</span>')
        at = hidden.end()
    pieces.append(_escape(text[at:]))
    return "".join(pieces)


def show_text(text: str, *, key: str = "", height: str = "") -> None:
    """A text as it is; ``height``, in units of CSS, is the most that it takes: a longer one scrolls, and shows that it goes on."""
    if not text.strip():
        st.caption("empty" if not text else f"only white space ({count_of(len(text), 'character')})")
        return
    _show(as_html(text[:MAX_SHOWN_CHARS]), key, height)
    if len(text) > MAX_SHOWN_CHARS:
        st.caption(f"The first {MAX_SHOWN_CHARS:,} of {len(text):,} characters.")


def show_side(parts: Sequence[Part], side: str, *, key: str = "", height: str = "") -> None:
    """One side of a difference: what is ``removed`` marked in the old text, or ``added`` marked in the new one."""
    shown = [part for part in parts if part.kind in ("kept", side)]
    total = sum(len(part.text) for part in shown)
    if not total:
        st.caption("empty")
        return
    left, pieces = MAX_SHOWN_CHARS, []
    for part in shown:
        if left <= 0:
            break
        pieces.append(_mark(part.kind, as_html(part.text[:left])))
        left -= len(part.text)
    _show("".join(pieces), key, height)
    if total > MAX_SHOWN_CHARS:
        st.caption(f"The first {MAX_SHOWN_CHARS:,} of {total:,} characters.")


def side_html(parts: Sequence[Part], side: str) -> str:
    """One side of a difference, whole, in marks (``del`` and ``ins``) whose look is the reader's."""
    tag = "del" if side == "removed" else "ins"
    pieces, left = [], MAX_SHOWN_CHARS
    for part in parts:
        if part.kind in ("kept", side) and left > 0:
            inside = as_html(part.text[:left])
            pieces.append(inside if part.kind == "kept" else f"<{tag}>{inside}</{tag}>")
            left -= len(part.text)
    return "".join(pieces)


def _mark(kind: str, inside: str) -> str:
    return inside if kind == "kept" else f'<span style="{_STYLES[kind]}">{inside}</span>'


def _show(inside: str, key: str, height: str) -> None:
    frame = _FRAME + (f";max-height:{height};{_SCROLLS}" if height else "")
    # dir=auto: a right-to-left text reads in its own direction and cannot turn that of the page.
    target = st.container(key=key) if key else st
    target.html(f'<div dir="auto" style="{frame}">{inside}</div>')


def _escape(text: str) -> str:
    # White space as entities: st.html dedents what it is given, and a tab or line end must stay what it was.
    return html.escape(text).replace("\n", "&#10;").replace("\t", "&#9;")
