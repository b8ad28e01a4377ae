"""Lists and objects that a cell holds as text: JSON, or what Python and numpy print of them."""

from __future__ import annotations

import ast
import json
import math
import re
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial

import orjson

from tamis.formats.json_text import loads_exact, settled_value
from tamis.types import JSON

# How a text is written, so that an edited value goes back in the same hand; none of them is kept as it was.
_STYLES: dict[str, Callable[[JSON], str]] = {
    "compact": lambda value: orjson.dumps(value).decode(),
    "spaced": lambda value: json.dumps(value, ensure_ascii=False),
    "ascii": json.dumps,
    "compact ascii": partial(json.dumps, separators=(",", ":")),
    "python": repr,
}
_NOTHING = ("", "null", "none", "nan")
_STRING = r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\""""
# numpy prints no comma between items, and array( … , dtype=object) around inner lists.
_NUMPY = re.compile(
    rf"(?P<item>{_STRING}|[\]}}])(?P<gap>\s+(?=[\[{{'\"]))?|\barray\(|,\s*dtype=\w+\s*\)|\)", re.DOTALL
)


def data_in(text: str) -> JSON:
    """Return the list or object that a text is, or None; numbers, strings and prose are none."""
    start = text.lstrip()[:6]
    if start[:1] not in ("[", "{"):
        return _printed(text) if start == "array(" else None
    try:
        value, is_odd = loads_exact(text)
    except ValueError:
        return _printed(text)
    return settled_value(value)[0] if is_odd else value


def is_nothing(text: str) -> bool:
    """Whether a cell is what tables write where there is nothing: blanks, null, None, NaN."""
    return text.strip().lower() in _NOTHING


def style_of(text: str, value: JSON) -> JSON:
    """Return how a value was written as this text: the name of a style, or the text itself in an object."""
    for name, write in _STYLES.items():
        if write(value) == text:
            return name
    return {"text": text}


def usual_style(texts: Sequence[str]) -> str:
    """The style in which most JSON texts are written, compact where none is."""
    known = [name for name in _STYLES if name != "python"]
    counts = dict.fromkeys(known, 0)
    for text in texts:
        with suppress(ValueError, TypeError):
            value = loads_exact(text)[0]
            for name in known:
                counts[name] += _STYLES[name](value) == text
    return max(known, key=lambda name: counts[name])


def text_of_data(value: JSON, style: JSON) -> str:
    """Return a value as text in the style of its source; a value that did not change is the source's text."""
    if isinstance(style, dict):
        original = str(style.get("text"))
        if data_in(original) == value:
            return original
        style = "python" if _is_printed(original) else "compact"
    return str(_STYLES.get(str(style), _STYLES["compact"])(value))


def _is_printed(text: str) -> bool:
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return True
    return False


def _printed(text: str) -> JSON:
    """Return the list or object whose Python or numpy print a text is, or None."""
    if "'" not in text and '"' not in text:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)
            value = ast.literal_eval(_with_commas(text.strip()))
        return _as_json(value)
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        return None


def _with_commas(text: str) -> str:
    """Return what numpy printed as what Python would have printed; Python's own print stays as it is."""
    has_arrays = "array(" in text

    def mend(match: re.Match[str]) -> str:
        item = match["item"]
        if item is None:
            return "" if has_arrays else match[0]
        return item + (", " if match["gap"] else "")

    return _NUMPY.sub(mend, text)


def _as_json(value: object) -> JSON:
    """Return a Python literal as JSON knows it; raises TypeError for what JSON does not have."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, list | tuple):
        return [_as_json(item) for item in value]
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {key: _as_json(item) for key, item in value.items()}
    raise TypeError(f"JSON has no {type(value).__name__}")
