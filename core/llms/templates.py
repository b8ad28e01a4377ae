"""Prompts as tokens: the model's own chat template around a text that can never pass for a part of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from core.protocols import RawPrompt

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


class PromptTokens:
    """Turns prompts into tokens for one tokenizer.

    What users wrote is tokenised with the special tokens switched off, so that a text that contains the template's
    own marks stays text.
    """

    def __init__(self, tokenizer: Any, max_prompt_tokens: int) -> None:  # noqa: ANN401 - a tokenizer of transformers
        self._tokenizer = tokenizer
        self._limit = max_prompt_tokens
        self.pieces = _pieces(tokenizer)
        self._answer_tails: dict[tuple[str, tuple[str, ...]], tuple[int, list[list[int]]]] = {}
        self.n_cut = 0

    def contexts(self, prompts: Sequence[str]) -> list[list[int]]:
        """Tokens up to where the answer begins; an empty prompt leaves only the mark that begins an answer."""
        texts = self.plain(prompts)
        pieces = self.pieces
        found = []
        for prompt, ids in zip(prompts, texts, strict=True):
            if isinstance(prompt, RawPrompt):
                found.append(self._beginning() + self._shortened(ids))
            elif prompt:
                found.append(pieces.before + self._shortened(ids) + pieces.after)
            else:
                found.append(list(pieces.header))
        return found

    def plain(self, texts: Sequence[str]) -> list[list[int]]:
        """Tokens of texts without any special token."""
        if not texts:
            return []
        clean = [str(text).encode("utf-8", "replace").decode() for text in texts]
        found = self._tokenizer(clean, add_special_tokens=False, split_special_tokens=True, verbose=False)
        return [list(ids) for ids in found["input_ids"]]

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

    def _shortened(self, ids: list[int]) -> list[int]:
        """The beginning and the end of a text that is longer than the limit."""
        if len(ids) <= self._limit:
            return ids
        self.n_cut += 1
        head = self._limit // 2
        return ids[:head] + ids[len(ids) - (self._limit - head) :]

    def _beginning(self) -> list[int]:
        first = self._tokenizer("", add_special_tokens=True)["input_ids"]
        # A tokenizer may also close a text with a special token, which would end it before it began.
        return [token for token in first if token != self._tokenizer.eos_token_id]


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
    before, found, after = asked.partition(PLACE)
    if not found:
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
