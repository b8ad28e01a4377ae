"""What a decision of the review is, and what a log of them adds up to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from tamis.reprs import HtmlFacts
from tamis.types import Message

Verdict = Literal["keep", "drop", "replace"]
Via = Literal["approve", "reject", "edit", "rule"]
VERDICTS: tuple[Verdict, ...] = ("keep", "drop", "replace")
VIAS: tuple[Via, ...] = ("approve", "reject", "edit", "rule")


@dataclass(frozen=True, slots=True)
class Decision(HtmlFacts):
    """What one reviewer decided about one row.

    ``messages`` is the whole decided conversation of ``replace`` and None for ``keep`` (the dataset's own text) and
    ``drop``. ``rule`` is the rule in words when the decision came from one, ``proposals_id`` the proposals looked at.
    """

    event_id: int
    example_id: int
    verdict: Verdict
    messages: tuple[Message, ...] | None
    via: Via
    proposals_id: str
    rule: str
    reviewer: str
    created_at: str


@dataclass(frozen=True, slots=True)
class DecisionState:
    """The decision in force for every decided row, and the stale decisions that wait for a person.

    ``revision`` grows with every event of the dataset, undo and redo included: the part of a cache key that
    decisions determine. The other side of a conflict is ``decided.get(conflict.example_id)``.
    """

    revision: int = 0
    decided: Mapping[int, Decision] = field(default_factory=lambda: MappingProxyType({}))
    conflicts: tuple[Decision, ...] = ()


@dataclass(frozen=True, slots=True)
class RecordedDecision(HtmlFacts):
    """A recorded decision; ``conflict`` when somebody decided the row in between, so that it is not in force yet."""

    decision: Decision
    conflict: bool


@dataclass(frozen=True, slots=True)
class BulkChoice:
    """One row of a bulk decision.

    ``original`` is the dataset's own conversation, for the history. ``seen_event`` is the decision in force when the
    row was looked at (0 none), which makes the row a conflict when another is in force now; None asks no question.
    """

    example_id: int
    verdict: Verdict
    messages: Sequence[Message] | None = None
    original: Sequence[Message] | None = None
    seen_event: int | None = None


@dataclass(frozen=True, slots=True)
class DecisionEvent(HtmlFacts):
    """One entry of the log. ``example_id`` is the row when it is about one row only, else None.

    ``action`` is decide, undo, redo, revert or settle; ``target`` the event that the last four are about (0 none).
    ``active`` is False for a change that was undone or reverted.
    """

    event_id: int
    action: str
    via: str
    rule: str
    proposals_id: str
    target: int
    n_rows: int
    n_conflicts: int
    example_id: int | None
    reviewer: str
    created_at: str
    active: bool


@dataclass(frozen=True, slots=True)
class RowChange(HtmlFacts):
    """One entry in the history of a row: what stood before the event and what after it.

    ``old_messages`` and ``new_messages`` are whole conversations; None where the row is dropped, or is the dataset's
    own text that the decision did not bring along (then ``old_verdict`` or ``new_verdict`` is "" or keep).
    """

    event_id: int
    example_id: int
    action: str
    via: str
    rule: str
    proposals_id: str
    reviewer: str
    created_at: str
    old_verdict: str
    new_verdict: str
    old_messages: tuple[Message, ...] | None
    new_messages: tuple[Message, ...] | None
    conflict: bool
    active: bool


@dataclass(frozen=True, slots=True)
class ReviewProgress(HtmlFacts):
    """How far a review is.

    ``rate_per_minute`` is NaN before two recent decisions. ``agreement_fraction`` is the share of rows with a
    proposal whose proposal was approved unchanged, among those approved, rejected or edited; NaN before the first.
    """

    n_decided: int
    n_left: int
    rate_per_minute: float
    agreement_fraction: float
    n_approved: int
    n_judged: int
    n_conflicts: int
