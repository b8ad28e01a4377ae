"""Prompts as tokens: the model's own chat template around a text that can never pass for a part of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tamis.protocols import ChatPrompt, RawPrompt, Turn

# Stands for the user's text while a template is rendered; no template changes it and no text holds it.
PLACE = "\ue000user text\ue001"
PLAIN_BEFORE, PLAIN_AFTER, PLAIN_HEADER = "### Instruction:\n", "\n\n### Response:\n", "### Response:\n"
TAIL_CHARS = 24  # enough that the tokens at the end of a text do not depend on what stands before


@dataclass(frozen=True, slots=True)
class Pieces:
    """Tokens before a user's text, between it and the answer, before an answer to no prompt, and what ends an answer."""

    before: list[int]
    after: list[int]
    header: list[int]
    end: int | None


@dataclass(frozen=True, slots=True)
class Frame:
    """A rendered conversation without its texts: ``marks`` stand before, between and behind the turns in ``order``."""

    order: tuple[int, ...]
    marks: list[list[int]]


class PromptTokens:
    """Turns prompts into tokens for one tokenizer.

    What users wrote is tokenised with the special tokens switched off, so that a text that contains the template's
    own marks stays text.
    """

    def __init__(self, tokenizer: Any, max_prompt_tokens: int) -> None:  # noqa: ANN401 - a tokenizer of transformers
        self._tokenizer = tokenizer
        self._limit = max_prompt_tokens
        self.pieces = _pieces(tokenizer)
        self._frames: dict[tuple[str, ...], Frame | None] = {}
        self._answer_tails: dict[tuple[str, tuple[str, ...]], tuple[int, list[list[int]]]] = {}
        self.n_cut = 0

    def contexts(self, prompts: Sequence[str]) -> list[list[int]]:
        """Tokens up to where the answer begins; an empty prompt leaves only the mark that begins an answer."""
        texts = self.plain(["" if isinstance(prompt, ChatPrompt) else prompt for prompt in prompts])
        pieces = self.pieces
        contexts = []
        for prompt, ids in zip(prompts, texts, strict=True):
            if isinstance(prompt, ChatPrompt):
                contexts.append(self._conversation(prompt))
            elif isinstance(prompt, RawPrompt):
                contexts.append(self._beginning() + self._shortened(ids))
            elif prompt:
                contexts.append(pieces.before + self._shortened(ids) + pieces.after)
            else:
                contexts.append(list(pieces.header))
        return contexts

    def plain(self, texts: Sequence[str]) -> list[list[int]]:
        """Tokens of texts without any special token."""
        if not texts:
            return []
        clean = [str(text).encode("utf-8", "replace").decode() for text in texts]
        tokens = self._tokenizer(clean, add_special_tokens=False, split_special_tokens=True, verbose=False)
        return [list(ids) for ids in tokens["input_ids"]]

    def answer_tokens(self, prompt: str, answers: Sequence[str]) -> tuple[int, list[list[int]]]:
        """Tokens at the end of the prompt to take back, and each answer's tokens from there.

        After a template the answer begins a text of its own. After a raw prompt it can melt with its last characters.
        """
        tail = str(prompt)[-TAIL_CHARS:] if isinstance(prompt, RawPrompt) else ""
        key = (tail, tuple(answers))
        if key not in self._answer_tails:
            whole = self.plain([tail + answer for answer in answers])
            alone = self.plain([tail])[0]
            kept = min(_common(alone, ids) for ids in whole)
            self._answer_tails[key] = (len(alone) - kept, [ids[kept:] for ids in whole])
        return self._answer_tails[key]

    def _conversation(self, prompt: ChatPrompt) -> list[int]:
        """The turns in the template; as one user's turn where the template cannot hold them."""
        roles, texts = self._fitting(prompt.turns)
        frame = self._frame(roles)
        if frame is None and roles[0] == "system":
            # Gemma's template, among others, refuses a system turn, and some leave it out without a word. Its text
            # then stands before the first user's, which is where those models were shown such instructions.
            roles, texts = roles[1:], [texts[0] + self.plain(["\n\n"])[0] + texts[1], *texts[2:]]
            frame = self._frame(roles)
        if frame is None:
            pieces = self.pieces
            return pieces.before + self._shortened(self.plain([prompt])[0]) + pieces.after
        ids = list(frame.marks[0])
        for place, mark in zip(frame.order, frame.marks[1:], strict=True):
            ids += texts[place] + mark
        return ids

    def _fitting(self, turns: Sequence[Turn]) -> tuple[tuple[str, ...], list[list[int]]]:
        """Roles and tokens of the turns that fit the limit: the oldest exchanges go first, then the middles of texts."""
        roles, texts = [turn.role for turn in turns], self.plain([turn.text for turn in turns])
        first = int(roles[0] == "system")
        too_long = sum(map(len, texts)) > self._limit
        while sum(map(len, texts)) > self._limit and len(roles) > first + 2:
            del roles[first : first + 2], texts[first : first + 2]
        if too_long:
            self.n_cut += 1
            if first:
                texts[0] = _without_middle(texts[0], max(self._limit // 2, self._limit - len(texts[-1])))
            texts[-1] = _without_middle(texts[-1], self._limit - sum(map(len, texts[:-1])))
        return tuple(roles), texts

    def _frame(self, roles: tuple[str, ...]) -> Frame | None:
        """The template's own marks around turns of these roles; None where it refuses them or loses a text."""
        if roles not in self._frames:
            self._frames[roles] = _rendered(self._tokenizer, roles)
        return self._frames[roles]

    def _shortened(self, ids: list[int]) -> list[int]:
        """The beginning and the end of a text that is longer than the limit."""
        self.n_cut += len(ids) > self._limit
        return _without_middle(ids, self._limit)

    def _beginning(self) -> list[int]:
        first = self._tokenizer("", add_special_tokens=True)["input_ids"]
        # A tokenizer may also close a text with a special token, which would end it before it began.
        return [token for token in first if token != self._tokenizer.eos_token_id]


def _without_middle(ids: list[int], limit: int) -> list[int]:
    if len(ids) <= limit:
        return ids
    head = limit // 2
    return ids[:head] + ids[len(ids) - (limit - head) :]


def _rendered(tokenizer: Any, roles: tuple[str, ...]) -> Frame | None:  # noqa: ANN401 - a tokenizer of transformers
    places = [f"{PLACE}{number}\ue002" for number in range(len(roles))]
    text = _chat_text(tokenizer, roles, places)
    if text is None or any(text.count(place) != 1 for place in places):
        return None
    order = sorted(range(len(roles)), key=[text.index(place) for place in places].__getitem__)
    marks = []
    for number in order:
        before, _, text = text.partition(places[number])
        marks.append(list(tokenizer(before, add_special_tokens=False)["input_ids"]))
    marks.append(list(tokenizer(text, add_special_tokens=False)["input_ids"]))
    if not tokenizer.chat_template and tokenizer.bos_token:
        marks[0].insert(0, tokenizer.bos_token_id)
    return Frame(tuple(order), marks)


def _chat_text(tokenizer: Any, roles: tuple[str, ...], places: list[str]) -> str | None:  # noqa: ANN401 - as above
    from jinja2 import TemplateError

    if not tokenizer.chat_template:
        if "system" in roles:
            return None
        asked = {"user": PLAIN_BEFORE, "assistant": PLAIN_HEADER}
        spoken = [asked[role] + place for role, place in zip(roles, places, strict=True)]
        return "\n\n".join([*spoken, PLAIN_HEADER])
    turns = [{"role": role, "content": place} for role, place in zip(roles, places, strict=True)]
    try:
        return str(tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True))
    except TemplateError:
        return None


def _common(a: Sequence[int], b: Sequence[int]) -> int:
    limit = min(len(a), len(b))
    return next((i for i in range(limit) if a[i] != b[i]), limit)


def _pieces(tokenizer: Any) -> Pieces:  # noqa: ANN401 - a tokenizer of transformers
    before, after, header = _template(tokenizer)

    def ids(text: str) -> list[int]:
        return list(tokenizer(text, add_special_tokens=False)["input_ids"])

    bos = tokenizer.bos_token
    starts = [tokenizer.bos_token_id] if bos else []
    alone = ids(header) if bos and header.startswith(bos) else starts + ids(header)
    with_start = (
        ids(before) if bos and before.startswith(bos) or tokenizer.chat_template else starts + ids(before)
    )
    return Pieces(with_start, ids(after), alone, _end_of_turn(tokenizer, after))


def _template(tokenizer: Any) -> tuple[str, str, str]:  # noqa: ANN401 - a tokenizer of transformers
    if not tokenizer.chat_template:
        return PLAIN_BEFORE, PLAIN_AFTER, PLAIN_HEADER
    turn = [{"role": "user", "content": PLACE}]
    asked = tokenizer.apply_chat_template(turn, tokenize=False, add_generation_prompt=True)
    alone = tokenizer.apply_chat_template(turn, tokenize=False, add_generation_prompt=False)
    before, separator, after = asked.partition(PLACE)
    if not separator:
        return PLAIN_BEFORE, PLAIN_AFTER, PLAIN_HEADER
    header = asked[len(alone) :] if asked.startswith(alone) else after
    return before, after, header or after


def _end_of_turn(tokenizer: Any, after: str) -> int | None:  # noqa: ANN401 - a tokenizer of transformers
    """The special token that closes the user's turn also closes an answer; else the end of the text."""
    for token in tokenizer(after, add_special_tokens=False)["input_ids"]:
        if tokenizer.chat_template and token in tokenizer.all_special_ids and token != tokenizer.bos_token_id:
            return int(token)
        break
    return None if tokenizer.eos_token_id is None else int(tokenizer.eos_token_id)
