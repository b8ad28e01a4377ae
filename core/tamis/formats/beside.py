"""Texts that stand beside a conversation and are no part of it: an import says which columns hold them, so that none is lost unseen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache

from tamis.formats.annotations import LABELLED
from tamis.formats.asides import is_aside
from tamis.formats.conversation import SHAPE
from tamis.formats.format import Record
from tamis.formats.names import (
    CONTEXT,
    HISTORY,
    INSTRUCTION,
    MESSAGE_LISTS,
    PROMPT,
    QUESTION,
    REASONING,
    SYSTEM,
    is_refused,
    turn_keys,
    usual_spelling,
)
from tamis.formats.notes import Notes
from tamis.models.chat_rows import beside_thoughts
from tamis.models.row_fields import IMAGES, tools_column
from tamis.models.row_marks import MARKS
from tamis.types import JSON, Example, Message

_ASKED = frozenset((
    *CONTEXT, *SYSTEM, *HISTORY, *INSTRUCTION, *QUESTION, *MESSAGE_LISTS, *(name for name in PROMPT if name not in ("user", "human", "q", "patient")),
    "knowledge", "evidence", "evidences", "fact", "facts", "passages", "paragraphs", "articles", "source_texts", "doc", "docs", "ctx",
    "ctxs", "chunk", "chunks", "page_content", "abstract", "retrieved_context", "retrieved_contexts", "retrieved_documents",
    "retrieved_passages", "retrieved_docs", "search_results", "snippets", "references", "reference_text", "ground_truth_context",
    "gold_context", "positive_context", "positive_ctxs", "story", "dialogue_history", "previous_messages", "prior_turns", "persona",
    "personas", "personality", "profile", "user_profile", "character", "scenario", "situation", "narrative", "background_info",
    "background_knowledge", "additional_context", "extra_context", "hint", "hints", "options", "choices", "candidates", "endings", "opa", "opb",
    "opc", "opd", "option_a", "option_b", "option_c", "option_d", "schema", "table", "table_schema", "database_schema", "db_schema", "create_table",
    "starter_code", "code_context", "few_shot", "demonstrations", "constraints", "rules", "guidelines", "definition", "task_definition",
    "task_description", "problem_description", "premise", "hypothesis", "user_instruction", "preamble", "memory", "transcript", "email", "essay", "poem",
))  # fmt: skip
_THOUGHTS = frozenset((
    *REASONING, "rationale", "rationales", "explanation", "explanations", "exp", "analysis", "thoughts", "scratchpad", "inner_thoughts",
    "thinking_process", "think", "reasoning_steps",
))  # fmt: skip
_TOOLS = ("tool", "function", "api")
_TELLING = 16  # characters of a text that does not stand somewhere by chance
_LONG, _WORDS = 80, 8  # characters and blanks of a text under a name that says nothing


def note_beside(examples: Sequence[Example], notes: Notes) -> None:
    """Count the columns of a record's metadata with a text that belongs to what is asked or thought, and that no turn holds."""
    example = examples[0]
    meta = example.meta
    for column, kind in _watched(tuple(meta)):
        value = meta[column]
        if value and _says(value, kind, example, meta, column):
            notes[column, kind] += 1


@lru_cache(maxsize=1024)
def _watched(columns: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """The columns that may hold such a text, with what it would be."""
    read = {tools_column(columns), SHAPE, *LABELLED, *IMAGES, *MARKS}
    kinds = ((column, _kind(column)) for column in columns if column not in read and not is_refused(column))
    return tuple((column, kind) for column, kind in kinds if kind)


def _kind(column: str) -> str:
    name = usual_spelling(column)
    if name in _ASKED:
        return "unjoined"
    if name in _THOUGHTS:
        return "thoughts-beside"
    if any(word in name.split("_") for tool in _TOOLS for word in (tool, f"{tool}s")):
        return "tools-beside"
    return "" if is_aside(column) else "text-beside"


def _says(value: JSON, kind: str, example: Example, meta: Record, column: str) -> bool:
    if kind == "tools-beside":
        return isinstance(value, list | dict)
    if kind == "text-beside":
        if type(value) is not str or len(value) < _LONG or (value.isascii() and value.count(" ") < _WORDS):
            return False
        return not (_is_held([value], example) or _renders(value, example))
    texts = [text for text in _texts(value) if text.strip()]
    if not texts or _is_held(texts, example):
        return False
    return kind != "thoughts-beside" or beside_thoughts(example.messages, meta) != column


def _texts(value: JSON) -> Iterator[str]:
    """The texts of a value, of turns what they say."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, dict):
        keys = turn_keys(value)
        for item in [value[keys[1]]] if keys and keys[1] in value else value.values():
            yield from _texts(item)


def _is_held(texts: Sequence[str], example: Example) -> bool:
    """Whether the conversation holds each of the texts."""
    prompt, response = example.prompt, example.response
    lines: set[str] = set()
    for text in (text.strip() for text in texts):
        if text not in prompt and text not in response:
            return False
        if len(text) < _TELLING:  # a short text may be a piece of any other
            lines = lines or {line.strip() for line in f"{prompt}\n{response}".splitlines()} | _said(example)
            if text not in lines:
                return False
    return True


def _said(example: Example) -> set[str]:
    contents = (turn.get("content") for turn in example.messages)
    return {content.strip() for content in contents if isinstance(content, str)}


def _renders(text: str, example: Example) -> bool:
    """Whether a text is the conversation itself, as a template writes it."""
    asked = _asked(example.messages)
    return bool(asked) and asked in text and example.response.strip() in text


def _asked(turns: Sequence[Message]) -> str:
    said = next((turn.get("content") for turn in reversed(turns) if turn["role"] == "user"), None)
    return said.strip() if isinstance(said, str) else ""
