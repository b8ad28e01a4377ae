"""Formats with a prompt and a response in columns of their own: prompt and completion, instruction and response,
question and answer.
"""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from tamis.formats.format import Format, Record, seen_columns
from tamis.formats.names import COMPLETION, INSTRUCTION, PAIRS, PROMPT, QUESTION, match_column, optional_parts
from tamis.formats.pairs import PairColumns, read_pair, write_pair
from tamis.formats.stored_form import ColumnMapping
from tamis.types import Example


class _PairFields(ColumnMapping):
    """The parts that every pair of columns may have beside prompt and response."""

    system: str = Field("system", description="Column with the system prompt; may be missing")
    history: str = Field(
        "", description="Column with earlier turns, as pairs, texts or messages; may be missing"
    )
    reasoning: str = Field("", description="Column with the thoughts before the response; may be missing")


class PromptCompletionFields(_PairFields):
    """Which column holds what in a prompt and completion file."""

    prompt: str = Field("prompt", description="Column with the prompt, as text or as a list of messages")
    context: str = Field("", description="Column with a text that follows the prompt; may be missing")
    completion: str = Field(
        "completion", description="Column with the response, as text or as a list of messages"
    )


class InstructionResponseFields(_PairFields):
    """Which column holds what in an instruction and response file."""

    instruction: str = Field("instruction", description="Column with the instruction")
    context: str = Field(
        "context", description="Column with a text that follows the instruction; may be missing"
    )
    response: str = Field("response", description="Column with the response")


class QuestionAnswerFields(_PairFields):
    """Which column holds what in a question and answer file."""

    question: str = Field("question", description="Column with the question")
    context: str = Field("", description="Column with a text that follows the question; may be missing")
    answer: str = Field("answer", description="Column with the answer, or with several of them")


def prompt_completion() -> Format:
    """Return the prompt and completion format."""
    return Format(
        name="prompt_completion", fields=PromptCompletionFields, read=_read_prompt_completion,
        render=_render_prompt_completion, suggest=_suggest_prompt_completion,
    )  # fmt: skip


def instruction_response() -> Format:
    """Return the instruction and response format, with an optional context as in Dolly."""
    return Format(
        name="instruction_response", fields=InstructionResponseFields, read=_read_instruction_response,
        render=_render_instruction_response, suggest=_suggest_instruction_response,
    )  # fmt: skip


def question_answer() -> Format:
    """Return the question and answer format."""
    return Format(
        name="question_answer", fields=QuestionAnswerFields, read=_read_question_answer,
        render=_render_question_answer, suggest=_suggest_question_answer,
    )  # fmt: skip


def _read_prompt_completion(record: Record, fields: PromptCompletionFields) -> list[Example]:
    return read_pair(record, _pair("prompt_completion", fields.prompt, fields.completion, fields))


def _read_instruction_response(record: Record, fields: InstructionResponseFields) -> list[Example]:
    return read_pair(record, _pair("instruction_response", fields.instruction, fields.response, fields))


def _read_question_answer(record: Record, fields: QuestionAnswerFields) -> list[Example]:
    return read_pair(record, _pair("question_answer", fields.question, fields.answer, fields))


def _render_prompt_completion(example: Example, fields: PromptCompletionFields | None = None) -> Record:
    names = fields or PromptCompletionFields()
    return write_pair(example, _pair("prompt_completion", names.prompt, names.completion, names).filled())


def _render_instruction_response(example: Example, fields: InstructionResponseFields | None = None) -> Record:
    names = fields or InstructionResponseFields()
    return write_pair(
        example, _pair("instruction_response", names.instruction, names.response, names).filled()
    )


def _render_question_answer(example: Example, fields: QuestionAnswerFields | None = None) -> Record:
    names = fields or QuestionAnswerFields()
    return write_pair(example, _pair("question_answer", names.question, names.answer, names).filled())


def _pair(
    name: str,
    prompt: str,
    completion: str,
    fields: PromptCompletionFields | InstructionResponseFields | QuestionAnswerFields,
) -> PairColumns:
    return PairColumns(
        format_name=name, prompt=prompt, completion=completion, system=fields.system, context=fields.context,
        history=fields.history, reasoning=fields.reasoning,
    )  # fmt: skip


def _suggest_prompt_completion(records: Sequence[Record]) -> PromptCompletionFields | None:
    columns = seen_columns(records)
    prompt = match_column(columns, *PROMPT)
    rest = {column: value for column, value in columns.items() if column != prompt}
    completion = match_column(rest, *COMPLETION)
    if prompt is None or completion is None:
        prompt, completion = _weak_pair(columns)
    if prompt is None or completion is None:
        return None
    return PromptCompletionFields(
        prompt=prompt, completion=completion, **_beside(columns, prompt, completion)
    )


def _suggest_instruction_response(records: Sequence[Record]) -> InstructionResponseFields | None:
    columns = seen_columns(records)
    instruction = match_column(columns, *INSTRUCTION)
    response = match_column(columns, "response", *COMPLETION)
    if instruction is None or response is None:
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


def _weak_pair(columns: Record) -> tuple[str | None, str | None]:
    for said, replied in PAIRS:
        prompt, completion = match_column(columns, said), match_column(columns, replied)
        if prompt and completion:
            return prompt, completion
    return None, None


def _beside(columns: Record, prompt: str, completion: str) -> dict[str, str]:
    """Return the columns of the optional parts beside a prompt and a response."""
    parts = optional_parts(columns, {"prompt": prompt, "completion": completion})
    return {part: parts[part] for part in ("system", "context", "history", "reasoning")}
