"""Columns that are about a row and no part of what is said in it, by their names."""

from __future__ import annotations

from tamis.formats.names import usual_spelling

_NOT_SAID = frozenset((
    "id", "uuid", "hash", "url", "link", "date", "time", "timestamp", "created", "lang", "language", "source", "model",
    "model_name", "category", "label", "split", "type", "domain", "topic", "license", "tags", "author", "name", "file",
    "path", "index", "subject", "difficulty", "level", "score", "role", "from", "sender", "speaker", "current_node", "dataset",
))  # fmt: skip


def is_aside(column: str) -> bool:
    """Whether a column's name says that it holds an id, a source, a label or the like."""
    name = usual_spelling(column)
    return name in _NOT_SAID or name.endswith(("_id", "_url", "_hash", "_at", "_date"))
