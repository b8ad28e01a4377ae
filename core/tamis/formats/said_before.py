"""Earlier turns in a column beside a prompt and its answer: read before them, and what they say themselves is not said twice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from tamis.compute.text.turn_text import turn_text
from tamis.formats.format import Record
from tamis.formats.turn_lists import PAIRS, earlier_turns, history_form, write_history
from tamis.types import JSON, Message

_PAIR = 2  # turns: a prompt and an answer
_PLAIN = ("role", "content")


class SaidAfter(NamedTuple):
    """What is said after earlier turns: the turns of the prompt, each way in which they may be written, and the answers to
    it, first the one that is learned.
    """

    prompts: Sequence[Sequence[Message]]
    answers: Sequence[Sequence[Message]]


class _Again(NamedTuple):
    """How many of the last earlier turns are said again, from which turn of the prompt on, and by which answer."""

    n: int
    at: int
    answer: int


_NOTHING = _Again(0, 0, 0)


def asking(text: str) -> list[Message]:
    """A prompt that is text, as turns."""
    return [{"role": "user", "content": text}]


def answering(text: str) -> list[Message]:
    """An answer that is text, as turns."""
    return [{"role": "assistant", "content": text}]


def read_before(record: Record, column: str, asked: SaidAfter, noted: dict[str, JSON]) -> list[Message]:
    """Return the turns before a prompt, a system turn among them, without those that the prompt and an answer say themselves.

    What cannot be read is noted as ``set_aside``, as are turns that open with another system turn than the prompt does; for
    the rest ``noted`` keeps what ``write_before`` needs.
    """
    value = record[column]
    turns = earlier_turns(value)
    own = asked.prompts[0][0]
    opens = turns is not None and turns[0]["role"] == "system"
    if turns is None or (opens and own["role"] == "system" and not _same(own, turns[0])):
        noted["set_aside"] = [column]
        return []
    noted["history_value"] = history_form(turns, value)
    if opens and own["role"] == "system":
        noted["history_opens"] = True
        turns = turns[1:]
    elif opens:
        noted["history_system"] = True
    again = _said_again(turns[opens and own["role"] != "system" :], asked)
    if again.n:
        noted["again"], noted["history_value"] = [column], value
        noted |= {"again_turns": list(again)} if again != (_PAIR, 0, 0) else {}
        beside = {key: one for turn in turns[-again.n :] for key, one in turn.items() if key not in _PLAIN}
        noted |= {"again_keys": beside} if beside else {}
        turns = turns[: -again.n]
    return turns


def write_before(
    turns: Sequence[Message],
    prompts: Sequence[Sequence[Message]],
    answer: Sequence[Message],
    noted: dict[str, JSON],
) -> JSON:
    """Return earlier turns in the form of their column, with the prompt and the answer that ended them, as these are now."""
    value = noted.get("history_value", PAIRS)
    opening = prompts[0][:1] if noted.get("history_opens") and prompts[0][0]["role"] == "system" else []
    turns = [*opening, *turns]
    if "again" not in noted:
        return write_history(turns, value)
    n, at, place = noted.get("again_turns") or (_PAIR, 0, 0)
    read = earlier_turns(value) or []
    was = read[-n:]
    said = [
        _spoken(prompt, was[len(prompt) - at :] if place else answer)[at : at + n]
        for prompt in map(_without_system, prompts)
    ]
    if read == [*turns, *was] and any(_are_same(was, now) for now in said):
        return value
    kept = was if len(was) == len(said[0]) else [{}] * len(said[0])
    again = [
        old | {"role": new["role"], "content": new["content"]} for old, new in zip(kept, said[0], strict=True)
    ]
    return write_history([*turns, *again], value)


def turns_joined(earlier: list[Message], prompt: list[Message], noted: dict[str, JSON]) -> list[Message]:
    """Return earlier turns and those of a prompt, of which a system turn comes first; ``noted`` keeps how many came before."""
    opening = [prompt.pop(0)] if prompt[0]["role"] == "system" else []
    if earlier:
        noted["turns_before"] = len(earlier) - (earlier[0]["role"] == "system")
    return [*opening, *earlier, *prompt]


def turns_parted(before: Sequence[Message], noted: dict[str, JSON]) -> tuple[list[Message], list[Message]]:
    """Return the earlier turns and those of the prompt that ``turns_joined`` put together."""
    first = int(before[0]["role"] == "system")
    end = first + int(noted.get("turns_before", 0))
    opening, earlier, prompt = list(before[:first]), list(before[first:end]), list(before[end:])
    if not prompt:  # fewer turns than there were
        return [], list(before)
    return (opening + earlier, prompt) if noted.get("history_system") else (earlier, opening + prompt)


def _said_again(turns: Sequence[Message], asked: SaidAfter) -> _Again:
    """What of the end of earlier turns is said again: all of them wherever the prompt has them, or as many as it begins with."""
    end = turns[-1] if turns else None
    if end is None or not any(_same(end, turn) for said in (*asked.answers, *asked.prompts) for turn in said):
        return _NOTHING  # as it is for most rows
    for place, answer in enumerate(asked.answers):
        for prompt in asked.prompts:
            said = _spoken(_without_system(prompt), answer)
            for at in range(len(said) - len(turns) + 1):
                if _are_same(turns, said[at : at + len(turns)]):
                    return _Again(len(turns), at, place)
            for n in range(min(len(turns), len(said)), 1, -1):
                if _are_same(turns[-n:], said[:n]):
                    return _Again(n, 0, place)
    return _NOTHING


def _spoken(prompt: Sequence[Message], answer: Sequence[Message]) -> list[Message]:
    return [*prompt, *answer]


def _without_system(prompt: Sequence[Message]) -> Sequence[Message]:
    return prompt[1:] if prompt[0]["role"] == "system" else prompt


def _are_same(some: Sequence[Message], others: Sequence[Message]) -> bool:
    return len(some) == len(others) and all(map(_same, some, others))


def _same(one: Message, other: Message) -> bool:
    return one["role"] == other["role"] and _text(one) == _text(other)


def _text(turn: Message) -> str:
    content = turn["content"]
    return content.strip() if type(content) is str else turn_text(turn).strip()
