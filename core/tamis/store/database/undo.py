"""Undo and redo over an append-only log: nothing is deleted, an undo is itself an event."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class UndoEvent:
    """One event of a log: a change, or an ``undo`` or ``redo`` of the change whose id is ``target``."""

    event_id: int
    action: str
    reviewer: str
    target: int | None


@dataclass(frozen=True, slots=True)
class History:
    """What a log adds up to.

    ``active`` are the ids of the changes in force. ``undoable`` and ``redoable`` are stacks of ids per reviewer,
    the next one last: people undo what they did themselves, never what somebody else did in between.
    """

    active: frozenset[int]
    undoable: dict[str, tuple[int, ...]]
    redoable: dict[str, tuple[int, ...]]


def replay_undo(steps: Iterable[UndoEvent]) -> History:
    """Replay a log in the order of its event ids; a new change empties its reviewer's redo stack."""
    active: set[int] = set()
    undoable: dict[str, list[int]] = {}
    redoable: dict[str, list[int]] = {}
    for step in steps:
        done = undoable.setdefault(step.reviewer, [])
        undone = redoable.setdefault(step.reviewer, [])
        if step.action == "undo" and step.target is not None:
            active.discard(step.target)
            done.remove(step.target)
            undone.append(step.target)
        elif step.action == "redo" and step.target is not None:
            active.add(step.target)
            undone.remove(step.target)
            done.append(step.target)
        else:
            active.add(step.event_id)
            done.append(step.event_id)
            undone.clear()
    return History(
        frozenset(active),
        {name: tuple(ids) for name, ids in undoable.items()},
        {name: tuple(ids) for name, ids in redoable.items()},
    )
