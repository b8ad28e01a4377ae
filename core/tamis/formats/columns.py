"""One prompt column and one response column: prompt/completion, instruction/response, question/answer."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from tamis.errors import InvalidRecord
from tamis.formats.alpaca import joined_prompt, split_prompt
from tamis.formats.chat import read_turns
from tamis.formats.conversation import SHAPE, add_meta, build_example, plain_obstacle, shape_of, single_turn
from tamis.formats.format import (
    Format,
    Record,
    cannot_hold,
    left_over,
    listed_turns,
    match_column,
    optional_text,
    seen_columns,
    text_of,
)
from tamis.registry import Options
from tamis.types import JSON, Example


class PromptCompletionFields(Options):
    """Which column holds what in a prompt and completion file."""

    prompt: str = Field("prompt", description="Column with the prompt, as text or as a list of messages")
    completion: str = Field(
        "completion", description="Column with the response, as text or as a list of messages"
    )
    system: str = Field("system", description="Column with the system prompt; may be missing")


class InstructionResponseFields(Options):
    """Which column holds what in an instruction and response file."""

    instruction: str = Field("instruction", description="Column with the instruction")
    context: str = Field(
        "context", description="Column with a text that follows the instruction; may be missing"
    )
    response: str = Field("response", description="Column with the response")
    system: str = Field("system", description="Column with the system prompt; may be missing")


class QuestionAnswerFields(Options):
    """Which column holds what in a question and answer file."""

    question: str = Field("question", description="Column with the question")
    answer: str = Field("answer", description="Column with the answer")
    system: str = Field("system", description="Column with the system prompt; may be missing")


def prompt_completion() -> Format:
    """Return the prompt and completion format."""
    return Format(
        name="prompt_completion", fields=PromptCompletionFields, parse=_parse_prompt_completion,
        write=_write_prompt_completion, suggest=_suggest_prompt_completion,
    )  # fmt: skip


def instruction_response() -> Format:
    """Return the instruction and response format, with an optional context as in Dolly."""
    return Format(
        name="instruction_response", fields=InstructionResponseFields, parse=_parse_instruction_response,
        write=_write_instruction_response, suggest=_suggest_instruction_response,
    )  # fmt: skip


def question_answer() -> Format:
    """Return the question and answer format."""
    return Format(
        name="question_answer", fields=QuestionAnswerFields, parse=_parse_question_answer,
        write=_write_question_answer, suggest=_suggest_question_answer,
    )  # fmt: skip


def _parse_prompt_completion(record: Record, fields: PromptCompletionFields) -> list[Example]:
    if type(record.get(fields.prompt)) is list and type(record.get(fields.completion)) is list:
        return [_parse_lists(record, fields)]
    return [_pair(record, fields.prompt, fields.completion, fields.system)]


def _parse_lists(record: Record, fields: PromptCompletionFields) -> Example:
    """Read TRL's conversational form, in which both columns are lists of messages."""
    before, _ = read_turns(listed_turns(record, fields.prompt), "role", "content")
    after, _ = read_turns(listed_turns(record, fields.completion), "role", "content")
    if not after:
        raise InvalidRecord("empty response")
    example = build_example(before + after)
    example.meta = left_over(record, (fields.prompt, fields.completion))
    example.meta[SHAPE] = {"format": "prompt_completion", "completion_turns": len(after)}
    return example


def _pair(record: Record, prompt: str, response: str, system: str) -> Example:
    example = single_turn(text_of(record, prompt), text_of(record, response), optional_text(record, system))
    example.meta = left_over(record, (prompt, response, system))
    return example


def _write_prompt_completion(example: Example, fields: PromptCompletionFields | None = None) -> Record:
    names = fields or PromptCompletionFields()
    n_after = shape_of(example, "prompt_completion").get("completion_turns")
    if isinstance(n_after, int) and 0 < n_after < len(example.messages):
        turns = example.messages
        record: Record = {names.prompt: turns[:-n_after], names.completion: turns[-n_after:]}
        return add_meta(record, example)
    return _write_pair(example, "prompt_completion", (names.prompt, names.completion, names.system))


def _write_pair(example: Example, name: str, columns: tuple[str, str, str]) -> Record:
    prompt, response, system = columns
    if obstacle := plain_obstacle(example.messages, multi_turn=False, system=True):
        raise cannot_hold(name, example, obstacle, "messages")
    record: Record = {prompt: example.messages[-2]["content"], response: example.messages[-1]["content"]}
    if len(example.messages) > 2:
        record[system] = example.messages[0]["content"]
    return add_meta(record, example)


def _parse_instruction_response(record: Record, fields: InstructionResponseFields) -> list[Example]:
    context = optional_text(record, fields.context)
    prompt = joined_prompt(text_of(record, fields.instruction), context)
    example = single_turn(prompt, text_of(record, fields.response), optional_text(record, fields.system))
    example.meta = left_over(record, (fields.instruction, fields.context, fields.response, fields.system))
    noted: dict[str, JSON] = {"format": "instruction_response"}
    # The column comes back also where it is empty, so that a written table keeps its columns.
    if fields.context in record:
        example.meta[SHAPE] = {**noted, "input_chars": len(context)}
    return [example]


def _write_instruction_response(example: Example, fields: InstructionResponseFields | None = None) -> Record:
    names = fields or InstructionResponseFields()
    record = _write_pair(example, "instruction_response", (names.instruction, names.response, names.system))
    n_chars = shape_of(example, "instruction_response").get("input_chars")
    if n_chars is not None:
        record[names.instruction], context = split_prompt(record[names.instruction], n_chars)
        record[names.context] = context
    return record


def _parse_question_answer(record: Record, fields: QuestionAnswerFields) -> list[Example]:
    return [_pair(record, fields.question, fields.answer, fields.system)]


def _write_question_answer(example: Example, fields: QuestionAnswerFields | None = None) -> Record:
    names = fields or QuestionAnswerFields()
    return _write_pair(example, "question_answer", (names.question, names.answer, names.system))


def _suggest_prompt_completion(records: Sequence[Record]) -> PromptCompletionFields | None:
    columns = seen_columns(records)
    prompt = match_column(columns, "prompt")
    completion = match_column(columns, "completion", "response", "output", "answer")
    if prompt is None or completion is None:
        return None
    return PromptCompletionFields(prompt=prompt, completion=completion, system=_system(columns))


def _suggest_instruction_response(records: Sequence[Record]) -> InstructionResponseFields | None:
    columns = seen_columns(records)
    instruction = match_column(columns, "instruction", "instructions")
    response = match_column(columns, "response", "completion", "answer")
    if instruction is None or response is None:
        return None
    context = match_column(columns, "context", "input") or "context"
    return InstructionResponseFields(
        instruction=instruction, context=context, response=response, system=_system(columns)
    )


def _suggest_question_answer(records: Sequence[Record]) -> QuestionAnswerFields | None:
    columns = seen_columns(records)
    question = match_column(columns, "question")
    answer = match_column(columns, "answer", "response", "output", "completion")
    if question is None or answer is None:
        return None
    return QuestionAnswerFields(question=question, answer=answer, system=_system(columns))


def _system(columns: Record) -> str:
    return match_column(columns, "system", "system_prompt") or "system"
