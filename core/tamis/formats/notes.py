"""What an import did to values that it could not take as they are, counted by column."""

from __future__ import annotations

import shlex
from collections import Counter
from typing import TypeAlias

from tamis.types import JSON

Notes: TypeAlias = Counter[tuple[str, str]]  # rows by column ("" for the row as a whole) and kind of note

_SAID = {
    "nan": "NaN or Infinity, which JSON has not: read as empty",
    "big-integer": "an integer beyond 64 bits: read as text, every digit kept",
    "unicode": "bytes or escapes that are no character: shown escaped",
    "nul": "NUL characters: shown as U+FFFD",
    "bytes": "bytes (an image, a sound): kept with the row and written back in the source's own shape",
    "as-text": "values of a type that JSON has not: kept as text",
    "left-out": "values that cannot be read: left empty",
    "set-aside": "earlier turns that cannot be read: kept as metadata, no part of the conversation; --map join={column} joins their text to the prompt",
    "again": "earlier turns that the prompt says again, or that end with it and an answer to it: said once, and written back",
    "unjoined": "text that looks like a part of the prompt and is none: kept as metadata, not trained; --map join={column} joins it",
    "text-beside": "text that is no part of the conversation: kept as metadata, not trained; --map join={column} joins it to the prompt",
    "within": "texts inside turns under a name that no template reads: kept with the turn, not trained",
    "answers-beside": "another answer: kept as metadata, not trained; to learn it instead, name it with --map as the answer of the format",
    "thoughts-beside": "thoughts or explanations that are no part of the conversation: kept as metadata, not trained; beside a prompt and its "
    "response, --map reasoning={column} makes them the reasoning, --map join={column} a part of the prompt",
    "thoughts-twice": "other thoughts of an answer that tells some already, in its text or under another name: kept, not trained",
    "tools-beside": "functions under a name that no template reads: kept as metadata, not trained; call the column tools",
    "one-of-several": "several answers: a right one by its verdict, the best of them, else the first, is the response; all are kept as metadata",
    "none-right": "no answer is called right by the verdicts on them: the best of them, else the first, is learned like any other; leave such rows out by a filter",
    "steps": "the steps of one answer, each with a label: joined by line breaks",
    "wrong-step": "a step is called wrong by its label: not read, such rows are trained like the others; leave them out by a filter",
    "names-one": "a number beside several answers that may name one of them: not read; the best of them by rank or score, else the first, "
    "is the response",
    "from-0": "a number names the better answer, counted from 0 in the order of their columns; where 1 means the first of them, import again "
    "with --map scale=1,0",
    "class-number": "the number under the name of a mark is a class or a count: its rows are trained; only true and false say whether a row is",
    "verdict": "says that the answer is not a good one: not read, such rows are trained like the others; leave them out by a filter on this column",
    "rewritten-beside": "another writing of the answer or a judgement of it: kept as metadata, not trained; to learn it instead, name it with --map as "
    "the answer of the format",
    "marks": "marks of who speaks, or a template's token at the end, inside what is asked or answered: not read, for not all rows that were looked at "
    "have them; learned as they stand",
    "own-key": "the text of a turn that has none under the usual key: read from here, written back here",
    "no-text": "a system turn without text under the usual key, with texts under this one: not read, the turn is empty",
    "annotations": "annotations that are no part of the conversation: kept as metadata",
    "in-words": "a list or an object where text belongs: its texts joined, else its JSON",
    "line-comma": "a comma behind the record: left out",
    "comment-line": "lines that are comments: not records",
    "quote": "a quote inside a cell that is not quoted as a whole: kept as text",
    "own-name": "the name under which Tamis keeps its own notes: written back in the source's own shape alone",
    "sep-line": "a first line sep=… that tells Excel the delimiter: left out",
    "mark": "a byte order mark where the row begins, as joined files have: left out",
    "duplicate-key": "a name that stands twice in an object: the last value counts, the others are not read",
    "short-row": "fewer cells than the header names: the missing ones are left out",
    "trailing-commas": "repaired: a comma before a closing bracket left out",
    "comments": "repaired: comments inside the record left out",
    "fused-objects": "repaired: several records in one line read one by one",
    "merge-consecutive": "repaired: consecutive turns of one role joined",
    "join-inner-system": "repaired: a system turn inside the conversation joined to the user turn after it",
    "drop-leading": "repaired: turns of the assistant before the first of the user left out",
    "drop-trailing": "repaired: turns after the assistant's last left out",
    "drop-empty-system": "repaired: an empty system turn left out",
}
# Of a file and not of its rows: what is counted are values, and the place is named in its own words.
_SAID_OF_FILE = {
    "duplicate-header": "the header has a name more than once: one of its columns is called {place} here",
    "beside": "beside the rows, {place} ({n}) is not read",
    "not-objects": "in the list {place}, {n} no object and not read",
}
KINDS, FILE_KINDS = tuple(_SAID), tuple(_SAID_OF_FILE)


def first_notes(notes: Notes, most: int = 20) -> Notes:
    """The first notes of a file, and the rest under one name where there are more."""
    named = list(notes.items())
    if len(named) <= most:
        return notes
    kept = Notes(dict(named[:most]))
    kept[f"… and {len(named) - most:,} more", "beside"] = sum(n for _, n in named[most:])
    return kept


def listed_notes(notes: Notes) -> list[dict[str, JSON]]:
    """The notes as an import keeps them: column, kind, rows, and the sentence for a person; the most rows first."""
    return [
        {"column": column, "kind": kind, "rows": rows, "note": say_note(column, kind, rows)}
        for (column, kind), rows in sorted(notes.items(), key=lambda item: (-item[1], item[0]))
        if rows
    ]


def say_note(column: str, kind: str, rows: int) -> str:
    """One note in a sentence."""
    if kind in _SAID_OF_FILE:
        n = f"{rows:,} {'value' if rows == 1 else 'values'}"
        return _SAID_OF_FILE[kind].format(place=repr(column), n=n)
    place = f"column {column!r}" if column else "the file"
    return f"{place}, {rows:,} {'row' if rows == 1 else 'rows'}: {_SAID[kind].replace('{column}', shlex.quote(column))}"
