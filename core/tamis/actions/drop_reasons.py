"""Why people drop written rows, in a few words that can be counted: what the rules for the next batch are mended by."""

from __future__ import annotations

from collections import Counter

from tamis.actions.decisions import decision_snapshot
from tamis.actions.roles import needs
from tamis.actions.teams import Note, add_note, list_notes
from tamis.errors import InvalidOptions
from tamis.store.workspace import Workspace

__all__ = ["DROP_REASONS", "count_drop_reasons", "note_drop_reason"]
DROP_REASONS = ("wrong", "off task", "duplicate", "unsafe", "too easy", "other")
MARK = "Dropped: "  # what a note begins with that says why


@needs("reviewer")
def note_drop_reason(workspace: Workspace, dataset_id: str, row: int, reason: str, reviewer: str) -> Note:
    """Note why a row is dropped, by one of DROP_REASONS; the decision is another thing. Raises InvalidOptions."""
    if reason not in DROP_REASONS:
        raise InvalidOptions(f"{reason!r} is no reason to drop a row. Known: {', '.join(DROP_REASONS)}.")
    return add_note(workspace, dataset_id, row, f"{MARK}{reason}", reviewer)


def count_drop_reasons(workspace: Workspace, dataset_id: str) -> dict[str, int]:
    """How many rows that are dropped now were so for each reason, the most frequent first; a row's latest reason counts."""
    decided = decision_snapshot(workspace, dataset_id).by_row
    latest: dict[int, str] = {}
    for note in list_notes(workspace, dataset_id):
        if note.text.startswith(MARK):
            latest[note.example_id] = note.text.removeprefix(MARK).strip()
    dropped = [reason for row, reason in latest.items() if row in decided and decided[row].verdict == "drop"]
    return dict(Counter(dropped).most_common())
