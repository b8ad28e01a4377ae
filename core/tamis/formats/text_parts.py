"""Optional parts of a conversation that should be text and sometimes are not."""

from __future__ import annotations

from tamis.formats.conversation import parts_text
from tamis.types import JSON


def text_part(record: dict[str, JSON], column: str, noted: dict[str, JSON], part: str) -> str:
    """Return the text of an optional column, empty where there is none; what is no text is put into words.

    Texts in a list are joined, an object with text parts gives these, anything else its JSON; ``noted`` keeps the value
    as it was.
    """
    value = record.get(column) if column else None
    if type(value) is str:
        return value
    if value is None:
        return ""
    noted[f"{part}_value"] = value
    noted.setdefault("in_words", []).append(column)
    return parts_text(value)


def as_it_was(text: str, noted: dict[str, JSON], part: str) -> JSON:
    """Return the value that a text was made of where it still says the same, else the text."""
    value = noted.get(f"{part}_value")
    return value if value is not None and parts_text(value) == text else text
