"""Formats with a prompt and a response in columns of their own: prompt and completion, instruction and response,
question and answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property, partial

from pydantic import Field

from tamis.formats.annotations import LABELLED, written_answers
from tamis.formats.format import Format, Record, seen_columns
from tamis.formats.names import (
    COMPLETION,
    INSTRUCTION,
    MESSAGE_LISTS,
    PROMPT,
    QUESTION,
    are_choices,
    asks_in_turns,
    first_item,
    match_column,
    match_text,
    optional_parts,
    turn_keys,
)
from tamis.formats.pairs import PairColumns, read_pair, write_pair
from tamis.formats.role_labels import role_of
from tamis.formats.stored_form import ColumnMapping
from tamis.formats.weak_pairs import weak_pair
from tamis.types import JSON, Example


class _PairFields(ColumnMapping):
    """The parts that every pair of columns may have beside prompt and response."""

    system: str = Field("system", description="Column with the system prompt; may be missing")
    history: str = Field(
        "", description="Column with earlier turns, as pairs, texts or messages; may be missing"
    )
    reasoning: str = Field("", description="Column with the thoughts before the response; may be missing")

    @cached_property
    def pair(self) -> PairColumns:
        """The columns as those of a pair."""
        raise NotImplementedError

    def _pair(self, name: str, prompt: str, context: str, completion: str) -> PairColumns:
        return PairColumns(
            format_name=name, prompt=prompt, context=context, completion=completion, system=self.system,
            history=self.history, reasoning=self.reasoning,
        )  # fmt: skip


class PromptCompletionFields(_PairFields):
    """Which column holds what in a prompt and completion file."""

    prompt: str = Field("prompt", description="Column with the prompt, as text or as a list of messages")
    context: str = Field("", description="Column with a text that follows the prompt; may be missing")
    completion: str = Field(
        "completion", description="Column with the response, as text or as a list of messages"
    )

    @cached_property
    def pair(self) -> PairColumns:
        """The columns as those of a pair."""
        return self._pair("prompt_completion", self.prompt, self.context, self.completion)


class InstructionResponseFields(_PairFields):
    """Which column holds what in an instruction and response file."""

    instruction: str = Field("instruction", description="Column with the instruction")
    context: str = Field(
        "context", description="Column with a text that follows the instruction; may be missing"
    )
    response: str = Field("response", description="Column with the response")

    @cached_property
    def pair(self) -> PairColumns:
        """The columns as those of a pair."""
        return self._pair("instruction_response", self.instruction, self.context, self.response)


class QuestionAnswerFields(_PairFields):
    """Which column holds what in a question and answer file."""

    question: str = Field("question", description="Column with the question")
    context: str = Field("", description="Column with a text that follows the question; may be missing")
    answer: str = Field("answer", description="Column with the answer, or with several of them")

    @cached_property
    def pair(self) -> PairColumns:
        """The columns as those of a pair."""
        return self._pair("question_answer", self.question, self.context, self.answer)


def prompt_completion() -> Format:
    """Return the prompt and completion format."""
    return Format(
        name="prompt_completion", fields=PromptCompletionFields, read=_read, render=partial(_render, PromptCompletionFields), suggest=_suggest_prompt_completion,
    )  # fmt: skip


def instruction_response() -> Format:
    """Return the instruction and response format, with an optional context as in Dolly."""
    return Format(
        name="instruction_response", fields=InstructionResponseFields, read=_read, render=partial(_render, InstructionResponseFields), suggest=_suggest_instruction_response,
    )  # fmt: skip


def question_answer() -> Format:
    """Return the question and answer format."""
    return Format(
        name="question_answer", fields=QuestionAnswerFields, read=_read, render=partial(_render, QuestionAnswerFields), suggest=_suggest_question_answer,
    )  # fmt: skip


def _read(record: Record, fields: _PairFields) -> list[Example]:
    return read_pair(record, fields.pair)


def _render(kind: type[_PairFields], example: Example, fields: _PairFields | None = None) -> Record:
    return write_pair(example, (fields or kind()).pair.filled())


def _suggest_prompt_completion(records: Sequence[Record]) -> PromptCompletionFields | None:
    columns = seen_columns(records)
    prompt, completion = _asked_in_turns(records, columns)
    if prompt is None or completion is None:
        prompt = match_column(columns, *PROMPT)
        rest = {column: value for column, value in columns.items() if column != prompt}
        completion = match_column(rest, *COMPLETION)
    if prompt is None or completion is None:
        prompt, completion = _annotated(columns, records)
    if prompt is None or completion is None:
        return _suggest_weak(columns)
    return PromptCompletionFields(
        prompt=prompt, completion=completion, **_beside(columns, prompt, completion)
    )


def _suggest_instruction_response(records: Sequence[Record]) -> InstructionResponseFields | None:
    columns = seen_columns(records)
    instruction = match_column(columns, *INSTRUCTION)
    response = match_column(columns, "response", *COMPLETION)
    if instruction is None or response is None or asks_in_turns(columns):
        return None
    beside = _beside(columns, instruction, response)
    return InstructionResponseFields(instruction=instruction, response=response, **beside)


def _suggest_question_answer(records: Sequence[Record]) -> QuestionAnswerFields | None:
    columns = seen_columns(records)
    question = match_column(columns, *QUESTION)
    answer = match_column(columns, "answer", *COMPLETION)
    if question is None or answer is None:
        return None
    return QuestionAnswerFields(question=question, answer=answer, **_beside(columns, question, answer))


def _asked_in_turns(records: Sequence[Record], columns: Record) -> tuple[str | None, str | None]:
    """Turns that end with a question, and the answer beside them: of a log, or to be checked against (RLVR)."""
    for name in ("prompt", *MESSAGE_LISTS):
        column = match_column(columns, name)
        if column is None or not all(_asks(record[column]) for record in records if record.get(column)):
            continue
        rest = {key: value for key, value in columns.items() if key != column}
        if not _asks(columns[column]):
            continue
        choices = match_column({key: value for key, value in rest.items() if are_choices(value)}, "choices")
        answers = match_column({key: value for key, value in rest.items() if _replies(value)}, *MESSAGE_LISTS)
        turns = {key: value for key, value in rest.items() if isinstance(value, dict) and _replies([value])}
        logged = choices or answers or match_column(turns, "message", *COMPLETION)
        return column, logged or match_column(rest, "completion", "response", "ground_truth", *COMPLETION)
    return None, None


def _asks(turns: JSON) -> bool:
    """Whether a value is a list of turns of which the last is no assistant's."""
    keys = turn_keys(turns[-1]) if isinstance(turns, list) and turns else None
    return keys is not None and role_of(str(turns[-1][keys[0]])) in ("user", "tool")


def _replies(turns: JSON) -> bool:
    """Whether a value is a list of turns of which the first is the assistant's."""
    keys = turn_keys(first_item(turns))
    return keys is not None and isinstance(turns, list) and role_of(str(turns[0][keys[0]])) == "assistant"


def _annotated(columns: Record, records: Sequence[Record]) -> tuple[str | None, str | None]:
    """A task of Label Studio and the column in which its answer was written; the task's text is the prompt where nothing else is."""
    for column in LABELLED:
        if any(written_answers(record.get(column)) for record in records):
            return match_text(columns, *INSTRUCTION, *QUESTION, *PROMPT, "text"), column
    return None, None


def _suggest_weak(columns: Record) -> PromptCompletionFields | None:
    pair = weak_pair(columns)
    if pair is None or not pair.is_sure:
        return None
    free = {column: value for column, value in columns.items() if column != pair.context}
    beside = _beside(free, pair.prompt, pair.completion)
    if pair.context:
        beside["context"] = pair.context
    return PromptCompletionFields(prompt=pair.prompt, completion=pair.completion, **beside)


def _beside(columns: Record, prompt: str, completion: str) -> dict[str, str]:
    """Return the columns of the optional parts beside a prompt and a response."""
    parts = optional_parts(columns, {"prompt": prompt, "completion": completion})
    told = match_text(columns, *INSTRUCTION)
    if turn_keys(first_item(columns[prompt])) and parts["system"] not in columns and told:
        parts["system"] = told  # beside a prompt of turns an instruction is what they follow
    return {part: parts[part] for part in ("system", "context", "history", "reasoning")}
