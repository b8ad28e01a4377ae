"""The texts of a row side by side, as data: what stands, what is proposed, and for a written row what it was written from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import streamlit as st

from pages.shared.dataset_context import DatasetContext
from pages.shared.plain_text import count_of
from tamis.actions.addition_rows import Additions, ParentRow, RowBesideParents, open_additions
from tamis.actions.proposals import Proposal
from tamis.actions.word_marks import Part, WordMarks, mark_words
from tamis.store.workspace import Workspace

LEAST_SHARED_FRACTION = 0.15  # of the shorter text; below it both would be marked from end to end
Parts = tuple[Part, ...] | None


@dataclass(frozen=True, slots=True)
class Block:
    """A text, whole, and where it is compared with another the parts of both, of which it is the ``side``."""

    text: str
    parts: Parts = None
    side: str = "added"
    label: str = ""


@dataclass(frozen=True, slots=True)
class Side:
    """A column: its title, the key of its texts on the page, and what stands in it."""

    title: str
    key: str
    blocks: tuple[Block, ...]


def sides_of(texts: dict[str, Any], proposal: Proposal) -> list[Side]:
    """The columns of a row, left to right."""
    response = str(texts["response"])
    if texts.get("addition") is not None:
        return _written_sides(response, texts["addition"])
    title, candidate = response_title(response, proposal), proposal.candidate
    if candidate is None:
        return [Side(title, "review_original", (Block(response),))]
    parts = marks_between(response, proposal)
    return [
        Side(title, "review_original", (Block(response, parts, "removed"),)),
        Side(candidate_title(candidate), "review_candidate", (Block(candidate, parts, "added"),)),
    ]


def prompt_parts(texts: dict[str, Any]) -> Parts:
    """What the prompt of a written row has that its first parent's has not; None for other rows, and where all is new."""
    addition = texts.get("addition")
    if addition is None or not addition.parents:
        return None
    return _marked(addition.parents[0].prompt, str(texts["prompt"]))


def has_marks(texts: dict[str, Any], proposal: Proposal) -> bool:
    """Whether differences are marked anywhere."""
    blocks = [block for side in sides_of(texts, proposal) for block in side.blocks]
    return any(block.parts is not None for block in blocks) or prompt_parts(texts) is not None


def additions_for(context: DatasetContext, rows: list[int]) -> list[RowBesideParents | None]:
    """What stands beside written rows; None for each row of a dataset that is no batch."""
    opened = _opened(context.view.examples.path.as_posix(), context.dataset_id, _workspace=context.workspace)
    return [None] * len(rows) if opened is None else [*opened.of(rows)]


def response_title(response: str, proposal: Proposal) -> str:
    """What the text is that would stay, go or be replaced."""
    if proposal.candidate is not None:
        title = "Original"
    else:
        title = "Response, which would be dropped" if proposal.action == "drop" else "Response"
    return f"{title} · {count_of(len(response), 'character')}"


def candidate_title(candidate: str) -> str:
    """The candidate with its size."""
    return f"Candidate · {count_of(len(candidate), 'character')}"


def marks_between(response: str, proposal: Proposal) -> Parts:
    """What differs; None where marks would say nothing, because the whole text goes or both share next to nothing."""
    if proposal.candidate is None or proposal.action == "drop":
        return None
    return _marked(response, proposal.candidate)


def _written_sides(response: str, addition: RowBesideParents) -> list[Side]:
    """The written answer, then every parent with the answer that a student gave wrongly."""
    first = addition.parents[0] if addition.parents else None
    parts = _marked(first.response, response) if first is not None else None
    written = Side(
        f"Written answer · {count_of(len(response), 'character')}",
        "review_original",
        (Block(response, parts),),
    )
    documents = tuple(
        Block(text, label=name.capitalize()) for name, text in addition.texts.items() if len(text) > 40
    )
    others = [_parent_side(one, number, response, addition) for number, one in enumerate(addition.parents)]
    if documents:
        others.append(Side("It came with", "review_came_with", documents))
    return [written, *others]


def _parent_side(parent: ParentRow, number: int, response: str, addition: RowBesideParents) -> Side:
    prompt = addition.judged.row.prompt
    named = f"row {parent.example_id:,}" if parent.example_id >= 0 else f"example {-parent.example_id}"
    blocks = [
        Block(parent.prompt, _marked(parent.prompt, prompt), "removed", "Its prompt"),
        Block(parent.response, _marked(parent.response, response), "removed", "Its answer"),
    ]
    if parent.wrong_answer:
        blocks.append(Block(parent.wrong_answer, label="What the examined model answered, wrongly"))
    return Side(
        f"Written from {named}", f"review_parent_{number}", tuple(one for one in blocks if one.text.strip())
    )


def _marked(old: str, new: str) -> Parts:
    if not old.strip() or not new.strip():
        return None
    found = _difference(old, new)
    return found.parts if found.shared_fraction > LEAST_SHARED_FRACTION else None


@st.cache_data(max_entries=512, show_spinner=False)
def _difference(old: str, new: str) -> WordMarks:
    return mark_words(old, new)


@st.cache_resource(max_entries=4, show_spinner=False)
def _opened(path: str, dataset_id: str, *, _workspace: Workspace) -> Additions | None:
    return open_additions(_workspace, dataset_id)
