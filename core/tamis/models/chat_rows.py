"""A conversation as a model is given it: its turns, the tools that it may call, and how much each turn is learned."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import orjson

from tamis.compute.text.turn_parts import part_kind
from tamis.compute.text.turn_text import as_text, content_text, part_text, turn_calls, turn_text
from tamis.errors import InvalidRecord
from tamis.models.opened_turns import GAP, REASONING, opened_turns
from tamis.models.row_fields import IMAGES, TOOLS, media_of, tools_of
from tamis.models.row_marks import MARKS, UnfitRow, learns_last_only, row_marks, row_weight
from tamis.models.told_thoughts import is_thought, tells_thoughts, told_once
from tamis.models.told_thoughts import reasoning_of as reasoning_of
from tamis.types import JSON, Message

# Of a row: the names of a turn's and more.
ROW_REASONING = (
    *REASONING, "complex_cot", "reasoning_trace", "thinking_trajectory", "deepseek_reasoning",
)  # fmt: skip
_SCHEMAS = (
    "input_schema",
    "inputSchema",
    "parameters_json_schema",
)  # what others call the parameters of a function
TOO_DEEP = "have calls or tools that are nested too deep for a model"
_PICTURES = "have images or other parts that a text model cannot read"


@dataclass(frozen=True, slots=True)
class ChatRow:
    """The turns with the keys of OpenAI's, the definitions of tools, how much of the loss the row has by marks of its own
    (0: nothing is learned), pictures beside its turns, and whether a mark leaves only its last answer.
    """

    messages: tuple[Message, ...]
    tools: tuple[JSON, ...] = ()
    weight: float = 1.0
    n_images: int = 0
    last_only: bool = False


def chat_record(messages: Sequence[Message], fields: Mapping[str, JSON]) -> dict[str, JSON]:
    """``messages`` with those ``fields`` of a row that decide what a model reads and learns of it: a training file's line.

    Tools stand in a field of the row, or else in its system turn, as GLM-4's files have them.
    """
    tools = tools_of(fields) or (
        tools_of(messages[0]) if messages and messages[0]["role"] == "system" else {}
    )
    record: dict[str, JSON] = {"messages": list(messages)} | tools | media_of(fields)
    if thoughts := beside_thoughts(messages, fields):
        record["reasoning_content"] = fields[thoughts]
    return record | row_marks(fields)


def beside_thoughts(messages: Sequence[Message], fields: Mapping[str, JSON]) -> str:
    """The field with what was thought before the one answer that the row has; empty for none.

    Beside a rejected answer such a text is the judge's, beside several answers nobody knows whose.
    """
    name = next(thought_fields(fields), "")
    answers = [turn for turn in messages if turn.get("role") == "assistant"]
    if not name or "rejected" in fields or len(answers) != 1 or answers[0] is not messages[-1]:
        return ""
    told = any(answers[0].get(one) for one in REASONING) or fields[name].strip() in turn_text(answers[0])
    return "" if told or tells_thoughts(answers[0], fields[name]) else name


def thought_fields(fields: Mapping[str, JSON]) -> Iterator[str]:
    """The fields of a row that hold somebody's thoughts by their name, whatever its case."""
    if not fields:
        return
    called = {key.lower(): key for key in fields}
    names = [called[name] for name in ROW_REASONING if name in called]
    yield from (name for name in names if isinstance(fields[name], str) and is_thought(fields[name]))


def read_chat_row(record: Mapping[str, JSON]) -> ChatRow:
    """The row that a line of a training file holds."""
    images = [record[name] for name in IMAGES if record.get(name)]
    messages = opened_turns(record["messages"])
    if record.get("reasoning_content"):
        messages[-1] = messages[-1] | {"reasoning_content": record["reasoning_content"]}
    return ChatRow(
        messages=tuple(map(told_once, messages)),
        tools=_tools(next((record[name] for name in TOOLS if record.get(name)), None)),
        weight=row_weight(record),
        n_images=sum(len(one) if isinstance(one, list) else 1 for one in images),
        last_only=learns_last_only(record),
    )


def model_reads(message: Message) -> bool:
    """Whether a turn is one of those that a model reads, in training and when it is asked: all but a system turn without a
    sign.
    """
    return message["role"] != "system" or bool(content_text(message).strip())


def template_turns(row: ChatRow) -> list[Message]:
    """The turns with the keys and types that chat templates read; raises UnfitRow for what no text model reads.

    Arguments of calls are objects, reasoning stands under each of its names, parts of a text are joined by lines. A
    system turn that says nothing is left out: templates then say what they say without one.
    """
    if row.n_images or any(turn.get(name) for turn in row.messages for name in IMAGES):
        raise UnfitRow(_PICTURES)
    if other := next(filter(None, map(_other_part, row.messages)), ""):
        raise UnfitRow(
            _PICTURES if "image" in other else f"have {other} parts, which a text model cannot read"
        )
    return [_template_turn(message) for message in row.messages if model_reads(message)]


def numbered_calls(turns: Sequence[Message]) -> list[Message]:
    """The turns with calls that are numbered from 000000001 on, and their results with them."""
    made: list[Message] = []
    named: dict[str, str] = {}
    waiting: list[str] = []
    count = 0
    for turn in turns:
        if turn.get("tool_calls"):
            waiting = [f"{count + k:09d}" for k in range(1, len(turn["tool_calls"]) + 1)]
            count += len(waiting)
            calls = [call | {"id": one} for call, one in zip(turn["tool_calls"], waiting, strict=True)]
            named |= {
                call["id"]: one for call, one in zip(turn["tool_calls"], waiting, strict=True) if "id" in call
            }
            turn = turn | {"tool_calls": calls}
        elif turn["role"] == "tool":
            own = named.get(turn.get("tool_call_id", ""), waiting[0] if waiting else f"{count:09d}")
            waiting = [one for one in waiting if one != own]
            turn = turn | {"tool_call_id": own}
        made.append(turn)
    return made


def as_text_only(row: ChatRow) -> ChatRow:
    """The row with everything in words that is not: tools in the system turn, calls as ``name(arguments)``, what tools
    said in user turns, reasoning between ``<think>`` marks. Pictures are left out.

    Raises UnfitRow where a turn then says nothing, and for what is nested too deep to be written.
    """
    turns: list[Message] = []
    try:
        if row.tools:
            turns.append({"role": "system", "content": "\n".join(["Tools:", *map(as_text, row.tools)])})
        for message in row.messages:
            _add_turn(turns, _text_turn(message))
    except (InvalidRecord, RecursionError) as error:
        raise UnfitRow(TOO_DEEP) from error
    if any(turn["role"] != "system" and not turn["content"].strip() for turn in turns):
        raise UnfitRow("have a turn without a text")
    return replace(row, messages=tuple(turns), tools=(), n_images=0)


def fit_turns(
    turns: Sequence[Message],
    limit: int,
    lengths_of: Callable[[Sequence[str]], list[int]],
    without_middle: Callable[[str, int], str],
) -> Sequence[Message]:
    """The turns of a question within ``limit``: the oldest exchanges go first, then the middles of texts.

    ``lengths_of`` counts texts as ``limit`` does, ``without_middle(text, length)`` shortens one. Turns that fit are given
    back as they are.
    """
    kept, lengths = list(turns), lengths_of([turn_text(turn) for turn in turns])
    if sum(lengths) <= limit:
        return turns
    first = int(kept[0]["role"] == "system")
    while sum(lengths) > limit and (after := _next_user(kept, first + 1)):
        del kept[first:after], lengths[first:after]
    if first:
        _cut(kept, lengths, 0, max(limit // 2, limit - lengths[-1]), without_middle)
    _cut(kept, lengths, -1, limit - sum(lengths[:-1]), without_middle)
    return kept


def _cut(
    turns: list[Message], lengths: list[int], i: int, room: int, without_middle: Callable[[str, int], str]
) -> None:
    """Shorten turn ``i`` to ``room`` where it is longer."""
    if lengths[i] > max(0, room):
        lengths[i] = max(0, room)
        turns[i] = turns[i] | {"content": without_middle(turn_text(turns[i]), lengths[i])}


def _next_user(turns: Sequence[Message], start: int) -> int:
    """The next user's turn from ``start`` on; 0 where none comes."""
    return next((i for i in range(start, len(turns)) if turns[i]["role"] == "user"), 0)


def _add_turn(turns: list[Message], turn: Message) -> None:
    """Append a turn; one that says more of what the last one's role says joins it."""
    if turns and turns[-1]["role"] == turn["role"] and turn["role"] in ("system", "user"):
        turns[-1] = turns[-1] | {"content": GAP.join(filter(None, (turns[-1]["content"], turn["content"])))}
    else:
        turns.append(turn)


def _text_turn(message: Message) -> Message:
    text, thought = turn_text(message), reasoning_of(message)
    if thought:
        text = f"<think>\n{thought}\n</think>{GAP}{text}"
    marks = {name: message[name] for name in MARKS if name in message}
    return {"role": "user" if message["role"] == "tool" else message["role"], "content": text, **marks}


def _template_turn(message: Message) -> Message:
    turn: Message = {"role": message["role"], "content": content_text(message)}
    calls = turn_calls(message)
    if calls:
        turn["tool_calls"] = [_template_call(call) for call in calls]
    thought = reasoning_of(message)
    if thought:
        turn["reasoning_content"] = turn["thinking"] = thought
    elif any(message.get(name) and isinstance(message[name], list | dict) for name in REASONING):
        raise UnfitRow("have reasoning that is no text")
    return turn | {
        name: message[name] for name in ("name", "tool_call_id") if isinstance(message.get(name), str)
    }


def _template_call(call: JSON) -> JSON:
    function = call.get("function", call) if isinstance(call, Mapping) else call
    if not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
        raise UnfitRow("have a tool call without a name")
    arguments = function.get("arguments", {})
    if isinstance(arguments, str):
        arguments = _parsed(arguments)
    made: dict[str, JSON] = {
        "type": "function",
        "function": {"name": function["name"], "arguments": arguments},
    }
    if isinstance(call, Mapping) and isinstance(call.get("id"), str):
        made["id"] = call["id"]
    return made


def _parsed(text: str) -> JSON:
    """Arguments as an object; as a text where they are none."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
    return value if isinstance(value, dict) else text


def _tools(value: JSON) -> tuple[JSON, ...]:
    if isinstance(value, str):
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError:
            return (value,)
    listed = value if isinstance(value, list) else [value] if isinstance(value, dict) else []
    return tuple(_tool(tool) for one in listed for tool in _declared(one))


def _declared(tool: JSON) -> list[JSON]:
    """The functions that Google declares together; others alone."""
    names = ("functionDeclarations", "function_declarations")
    found = next((tool[name] for name in names if isinstance(tool, Mapping) and name in tool), None)
    return found if isinstance(found, list) else [tool]


def _tool(tool: JSON) -> JSON:
    """The definition of a tool as templates read it: a bare function gets its frame, its parameters their name."""
    if isinstance(tool, Mapping) and isinstance(tool.get("toolSpec"), Mapping):
        tool = tool["toolSpec"]
    if not isinstance(tool, Mapping) or "function" in tool or not isinstance(tool.get("name"), str):
        return tool
    function = {key: value for key, value in tool.items() if key not in ("type", *_SCHEMAS)}
    schema = next((tool[name] for name in _SCHEMAS if isinstance(tool.get(name), Mapping)), None)
    if schema is not None and "parameters" not in function:
        function["parameters"] = schema.get("json", schema)
    return {"type": "function", "function": function}


def _other_part(message: Message) -> str:
    """The kind of the first part of a turn that says nothing to a text model; empty where there is none."""
    content = message.get("content")
    parts = content if isinstance(content, list) else [content] if isinstance(content, dict) else []
    return next((part_kind(part) for part in parts if part_text(part) is None), "")
