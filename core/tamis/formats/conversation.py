"""The rules that every conversation obeys, and the prompt and response texts taken from it."""

from __future__ import annotations

from collections.abc import Sequence

from tamis.compute.text.turn_parts import is_medium, is_ordinary, part_kind
from tamis.compute.text.turn_text import TEXT_KEYS, part_text, part_texts
from tamis.compute.text.turn_text import as_text as as_text
from tamis.compute.text.turn_text import turn_text as turn_text
from tamis.errors import InvalidRecord
from tamis.types import JSON, Example, Message

SHAPE = "_shape"  # the key of Example.meta that holds what a format needs to write the record back as it was

BYTES = "bytes"  # in it: the columns that hold bytes, which only the raw record keeps

_MAY_FOLLOW = {
    "system": ("user",),
    "user": ("assistant",),
    "assistant": ("user", "tool"),
    "tool": ("tool", "assistant", "user"),
}
_PLAIN_KEYS = frozenset(("role", "content"))


def single_turn(prompt: str, response: str, system: str = "") -> Example:
    """Build the example of one user and one assistant turn; raises InvalidRecord when either is blank."""
    if not prompt or prompt.isspace():
        raise InvalidRecord("empty prompt")
    if not response or response.isspace():
        raise InvalidRecord("empty response")
    turns: list[Message] = [{"role": "user", "content": prompt}, {"role": "assistant", "content": response}]
    if not system:
        return Example(turns, prompt, response)
    turns.insert(0, {"role": "system", "content": system})
    return Example(turns, labelled_turns(turns[:-1]), response)


def build_example(messages: list[Message]) -> Example:
    """Check the turns (roles, order, content) and build the example; raises InvalidRecord naming the turn."""
    check_order(messages)
    for number, message in enumerate(messages, 1):
        check_content(message, number, is_last=number == len(messages))
    return Example(messages, labelled_turns(messages[:-1]), turn_text(messages[-1]))


def labelled_turns(messages: Sequence[Message]) -> str:
    """Return the bare text of a lone user turn, else every turn with text as ``role: text``, a blank line
    between.
    """
    texts = [(message["role"], turn_text(message)) for message in messages]
    spoken = [(role, text) for role, text in texts if text]
    if len(spoken) == 1 and spoken[0][0] == "user":
        return spoken[0][1]
    return "\n\n".join(f"{role}: {text}" for role, text in spoken)


def shape_of(example: Example, name: str) -> dict[str, JSON]:
    """Return what the format called ``name`` noted about the record's shape while reading it; empty if
    another did.
    """
    noted = example.meta.get(SHAPE)
    return noted if isinstance(noted, dict) and noted.get("format") == name else {}


def add_meta(record: dict[str, JSON], example: Example) -> dict[str, JSON]:
    """Add the source's other fields to a written record; a name that the conversation uses is left out."""
    for key, value in example.meta.items():
        if key != SHAPE and key not in record:
            record[key] = value
    return record


def describe_turns(messages: Sequence[Message]) -> str:
    """Return the turns in words for a message to a person, such as ``4 turns (system, user, assistant,
    tool)``.
    """
    roles = [str(message.get("role")) for message in messages]
    shown = ", ".join(roles[:6]) + (", …" if len(roles) > 6 else "")
    return f"{len(roles)} turn{'s' * (len(roles) != 1)} ({shown})"


def said_turns(messages: Sequence[Message]) -> Sequence[Message]:
    """Return the turns without a system turn that says nothing: where it has no place, nothing is lost with it."""
    first = messages[0] if messages else {}
    content = first.get("content")
    is_blank = content is None or (isinstance(content, str) and not content.strip())
    empty = first.get("role") == "system" and is_blank and first.keys() <= _PLAIN_KEYS
    return messages[1:] if empty else messages


def plain_obstacle(messages: Sequence[Message], *, multi_turn: bool, system: bool) -> str | None:
    """Say why turns that are bare strings cannot hold the conversation, or None when they can."""
    messages = said_turns(messages)
    starts_with_system = bool(messages) and messages[0]["role"] == "system"
    if starts_with_system and not system:
        return "a system prompt"
    for message in messages:
        if obstacle := _turn_obstacle(message):
            return obstacle
    if not multi_turn and len(messages) - starts_with_system > 2:
        return "more than one exchange"
    return None


def _turn_obstacle(message: Message) -> str | None:
    if message["role"] == "tool":
        return "a tool turn"
    if message.get("tool_calls") or message.get("function_call"):
        return "tool calls"
    if not isinstance(message.get("content"), str):
        return "a turn whose content is not a plain string"
    extra = message.keys() - _PLAIN_KEYS
    return f"a turn with the key {min(extra)!r}" if extra else None


def check_order(messages: Sequence[Message]) -> None:
    """Raise InvalidRecord naming the first turn whose role does not belong where it stands."""
    if not messages:
        raise InvalidRecord("empty conversation: no turns")
    previous = None
    for number, message in enumerate(messages, 1):
        role = message["role"]
        allowed = _MAY_FOLLOW[previous] if previous else ("system", "user")
        if role not in allowed:
            before = f"comes after {previous}" if previous else "comes first"
            wanted = " or ".join(allowed)
            raise InvalidRecord(f"wrong role order: turn {number} ({role}) {before}, where {wanted} belongs")
        previous = role
    if previous != "assistant":
        raise InvalidRecord(f"ends with a {previous} turn: no response")


def check_content(message: Message, number: int, *, is_last: bool) -> None:
    """Raise InvalidRecord when turn ``number`` (from 1) says nothing or holds something else than text.

    What a tool gave may be any value.
    """
    role, content = message["role"], message.get("content")
    says = _content_says(content)
    if says or role == "tool":
        return
    if says is None:
        inside = f" with {', '.join(map(repr, content))}" if isinstance(content, dict) else ""
        raise InvalidRecord(
            f"turn {number} ({role}) has content of type {type_name(content)}{inside}, not text"
        )
    calls_tool = role == "assistant" and (message.get("tool_calls") or message.get("function_call"))
    if calls_tool or role == "system":
        return
    if isinstance(content, list) and (kinds := dict.fromkeys(map(part_kind, content))).keys() - {
        "str",
        "text",
    }:
        raise InvalidRecord(f"turn {number} ({role}) has no text in its parts: {', '.join(kinds)}")
    if is_last:
        raise InvalidRecord("empty response")
    raise InvalidRecord(f"empty {'prompt' if role == 'user' else 'turn'}: turn {number} ({role}) has no text")


def _content_says(content: JSON) -> bool | None:
    """Whether a turn's content says something; None for what is neither text nor parts of it."""
    if isinstance(content, str):
        return bool(content) and not content.isspace()
    if isinstance(content, list):
        return any(_says_something(part) for part in content)
    if isinstance(content, dict):
        return _says_something(content) if part_text(content) is not None or _is_known(content) else None
    return False if content is None else None


def _says_something(part: JSON) -> bool:
    # An image or audio part is content although it has no text.
    if isinstance(part, dict) and (part.get("type", "text") != "text" or _is_known(part)):
        return True
    return bool("".join(part_texts([part])).strip())


def _is_known(part: JSON) -> bool:
    """Whether a part without a text is one that turns are made of: a call, a result, a thought, a picture."""
    return is_medium(part) or not is_ordinary(part)


def parts_text(value: JSON) -> str:
    """Return any value in words: texts of a list joined, an object's text or parts, anything else as JSON."""
    if isinstance(value, dict):
        inner = next((value[key] for key in ("parts", *TEXT_KEYS) if key in value), None)
        return as_text(value) if inner is None else parts_text(inner)
    if isinstance(value, list) and value:
        if all(isinstance(item, str) for item in value):
            return "\n\n".join(value)
        texts = [part_text(item) for item in value]
        if all(text is not None for text in texts):
            return "\n".join(str(text) for text in texts)
    return "" if value is None or value == [] else as_text(value)


def type_name(value: JSON) -> str:
    """Return JSON's own word for the type of a value."""
    names = {dict: "object", list: "list", str: "text", bool: "true/false", int: "number", float: "number"}
    return names.get(type(value), "null" if value is None else type(value).__name__)
