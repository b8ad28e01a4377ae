"""What a log of decisions adds up to: which decision is in force for which row, and which wait as conflicts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple


class LogEvent(NamedTuple):
    """One event as the replay needs it; ``target_row`` narrows a revert or a settling to one row of its target."""

    event_id: int
    action: str
    target: int | None
    target_row: int | None
    kept_mine: int


class LogRow(NamedTuple):
    """One row of a ``decide`` event with who decided it how; the hashes name texts, None where there is none."""

    event_id: int
    example_id: int
    verdict: str
    new_hash: str | None
    own_hash: str | None
    conflict: int
    via: str = ""
    proposals_id: str = ""
    rule: str = ""
    reviewer: str = ""
    created_at: str = ""


@dataclass(frozen=True, slots=True)
class Replayed:
    """``in_force`` by example id; ``conflicts`` in the order of their events; ``dead`` are undone or reverted events.

    An event of which only one row was reverted is not dead.
    """

    in_force: dict[int, LogRow]
    conflicts: list[LogRow]
    dead: frozenset[int]


_About = tuple[int | None, int | None]  # an event and one row of it; None stands for all its rows


class _Marks:
    """What undo, revert and settling say about events and single rows of them."""

    def __init__(self) -> None:
        self.dead: set[int] = set()
        self.reverted: set[_About] = set()
        self.settled: dict[_About, LogEvent] = {}

    def is_dead(self, event_id: int, example_id: int) -> bool:
        return event_id in self.dead or (event_id, example_id) in self.reverted

    def settling(self, event_id: int, example_id: int) -> LogEvent | None:
        settling = [self.settled.get((event_id, None)), self.settled.get((event_id, example_id))]
        return max((f for f in settling if f is not None), default=None, key=lambda event: event.event_id)


def replay_events(events: Sequence[LogEvent], rows: Iterable[LogRow]) -> Replayed:
    """Replay events and rows, both in the order of their ids; events that decide may be left out.

    The events about one row (those that hold it, whatever targets these, and so on) are enough to replay that row.
    """
    marks = _Marks()
    for event in events:
        if event.action == "undo" and event.target is not None:
            marks.dead.add(event.target)
        elif event.action == "redo" and event.target is not None:
            marks.dead.discard(event.target)
    # Backwards: whether a revert holds is known before what it turns back is looked at.
    for event in reversed(events):
        if event.action in ("revert", "settle") and event.event_id not in marks.dead:
            _mark(marks, event)
    in_force, conflicts = _in_force(rows, marks)
    return Replayed(in_force, conflicts, frozenset(marks.dead))


def _mark(marks: _Marks, event: LogEvent) -> None:
    about = (event.target, event.target_row)
    if event.action == "settle":
        marks.settled.setdefault(about, event)
    elif event.target_row is not None:
        marks.reverted.add(about)
    elif event.target is not None:
        marks.dead.add(event.target)


def _in_force(rows: Iterable[LogRow], marks: _Marks) -> tuple[dict[int, LogRow], list[LogRow]]:
    in_force: dict[int, LogRow] = {}
    kept: list[tuple[int, LogRow]] = []
    conflicts: list[LogRow] = []
    touched = bool(marks.dead or marks.reverted)
    for row in rows:
        if touched and marks.is_dead(row.event_id, row.example_id):
            continue
        if not row.conflict:
            in_force[row.example_id] = row
            continue
        settling = marks.settling(row.event_id, row.example_id)
        if settling is None:
            conflicts.append(row)
        elif settling.kept_mine:
            kept.append((settling.event_id, row))
    # A stale decision that was kept holds from its settling on, against every decision made before that.
    positions: dict[int, int] = {}
    for position, row in sorted(kept, key=lambda item: item[0]):
        other = in_force.get(row.example_id)
        if other is None or max(other.event_id, positions.get(row.example_id, 0)) < position:
            in_force[row.example_id], positions[row.example_id] = row, position
    return in_force, conflicts
