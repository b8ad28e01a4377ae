"""Which fields of a row hold the functions that may be called, and the pictures beside its turns."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from tamis.types import JSON

TOOLS = ("tools", "functions", "available_tools", "tool_definitions")
IMAGES = ("images", "image", "videos", "video", "audios", "audio")  # of a row or of a turn, beside its texts
_CONFIGS = ("toolConfig", "tool_config")  # objects around the list, as Amazon has it
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_SHAPE, _BYTES = "_shape", "bytes"  # where an import notes which columns held bytes


def tools_column(columns: Iterable[str]) -> str:
    """The column of tools: under one of its names, else inside an object that was opened, whatever its case; or empty."""
    listed = list(columns)
    if exact := next((name for name in TOOLS if name in listed), ""):
        return exact
    return next((column for column in listed if _spelled(column) in TOOLS), "")


def _spelled(column: str) -> str:
    return _HUMP.sub("_", column.rpartition(".")[2]).lower()


def tools_of(fields: Mapping[str, JSON]) -> dict[str, JSON]:
    """The row's tools under the name that a training file has for them; empty where it has none."""
    filled = {name: value for name, value in fields.items() if value}
    if column := tools_column(filled):
        return {column if column in TOOLS else TOOLS[0]: filled[column]}
    listed = [config.get(TOOLS[0]) for config in map(filled.get, _CONFIGS) if isinstance(config, Mapping)]
    return {TOOLS[0]: listed[0]} if listed and listed[0] else {}


def media_of(fields: Mapping[str, JSON]) -> dict[str, JSON]:
    """The row's pictures, films and sounds; of bytes, which only the row's own record keeps, that there are some."""
    noted = fields.get(_SHAPE)
    held = noted.get(_BYTES, ()) if isinstance(noted, Mapping) else ()
    found = {name: fields.get(name) or (name in held and ["bytes"]) for name in IMAGES}
    return {name: value for name, value in found.items() if value}
