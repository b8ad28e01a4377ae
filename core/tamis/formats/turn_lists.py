"""Lists of turns under any keys, and the earlier turns of a conversation in the forms that datasets give them."""

from __future__ import annotations

from collections.abc import Sequence

from tamis.errors import InvalidRecord
from tamis.formats.cell_text import data_in
from tamis.formats.channels import with_thoughts, without_thoughts
from tamis.formats.chat import OPENAI_LABELS, SHAREGPT_LABELS, labels_for, read_turns
from tamis.formats.exchanges import SYSTEM_KEY, exchange_turns, write_exchanges
from tamis.formats.names import exchange_keys, telling_turn, turn_keys
from tamis.formats.own_text import with_usual_key, without_usual_key
from tamis.formats.turn_items import with_items, without_items
from tamis.types import JSON, Message

PAIRS = "pairs"  # the plain form of earlier turns: [[prompt, response], …]


def read_turn_list(turns: list[JSON]) -> tuple[list[Message], dict[str, JSON]]:
    """Return the turns of a list and its form (keys and labels where they are not OpenAI's); raises InvalidRecord."""
    role_key, content_key = turn_keys(telling_turn(turns)) or ("role", "content")
    form: dict[str, JSON] = {}
    spoken = with_usual_key(turns, role_key, content_key, form)
    listed = with_items(with_thoughts(spoken, role_key, content_key, form), role_key, content_key, form)
    canonical, labels = read_turns(listed, role_key, content_key)
    if (role_key, content_key) != ("role", "content"):
        form["keys"] = [role_key, content_key]
    if any(label != turn["role"] for turn, label in zip(canonical, labels, strict=True)):
        form["labels"] = labels
    return canonical, form


def write_turn_list(turns: Sequence[Message], form: dict[str, JSON]) -> list[Message]:
    """Return turns in the form of a list that was read, labels of its own where they still fit."""
    role_key, content_key = form.get("keys") or ("role", "content")
    default = SHAREGPT_LABELS if role_key == "from" else OPENAI_LABELS
    names = {"role": role_key, "content": content_key}
    labels = labels_for(turns, form.get("labels"), default)
    written = [
        {names.get(key, key): label if key == "role" else value for key, value in turn.items()}
        for turn, label in zip(turns, labels, strict=True)
    ]
    items = without_items(written, form, role_key, content_key)
    said = without_thoughts(items, form, role_key, content_key)
    return without_usual_key(said, form, role_key, content_key)


def earlier_turns(value: JSON) -> list[Message] | None:
    """Return the earlier turns that a value holds, or None where it holds none that can be read.

    Known are pairs of texts, objects that are one exchange, turns with roles, and texts in turn, user first; each also
    as JSON text. Every turn must say something, and the assistant must speak last.
    """
    if isinstance(value, str):
        value = data_in(value)
    if not isinstance(value, list) or not value:
        return None
    if turn_keys(value[0]):
        try:
            turns, _ = read_turn_list(value)
        except InvalidRecord:
            return None
    else:
        turns = _exchanges(value)
    said = all(isinstance(turn["content"], str) and turn["content"].strip() for turn in turns)
    return turns if said and turns and turns[-1]["role"] == "assistant" else None


def history_form(turns: Sequence[Message], value: JSON) -> JSON:
    """Return what ``write_history`` needs to write earlier turns that were read from ``value``: PAIRS, or the value itself."""
    is_plain = isinstance(value, list) and all(isinstance(pair, list) for pair in value)
    return PAIRS if is_plain and write_history(turns, PAIRS) == value else value


def write_history(turns: Sequence[Message], value: JSON) -> JSON:
    """Return earlier turns in the form of ``value``, which itself comes back where it still says the same."""
    if value != PAIRS and earlier_turns(value) == list(turns):
        return value
    first = value[0] if isinstance(value, list) and value else None
    if turn_keys(first):
        return write_turn_list(turns, read_turn_list(value)[1])
    if keys := exchange_keys(first):
        left = [exchange_turns(item, keys)[1] for item in value if isinstance(item, dict)]
        if turns and turns[0]["role"] == "system":
            left[0].pop(SYSTEM_KEY, None)
        return write_exchanges(turns, keys, left)
    texts = [turn["content"] for turn in turns]
    pairs = [list(pair) for pair in zip(texts[::2], texts[1::2], strict=True)]
    return texts if isinstance(first, str) else pairs


def _exchanges(value: list[JSON]) -> list[Message]:
    opening: list[Message] = []
    turns: list[Message] = []
    for item in value:
        said: list[JSON] = item if isinstance(item, list) and len(item) == 2 else [item]
        if keys := exchange_keys(item):
            pair, left = exchange_turns(item, keys)
            if len(turns) % 2:
                return []
            if not turns and isinstance(system := left.get(SYSTEM_KEY), str) and system:
                opening = [{"role": "system", "content": system}]
            turns += pair
        elif item is not said and not isinstance(item, str):
            return []
        else:
            for text in said:
                turns.append({"role": ("user", "assistant")[len(turns) % 2], "content": text})
    return [] if len(turns) % 2 else [*opening, *turns]
