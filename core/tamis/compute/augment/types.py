"""What a generator knows, is asked for and gives back, and why a filter speaks against a row (METHODS.md 3.8)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from tamis.compute.text.grounding import document_in
from tamis.types import JSON, Message

ProblemKind = Literal[
    "unparseable",
    "empty",
    "refused",
    "cut",
    "not_answered",
    "failed",
    "too_many_questions",
    "unverified",
    "unsuitable",
]


@dataclass(frozen=True, slots=True)
class ParentRow:
    """A row that new ones are written from; ``wrong_answer`` is what an examined model said, "" where it was not wrong."""

    example_id: int
    messages: tuple[Message, ...]
    prompt: str
    response: str
    meta: Mapping[str, JSON] = field(default_factory=dict)
    group: str = ""
    wrong_answer: str = ""

    @property
    def document(self) -> str:
        """The document that it carries; "" for none."""
        return document_in(self.meta, self.prompt)


@dataclass(frozen=True, slots=True)
class WritingTask:
    """All that a generator may know: it sees no model, clock, file or budget."""

    instruction: str = ""
    labels: tuple[str, ...] = ()
    parents: tuple[ParentRow, ...] = ()
    demos: tuple[ParentRow, ...] = ()
    documents: tuple[str, ...] = ()
    brief: str = ""
    brief_version: int = 0

    def parent(self, example_id: int) -> ParentRow:
        """The parent or demonstration with that id; raises KeyError."""
        for one in (*self.parents, *self.demos):
            if one.example_id == example_id:
                return one
        raise KeyError(example_id)


@dataclass(frozen=True, slots=True)
class WriteJob:
    """One thing to write; ``number`` counts from 0 in the order in which rows are filtered and counted."""

    number: int
    parent_ids: tuple[int, ...] = ()
    demo_ids: tuple[int, ...] = ()
    group: str = ""
    label: str = ""


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a row comes from. A generator says the first half; the driver that asked adds the model and what it took."""

    generator: str
    template: str
    parent_ids: tuple[int, ...] = ()
    demo_ids: tuple[int, ...] = ()
    group: str = ""
    label: str = ""
    brief_version: int = 0
    round: int = 0
    job: int = 0
    attempt: int = 0
    model: str = ""
    prompt_hash: str = ""
    seed: int = 0
    temperature: float = 0.0
    prompt_tokens: int = 0
    completion_tokens: int = 0


@dataclass(frozen=True, slots=True)
class SyntheticRow:
    """A conversation that a model wrote; ``meta`` holds what was measured on the way: document, votes, agreement."""

    messages: tuple[Message, ...]
    provenance: Provenance
    meta: Mapping[str, JSON] = field(default_factory=dict)

    @property
    def prompt(self) -> str:
        """The text of the last turn of the user."""
        asked = [one for one in self.messages[:-1] if one["role"] == "user"]
        return str(asked[-1]["content"]) if asked else ""

    @property
    def response(self) -> str:
        """The text of the last turn."""
        return str(self.messages[-1]["content"])


@dataclass(frozen=True, slots=True)
class DraftProblem:
    """Why a job gave no row: a kind, a sentence, and the raw answer that could not be used."""

    kind: ProblemKind
    said: str
    raw: str = ""


class Near(NamedTuple):
    """A row that another is like."""

    dataset: str
    example_id: int


@dataclass(frozen=True, slots=True)
class Reason:
    """What speaks against a row: ``value`` is on the wrong side of ``limit``; ``near`` names the row it is like."""

    filter: str
    said: str
    value: float
    limit: float
    near: Near | None = None


@dataclass(frozen=True, slots=True)
class Budget:
    """Where a run ends at the latest; None is no limit. ``stall_rows`` drafts in a row without one that passes end it too."""

    rows: int
    calls: int | None = None
    tokens: int | None = None
    cost: float | None = None
    seconds: float | None = None
    attempts_per_job: int = 3
    questions_per_job: int = 200
    stall_rows: int = 50


@dataclass(frozen=True, slots=True)
class KnownRow:
    """A row that new ones are held against."""

    dataset: str
    example_id: int
    prompt: str
    response: str

    @property
    def near(self) -> Near:
        """Its name."""
        return Near(self.dataset, self.example_id)


@dataclass(frozen=True, slots=True)
class JudgedRow:
    """A row with what speaks against it; ``looked_at`` is the last filter that saw it, "" for none."""

    row: SyntheticRow
    reasons: tuple[Reason, ...] = ()
    looked_at: str = ""

    @property
    def passed(self) -> bool:
        """Whether nothing speaks against it."""
        return not self.reasons


def parents_of(row: SyntheticRow, parents: Mapping[int, ParentRow]) -> Sequence[ParentRow]:
    """The parents of a row that are known; where it has none, the rows that were shown as examples."""
    shown = row.provenance.parent_ids or row.provenance.demo_ids
    return [parents[i] for i in shown if i in parents]
