"""Why people drop written rows, in a few words that can be counted: what the rules for the next batch are mended by."""

from __future__ import annotations

from collections import Counter

from tamis.actions.roles import needs
from tamis.actions.teams import Note, add_note, decided_as_seen, list_notes
from tamis.errors import InvalidOptions
from tamis.store.review.notes import DROPPED
from tamis.store.workspace import Workspace

__all__ = ["DROP_REASONS", "count_drop_reasons", "note_drop_reason"]
DROP_REASONS = ("wrong", "off task", "duplicate", "unsafe", "too easy", "other")


@needs("reviewer")
def note_drop_reason(workspace: Workspace, dataset_id: str, row: int, reason: str, reviewer: str) -> Note:
    """Note why a row is dropped, by one of DROP_REASONS; the decision is another thing. Raises InvalidOptions."""
    if reason not in DROP_REASONS:
        raise InvalidOptions(f"{reason!r} is no reason to drop a row. Known: {', '.join(DROP_REASONS)}.")
    return add_note(workspace, dataset_id, row, f"{DROPPED}{reason}", reviewer)


def count_drop_reasons(workspace: Workspace, dataset_id: str) -> dict[str, int]:
    """How many rows that are dropped now were so for each reason, the most frequent first; a row's latest reason counts.

    Of rows that who asks shares with others, own decisions and reasons alone.
    """
    decided = decided_as_seen(workspace, dataset_id).by_row
    latest: dict[int, str] = {}
    for note in list_notes(workspace, dataset_id):
        if note.text.startswith(DROPPED):
            latest[note.example_id] = note.text.removeprefix(DROPPED).strip()
    dropped = [reason for row, reason in latest.items() if row in decided and decided[row].verdict == "drop"]
    return dict(Counter(dropped).most_common())
