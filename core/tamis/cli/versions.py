"""tamis diff: what a version changed against the dataset that it was made from, row by row."""

from __future__ import annotations

import argparse
import json
import re

import numpy as np

from tamis.cli.session import Session
from tamis.compute.text.diff import diff_words
from tamis.errors import InvalidOptions
from tamis.formats.conversation import turn_text
from tamis.store.artifacts.store import Artifact
from tamis.store.database.names import find_dataset
from tamis.store.rows.version_diff import (
    NOWHERE,
    RowDiff,
    VersionDiff,
    comparable,
    diff_versions,
    read_conversations,
)
from tamis.types import JSON, Message

DONE = 0
SHOWN_ROWS, KEPT_CHARS = 20, 60
MARKS = {"removed": ("[-", "-]"), "added": ("{+", "+}")}
# What would move a terminal's cursor, colour its text or turn the direction of writing.
_ACTIVE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of ``tamis diff``."""
    parser.add_argument("--dataset", required=True, help="id or name of the version")
    parser.add_argument(
        "--with", dest="other", default="", help="dataset to compare with; its parent when left out"
    )
    parser.add_argument(
        "--limit", type=int, default=SHOWN_ROWS, help="rows to print; --json has all of them (0: all)"
    )


def diff(session: Session, parsed: argparse.Namespace) -> int:
    """Print how many rows were corrected, edited, dropped and added, and each of them with its words before and after."""
    dataset_id = find_dataset(session.workspace, parsed.dataset)
    other = find_dataset(session.workspace, parsed.other) if parsed.other else _parent(session, dataset_id)
    found = diff_versions(session.workspace.artifacts, other, dataset_id)
    session.show(f"{dataset_id} against {other}: {_said(found)}")
    rows = found.rows if session.as_json or not parsed.limit else found.rows[: parsed.limit]
    listed = [_row(row, *texts) for row, texts in zip(rows, _texts(session, found, rows), strict=True)]
    for row in listed:
        session.show(_shown(row))
    if len(rows) < len(found.rows):
        session.show(f"{len(found.rows) - len(rows):,} more rows: --limit 0 prints all of them.")
    counts = {f"n_{kind}": number for kind, number in found.counts.items()}
    about = {"dataset_id": dataset_id, "with": other, "base": found.base_id, "n_kept": found.n_kept}
    session.result(about | counts | {"rows": listed})
    return DONE


def _parent(session: Session, dataset_id: str) -> str:
    line = comparable(session.workspace.artifacts, dataset_id)
    if not line:
        raise InvalidOptions(
            f"{dataset_id!r} was not made from another dataset of this workspace, so there is nothing to compare it with. "
            "Name one: --with DATASET."
        )
    return line[0]


def _said(found: VersionDiff) -> str:
    said = [f"{number:,} {kind}" for kind, number in found.counts.items() if number or kind != "added"]
    return ", ".join([*said, f"{found.n_kept:,} as they were"])


def _texts(
    session: Session, found: VersionDiff, rows: tuple[RowDiff, ...]
) -> list[tuple[list[Message] | None, list[Message] | None]]:
    def held(examples: Artifact, ids: list[int]) -> list[list[Message] | None]:
        there = read_conversations(examples, np.array([i for i in ids if i != NOWHERE], dtype=np.int64))
        return [list(there[i]) if i != NOWHERE else None for i in ids]

    old = held(session.workspace.artifacts.examples(found.old_id), [row.old_id for row in rows])
    new = held(session.workspace.artifacts.examples(found.new_id), [row.new_id for row in rows])
    return list(zip(old, new, strict=True))


def _row(row: RowDiff, before: list[Message] | None, after: list[Message] | None) -> dict[str, JSON]:
    decision = row.decision
    return {
        "kind": row.kind,
        "old_id": None if row.old_id == NOWHERE else row.old_id,
        "new_id": None if row.new_id == NOWHERE else row.new_id,
        "via": decision.via if decision else "",
        "reviewer": decision.reviewer if decision else "",
        "before": before,
        "after": after,
    }


def _shown(row: dict[str, JSON]) -> str:
    """The row for a terminal: the turns that differ, with what went and what came marked as git marks words."""
    ids = " -> ".join(f"{row[side]:,}" for side in ("old_id", "new_id") if row[side] is not None)
    by = f", {row['reviewer']} ({row['via']})" if row["reviewer"] else ""
    lines = [visible(f"row {ids}: {row['kind']}{by}")]
    before, after = row["before"] or [], row["after"] or []
    for number in range(max(len(before), len(after))):
        old, new = (side[number] if number < len(side) else None for side in (before, after))
        if old != new:
            lines.append(f"  {_role(old or new)}: {_marked(_text(old), _text(new))}")
    return "\n".join(lines)


def _role(turn: Message | None) -> str:
    return visible(str((turn or {}).get("role", "?")))


def _text(turn: Message | None) -> str:
    if turn is None:
        return ""
    return turn_text(turn) or json.dumps(turn, ensure_ascii=False)


def _marked(old: str, new: str) -> str:
    pieces = []
    for part in diff_words(old, new):
        before, after = MARKS.get(part.kind, ("", ""))
        text = _middle_cut(part.text) if part.kind == "kept" else part.text
        pieces.append(f"{before}{visible(text)}{after}")
    return "".join(pieces).replace("\n", "\n    ")


def _middle_cut(text: str) -> str:
    """Both ends of a long passage that did not change."""
    if len(text) <= 2 * KEPT_CHARS + 1:
        return text
    return f"{text[:KEPT_CHARS]}…{text[-KEPT_CHARS:]}"


def visible(text: str) -> str:
    """The text with every character that a terminal would obey written as its code."""
    return _ACTIVE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
