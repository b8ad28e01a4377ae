"""What is said about a row on the review, as data: drawn by the page and, for rows that come next, by the browser."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from pages.parts.review.actions import ReviewContext
from pages.parts.review.sides import additions_for
from pages.shared import queries
from pages.shared.dataset_context import DatasetContext
from pages.shared.plain_text import count_of, shorten
from pages.shared.wording import BadgeColour
from tamis.actions.addition_rows import ALL_ROWS_GROUP, RowBesideParents
from tamis.actions.decisions import DecisionInForce
from tamis.actions.proposals import OUTCOMES, Proposal, score_word
from tamis.actions.read_rows import read_rows, tags_of
from tamis.filters import FILTERS
from tamis.formats.conversation import labelled_turns
from tamis.types import Message

LONG_PROMPT_CHARS, LONG_PROMPT_LINES = 420, 5
MOST_NUMBERS = 4  # measured of a written row, as facts
# What is proposed and its opposite, each with its key: a verdict has one word and one key, whatever was proposed.
CHANGES = {
    "keep": (("Keep", "K"), ("Drop", "D")),
    "drop": (("Drop", "D"), ("Keep", "K")),
    "replace": (("Take the candidate", "T"), ("Keep the original", "K")),
    "ask": (("Take the candidate", "T"), ("Keep the original", "K")),
    "add": (("Keep", "K"), ("Drop", "D")),
}
ACTION_BADGES: dict[str, tuple[str, BadgeColour]] = {
    "keep": ("Keep", "green"),
    "drop": ("Drop", "red"),
    "replace": ("Replace", "blue"),
    "ask": ("Ask", "violet"),
    "add": ("Add", "green"),
}
STANDINGS = {"keep": "Kept", "drop": "Dropped", "replace": "Replaced"}
VIAS = {"approve": "approved", "reject": "rejected", "edit": "edited", "rule": "by a rule or list"}


@dataclass(frozen=True, slots=True)
class Fact:
    """A few words of people, never markup, with a colour, and an icon and a number where there is one."""

    name: str
    colour: BadgeColour
    icon: str = ""
    number: str = ""

    @property
    def text(self) -> str:
        """All of it."""
        return f"{self.name} {self.number}".rstrip()


def texts_of_rows(context: DatasetContext, rows: Sequence[int]) -> list[dict[str, Any]]:
    """Prompt, response, number of turns, messages and cluster of each row, and of a written one what it was written from; of
    several by reading once.
    """
    if len(rows) == 1:
        texts = [queries.conversation(context, rows[0])]
    else:
        texts = read_rows(context, rows, ["prompt", "response", "n_turns", "messages"]).to_pylist()
    clusters = None if context.view.clustering is None else queries.cluster_of(context)
    written = additions_for(context, list(rows))
    return [
        text | {"cluster": None if clusters is None else int(clusters[row]), "addition": addition}
        for row, text, addition in zip(rows, texts, written, strict=True)
    ]


def facts_about(
    review: ReviewContext, proposal: Proposal, texts: dict[str, Any], standing: DecisionInForce | None
) -> list[Fact]:
    """What is proposed, the numbers behind it, the cluster, the tags, and the decision in force."""
    facts = [
        Fact(*ACTION_BADGES[proposal.action]),
        Fact(OUTCOMES.get(proposal.outcome, proposal.outcome), "gray"),
    ]
    numbers = (
        (score_word(review.queue.proposals), proposal.confidence),
        ("verdict", proposal.verdict_confidence),
    )
    facts += [Fact(name, "blue", number=f"{value:.3g}") for name, value in numbers if not math.isnan(value)]
    if texts["cluster"] is not None:
        name = shorten(review.context.cluster_name(int(texts["cluster"])), 34)
        facts.append(Fact(name, "green", "workspaces"))
    facts += _facts_of_writing(texts["addition"])
    tags = tags_of(review.context, proposal.example_id)[:4]
    facts += [Fact(shorten(tag, 20), "violet", "sell") for tag in tags]
    if standing is not None:
        text = f"{STANDINGS[standing.verdict]}, {VIAS[standing.via]} by {shorten(standing.reviewer, 20)}"
        facts.append(Fact(text, "orange", "gavel"))
    return facts


def _facts_of_writing(addition: RowBesideParents | None) -> list[Fact]:
    """The group that a written row belongs to, what was measured of it, and the filters that speak against it."""
    if addition is None:
        return []
    group = addition.judged.row.provenance.group
    facts = [Fact(shorten(group, 34), "green", "workspaces")] if group and group != ALL_ROWS_GROUP else []
    numbers = list(addition.numbers.items())[:MOST_NUMBERS]
    facts += [
        Fact(shorten(name.replace("_", " "), 20), "blue", number=f"{value:.3g}") for name, value in numbers
    ]
    facts += [Fact(FILTERS[one.filter].title, "orange", "filter_alt_off") for one in addition.judged.reasons]
    return facts


def is_long_prompt(text: str) -> bool:
    """Whether a prompt takes a good part of a screen."""
    return len(text) > LONG_PROMPT_CHARS or text.count("\n") >= LONG_PROMPT_LINES


def asked_last(texts: dict[str, Any]) -> tuple[str, str]:
    """A short prompt whole; of a long one what the last answer replies to, and in words what comes before that."""
    if not is_long_prompt(str(texts["prompt"])) or texts["n_turns"] <= 2:
        return str(texts["prompt"]), ""
    turns: list[Message] = orjson.loads(texts["messages"])[:-1]
    at = max((number for number, turn in enumerate(turns) if turn["role"] == "user"), default=0)
    n_system = sum(turn["role"] == "system" for turn in turns[:at])
    parts = [count_of(at - n_system, "earlier turn")] if at > n_system else []
    return labelled_turns(turns[at:]), " and ".join([*parts, *(["the system message"] if n_system else [])])


def prompt_title(texts: dict[str, Any], before: str, *, is_whole: bool = False) -> str:
    """``Prompt · 1,200 characters · … 2 earlier turns``; of a written row ``Written prompt``."""
    prompt, named = str(texts["prompt"]), "Prompt" if texts.get("addition") is None else "Written prompt"
    size = f" · {count_of(len(prompt), 'character')}" if is_long_prompt(prompt) else ""
    return f"{named}{size}" + (f" · … {before}" if before and not is_whole else "")
