r"""Preference pairs: the chosen answer becomes the response, the rejected one is kept in
``meta["rejected"]``.

Read are: a prompt as text or as turns beside chosen and rejected as text, one turn, the reply's turns or the
whole conversation; and chosen and rejected without a prompt, as conversations or as ``\n\nHuman: …
\n\nAssistant: …`` texts.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import ClassVar, Self

from pydantic import Field, field_validator

from tamis.errors import InvalidRecord, RowDoesNotFit
from tamis.formats.conversation import (
    SHAPE,
    add_meta,
    build_example,
    describe_turns,
    plain_obstacle,
    shape_of,
    type_name,
)
from tamis.formats.format import Format, Record, left_over, seen_columns, text_of
from tamis.formats.joined_texts import JOINED, asked_alike
from tamis.formats.names import (
    CHOSEN_REJECTED,
    HISTORY,
    INPUT,
    PREFERENCE_PROMPT,
    SYSTEM,
    match_column,
    match_text,
    optional_column,
    turn_keys,
)
from tamis.formats.pairs import joined_prompt, split_prompt
from tamis.formats.preferred import how_numbered, match_sides, names_sides, preferred_side, scale_of
from tamis.formats.role_labels import role_of
from tamis.formats.said_before import SaidAfter, asking, read_before, turns_joined, turns_parted, write_before
from tamis.formats.scored_sides import match_scores, scored_side
from tamis.formats.stored_form import ColumnMapping, value_at
from tamis.formats.text_parts import as_it_was, text_part
from tamis.formats.turn_lists import read_turn_list, write_turn_list
from tamis.types import JSON, Example, Message

_BESIDE = (
    "history",
    "context",
    "input",
)  # names of a prompt that say something else beside a whole conversation
_WHOLE_PROMPT = tuple(name for name in PREFERENCE_PROMPT if name not in _BESIDE)


class PreferenceFields(ColumnMapping):
    """Which column holds what in a file of preference pairs."""

    prompt: str = Field("prompt", description="Column with the prompt, as text or turns; may be missing")
    input: str = Field("input", description="Column with a text that follows the prompt; may be missing")
    chosen: str = Field("chosen", description="Column with the better answer, which becomes the response")
    rejected: str = Field("rejected", description="Column with the worse answer, kept beside it")
    choice: str = Field(
        "", description="Column that says which of the two answers is the better one; may be missing"
    )
    system: str = Field("system", description="Column with the system prompt; may be missing")
    history: str = Field("", description="Column with earlier turns; may be missing")
    others: tuple[str, ...] = Field(
        (), description="Columns with further answers, of which the choice may name one"
    )
    scale: tuple[str, ...] = Field(
        (),
        description="The number or word by which the choice names each answer: 0,1 or 1,2; -,+ where its sign counts",
    )

    scores: tuple[str, ...] = Field(
        (),
        description="Columns with a number for each of the answers, in their order: the highest is that of the better one",
    )

    unwritten: ClassVar[frozenset[str]] = ColumnMapping.unwritten | {"others", "scale", "scores"}

    @field_validator("others", "scale", "scores", mode="before")
    @classmethod
    def _split_answers(cls, value: object) -> object:
        return tuple(name for name in value.split(",") if name) if isinstance(value, str) else value

    @property
    def answers(self) -> tuple[str, ...]:
        """The columns of the answers between which the choice decides, in their order."""
        return (self.chosen, self.rejected, *self.others)

    @property
    def further_answers(self) -> tuple[str, ...]:
        """Columns of answers beside those of the parts."""
        return self.others

    def settled(self, records: Sequence[dict[str, JSON]], suggested: ColumnMapping | None = None) -> Self:
        """Return the mapping with the meaning of the choice's numbers and the further answers, where no person named them."""
        if not self.choice:
            return self._with_scores(suggested) if isinstance(suggested, PreferenceFields) else self
        others, scale = self.others, self.scale
        if isinstance(suggested, PreferenceFields):
            same = (self.chosen, self.rejected, self.choice) == (*suggested.answers[:2], suggested.choice)
            others = suggested.others if same and "others" not in self.model_fields_set else others
            scale = scale or suggested.scale if same else scale
        answers = (self.chosen, self.rejected, *others)
        scale = scale or scale_of([value_at(one, self.choice) for one in records], self.choice, answers)
        return self.model_copy(update={"others": others, "scale": scale})

    def _with_scores(self, suggested: PreferenceFields) -> Self:
        """Return the mapping with the scores that are found for its answers, where no person named any."""
        if "scores" in self.model_fields_set or self.answers[:2] != suggested.answers[:2]:
            return self
        return self.model_copy(update={"scores": suggested.scores, "others": self.others or suggested.others})


def preference() -> Format:
    """Return the preference pair format."""
    return Format(name="preference", fields=PreferenceFields, read=_read, render=_render, suggest=_suggest)


def _read(record: Record, fields: PreferenceFields) -> list[Example]:
    for column in (fields.chosen, fields.rejected):
        if column not in record:
            text_of(record, column)  # raises with the fields that are there
    noted: dict[str, JSON] = {"format": "preference"}
    chosen, rejected = fields.chosen, fields.rejected
    if place := _preferred_place(record, fields):
        chosen, rejected = fields.answers[place], chosen
        noted |= {"swapped": True} if place == 1 else {"preferred": place}
    if fields.choice and (how := how_numbered(record.get(fields.choice), fields.answers, fields.scale)):
        noted["numbered"] = {fields.choice: how}
    left = [one for one in fields.answers if one not in (chosen, rejected)] if fields.others else []
    if beside := [column for column in left if record.get(column)]:
        noted["others"] = beside
    if chosen not in record:
        text_of(record, chosen)
    turns, used = _conversation(record, fields, chosen, noted)
    system = text_part(record, fields.system, noted, "system")
    if system and turns and turns[0]["role"] != "system":
        turns = [{"role": "system", "content": system}, *turns]
        noted["system_column"] = True
        used.append(fields.system)
    example = build_example(turns)
    meta = left_over(record, [*used, chosen, rejected])
    example.meta = {**meta, "rejected": record[rejected], SHAPE: noted}
    return [example]


def _preferred_place(record: Record, fields: PreferenceFields) -> int:
    """The place of the better answer by the choice, else by the scores, else that of the chosen one; raises InvalidRecord for none."""
    if fields.choice:
        return preferred_side(record.get(fields.choice), fields.answers, fields.scale)
    return (
        scored_side([record.get(column) for column in fields.scores], fields.answers) if fields.scores else 0
    )


def _conversation(
    record: Record, fields: PreferenceFields, chosen: str, noted: dict[str, JSON]
) -> tuple[list[Message], list[str]]:
    """Return the turns without a system prompt of another column, and the columns they came from."""
    prompt, used = _prompt(record, fields, noted)
    after = _answer_turns(record[chosen], noted)
    if any(turn["role"] == "user" for turn in after):
        if prompt:
            noted["whole"] = True
            _note_prompt(record, fields.prompt, after, noted)
        return after, used
    if not prompt or not fields.history or not record.get(fields.history):
        return prompt + after, used
    refused = [
        _refused_turns(record[column]) for column in fields.answers if column != chosen and record.get(column)
    ]
    answers = [after, *filter(None, refused)]
    prompts = [prompt, asking(record[fields.prompt])] if noted["prompt"] == "text" else [prompt]
    earlier = read_before(record, fields.history, SaidAfter(prompts, answers), noted)
    used += [fields.history] if "history_value" in noted else []
    return turns_joined(earlier, list(prompt), noted) + after, used


def _refused_turns(value: JSON) -> list[Message]:
    """The turns of an answer that is not learned; none where it cannot be read, or is a whole conversation."""
    try:
        turns = _answer_turns(value, {"prompt": "text"})
    except InvalidRecord:
        return []
    return [] if any(turn["role"] == "user" for turn in turns) else turns


def _prompt(
    record: Record, fields: PreferenceFields, noted: dict[str, JSON]
) -> tuple[list[Message], list[str]]:
    """Return the turns of the prompt and their columns; none when the record has no prompt column."""
    value = record.get(fields.prompt)
    if value is None:
        noted["prompt"] = "none"
        return [], [fields.prompt]
    if type(value) is list:
        noted["prompt"] = "turns"
        turns, form = read_turn_list(value)
        if form:
            noted["prompt_form"] = form
        return turns, [fields.prompt]
    given = text_part(record, fields.input, noted, "input")
    text = joined_prompt(text_of(record, fields.prompt), given)
    noted["prompt"] = "text"
    used = [fields.prompt]
    if record.get(fields.input) is not None:
        noted["input_chars"] = len(given)
        used.append(fields.input)
    return asking(text), used


def _answer_turns(chosen: JSON, noted: dict[str, JSON]) -> list[Message]:
    if isinstance(chosen, str):
        if noted["prompt"] != "none":
            noted["chosen"] = "text"
            return [{"role": "assistant", "content": chosen}]
        noted["chosen"] = "transcript"
        return _read_transcript(chosen)
    if isinstance(chosen, dict | list):
        noted["chosen"] = "turns" if isinstance(chosen, list) else "turn"
        turns, form = read_turn_list(chosen if isinstance(chosen, list) else [chosen])
        if form:
            noted["chosen_form"] = form
        return turns
    if chosen is None:
        raise InvalidRecord("empty response")
    raise InvalidRecord(f"the chosen answer is {type_name(chosen)}, neither text nor turns")


def _read_transcript(text: str) -> list[Message]:
    start, *parts = re.split(r"\n\n(Human|Assistant): ", text if text.startswith("\n\n") else f"\n\n{text}")
    if start.strip() or not parts:
        raise InvalidRecord(
            "no prompt field, and the chosen text is no '\\n\\nHuman: … \\n\\nAssistant: …' transcript"
        )
    roles = {"Human": "user", "Assistant": "assistant"}
    pairs = zip(parts[::2], parts[1::2], strict=True)
    return [{"role": roles[speaker], "content": spoken} for speaker, spoken in pairs]


def _note_prompt(record: Record, column: str, turns: list[Message], noted: dict[str, JSON]) -> None:
    """Note where a prompt column is found again in a conversation that repeats it."""
    prompt = record[column]
    if noted["prompt"] == "text":
        contents = [turn.get("content") for turn in turns]
        noted["prompt_turn" if prompt in contents else "prompt_text"] = (
            contents.index(prompt) if prompt in contents else prompt
        )
        if not any(isinstance(content, str) and prompt.strip() in content for content in contents):
            noted["unjoined"] = [column]
    else:
        noted["prompt_turns"] = len(prompt)


def _render(example: Example, fields: PreferenceFields | None = None) -> Record:
    names = fields or PreferenceFields()
    if "rejected" not in example.meta:
        raise RowDoesNotFit(
            "The format 'preference' needs a rejected answer and this example has none "
            f"({describe_turns(example.messages)}). Export it as 'messages' instead.",
            "a row without a rejected answer",
        )
    noted = shape_of(example, "preference")
    noted = noted if "chosen" in noted else {**noted, **_default_shape(example.messages)}
    turns = list(example.messages)
    record: Record = {}
    if noted.get("system_column") and turns[0]["role"] == "system":
        record[names.system or "system"] = as_it_was(turns.pop(0)["content"], noted, "system")
    record |= _write_prompt(turns, names, noted)
    chosen, rejected = names.chosen, names.rejected
    place = int(noted.get("preferred") or bool(noted.get("swapped")))
    if (names.choice or names.scores) and 0 < place < len(names.answers):
        chosen, rejected = names.answers[place], chosen
    record[chosen] = _write_chosen(turns, noted)
    refused = example.meta["rejected"]
    record[rejected] = (
        asked_alike(refused, example.messages) if JOINED in noted.get("stored", {}) else refused
    )
    written = add_meta(record, example)
    if "rejected" not in (chosen, rejected):
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
    n_before = _n_before(messages, noted)
    turns = messages[:n_before]
    earlier: list[Message] = []
    if noted["prompt"] == "turns":
        earlier, turns = turns_parted(turns, noted) if turns else ([], [])
        form = _form(noted, "prompt_form")
        record[names.prompt] = write_turn_list(turns[: noted.get("prompt_turns")], form)
    elif "prompt_text" in noted:
        record[names.prompt] = noted["prompt_text"]
    elif "prompt_turn" in noted:
        record[names.prompt] = messages[noted["prompt_turn"]]["content"]
    else:
        record[names.prompt] = turns[-1]["content"]
    if "input_chars" in noted:
        record[names.prompt], given = split_prompt(record[names.prompt], noted["input_chars"])
        record[names.input or "input"] = as_it_was(given, noted, "input")
    if noted["prompt"] == "text":
        earlier = turns[:-1]
    if "history_value" in noted and (earlier or "again" in noted):
        prompts = [asking(record[names.prompt]), turns[-1:]] if noted["prompt"] == "text" else [turns]
        record[names.history or "history"] = write_before(earlier, prompts, messages[n_before:], noted)
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
    form = _form(noted, "chosen_form")
    if noted["chosen"] == "turn":
        return write_turn_list(messages[-1:], form)[0]
    whole = noted["prompt"] == "none" or noted.get("whole")
    return write_turn_list(messages if whole else messages[_n_before(messages, noted) :], form)


def _form(noted: dict[str, JSON], name: str) -> dict[str, JSON]:
    """Return the form of a list of turns; datasets of before noted only whether its keys were ShareGPT's."""
    plain = {"keys": ["from", "value"]} if noted.get("keys") == "sharegpt" else {}
    form: dict[str, JSON] = noted.get(name, plain)
    return form


def _suggest(records: Sequence[Record]) -> PreferenceFields | None:
    columns = seen_columns(records)
    found = [
        (chosen, rejected)
        for better, worse in CHOSEN_REJECTED
        if (chosen := match_column(columns, better)) and (rejected := match_column(columns, worse))
    ]
    sides = match_sides(columns)
    if found and names_sides([record.get(found[0][0]) for record in records], columns):
        found, sides = [], match_sides(columns, found[0][0])  # the letter of an answer and no answer
    scored = None if found or sides else match_scores(columns)
    if not (found or sides or scored):
        return None
    answers, choice = (
        sides if sides and not found else (found[0] if found else scored[0] if scored else (), "")
    )
    chosen, rejected = answers[:2]
    taken = [*answers, choice, *(scored[1] if scored else ())]
    free = {column: value for column, value in columns.items() if column not in taken}
    # Beside whole conversations a context is no prompt that they repeat.
    names = _WHOLE_PROMPT if _is_conversation(columns[chosen]) else PREFERENCE_PROMPT
    prompt = match_column(free, *names)
    taken.append(prompt or "")
    return PreferenceFields(
        prompt=prompt or "prompt",
        chosen=chosen,
        rejected=rejected,
        choice=choice,
        others=answers[2:],
        scores=scored[1] if scored else (),
        input=optional_column(columns, match_text, INPUT, taken),
        system=optional_column(columns, match_text, SYSTEM, taken),
        history=optional_column(columns, match_column, HISTORY, taken),
    )


def _is_conversation(chosen: JSON) -> bool:
    """Whether a chosen answer is the whole conversation."""
    turns = chosen if isinstance(chosen, list) else []
    return any((keys := turn_keys(turn)) and role_of(str(turn[keys[0]])) == "user" for turn in turns)
