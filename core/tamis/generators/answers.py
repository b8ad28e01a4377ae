"""What a model wrote, read as the one JSON object that it was asked for, or as a problem with a name."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from tamis.compute.augment.types import DraftProblem
from tamis.compute.clear.defects import find_defects
from tamis.protocols import CutText
from tamis.types import JSON

KEPT_CHARACTERS = 20_000  # of a raw answer, in the rejects
MOST_TRIES = 50  # opening braces from which an object is read
_DECODER = json.JSONDecoder()


def read_fields(text: str, names: tuple[str, ...]) -> dict[str, str] | DraftProblem:
    """The texts of these fields in the first JSON object of an answer, fenced or bare, or why they cannot be had."""
    if not text.strip():
        return DraftProblem("empty", "The model wrote nothing.", "")
    found = first_object(text)
    if found is None:
        return _unreadable(text)
    missing = [name for name in names if not isinstance(found.get(name), str | int | float)]
    if missing:
        said = f"The answer has no text as {', '.join(missing)}."
        return DraftProblem("unparseable", said, text[:KEPT_CHARACTERS])
    fields = {name: str(found[name]).strip() for name in names}
    blank = [name for name in names if not fields[name]]
    if blank:
        return DraftProblem("empty", f"The answer leaves {', '.join(blank)} blank.", text[:KEPT_CHARACTERS])
    return fields


def object_schema(names: tuple[str, ...], lists: tuple[str, ...] = ()) -> dict[str, JSON]:
    """The JSON schema of one object with these texts and lists of texts and nothing else."""
    text: dict[str, JSON] = {"type": "string"}
    return {
        "type": "object",
        "properties": {name: text for name in names}
        | {name: {"type": "array", "items": text} for name in lists},
        "required": [*names, *lists],
        "additionalProperties": False,
    }


def first_object(text: str) -> Mapping[str, JSON] | None:
    """The first JSON object in a text that can be read; None for none."""
    starts = [found.start() for found in re.finditer(r"\{", text[:KEPT_CHARACTERS])]
    for start in starts[:MOST_TRIES]:
        try:
            value, _ = _DECODER.raw_decode(text, start)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict):
            return value
    return None


def _unreadable(text: str) -> DraftProblem:
    kept = text[:KEPT_CHARACTERS]
    if isinstance(text, CutText):
        return DraftProblem("cut", "The answer ended at the limit of tokens: raise max_new_tokens.", kept)
    if find_defects("Write a row.", text[:2000])["refusal"] > 0:
        return DraftProblem("refused", "The model refused to write a row.", kept)
    return DraftProblem("unparseable", "The answer holds no JSON object that can be read.", kept)
