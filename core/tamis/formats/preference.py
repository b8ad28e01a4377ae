r"""Preference pairs: the chosen answer becomes the response, the rejected one is kept in
``meta["rejected"]``.

Read are: a prompt as text or as turns beside chosen and rejected as text, one turn, the reply's turns or the
whole conversation; and chosen and rejected without a prompt, as conversations or as ``\n\nHuman: …
\n\nAssistant: …`` texts.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from pydantic import Field

from tamis.errors import InvalidRecord, RowDoesNotFit
from tamis.formats.chat import OPENAI_LABELS, SHAREGPT_LABELS, read_turns
from tamis.formats.conversation import (
    SHAPE,
    add_meta,
    build_example,
    describe_turns,
    plain_obstacle,
    shape_of,
    type_name,
)
from tamis.formats.format import Format, Record, left_over, optional_text, seen_columns, text_of
from tamis.formats.names import (
    CHOSEN_REJECTED,
    PREFERENCE_PROMPT,
    SYSTEM,
    match_column,
    match_text,
    optional_column,
)
from tamis.formats.pairs import joined_prompt, split_prompt
from tamis.formats.stored_form import ColumnMapping
from tamis.types import JSON, Example, Message


class PreferenceFields(ColumnMapping):
    """Which column holds what in a file of preference pairs."""

    prompt: str = Field("prompt", description="Column with the prompt, as text or turns; may be missing")
    input: str = Field("input", description="Column with a text that follows the prompt; may be missing")
    chosen: str = Field("chosen", description="Column with the better answer, which becomes the response")
    rejected: str = Field("rejected", description="Column with the worse answer, kept beside it")
    system: str = Field("system", description="Column with the system prompt; may be missing")


def preference() -> Format:
    """Return the preference pair format."""
    return Format(name="preference", fields=PreferenceFields, read=_parse, render=_write, suggest=_suggest)


def _parse(record: Record, fields: PreferenceFields) -> list[Example]:
    for column in (fields.chosen, fields.rejected):
        if column not in record:
            text_of(record, column)  # raises with the fields that are there
    noted: dict[str, JSON] = {"format": "preference"}
    before = _before(record, fields, noted)
    after = _answer_turns(record[fields.chosen], noted)
    whole = any(turn["role"] == "user" for turn in after)
    if whole and before:
        noted["whole"] = True
        _note_prompt(record.get(fields.prompt), after, noted)
    example = build_example(after if whole else before + after)
    used = (fields.prompt, fields.input, fields.chosen, fields.rejected, fields.system)
    example.meta = {**left_over(record, used), "rejected": record[fields.rejected], SHAPE: noted}
    return [example]


def _before(record: Record, fields: PreferenceFields, noted: dict[str, JSON]) -> list[Message]:
    """Return the turns before the answer; none when the record has no prompt column."""
    value = record.get(fields.prompt)
    if value is None:
        noted["prompt"] = "none"
        return []
    if type(value) is list:
        noted["prompt"] = "turns"
        turns = _read(value, noted)
    else:
        given = optional_text(record, fields.input)
        text = joined_prompt(text_of(record, fields.prompt), given)
        noted["prompt"] = "text"
        if fields.input in record:
            noted["input_chars"] = len(given)
        turns = [{"role": "user", "content": text}]
    if system := optional_text(record, fields.system):
        noted["system_column"] = True
        turns = [{"role": "system", "content": system}, *turns]
    return turns


def _answer_turns(chosen: JSON, noted: dict[str, JSON]) -> list[Message]:
    if isinstance(chosen, str):
        if noted["prompt"] != "none":
            noted["chosen"] = "text"
            return [{"role": "assistant", "content": chosen}]
        noted["chosen"] = "transcript"
        return _read_transcript(chosen)
    if isinstance(chosen, dict):
        noted["chosen"] = "turn"
        return _read([chosen], noted)
    if isinstance(chosen, list):
        noted["chosen"] = "turns"
        return _read(chosen, noted)
    if chosen is None:
        raise InvalidRecord("empty response")
    raise InvalidRecord(f"the chosen answer is {type_name(chosen)}, neither text nor turns")


def _read(turns: list[JSON], noted: dict[str, JSON]) -> list[Message]:
    first = turns[0] if turns else None
    if isinstance(first, dict) and "from" in first and "role" not in first:
        noted["keys"] = "sharegpt"
        return read_turns(turns, "from", "value")[0]
    return read_turns(turns, "role", "content")[0]


def _read_transcript(text: str) -> list[Message]:
    start, *parts = re.split(r"\n\n(Human|Assistant): ", text if text.startswith("\n\n") else f"\n\n{text}")
    if start.strip() or not parts:
        raise InvalidRecord(
            "no prompt field, and the chosen text is no '\\n\\nHuman: … \\n\\nAssistant: …' transcript"
        )
    roles = {"Human": "user", "Assistant": "assistant"}
    pairs = zip(parts[::2], parts[1::2], strict=True)
    return [{"role": roles[speaker], "content": spoken} for speaker, spoken in pairs]


def _note_prompt(prompt: JSON, turns: list[Message], noted: dict[str, JSON]) -> None:
    """Note where a prompt column is found again in a conversation that repeats it."""
    if noted["prompt"] == "text":
        contents = [turn.get("content") for turn in turns]
        noted["prompt_turn" if prompt in contents else "prompt_text"] = (
            contents.index(prompt) if prompt in contents else prompt
        )
    else:
        noted["prompt_turns"] = len(prompt)


def _write(example: Example, fields: PreferenceFields | None = None) -> Record:
    names = fields or PreferenceFields()
    if "rejected" not in example.meta:
        raise RowDoesNotFit(
            "The format 'preference' needs a rejected answer and this example has none "
            f"({describe_turns(example.messages)}). Export it as 'messages' instead.",
            "a row without a rejected answer",
        )
    noted = shape_of(example, "preference") or _default_shape(example.messages)
    record = _write_prompt(example.messages, names, noted)
    record[names.chosen] = _write_chosen(example.messages, noted)
    record[names.rejected] = example.meta["rejected"]
    written = add_meta(record, example)
    if names.rejected != "rejected":
        written.pop("rejected", None)
    return written


def _default_shape(messages: Sequence[Message]) -> dict[str, JSON]:
    if plain_obstacle(messages, multi_turn=False, system=False) is None:
        return {"prompt": "text", "chosen": "text"}
    return {"prompt": "turns", "chosen": "turns"}


def _write_prompt(messages: list[Message], names: PreferenceFields, noted: dict[str, JSON]) -> Record:
    record: Record = {}
    if noted["prompt"] == "none":
        return record
    turns = messages[: _n_before(messages, noted)]
    if noted.get("system_column") and turns and turns[0]["role"] == "system":
        record[names.system], turns = turns[0]["content"], turns[1:]
    if noted["prompt"] == "turns":
        record[names.prompt] = _labelled_turns(turns[: noted.get("prompt_turns")], noted)
    elif "prompt_text" in noted:
        record[names.prompt] = noted["prompt_text"]
    elif "prompt_turn" in noted:
        record[names.prompt] = messages[noted["prompt_turn"]]["content"]
    else:
        record[names.prompt] = turns[-1]["content"]
    if "input_chars" in noted:
        record[names.prompt], record[names.input] = split_prompt(record[names.prompt], noted["input_chars"])
    return record


def _n_before(messages: list[Message], noted: dict[str, JSON]) -> int:
    """Return how many turns stand before the answer, which is every turn after the last user turn."""
    if noted["chosen"] in ("text", "turn"):
        return len(messages) - 1
    return max(number for number, turn in enumerate(messages, 1) if turn["role"] == "user")


def _write_chosen(messages: list[Message], noted: dict[str, JSON]) -> JSON:
    if noted["chosen"] == "text":
        return messages[-1]["content"]
    if noted["chosen"] == "transcript":
        speakers = {"user": "Human", "assistant": "Assistant"}
        return "".join(f"\n\n{speakers[turn['role']]}: {turn['content']}" for turn in messages)
    if noted["chosen"] == "turn":
        return _labelled_turns(messages[-1:], noted)[0]
    whole = noted["prompt"] == "none" or noted.get("whole")
    return _labelled_turns(messages if whole else messages[_n_before(messages, noted) :], noted)


def _labelled_turns(turns: Sequence[Message], noted: dict[str, JSON]) -> list[Message]:
    sharegpt = noted.get("keys") == "sharegpt"
    role_key, content_key = ("from", "value") if sharegpt else ("role", "content")
    labels = SHAREGPT_LABELS if sharegpt else OPENAI_LABELS
    names = {"role": role_key, "content": content_key}
    return [
        {names.get(key, key): labels[value] if key == "role" else value for key, value in turn.items()}
        for turn in turns
    ]


def _suggest(records: Sequence[Record]) -> PreferenceFields | None:
    columns = seen_columns(records)
    found = [
        (chosen, rejected)
        for better, worse in CHOSEN_REJECTED
        if (chosen := match_column(columns, better)) and (rejected := match_column(columns, worse))
    ]
    if not found:
        return None
    chosen, rejected = found[0]
    free = {column: value for column, value in columns.items() if column not in (chosen, rejected)}
    prompt = match_column(free, *PREFERENCE_PROMPT)
    taken = (chosen, rejected, prompt or "")
    return PreferenceFields(
        prompt=prompt or "prompt",
        chosen=chosen,
        rejected=rejected,
        input=optional_column(columns, match_text, ("input", "inputs"), taken),
        system=optional_column(columns, match_text, SYSTEM, taken),
    )
