"""One prompt and one response in columns of their own, with what other columns add: system, context, earlier turns,
thoughts. Shared by every format that is such a pair.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from tamis.errors import InvalidRecord
from tamis.formats.answers import AnswerTurns, read_answer, write_answer
from tamis.formats.conversation import (
    SHAPE,
    add_meta,
    build_example,
    plain_obstacle,
    said_turns,
    shape_of,
    single_turn,
)
from tamis.formats.exchanges import bare_turns
from tamis.formats.format import Record, cannot_hold, left_over, text_of
from tamis.formats.names import first_item, turn_keys
from tamis.formats.said_before import (
    SaidAfter,
    answering,
    asking,
    read_before,
    turns_joined,
    turns_parted,
    write_before,
)
from tamis.formats.text_parts import as_it_was, text_part
from tamis.formats.turn_lists import read_turn_list, write_turn_list
from tamis.types import JSON, Example, Message

GAP = "\n\n"  # between the prompt and the context that follows it


@dataclass(frozen=True, slots=True, kw_only=True)
class PairColumns:
    """The columns of a pair; an empty name means that there is no such part."""

    format_name: str
    prompt: str
    completion: str
    system: str = ""
    context: str = ""
    history: str = ""
    reasoning: str = ""
    is_alpaca: bool = False  # one answer as text, and earlier turns of any origin
    always_context: bool = False  # the context's column is written where it is empty, too

    used: tuple[str, ...] = field(init=False)  # every column that is part of the conversation
    rare: frozenset[str] = field(init=False)  # those of them that few files have

    def __post_init__(self) -> None:
        """Gather the columns."""
        columns = (self.prompt, self.completion, self.system, self.context, self.history, self.reasoning)
        object.__setattr__(self, "used", tuple(column for column in columns if column))
        object.__setattr__(self, "rare", frozenset((self.system, self.history, self.reasoning, SHAPE)))

    def filled(self) -> PairColumns:
        """Return the columns with the usual names where there are none, to write under."""
        usual = ("system", "input" if self.is_alpaca else "context", "history", "reasoning")
        given = (self.system, self.context, self.history, self.reasoning)
        system, context, history, reasoning = (own or name for own, name in zip(given, usual, strict=True))
        return replace(self, system=system, context=context, history=history, reasoning=reasoning)


def joined_prompt(instruction: str, given: str) -> str:
    """Return the user turn of an instruction and its input; an input without an instruction stands alone."""
    return f"{instruction}{GAP}{given}" if given and instruction else instruction or given


def split_prompt(prompt: str, n_input_chars: JSON) -> tuple[str, str]:
    """Return instruction and input of a user turn, whose last characters were the input when it was read.

    A prompt edited since then no longer splits there and comes back whole, with an empty input.
    """
    if not isinstance(n_input_chars, int) or not 0 < n_input_chars <= len(prompt):
        return prompt, ""
    instruction, given = prompt[:-n_input_chars], prompt[-n_input_chars:]
    if not instruction:
        return "", given
    return (instruction.removesuffix(GAP), given) if instruction.endswith(GAP) else (prompt, "")


def read_pair(record: Record, names: PairColumns) -> list[Example]:
    """Return the example of a record; raises InvalidRecord when prompt or response is missing or blank."""
    noted: dict[str, JSON] = {}
    meta: Record = {}
    prompt, response, given = (
        record.get(names.prompt),
        record.get(names.completion),
        record.get(names.context),
    )
    if type(prompt) is str and type(response) is str and type(given) is str and names.rare.isdisjoint(record):
        return [_read_plain(record, names, (prompt, given, response))]
    if type(prompt) is list and turn_keys(first_item(prompt)):
        example = _read_turns(record, names, noted, meta)
    else:
        example = _read_texts(record, names, noted, meta)
    example.meta = left_over(record, names.used)
    if meta:
        example.meta.update(meta)
    if noted:
        example.meta[SHAPE] = {"format": names.format_name, **noted}
    return [example]


def write_pair(example: Example, names: PairColumns) -> Record:
    """Return the record of an example; raises CurationError when the columns cannot hold it."""
    noted = shape_of(example, names.format_name)
    rest = example.meta.get(str(noted.get("answer_column")))
    turns = [dict(turn) for turn in example.messages]
    record: Record = {names.prompt: None}
    thoughts = turns[-1].pop("reasoning_content", None) if noted.get("reasoning") else None
    n_after = int(noted.get("completion_turns", 1))
    if not 0 < n_after < len(turns):
        n_after, noted = 1, {}
    before, after = turns[:-n_after], turns[-n_after:]
    record[names.completion] = write_answer(after, noted, rest)
    if "prompt_form" in noted:
        _write_turns(record, (before, after), names, noted)
    else:
        _write_texts(example, record, (before, after), names, noted)
    if thoughts is not None:
        record[names.reasoning] = as_it_was(thoughts, noted, "reasoning")
    written = add_meta(record, example)
    if noted.get("answer_column") not in (None, names.completion):
        written.pop(noted["answer_column"], None)
    return written


def _read_plain(record: Record, names: PairColumns, texts: tuple[str, str, str]) -> Example:
    """Read prompt, context and response that are all text, with nothing beside them: most rows of most files."""
    prompt, given, response = texts
    example = single_turn(f"{prompt}{GAP}{given}" if given and prompt else prompt or given, response)
    used = names.used
    example.meta = {key: value for key, value in record.items() if key not in used}
    if given or not names.is_alpaca:
        example.meta[SHAPE] = {"format": names.format_name, "input_chars": len(given)}
    return example


def _read_texts(record: Record, names: PairColumns, noted: dict[str, JSON], meta: Record) -> Example:
    given = text_part(record, names.context, noted, "context")
    prompt = joined_prompt(text_of(record, names.prompt), given)
    if given or (names.context in record and not names.is_alpaca):
        noted["input_chars"] = len(given)
    if not given and record.get(names.context, "") is None:
        noted["empty"] = {"context": None}
    earlier = _before_text(record, names, noted, meta, prompt) if names.history in record else []
    opens = bool(earlier) and earlier[0]["role"] == "system"  # such a column beside it says another
    if opens and names.system in record:
        meta[names.system] = record[names.system]
    system = _beside(record, names.system, "system", noted) if names.system in record and not opens else ""
    thoughts = _beside(record, names.reasoning, "reasoning", noted) if names.reasoning in record else ""
    response = record.get(names.completion)
    if type(response) is str and not earlier and not thoughts:
        return single_turn(prompt, response, system)
    if not prompt or prompt.isspace():
        raise InvalidRecord("empty prompt")
    answer = _answer(record, names, noted, meta)
    opening: list[Message] = [{"role": "system", "content": system}] if system else []
    turns = [*opening, *earlier, {"role": "user", "content": prompt}, *answer.turns]
    if thoughts:
        turns[-1]["reasoning_content"], noted["reasoning"] = thoughts, names.reasoning
    return build_example(turns)


def _beside(record: Record, column: str, part: str, noted: dict[str, JSON]) -> str:
    """Return the text of an optional column that is there, and note how it is empty where it is."""
    text = text_part(record, column, noted, part)
    if not text:
        noted.setdefault("empty", {})[part] = record[column]
    return text


def _read_turns(record: Record, names: PairColumns, noted: dict[str, JSON], meta: Record) -> Example:
    """Read a prompt that is a list of turns, as TRL's conversational form has it; a system turn in it comes first."""
    before, form = read_turn_list(record[names.prompt])
    noted["prompt_form"] = form
    if names.context in record:
        meta[names.context] = record[names.context]
    answer = _answer(record, names, noted, meta)
    if names.history in record:
        before = _after_earlier(record, names, noted, meta, SaidAfter([before], [answer.turns]))
    if names.system in record and (before[0]["role"] == "system" or not record[names.system]):
        meta[names.system] = record[names.system]
    elif system := text_part(record, names.system, noted, "system"):
        before.insert(0, {"role": "system", "content": system})
        noted["system_column"] = True
    if thoughts := text_part(record, names.reasoning, noted, "reasoning"):
        answer.turns[-1]["reasoning_content"], noted["reasoning"] = thoughts, names.reasoning
    return build_example(before + answer.turns)


def _answer(record: Record, names: PairColumns, noted: dict[str, JSON], meta: Record) -> AnswerTurns:
    if names.is_alpaca:
        text_of(record, names.completion)  # raises for what is no text: this format has one answer
    answer = read_answer(record, names.completion)
    noted.update(answer.noted)
    if answer.rest is not None:
        # The other answers stay in the metadata, where they can be seen.
        meta[names.completion], noted["answer_column"] = answer.rest, names.completion
    return answer


def _before_text(
    record: Record, names: PairColumns, noted: dict[str, JSON], meta: Record, prompt: str
) -> list[Message]:
    """The turns before a prompt that is text, a system turn among them."""
    value = record[names.history]
    if not value:
        noted.setdefault("empty", {})["history"] = value
        return []
    bare = record.get(names.prompt)
    prompts = [asking(one) for one in dict.fromkeys((prompt, str(bare or prompt)))]
    said = record.get(names.completion)
    answer = answering(said) if type(said) is str else _answer(record, names, noted, meta).turns
    turns = read_before(record, names.history, SaidAfter(prompts, [answer]), noted)
    if "set_aside" in noted:
        meta[names.history] = value
    return turns


def _after_earlier(
    record: Record, names: PairColumns, noted: dict[str, JSON], meta: Record, asked: SaidAfter
) -> list[Message]:
    """The turns of a prompt, which say first who the assistant is, with earlier ones before them."""
    earlier = read_before(record, names.history, asked, noted) if record[names.history] else []
    if "history_value" not in noted:
        meta[names.history] = record[names.history]
    return turns_joined(earlier, list(asked.prompts[0]), noted)


def _write_turns(
    record: Record, turns: tuple[list[Message], list[Message]], names: PairColumns, noted: dict[str, JSON]
) -> None:
    before, after = turns
    if noted.get("system_column") and before[0]["role"] == "system":
        record[names.system] = as_it_was(before.pop(0)["content"], noted, "system")
    earlier, prompt = turns_parted(before, noted)
    record[names.prompt] = write_turn_list(prompt, noted.get("prompt_form") or {})
    if "history_value" in noted:
        record[names.history] = write_before(earlier, [prompt], after, noted)


def _write_texts(
    example: Example,
    record: Record,
    turns: tuple[list[Message], list[Message]],
    names: PairColumns,
    noted: dict[str, JSON],
) -> None:
    before, after = list(said_turns(turns[0])), turns[1]
    plain = after if record[names.completion] is after[-1].get("content") else []
    holds_history = names.is_alpaca or "history_value" in noted or "history" in noted.get("empty", {})
    # Where earlier turns are objects, these hold what stands beside the texts.
    holds_keys = isinstance(first_item(noted.get("history_value")), dict)
    earlier = bare_turns(before[:-1]) if holds_keys else before[:-1]
    if obstacle := plain_obstacle([*earlier, before[-1], *plain], multi_turn=holds_history, system=True):
        raise cannot_hold(names.format_name, example, obstacle, "messages")
    texts = [str(turn["content"]) for turn in before]
    # A system turn may be the first of the earlier ones.
    inside = noted.get("history_system") and (len(texts) > 2 or "again" in noted)
    system = texts.pop(0) if before[0]["role"] == "system" and not inside else ""
    record[names.prompt] = texts[-1]
    n_chars = noted.get("input_chars")
    if n_chars is not None or names.always_context:
        record[names.prompt], given = split_prompt(texts[-1], n_chars)
        # The column comes back also where it is empty, so that a written table keeps its columns.
        record[names.context] = as_it_was(given, noted, "context")
    if system:
        record[names.system] = as_it_was(system, noted, "system")
    earlier = before[bool(system) : -1]
    if "again" in noted or earlier:
        prompts = [asking(record[names.prompt]), asking(texts[-1])]
        record[names.history] = write_before(earlier, prompts, after, noted)
    for part, value in noted.get("empty", {}).items():
        column = getattr(names, part)
        if not record.get(column):
            record[column] = value
