"""Prompts as tokens: the builder that training uses too, within the limits that a client reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tamis.models.chat_rows import ChatRow, as_text_only, fit_turns
from tamis.models.chat_tokens import ChatTokens, RowTokens
from tamis.models.row_marks import UnfitRow
from tamis.protocols import ChatAnswer, ChatPrompt, RawPrompt
from tamis.types import Message

TAIL_CHARS = 24  # enough that the tokens at the end of a text do not depend on what stands before


@dataclass(frozen=True, slots=True)
class Asked:
    """Tokens to read before an answer, the answer's own, and whether the last of these ends it."""

    context: list[int]
    answer: list[int]
    ends: bool


class PromptTokens:
    """Turns prompts, and answers after them, into tokens for one tokenizer."""

    def __init__(self, tokenizer: Any, max_prompt_tokens: int) -> None:  # noqa: ANN401 - a tokenizer of transformers
        self._tokenizer = tokenizer
        self._limit = max_prompt_tokens
        self._chat = ChatTokens(tokenizer)
        self._answer_tails: dict[tuple[str, tuple[str, ...]], tuple[int, list[list[int]]]] = {}
        self.n_cut = 0

    @property
    def end(self) -> int | None:
        """The token that ends an answer."""
        return self._chat.end

    def plain(self, texts: Sequence[str]) -> list[list[int]]:
        """Tokens of texts without any special token."""
        return self._chat.plain(texts)

    def contexts(self, prompts: Sequence[str]) -> list[list[int]]:
        """Tokens up to where the answer begins; an empty prompt leaves only the mark that begins an answer."""
        return [self._context(prompt) for prompt in prompts]

    def asked(self, prompt: str, answer: str) -> Asked:
        """Tokens of an answer after its prompt, as its row is trained on; what the template itself puts before every
        answer is part of the context.
        """
        if isinstance(prompt, RawPrompt):
            ending = [] if self.end is None else [self.end]
            return Asked(self._context(prompt), self.plain([answer])[0] + ending, ends=bool(ending))
        message = (
            answer.message if isinstance(answer, ChatAnswer) else {"role": "assistant", "content": answer}
        )
        tokens = self._written(self._fitted(prompt or "x"), message)
        if tokens is None:
            ending = [] if self.end is None else [self.end]
            return Asked(self._context(prompt), self.plain([answer])[0] + ending, ends=bool(ending))
        first, last = tokens.spans[len(tokens.turns) - 1]
        context, own = tokens.ids[:first], tokens.ids[first:last]
        if not prompt:
            context = list(self._chat.header)
        opening = self._chat.opening
        if opening and own[: len(opening)] == opening:
            context, own = context + opening, own[len(opening) :]
        return Asked(context, own, ends=bool(own) and own[-1] in self._chat.ends)

    def answer_tokens(self, prompt: str, answers: Sequence[str]) -> tuple[list[int], list[list[int]]]:
        """Tokens to read before one of several short answers, and each answer's tokens from there.

        After a template the answer begins a text of its own. After a raw prompt it can melt with its last characters.
        """
        context = self._context(prompt)
        raw = isinstance(prompt, RawPrompt)
        tail = str(prompt)[-TAIL_CHARS:] if raw else ""
        key = (tail, tuple(answers))
        if key not in self._answer_tails:
            self._answer_tails[key] = self._tails(tail, answers) if raw else self._answers(answers)
        back, tokens = self._answer_tails[key]
        return (context[: len(context) - back] if raw else context + self._chat.opening), tokens

    def _tails(self, tail: str, answers: Sequence[str]) -> tuple[int, list[list[int]]]:
        whole = self.plain([tail + answer for answer in answers])
        alone = self.plain([tail])[0]
        kept = min(_common(alone, ids) for ids in whole)
        return len(alone) - kept, [ids[kept:] for ids in whole]

    def _answers(self, answers: Sequence[str]) -> tuple[int, list[list[int]]]:
        asked = [self.asked("x", answer) for answer in answers]
        return 0, [one.answer[:-1] if one.ends else one.answer for one in asked]

    def _context(self, prompt: str) -> list[int]:
        if isinstance(prompt, RawPrompt):
            return self._beginning() + self._shortened(self.plain([prompt])[0])
        if not prompt:
            return list(self._chat.header)
        row = self._fitted(prompt)
        try:
            return self._chat.question(row)
        except UnfitRow:
            pass
        try:  # in words, where the template cannot hold it otherwise
            return self._chat.question(as_text_only(row))
        except UnfitRow:
            return self._chat.words(self._shortened_text(str(prompt)))

    def _written(self, question: ChatRow, answer: Message) -> RowTokens | None:
        """The row of both, in words where the template cannot hold it otherwise; None where it cannot hold that either."""
        row = ChatRow((*question.messages, answer), question.tools)
        for in_words in (False, True):
            try:
                return self._chat.row(as_text_only(row) if in_words else row)
            except UnfitRow:
                continue
        return None

    def _fitted(self, prompt: str) -> ChatRow:
        """The turns that fit the limit: the oldest exchanges go first, then the middles of texts."""
        if not isinstance(prompt, ChatPrompt):
            return ChatRow(({"role": "user", "content": self._shortened_text(prompt)},))
        turns = fit_turns(prompt.messages, self._limit, self._lengths, self._without_middle)
        self.n_cut += turns is not prompt.messages
        return ChatRow(tuple(turns), prompt.tools)

    def _lengths(self, texts: Sequence[str]) -> list[int]:
        return [len(ids) for ids in self.plain(texts)]

    def _shortened(self, ids: list[int]) -> list[int]:
        """The beginning and the end of a text that is longer than the limit."""
        self.n_cut += len(ids) > self._limit
        head, tail = _ends(len(ids), self._limit)
        return ids[:head] + ids[tail:]

    def _shortened_text(self, text: str) -> str:
        # A character is four bytes at most and a token one at least, so most texts need not be counted.
        if len(text) <= self._limit // 4 or len(self.plain([text])[0]) <= self._limit:
            return text
        self.n_cut += 1
        return self._without_middle(text, self._limit)

    def _without_middle(self, text: str, limit: int) -> str:
        """The beginning and the end of a text, of so many tokens together."""
        ids = self.plain([text])[0]
        head, tail = _ends(len(ids), limit)
        if head == tail:
            return text
        parts = (ids[:head], ids[tail:])
        return "".join(
            self._tokenizer.decode(part, skip_special_tokens=False, clean_up_tokenization_spaces=False).strip(
                "\ufffd"
            )
            for part in parts
        )

    def _beginning(self) -> list[int]:
        first = self._tokenizer("", add_special_tokens=True)["input_ids"]
        # A tokenizer may also close a text with a special token, which would end it before it began.
        return [token for token in first if token != self._tokenizer.eos_token_id]


def _ends(length: int, limit: int) -> tuple[int, int]:
    """Where the beginning ends and the end begins of a text cut to ``limit`` tokens; the same place where it fits."""
    if length <= limit:
        return length, length
    head = limit // 2
    return head, length - (limit - head)


def _common(a: Sequence[int], b: Sequence[int]) -> int:
    limit = min(len(a), len(b))
    return next((i for i in range(limit) if a[i] != b[i]), limit)
