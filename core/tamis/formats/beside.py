"""Texts that stand beside a conversation and are no part of it: an import says which columns hold them, so that none is lost unseen."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from functools import lru_cache

from tamis.formats.annotations import LABELLED
from tamis.formats.asides import is_aside
from tamis.formats.cell_text import data_in
from tamis.formats.conversation import SHAPE
from tamis.formats.format import Record
from tamis.formats.names import (
    COMPLETION,
    CONTEXT,
    HISTORY,
    INSTRUCTION,
    MESSAGE_LISTS,
    PROMPT,
    QUESTION,
    REASONING,
    SYSTEM,
    is_refused,
    is_switch,
    turn_keys,
    usual_spelling,
)
from tamis.formats.notes import Notes
from tamis.models.chat_rows import beside_thoughts
from tamis.models.opened_turns import REASONING as THOUGHTS
from tamis.models.row_fields import IMAGES, tools_column
from tamis.models.row_marks import MARKS
from tamis.models.told_thoughts import tells_same
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
_ASKED |= frozenset(
    (
        "背景",
        "背景知识",
        "参考",
        "参考资料",
        "文档",
        "资料",
        "文章",
        "原文",
        "段落",
        "材料",
        "知识",
        "資料",
        "文書",
        "배경",
    )
)
_ASKED |= frozenset(
    (
        "developer",
        "developer_message",
        "developer_prompt",
        "sys",
        "sys_message",
        "system_role",
        "instruction_system",
    )
)
# The answers to choose from, each in a column of its own: A to D, option1, choice_b, opa, ending0, sol1.
_OPTION = re.compile(
    r"(?:option|opt|op|choice|ending|sol|candidate|alternative|alt|answer|ans|response|a|o|key|resposta|antwort|optie|opcion|选项)"
    r"_?(?:[0-9]|[a-h])|\([a-h]\)|[1-8]"
)
_LETTER = re.compile(r"[a-h]")
# A system prompt, in whatever language and company its name says so.
_SYSTEM = re.compile(
    r"(?:^|_)(?:system|sistem|système|систем|σύστημα|النظام|सिस्टम)|_النظام|시스템|系统|系統|システム"
)
# Names of a text that is asked about however short it is.
_PIECES = frozenset((
    "text", "code", "code_snippet", "snippet", "sentence", "sentences", "sentence1", "sentence2", "sentence_1", "sentence_2", "selftext", "tweet",
))  # fmt: skip
_THOUGHTS = frozenset((
    *REASONING, "rationale", "rationales", "explanation", "explanations", "exp", "analysis", "thoughts", "scratchpad", "inner_thoughts",
    "thinking_process", "think", "reasoning_steps",
))  # fmt: skip
# Words of names that say what is asked about, whatever else stands in them.
_ABOUT = frozenset((
    "context", "contexts", "ctx", "ctxs", "document", "documents", "docs", "passage", "passages", "knowledge", "evidence", "persona", "personas",
    "history", "scenario", "background", "choice", "option",
))  # fmt: skip
_WRONG = ("incorrect", "wrong", "hallucinated", "negative")
_TOOLS = ("tool", "function", "api")
_TOLD_AS = {"options": "unjoined", "pieces": "text-beside"}
_WITHIN = ("unjoined", "text-beside", "thoughts-beside")
OF_TURNS = frozenset(
    (
        "role",
        "content",
        "name",
        "tool_calls",
        "tool_call_id",
        "function_call",
        "recipient",
        "channel",
        *THOUGHTS,
    )
)
_LONG_ONES = ("text-beside", "answers-beside", "tools-beside", "pieces")
_TELLING = 16  # characters of a text that does not stand somewhere by chance
_LONG, _WORDS = 80, 8  # characters and blanks of a text under a name that says nothing


def note_beside(example: Example, columns: Sequence[tuple[str, str]], notes: Notes) -> None:
    """Count the columns of a record's metadata with a text that belongs to what is asked, answered or thought, and that no turn holds."""
    meta = example.meta
    shape = meta.get(SHAPE)
    # What is told of already: earlier turns that cannot be read, several answers of which one was taken.
    aside = [*(shape.get("set_aside") or ()), shape.get("answer_column")] if type(shape) is dict else ()
    for column, kind in columns:
        value = meta[column]
        if (value or kind == "options") and column not in aside and _says(value, kind, example, meta, column):
            told = "unjoined" if kind == "tools-beside" and not _are_functions(value) else kind
            notes[column, _TOLD_AS.get(told, told)] += 1


def note_within(item: JSON, notes: Notes, read: Collection[str] = ()) -> None:
    """Count the keys of a turn, or of an item that is one, with such a text, but for those that are ``read``."""
    for key, kind in watched(tuple(item)) if type(item) is dict else ():
        if key in read or kind not in _WITHIN:
            continue
        texts = [text for text in _texts(item[key]) if text.strip()]
        if texts and (kind != "text-beside" or any(map(_is_prose, texts))):
            notes[key, "within"] += 1


@lru_cache(maxsize=1024)
def watched(columns: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """The columns that may hold such a text, with what it would be."""
    read = {tools_column(columns), SHAPE, *LABELLED, *IMAGES, *MARKS}
    letters = [column for column in columns if _LETTER.fullmatch(usual_spelling(column))]
    options = letters if len(letters) > 1 else []  # one by itself is an answer, or anything
    kinds = (
        (column, "options" if column in options else _kind(column))
        for column in columns
        if column not in read and not is_refused(column) and not _is_wrong(column)
    )
    return tuple((column, kind) for column, kind in kinds if kind)


def _is_wrong(column: str) -> bool:
    name = usual_spelling(column)
    return any(word in name for word in _WRONG)


def _kind(column: str) -> str:
    name = usual_spelling(column)
    if is_aside(column):
        return "text-beside"  # a source is a name, unless it is the text that is to be translated
    if name in _THOUGHTS:
        return "thoughts-beside"
    if name in COMPLETION:
        return "answers-beside"
    if _OPTION.fullmatch(name):
        return "options"
    if name in _PIECES:
        return "pieces"
    if name in _ASKED or not _ABOUT.isdisjoint(name.split("_")) or _SYSTEM.search(name):
        return "unjoined"
    if any(word in name.split("_") for tool in _TOOLS for word in (tool, f"{tool}s")):
        return "tools-beside"
    return "text-beside"


def _says(value: JSON, kind: str, example: Example, meta: Record, column: str) -> bool:
    if kind == "tools-beside" and _are_functions(value):
        return True
    if kind in _LONG_ONES:
        texts = [
            text for text in _texts(value) if (_is_prose(text) if kind != "pieces" else _is_spoken(text))
        ]
        return any(not (_is_held([text], example) or _renders(text, example)) for text in texts)
    if kind == "options" and type(value) in (int, float):
        value = str(value)
    texts = [text for text in _texts(value) if text.strip()]
    if not texts or _is_held(texts, example):
        return False
    if kind != "thoughts-beside":
        return True
    told = len(texts) == 1 and tells_same(example.messages[-1], texts[0])
    return not (told or beside_thoughts(example.messages, meta) == column or all(map(is_switch, texts)))


def _is_prose(text: str) -> bool:
    return len(text) >= _LONG and not (text.isascii() and text.count(" ") < _WORDS)


def _is_spoken(text: str) -> bool:
    """Whether a text is no single word, as an id or a mark is one."""
    return " " in text.strip() or "\n" in text.strip() or (len(text) > 1 and not text.isascii())


def _are_functions(value: JSON) -> bool:
    """Whether a value is data, or its text, and no prose about functions."""
    return isinstance(value, list | dict) or (type(value) is str and isinstance(data_in(value), list | dict))


def _texts(value: JSON) -> Iterator[str]:
    """The texts of a value, of turns what they say."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in (
            value if value and not isinstance(value[0], int | float) else ()
        ):  # numbers: a vector, say
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
    asked, _, _ = _asked(example.messages).partition("\n")
    return bool(asked) and asked in text and example.response.strip() in text


def _asked(turns: Sequence[Message]) -> str:
    said = next((turn.get("content") for turn in reversed(turns) if turn["role"] == "user"), None)
    return said.strip() if isinstance(said, str) else ""
