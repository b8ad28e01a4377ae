"""Items between turns that name no role, as OpenAI's Responses write calls, their outputs and reasoning: put into turns.

An assistant's items and the message beside them are one turn, whose content is all of them as parts.
"""

from __future__ import annotations

from collections.abc import Sequence

from tamis.compute.text.turn_parts import part_call, part_result, part_thought
from tamis.types import JSON, Message

_TEXT = "output_text"


def begins_with_item(listed: JSON) -> bool:
    """Whether a list begins with a thought that names no role, and goes on with items and messages of an assistant, as a response has them."""
    if not isinstance(listed, list) or not all(isinstance(item, dict) for item in listed) or len(listed) < 2:
        return False
    if "role" in listed[0] or part_thought(listed[0]) is None:
        return False
    return all(item.get("role") == "assistant" or _role_of_item(item, "role") for item in listed)


def with_items(listed: list[JSON], role_key: str, content_key: str, noted: dict[str, JSON]) -> list[JSON]:
    """Return turns with the items between them among their parts; ``noted`` keeps which parts were items."""
    if all(isinstance(turn, dict) and role_key in turn for turn in listed):
        return listed
    made: list[JSON] = []
    places: dict[str, JSON] = {}
    for item in listed:
        role = _role_of_item(item, role_key)
        last = made[-1] if made else None
        joins = isinstance(last, dict) and last.get(role_key) == "assistant" and isinstance(item, dict)
        only_items = set(places.get(str(len(made) - 1), ())) == {"item"}
        if not role and not (joins and only_items and item.get(role_key) == "assistant"):
            made.append(item)
        elif role == "tool" or not joins:
            made.append({role_key: role, content_key: [item]})
            places[str(len(made) - 1)] = ["item"]
        else:
            _join(made, places, item, content_key, role)
    if places:
        noted["items"] = places
    return made


def without_items(
    turns: list[Message], noted: dict[str, JSON], role_key: str, content_key: str
) -> list[JSON]:
    """Return turns with the items that stood between them there again."""
    places = noted.get("items") or {}
    made: list[JSON] = []
    for at, turn in enumerate(turns):
        kinds, content = places.get(str(at)), turn.get(content_key)
        if not kinds or not isinstance(content, list):
            made.append(turn)
        else:
            made += _items_of(turn, content, kinds, (role_key, content_key))
    return made


def _join(made: list[JSON], places: dict[str, JSON], item: Message, content_key: str, role: str) -> None:
    """Add an item, or the message that follows items, to the last turn."""
    last, at = made[-1], str(len(made) - 1)
    if at not in places:
        places[at] = [_kind_of(last.get(content_key))]
        last = last | {content_key: _parts(last.get(content_key))}
    if role:
        parts, kind = [item], "item"
        beside: Message = {}
    else:
        parts, kind = _parts(item.get(content_key)), _kind_of(item.get(content_key))
        beside = {key: value for key, value in item.items() if key != content_key}
    places[at] = [*places[at], kind]
    made[-1] = last | beside | {content_key: [*last[content_key], *parts]}


def _items_of(turn: Message, content: list[JSON], kinds: Sequence[JSON], keys: tuple[str, str]) -> list[JSON]:
    """The items and the message that a turn was made of; of the parts the message has what the items leave."""
    role_key, content_key = keys
    first = next((i for i, kind in enumerate(kinds) if kind != "item"), len(kinds))
    n_after = len(kinds) - first - 1 if first < len(kinds) else 0
    head, middle, tail = (
        content[:first],
        content[first : len(content) - n_after],
        content[len(content) - n_after :],
    )
    if first == len(kinds):
        return content
    text = middle[0].get("text") if kinds[first] == "text" and len(middle) == 1 else middle
    return [*head, turn | {content_key: text}, *tail]


def _role_of_item(item: JSON, role_key: str) -> str:
    if not isinstance(item, dict) or role_key in item:
        return ""
    if part_result(item) is not None:
        return "tool"
    return "assistant" if part_call(item) is not None or part_thought(item) is not None else ""


def _parts(content: JSON) -> list[JSON]:
    return list(content) if isinstance(content, list) else [{"type": _TEXT, "text": content}]


def _kind_of(content: JSON) -> str:
    return "parts" if isinstance(content, list) else "text"
