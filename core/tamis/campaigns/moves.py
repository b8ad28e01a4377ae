"""What a campaign does next and what it has done: moves, their results, and why it ends; nothing here runs anything."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from tamis.types import JSON

MoveKind = Literal["run", "review", "accept", "brief", "join", "freeze"]
# Instead of an artifact's id in the options of a move: rows of the dataset that the campaign began with, as they are
# numbered in the dataset of the move.
HELD_OUT, SEEDS = "campaign:held_out", "campaign:seeds"
BUNDLED = "smollm2"  # a language model by its own name, and a model to train
RANDOM_SEEDS = "campaign:random:"  # followed by how many of the seeds are drawn


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One thing to do: run a step, wait for people (``review``, ``brief``), accept by the rule, join a batch, or freeze a
    round of labels. ``name`` is its part in the campaign, ``round`` counts from 1, ``subject`` is the batch or the
    proposals that it is about.
    """

    kind: MoveKind
    name: str
    round: int
    dataset_id: str
    step: str = ""
    options: Mapping[str, JSON] = field(default_factory=dict)
    subject: str = ""


@dataclass(frozen=True, slots=True)
class Done:
    """The campaign has ended: the name of the reason, and the best round where rounds were measured."""

    reason: str
    best_round: int | None = None


@dataclass(frozen=True, slots=True)
class Past:
    """A move that has ended: the dataset and the artifact that it made, and what is worth knowing of it."""

    move: Move
    dataset_id: str
    made: str
    facts: Mapping[str, JSON] = field(default_factory=dict)

    def number(self, name: str) -> float:
        """A fact as a number; 0 where it has none."""
        value = self.facts.get(name)
        return float(value) if isinstance(value, int | float) else 0.0


@dataclass(frozen=True, slots=True)
class CampaignHistory:
    """All that a campaign has done, oldest first."""

    past: Sequence[Past] = ()

    def __iter__(self) -> Iterator[Past]:
        return iter(self.past)

    @property
    def last(self) -> str:
        """The name of the last move; "" before the first."""
        return self.past[-1].move.name if self.past else ""

    def all(self, name: str) -> list[Past]:
        """Every move of that name."""
        return [one for one in self.past if one.move.name == name]

    def newest(self, name: str) -> Past | None:
        """The last move of that name."""
        return next((one for one in reversed(self.past) if one.move.name == name), None)

    def made_by(self, name: str) -> str:
        """What the last move of that name made; "" for none."""
        found = self.newest(name)
        return "" if found is None else found.made

    def dataset(self, first: str) -> str:
        """The dataset as the last join left it, else the one that the campaign began with."""
        joined = self.newest("join")
        return first if joined is None else joined.dataset_id

    def spent(self, *names: str) -> float:
        """The sum of facts over all moves."""
        return sum(one.number(name) for one in self.past for name in names)


NextMove: TypeAlias = Move | Done


def answers_by(model: str) -> dict[str, JSON]:
    """The options of a step that asks a model which a training takes too: the bundled one, a folder, adapter:ID."""
    if model == BUNDLED:
        return {"llm": BUNDLED, "llm_options": {}}
    return {"llm": "transformers", "llm_options": {"model": model}}


def best_place(values: Sequence[float]) -> int | None:
    """The place of the highest value, the first of equal ones; None of none."""
    return max(range(len(values)), key=lambda place: (values[place], -place)) if values else None


def has_stalled(values: Sequence[float], patience: int) -> bool:
    """Whether none of the last ``patience`` values is above all before them."""
    if patience <= 0 or len(values) <= patience:
        return False
    return max(values[-patience:]) <= max(values[:-patience])
