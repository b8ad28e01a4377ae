"""``tamis diff``: what a version changed against the dataset that it was made from, row by row."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from tamis.cli.command import command, dataset_option
from tamis.cli.session import Session
from tamis.errors import InvalidOptions
from tamis.types import JSON, Message

if TYPE_CHECKING:
    from tamis.actions.versions import RowDiff, VersionDiff

SHOWN_ROWS, KEPT_CHARS = 20, 60
# Rows that were named one by one, in a file or in a list are decided together, as those of a rule are.
TOGETHER = {"rule": "by rule or list"}
MARKS = {"removed": ("[-", "-]"), "added": ("{+", "+}")}


@command(
    "tamis diff --dataset my-data-reviewed-4d5e6f",
    "tamis diff --dataset my-data-reviewed-4d5e6f --limit 0 --json",
)
@dataset_option
@click.option(
    "--with",
    "other",
    default="",
    metavar="DATASET",
    help="Dataset to compare with; its parent when left out.",
)
@click.option(
    "--limit", default=SHOWN_ROWS, show_default=True, help="Rows to print; --json has all of them (0: all)."
)
def diff(session: Session, dataset: str, other: str, limit: int) -> None:
    """Show what a version changed against the dataset it was made from."""
    from tamis.actions.versions import compare_versions, read_changed

    dataset_id = session.dataset(dataset)
    other_id = session.dataset(other) if other else _parent(session, dataset_id)
    changes = compare_versions(session.workspace, other_id, dataset_id)
    session.show(f"{dataset_id} against {other_id}: {_said(changes)}")
    rows = changes.rows if session.as_json or not limit else changes.rows[:limit]
    listed = [
        _row(row, *texts)
        for row, texts in zip(rows, read_changed(session.workspace, changes, rows), strict=True)
    ]
    for row in listed:
        session.show(_shown(row))
    if len(rows) < len(changes.rows):
        session.show(f"{len(changes.rows) - len(rows):,} more rows: --limit 0 prints all of them.")
    counts = {f"n_{kind}": number for kind, number in changes.counts.items()}
    about = {"dataset_id": dataset_id, "with": other_id, "base": changes.base_id, "n_kept": changes.n_kept}
    session.result(about | counts | {"rows": listed})


def _parent(session: Session, dataset_id: str) -> str:
    from tamis.actions.versions import parent_version

    try:
        return parent_version(session.workspace, dataset_id)
    except InvalidOptions as error:
        raise InvalidOptions(f"{error} Here: --with DATASET.") from error


def _said(diff: VersionDiff) -> str:
    parts = [f"{number:,} {kind}" for kind, number in diff.counts.items() if number or kind != "added"]
    return ", ".join([*parts, f"{diff.n_kept:,} as they were"])


def _row(row: RowDiff, before: Sequence[Message] | None, after: Sequence[Message] | None) -> dict[str, JSON]:
    from tamis.actions.versions import NOWHERE

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
    by = f", {row['reviewer']} ({TOGETHER.get(row['via'], row['via'])})" if row["reviewer"] else ""
    lines = [f"row {ids}: {row['kind']}{by}"]
    before, after = row["before"] or [], row["after"] or []
    for number in range(max(len(before), len(after))):
        old, new = (side[number] if number < len(side) else None for side in (before, after))
        if old != new:
            lines.append(f"  {_role(old or new)}: {_marked(_text(old), _text(new))}")
    return "\n".join(lines)


def _role(turn: Message | None) -> str:
    return str((turn or {}).get("role", "?"))


def _text(turn: Message | None) -> str:
    if turn is None:
        return ""
    from tamis.formats.conversation import turn_text

    return turn_text(turn) or json.dumps(turn, ensure_ascii=False)


def _marked(old: str, new: str) -> str:
    from tamis.compute.text.diff import diff_words

    pieces = []
    for part in diff_words(old, new):
        before, after = MARKS.get(part.kind, ("", ""))
        text = _middle_cut(part.text) if part.kind == "kept" else part.text
        pieces.append(f"{before}{text}{after}")
    return "".join(pieces).replace("\n", "\n    ")


def _middle_cut(text: str) -> str:
    """Both ends of a long passage that did not change."""
    if len(text) <= 2 * KEPT_CHARS + 1:
        return text
    return f"{text[:KEPT_CHARS]}…{text[-KEPT_CHARS:]}"
