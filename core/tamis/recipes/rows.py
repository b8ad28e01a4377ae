"""Conversations as token ids and labels: what is read, and what of it is learned."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import jinja2
import orjson

from tamis.errors import CurationError
from tamis.recipes import RowFit, SftOptions
from tamis.types import Message

Learn = Literal["assistant", "last", "all"]
NOT_LEARNED = -100
# Stands for a turn's text while a template is rendered; no template changes it and no text holds it.
PLACE = "\ue000turn {}\ue001"
_PLACES = re.compile("\ue000turn (\\d+)\ue001")
TOO_LONG = "are longer than that"
NO_ANSWER = "have no answer within that"


class UnfitRow(CurationError):
    """A conversation that the model's chat template cannot write."""


@dataclass(frozen=True, slots=True)
class TokenRow:
    """Ids of one conversation and its labels: the same ids where the loss looks, -100 elsewhere."""

    input_ids: list[int]
    labels: list[int]


@dataclass(frozen=True, slots=True)
class Prepared:
    """Rows as the trainer takes them, with how they fit."""

    rows: list[TokenRow]
    fit: RowFit


@dataclass(frozen=True, slots=True)
class _Frame:
    """Tokens around the texts of a conversation with certain roles; piece i stands before text i."""

    pieces: list[list[int]]
    closing: list[int]
    merged_system: bool


class TurnTokens:
    """Turns conversations into tokens for one tokenizer with a chat template.

    What people wrote is tokenised with the special tokens switched off, so that a text that contains the template's own
    marks stays text. What is learned of a turn is its text and the mark that ends it, so that the model learns to stop.
    TRL's own way needs templates with ``{% generation %}``, which few models bring.
    """

    def __init__(self, tokenizer: Any, learn: Learn) -> None:  # noqa: ANN401 - a tokenizer of transformers
        self._tokenizer = tokenizer
        self._learn = learn
        self._frames: dict[tuple[str, ...], _Frame] = {}

    def row(self, messages: Sequence[Message]) -> TokenRow:
        """One conversation; raises UnfitRow with the template's reason."""
        roles = tuple(str(message["role"]) for message in messages)
        texts = [str(message.get("content") or "") for message in messages]
        if roles not in self._frames:
            self._frames[roles] = self._frame(roles)
        frame = self._frames[roles]
        if frame.merged_system:
            roles, texts = roles[1:], [f"{texts[0]}\n\n{texts[1]}", *texts[2:]]
        ids: list[int] = list(frame.pieces[0])
        labels = self._labels(frame.pieces[0], 0, learned=False)
        last = max((i for i, role in enumerate(roles) if role == "assistant"), default=-1)
        for i, (role, text) in enumerate(zip(roles, texts, strict=True)):
            learned = role == "assistant" and (self._learn != "last" or i == last)
            own, after = self._plain(text), frame.pieces[i + 1]
            closing = _common(frame.closing, after) if learned else 0
            ids += own + after
            labels += self._labels(own, len(own), learned=learned) + self._labels(
                after, closing, learned=learned
            )
        return TokenRow(ids, labels)

    def _labels(self, ids: list[int], n_learned: int, *, learned: bool) -> list[int]:
        if self._learn == "all":
            return list(ids)
        kept = n_learned if learned else 0
        return ids[:kept] + [NOT_LEARNED] * (len(ids) - kept)

    def _plain(self, text: str) -> list[int]:
        clean = text.encode("utf-8", "replace").decode()
        tokens = self._tokenizer(clean, add_special_tokens=False, split_special_tokens=True, verbose=False)
        return list(tokens["input_ids"])

    def _frame(self, roles: tuple[str, ...]) -> _Frame:
        try:
            return self._rendered(roles, merged_system=False)
        except UnfitRow:
            # Some templates (Gemma's) know no system turn: its text then opens the user's.
            if roles[:2] != ("system", "user"):
                raise
            return self._rendered(roles[1:], merged_system=True)

    def _rendered(self, roles: tuple[str, ...], *, merged_system: bool) -> _Frame:
        turns = [{"role": role, "content": PLACE.format(i)} for i, role in enumerate(roles)]
        try:
            text = self._tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=False)
        except (jinja2.TemplateError, TypeError, ValueError, KeyError) as error:
            raise UnfitRow(
                f"are refused by the chat template ({' '.join(str(error).split())[:120]})"
            ) from error
        parts = _PLACES.split(text)
        if parts[1::2] != [str(i) for i in range(len(roles))]:
            raise UnfitRow(f"have turns that the chat template leaves out ({', '.join(roles)[:120]})")
        pieces = [
            list(self._tokenizer(part, add_special_tokens=False)["input_ids"]) if part else []
            for part in parts[::2]
        ]
        closing = self._closing(pieces[-1])
        if not closing and self._tokenizer.eos_token_id is not None:
            # The template ends an answer by nothing that a model could say.
            pieces[-1], closing = [self._tokenizer.eos_token_id], [self._tokenizer.eos_token_id]
        return _Frame(pieces, closing, merged_system)

    def _closing(self, piece: list[int]) -> list[int]:
        """Tokens at the start of what follows the last answer, up to the first special one."""
        special = set(self._tokenizer.all_special_ids)
        end = next((i for i, token in enumerate(piece) if token in special), -1)
        return piece[: end + 1]


def prepare_rows(
    file: Path,
    tokenizer: Any,  # noqa: ANN401 - a tokenizer of transformers
    options: SftOptions,
    window: int,
) -> Prepared:
    """Rows of a training file cut to ``max_length`` or the model's ``window``, whichever is less."""
    limit = min(options.max_length, window)
    turns = TurnTokens(tokenizer, learned_part(options))
    rows: list[TokenRow] = []
    reasons: Counter[str] = Counter()
    n_rows = n_truncated = longest = 0
    for messages in read_training_file(file):
        n_rows += 1
        try:
            row = turns.row(messages)
        except UnfitRow as error:
            reasons[str(error)] += 1
            continue
        longest = max(longest, len(row.input_ids))
        kept = TokenRow(row.input_ids[:limit], row.labels[:limit])
        if len(row.input_ids) > limit and options.drop_longer:
            reasons[TOO_LONG] += 1
        elif all(label == NOT_LEARNED for label in kept.labels):
            reasons[NO_ANSWER] += 1
        else:
            n_truncated += len(row.input_ids) > limit
            rows.append(kept)
    fit = RowFit(
        n_rows=n_rows,
        n_truncated=n_truncated,
        n_dropped=sum(reasons.values()),
        n_tokens=sum(len(row.input_ids) for row in rows),
        n_learned=sum(label != NOT_LEARNED for row in rows for label in row.labels),
        longest=longest,
        max_length=limit,
        reasons=dict(reasons),
    )
    return Prepared(rows, fit)


def learned_part(options: SftOptions) -> Learn:
    """What of a conversation the loss looks at."""
    if options.completion_only_loss:
        return "last"
    return "assistant" if options.assistant_only_loss else "all"


def read_training_file(file: Path) -> Iterator[list[Message]]:
    """The conversations of a training file, line by line; raises CurationError naming a line that is none."""
    with file.open("rb") as stream:
        for number, line in enumerate(stream, 1):
            if not line.strip():
                continue
            try:
                record = orjson.loads(line)
            except orjson.JSONDecodeError as error:
                raise CurationError(f"{file}, line {number}: not JSON ({error}).") from error
            messages = record.get("messages") if isinstance(record, Mapping) else None
            if not isinstance(messages, list) or not messages:
                raise CurationError(f'{file}, line {number}: it has no list "messages".')
            yield messages


def _common(a: Sequence[int], b: Sequence[int]) -> int:
    """Length of the whole of ``a`` where ``b`` begins with it, else 0."""
    return len(a) if list(b[: len(a)]) == list(a) else 0
