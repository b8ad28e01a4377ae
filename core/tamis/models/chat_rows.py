"""A conversation as a model is given it: its turns, the tools that it may call, and how much each turn is learned."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import orjson

from tamis.compute.text.turn_text import as_text, content_text, part_text, turn_calls, turn_text
from tamis.errors import CurationError
from tamis.types import JSON, Message

REASONING = ("reasoning_content", "thinking", "reasoning")  # the names that files and templates have for it
TOOLS = ("tools", "functions")
IMAGES = ("images", "image")
FACTORS = ("weight", "loss_weight", "loss_scale")
SWITCHES = ("train", "label")
# Of a row or a turn, where they are true or false; anything else under these names is about something else.
ALSO_SWITCHES = ("loss", "kto_tag")
ROW_SWITCHES = (*SWITCHES, *ALSO_SWITCHES)
MARKS = (*FACTORS, *ROW_SWITCHES, "train_detail")
OF_PARTS = "train_detail"  # marks of parts of a turn, by place
GAP = "\n\n"  # between two texts that become one turn


class UnfitRow(CurationError):
    """A conversation that cannot be given to a model; its words complete "12 rows …"."""


@dataclass(frozen=True, slots=True)
class ChatRow:
    """The turns as their file has them, the definitions of tools, how much of the loss the row has by marks of its own
    (0: nothing is learned), and pictures beside its turns.
    """

    messages: tuple[Message, ...]
    tools: tuple[JSON, ...] = ()
    weight: float = 1.0
    n_images: int = 0


def chat_record(messages: Sequence[Message], fields: Mapping[str, JSON]) -> dict[str, JSON]:
    """``messages`` with those ``fields`` of a row that decide what a model reads and learns of it: a training file's line."""
    record: dict[str, JSON] = {"messages": list(messages)}
    for name in (*TOOLS, *IMAGES):
        if fields.get(name):
            record[name] = fields[name]
    if isinstance(fields.get("loss_weight"), int | float):
        record["loss_weight"] = fields["loss_weight"]
    return record | {name: False for name in ROW_SWITCHES if fields.get(name) is False}


def read_chat_row(record: Mapping[str, JSON]) -> ChatRow:
    """The row that a line of a training file holds."""
    images = [record[name] for name in IMAGES if record.get(name)]
    return ChatRow(
        messages=tuple(record["messages"]),
        tools=_tools(next((record[name] for name in TOOLS if record.get(name)), None)),
        weight=_row_weight(record),
        n_images=sum(len(one) if isinstance(one, list) else 1 for one in images),
    )


def template_turns(row: ChatRow) -> list[Message]:
    """The turns with the keys and types that chat templates read; raises UnfitRow for what no text model reads.

    Arguments of calls are objects, reasoning stands under each of its names, parts of a text are joined by lines. A
    system turn that says nothing is left out: templates then say what they say without one.
    """
    if row.n_images or any(_has_other_parts(message) for message in row.messages):
        raise UnfitRow("have images or other parts that a text model cannot read")
    turns = [_template_turn(message) for message in row.messages]
    return [turn for turn in turns if turn["role"] != "system" or turn["content"].strip()]


def _row_weight(record: Mapping[str, JSON]) -> float:
    if any(record.get(name) is False for name in ROW_SWITCHES):
        return 0.0
    weight = record.get("loss_weight", 1.0)
    return float(weight) if isinstance(weight, int | float) and 0 <= weight < math.inf else 1.0


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


def turn_weight(message: Message) -> float:
    """How much of the loss a turn's tokens have by its own marks: the product of FACTORS and switches, 1 without any.

    Raises UnfitRow for a weight that is no number from 0 on, a switch that is neither true nor false, and marks of parts
    of a turn, which are not heeded here.
    """
    if message.get(OF_PARTS):
        raise UnfitRow(f"have a turn with {OF_PARTS}, whose parts cannot be told apart here")
    weight = 0.0 if any(message.get(name) is False for name in ALSO_SWITCHES) else 1.0
    for name in FACTORS:
        value = message.get(name)
        if value is None:
            continue
        if not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
            raise UnfitRow(f"have a turn whose {name} is no number from 0 on")
        weight *= float(value)
    for name in SWITCHES:
        value = message.get(name)
        if value is None:
            continue
        if value not in (True, False):
            raise UnfitRow(f"have a turn whose {name} is neither true nor false")
        weight *= float(value)
    return weight


def as_text_only(row: ChatRow) -> ChatRow:
    """The row with everything in words that is not: tools in the system turn, calls as ``name(arguments)``, what tools
    said in user turns, reasoning between ``<think>`` marks. Pictures are left out.

    Raises UnfitRow where a turn then says nothing.
    """
    turns: list[Message] = []
    if row.tools:
        turns.append({"role": "system", "content": "\n".join(["Tools:", *map(as_text, row.tools)])})
    for message in row.messages:
        _add_turn(turns, _text_turn(message))
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


def reasoning_of(message: Message) -> str:
    """What an assistant thought before it answered; empty where nothing is told."""
    found = next((message[name] for name in REASONING if message.get(name)), "")
    return found if isinstance(found, str) else ""


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
    return tuple(_tool(tool) for tool in listed)


def _tool(tool: JSON) -> JSON:
    """The definition of a tool as templates read it: a bare function gets its frame."""
    bare = isinstance(tool, Mapping) and "function" not in tool and isinstance(tool.get("name"), str)
    return {"type": "function", "function": tool} if bare else tool


def _has_other_parts(message: Message) -> bool:
    content = message.get("content")
    if not isinstance(content, list):
        return False
    return any(part_text(part) is None for part in content)
