"""What a model is asked about a row: its prompt as a text, or as the conversation that it is; and what it should answer."""

from __future__ import annotations

from collections.abc import Mapping

import orjson

from tamis.compute.text.turn_text import turn_text
from tamis.formats.conversation import labelled_turns
from tamis.models.chat_rows import ChatRow, chat_record, model_reads, read_chat_row, reasoning_of
from tamis.models.row_marks import MARKS
from tamis.protocols import ChatAnswer, ChatPrompt
from tamis.types import JSON, Message

PLAIN_KEYS = {"role", "content"}


def asked_prompt(messages: str, prompt: str, meta: str = "{}") -> str:
    """``prompt`` where it is one user's turn, else everything before the last of ``messages`` (JSON) as a ChatPrompt.

    Tools come from ``meta`` (JSON), where a row keeps the other fields of its source.
    """
    turns = orjson.loads(messages)
    fields = orjson.loads(meta or "{}")
    return question_of(read_chat_row(chat_record(turns, fields)), prompt)


def question_of(row: ChatRow, prompt: str) -> str:
    """What is asked of a row: ``prompt``, the text of all its turns but the last, as a ChatPrompt where it is more than
    one user's text.

    Turns that a training does not read are not asked: then the text is that of the others.
    """
    turns = row.messages[:-1]
    asked = [_plain(turn) for turn in turns if model_reads(turn)]
    if len(asked) < len(turns):
        prompt = labelled_turns(asked)
    lone = len(asked) == 1 and isinstance(asked[0].get("content"), str) and asked[0].keys() <= PLAIN_KEYS
    if not asked or (len(asked) == 1 and not row.tools and (lone or isinstance(asked[0]["content"], list))):
        return prompt
    return ChatPrompt(asked, row.tools, prompt)


def wanted_answer(row: ChatRow) -> str:
    """The last turn's words, as a ChatAnswer where it also calls tools or tells its reasoning."""
    last = row.messages[-1]
    text = turn_text(last)
    if last.get("tool_calls") or last.get("function_call") or reasoning_of(last):
        return ChatAnswer(last, text)
    return text


def question_and_answer(record: Mapping[str, JSON]) -> tuple[str, str]:
    """Both for a line of a training file."""
    row = read_chat_row(record)
    return question_of(row, labelled_turns(row.messages[:-1])), wanted_answer(row)


def _plain(turn: Message) -> Message:
    """A turn without the marks that say how much of it is learned, which nobody is asked."""
    return {key: value for key, value in turn.items() if key not in MARKS}
