"""Prompts and answers in columns of their own whose text has the marks of a template: read as the turns that they mark.

A column is one where every row that was looked at agrees. A prompt has the form of one where its text ends with the mark that
opens the answer; with marks of a template, where it begins with one and ends with what a user says, too. An answer beside a
plain prompt has it where it ends with a token of a template, begins with the mark of an assistant, or repeats its prompt.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from tamis.formats.spoken_texts import MAX_HEAD, Spoken, in_order, spoken_turns, turns_between
from tamis.formats.transcript_marks import (
    N_TEMPLATES,
    STYLES,
    between_tokens,
    ends_with_token,
    role_of_mark,
    without_end,
)
from tamis.types import JSON, Message

ASKED = ("prompt", "instruction", "question")  # the part that is marked first, by format
ANSWERS = ("completion", "response", "output", "answer", "chosen", "rejected")
_BESIDE = ("context", "input", "history")  # parts without a place beside a prompt of turns
_HERE = "\ue000"  # stands where the answer to a prompt belongs
_THOUGHT = re.compile(r"(?:<think>\s*(?:</think>\s*)?)?" + _HERE)
_HARMONY = re.compile(r"<\|start\|>assistant\s*$")
# Of the words that may be marks those that no question, dialogue or exercise has.
_SPEAKERS = frozenset((
    "user", "human", "assistant", "ai", "bot", "gpt", "falcon", "system", "instruction", "response", "function response", "gpt4 correct user",
    "gpt4 correct assistant",
))  # fmt: skip
_OPENS = re.compile(
    r"\s*(?:#{2,3}\s*(?:assistant|response|gpt|ai)|(?:GPT4 Correct )?(?:assistant|ai|bot|gpt))\s*:\s*",
    re.IGNORECASE,
)
_ENDS_OPEN = re.compile(r"\n\s*(?:#{2,3}\s*)?assistant\s*:\s*$", re.IGNORECASE)
_STARTS = re.compile(r"\s*(?:human|user)\s*:.*\n\s*(?:assistant|ai|bot)\s*:", re.IGNORECASE | re.DOTALL)
_MARK = 40  # characters of a mark at the end
_HEAD = MAX_HEAD + 200  # characters that the first mark of a talk ends in
_GATES = ("<|", "[INST]", "<start_of_turn>", "<\uff5c")

Read = tuple[list[Message], dict[str, JSON]]  # turns, and what writes them as the text that they were


def columns_with_marks(
    parts: Mapping[str, str], others: Sequence[str], records: Sequence[dict[str, JSON]]
) -> tuple[str, ...]:
    """The columns of a prompt and its answers that are texts with marks in all of some opened records."""
    asked, answers = _columns(parts, others)
    if not asked or not answers:
        return ()
    rows = [record for record in records if record.get(asked) not in (None, "", [])]
    beside = [parts[part] for part in _BESIDE if part in parts]
    if rows and all(_asks(record, asked, answers, beside) for record in rows):
        return (asked, *answers)
    return tuple(column for column in answers if _all_answer(records, asked, column))


def read_marked(
    record: dict[str, JSON], parts: Mapping[str, str], others: Sequence[str], marked: Sequence[str]
) -> dict[str, JSON]:
    """Put turns in place of the marked texts of a record; what writes them again by column."""
    asked, answers = _columns(parts, others)
    noted: dict[str, JSON] = {}
    prompt, tail = record.get(asked), ""
    if asked in marked and isinstance(prompt, str):
        read = asked_turns(prompt, _are_opened(record, answers))
        if read:
            record[asked], noted[asked] = read
            tail = read[1]["tail"]
    for column in answers:
        text = record.get(column)
        if (
            column in marked
            and isinstance(text, str)
            and (read := answer_turns(text, record.get(asked), tail))
        ):
            turns, noted[column] = read
            # Beside turns an answer is one; beside a text it stays a text.
            record[column] = turns if isinstance(record.get(asked), list) else turns[0]["content"]
    return noted


def written_marked(
    record: dict[str, JSON], noted: Mapping[str, JSON], parts: Mapping[str, str]
) -> dict[str, JSON]:
    """A record with the texts that its turns were; turns that no text with marks can hold stay turns."""
    made = dict(record)
    prompt = _as_turns(record.get(_columns(parts, ())[0]), "user")
    for column, style in noted.items():
        turns = _as_turns(record.get(column), "assistant") if style.get("is_answer") else record.get(column)
        n_said = style.get("said", 0)
        text = _text_of([*prompt[:n_said], *turns] if n_said and turns else turns, style)
        if text is not None:
            made[column] = text
    return made


def asked_turns(text: str, is_opened: bool = False) -> Read | None:
    """The turns of a prompt, or None; ``is_opened``: the mark before the answer stands in the answer."""
    harmony = _HARMONY.search(text)
    whole, tail = (text[: harmony.start()], harmony[0]) if harmony else (text, "")
    for place, style in enumerate(STYLES):
        marks = list(style.finditer(whole + _HERE))
        if place >= N_TEMPLATES:
            marks = _of_speakers(marks)
        if marks and (read := _asked(whole, marks, tail, is_opened or place < N_TEMPLATES)):
            return read if _text_of(*read) == text else None
    return None


def answer_turns(text: str, prompt: JSON, tail: str) -> Read | None:
    """The turns of an answer behind a prompt whose text ended with ``tail``; None for an answer without marks."""
    asked = _as_turns(prompt, "user")
    # Marks stand at the beginning, if anywhere: a long answer without one there is not searched to its end.
    is_marked = bool(tail) or any(style.search(text[:_HEAD]) for style in STYLES)
    read = (is_marked and (_repeated(text, asked) or _continued(text, tail))) or _single(text, tail)
    if read is None or (not isinstance(prompt, list) and (len(read[0]) > 1 or len(read[0][0]) > 2)):
        return None
    said = asked[: read[1].get("said", 0)]
    return read if _text_of([*said, *read[0]], read[1]) == text else None


def unread_marks(text: str) -> bool:
    """Whether a text that is learned or asked as it stands has marks of who speaks, or a template's token at its end."""
    # What most texts have not is looked for first, one character at a time.
    if "<" in text or ("[" in text and "[INST]" in text):
        gated = any(gate in text for gate in _GATES)
        if ends_with_token(text) or (gated and any(style.search(text) for style in STYLES[:N_TEMPLATES])):
            return True
    if ":" not in text:
        return False
    if text[-3:].rstrip()[-1:] == ":" and _ENDS_OPEN.search(text[-_MARK:]):
        return True
    return text[:_MARK].lstrip()[:4].lower() in ("huma", "user") and bool(_STARTS.match(text))


def _columns(parts: Mapping[str, str], others: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    asked = next((parts[part] for part in ASKED if part in parts), "")
    return asked, (*(parts[part] for part in ANSWERS if part in parts), *others)


def _asks(record: dict[str, JSON], asked: str, answers: Sequence[str], beside: Sequence[str]) -> bool:
    prompt = record[asked]
    if not isinstance(prompt, str) or any(record.get(column) for column in beside):
        return False
    return asked_turns(prompt, _are_opened(record, answers)) is not None


def _all_answer(records: Sequence[dict[str, JSON]], asked: str, column: str) -> bool:
    rows = [record for record in records if record.get(column) not in (None, "", [])]
    return bool(rows) and all(
        isinstance(text := record[column], str) and answer_turns(text, record.get(asked), "")
        for record in rows
    )


def _are_opened(record: dict[str, JSON], answers: Sequence[str]) -> bool:
    said = [text for column in answers if isinstance(text := record.get(column), str)]
    return bool(said) and all(_OPENS.match(text) for text in said)


def _of_speakers(marks: list[re.Match[str]]) -> list[re.Match[str]]:
    """Of marks that are words those of the speaker who begins, and of the last one; what else looks like one is said."""
    if not marks:
        return []
    labels = {marks[0][1].lower(), marks[-1][1].lower()}
    named = labels | {"user", "human"} if "system" in labels else labels
    return [mark for mark in marks if mark[1].lower() in named] if labels <= _SPEAKERS else []


def _asked(text: str, marks: Sequence[re.Match[str]], tail: str, is_sure: bool) -> Read | None:
    said = in_order(turns_between(text + _HERE, marks))
    last = said.pop() if said else None
    if (
        last
        and last.message["role"] == "assistant"
        and not tail
        and _THOUGHT.fullmatch(last.message["content"])
    ):
        tail = f"{last.before}{last.message['content']}{last.after}".replace(_HERE, "")
    else:
        said = in_order(turns_between(text, [mark for mark in marks if mark.end() <= len(text)]))
        begins = not between_tokens(text[: marks[0].start()])
        if not (said and said[-1].message["role"] in ("user", "tool") and (tail or (is_sure and begins))):
            return None
    if not any(turn.message["role"] == "user" for turn in said):
        return None
    roles = [turn.message["role"] for turn in said]
    return [turn.message for turn in said], {"frames": _frames(said), "roles": roles, "tail": tail}


def _repeated(text: str, asked: Sequence[Message]) -> Read | None:
    """An answer whose text has the prompt in it, too."""
    spoken, n = spoken_turns(text), len(asked)
    said = [(turn.message["role"], str(turn.message["content"]).strip()) for turn in spoken]
    same = said[:n] == [(turn.get("role"), str(turn.get("content")).strip()) for turn in asked]
    if not n or not same or not _is_answer([role for role, _ in said[n:]]):
        return None
    style = {"frames": _frames(spoken), "tail": "", "said": n, "is_answer": True}
    return [turn.message for turn in spoken[n:]], style


def _continued(text: str, tail: str) -> Read | None:
    """An answer with marks of a template, whose first one may stand at the end of the prompt."""
    whole = tail + text
    for style in STYLES[:N_TEMPLATES]:
        marks = list(style.finditer(whole))
        if not marks or whole[: marks[0].start()].strip():
            continue
        turns = in_order(turns_between(whole, marks))
        if _is_answer([turn.message["role"] for turn in turns]):
            said = {"frames": _frames(turns), "tail": tail, "is_answer": True}
            return [turn.message for turn in turns], said
    return None


def _single(text: str, tail: str) -> Read | None:
    """An answer without marks but for one before it, or a token of a template behind it."""
    opening = _OPENS.match(text)
    if not (tail or opening or ends_with_token(text)):
        return None
    start = opening.end() if opening else len(text) - len(text.lstrip()) if tail else 0
    kept = without_end(text[start:])
    talks = bool(opening) and any(role_of_mark(mark[1]) == "user" for mark in _spoken_marks(text))
    if talks and not tail:
        return None
    frame = [tail + text[:start], text[start + len(kept) :]]
    return [{"role": "assistant", "content": kept}], {"frames": [frame], "tail": tail, "is_answer": True}


def _spoken_marks(text: str) -> list[re.Match[str]]:
    """The marks of the first style of words that a text has."""
    return next((marks for style in STYLES[N_TEMPLATES:] if (marks := list(style.finditer(text)))), [])


def _is_answer(roles: Sequence[str]) -> bool:
    return bool(roles) and roles[0] == roles[-1] == "assistant" and "system" not in roles


def _frames(turns: Sequence[Spoken]) -> list[JSON]:
    return [[turn.before, turn.after, *turn.thought] for turn in turns]


def _as_turns(value: JSON, role: str) -> list[Message]:
    if isinstance(value, str):
        return [{"role": role, "content": value}]
    return [turn for turn in value if isinstance(turn, dict)] if isinstance(value, list) else []


def _text_of(turns: JSON, style: Mapping[str, JSON]) -> str | None:
    """The text of turns with what stood around each; None for turns that are no plain texts."""
    frames, tail = style["frames"], str(style["tail"])
    if not isinstance(turns, list) or not all(_is_plain(turn) for turn in turns):
        return None
    if len(frames) != len(turns):
        roles = style.get("roles") or []
        usual = dict(zip(roles, frames, strict=False))
        if not all(turn["role"] in usual for turn in turns):
            return None
        frames = [usual[turn["role"]] for turn in turns]
    text = "".join(_framed(turn, frame) for turn, frame in zip(turns, frames, strict=True))
    if not style.get("is_answer"):
        return text + tail
    if text.startswith(tail):
        return text.removeprefix(tail)
    return (
        str(turns[0]["content"]) + frames[0][1] if len(turns) == 1 else None
    )  # thoughts that the prompt began are gone


def _framed(turn: Message, frame: Sequence[str]) -> str:
    before, after, *thought = frame
    thoughts = f"{thought[0]}{turn.get('reasoning_content', '')}{thought[1]}" if thought else ""
    return f"{thoughts}{before}{turn['content']}{after}"


def _is_plain(turn: JSON) -> bool:
    return isinstance(turn, dict) and isinstance(turn.get("content"), str) and not turn.get("tool_calls")
