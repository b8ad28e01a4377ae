"""A map as one HTML file: the modules of the page, the tiles, one column; it works from disk and fetches nothing."""

from __future__ import annotations

import base64
import gzip
import html
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import orjson

from tamis.settings import app_folder
from tamis.types import JSON

ENTRY = "sent.js"
_IMPORT = re.compile(r'^import (?:(\w+)|(\{[^}]*\})) from "\./([\w.]+)"$', re.MULTILINE)
_EXPORT = re.compile(r"^export (default )?((?:async )?function|const|class)\b(?: +(\w+))?", re.MULTILINE)
# The colours that the page's theme gives to the map's own parts.
_THEMES = {
    "light": {
        "text-color": "#17211f", "background-color": "#ffffff", "secondary-background-color": "#f1f4f3",
        "border-color": "#d5dcda", "primary-color": "#0f766e",
    },
    "dark": {
        "text-color": "#e8eeec", "background-color": "#101614", "secondary-background-color": "#1a2321",
        "border-color": "#33403d", "primary-color": "#2dd4bf",
    },
}  # fmt: skip
# Whatever a browser would fetch is refused, so that a file that was sent cannot tell anybody that it was opened.
_POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:"


def read_modules() -> dict[str, str]:
    """The modules that draw a map on a page, by name."""
    folder = app_folder() / "pages" / "shared" / "map" / "js"
    return {path.name: path.read_text(encoding="utf-8") for path in sorted(Path(folder).glob("*.js"))}


def join_modules(modules: Mapping[str, str], entry: str) -> str:
    """One script of a module and everything it imports; each keeps its names to itself."""
    done: list[str] = []
    parts: list[str] = []

    def add(name: str) -> None:
        if name in done:
            return
        done.append(name)
        text = modules[name]
        for found in _IMPORT.finditer(text):
            add(found[3])
        exported = [(f[3] or "default", bool(f[1])) for f in _EXPORT.finditer(text)]
        text = _IMPORT.sub(lambda f: f'const {f[2] or f"{{ default: {f[1]} }}"} = modules["{f[3]}"]', text)
        text = _EXPORT.sub(
            lambda f: f"{'const byDefault = ' if f[1] else ''}{f[2]}{f' {f[3]}' if f[3] else ''}", text
        )
        given = ", ".join("default: byDefault" if is_default else shown for shown, is_default in exported)
        parts.append(f'modules["{name}"] = (() => {{\n{text}\nreturn {{ {given} }}\n}})()')

    add(entry)
    return "\n".join(['"use strict"', "const modules = {}", *parts])


def map_page(
    data: Mapping[str, JSON],
    arrays: Mapping[str, bytes],
    *,
    title: str,
    caption: Sequence[str],
    dark: bool,
    texts: Sequence[bytes] = (),
) -> bytes:
    """The file; ``arrays`` are what routes would answer, ``texts`` gzipped JSON of the cards of each tile, or none."""
    given = dict(data) | {
        "arrays": {name: base64.b64encode(value).decode() for name, value in arrays.items()},
        "texts": [base64.b64encode(one).decode() for one in texts],
        "caption": list(caption),
    }
    coded = orjson.dumps(given).decode().replace("<", "\\u003c")
    theme = "".join(f"--st-{name}:{value};" for name, value in _THEMES["dark" if dark else "light"].items())
    words = "".join(f"<span>{html.escape(one)}</span>" for one in caption)
    return "\n".join(
        [
            "<!doctype html>",
            f'<html lang="en" style="{theme}"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{html.escape(title)}</title>",
            f"<style>{_STYLE}</style></head><body>",
            f'<header><h1>{html.escape(title)}</h1><p>{words}</p></header><main id="map"></main>',
            f'<script type="application/json" id="given">{coded}</script>',
            f"<script>\n{join_modules(read_modules(), ENTRY)}\n</script></body></html>",
        ]
    ).encode()


def pack_texts(cards: Sequence[Mapping[str, JSON]]) -> bytes:
    """The cards of one tile, in its order."""
    return gzip.compress(orjson.dumps(list(cards)), 6, mtime=0)


def to_bytes(array: np.ndarray) -> bytes:
    """Little-endian, as the modules read it."""
    return np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<"), copy=False).tobytes()


_STYLE = """
:root { --st-font: ui-sans-serif, system-ui, "Noto Sans", sans-serif; --st-base-radius: 8px; }
html, body { margin: 0; height: 100%; background: var(--st-background-color); color: var(--st-text-color);
  font: 14px/1.4 var(--st-font); }
body { display: flex; flex-direction: column; }
header { display: flex; flex-wrap: wrap; align-items: baseline; gap: 2px 18px; padding: 8px 14px; }
h1 { margin: 0; font-size: 17px; }
p { margin: 0; opacity: .75; font-size: 12.5px; display: flex; flex-wrap: wrap; gap: 0 14px; }
main { flex: 1; min-height: 0; padding: 0 12px 12px; }
"""
