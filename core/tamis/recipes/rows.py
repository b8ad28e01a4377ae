"""Conversations as token ids, labels and weights: what is read, and what of it is learned how much."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import orjson

from tamis.errors import CurationError
from tamis.models.chat_rows import ChatRow, as_text_only, read_chat_row, template_turns
from tamis.models.chat_template import ChatTemplate
from tamis.models.chat_tokens import ChatTokens, RowTokens
from tamis.models.row_marks import UnfitRow, turn_weight
from tamis.recipes import RowFit, SftOptions
from tamis.types import JSON

Learn = Literal["assistant", "last", "all"]
NOT_LEARNED = -100
TOO_LONG = "are longer than that"
NO_ANSWER = "have no answer within that"
MARKED = "are marked as not to be learned"


@dataclass(frozen=True, slots=True)
class TokenRow:
    """Ids of one conversation, its labels (the same ids where the loss looks, -100 elsewhere), and for each token its
    weight in the loss: 0 where it does not look, else 1 unless the row's own marks say otherwise.

    The first ``n_question`` tokens are what the model is asked with for the last answer.
    """

    input_ids: list[int]
    labels: list[int]
    weights: list[float]
    n_question: int


@dataclass(frozen=True, slots=True)
class Prepared:
    """Rows as the trainer takes them, with how they fit, and the ``places`` (r,) of these rows in the file."""

    rows: list[TokenRow]
    fit: RowFit
    places: list[int]

    @property
    def is_weighted(self) -> bool:
        """Whether any token that is learned has another weight than 1."""
        return any(weight not in (0.0, 1.0) for row in self.rows for weight in row.weights)


class TurnTokens:
    """Turns conversations into tokens for one tokenizer, by the builder that asks models too.

    What is learned of a turn is what a model would write of it: its reasoning, its text, its calls, and the mark that
    ends it, so that the model learns to stop.
    """

    def __init__(self, tokenizer: Any, learn: Learn, *, unfit_as_text: bool = False) -> None:  # noqa: ANN401 - a tokenizer of transformers
        self._chat = ChatTokens(tokenizer)
        self._learn = learn
        self._unfit_as_text = unfit_as_text
        self.n_as_text = 0

    @property
    def template(self) -> ChatTemplate:
        """The model's own."""
        return self._chat.template

    def row(self, row: ChatRow) -> TokenRow:
        """One conversation; raises UnfitRow with the reason why it cannot be learned."""
        tokens, read = self._tokens(row)
        learn = "last" if row.last_only else self._learn
        weights = [1.0 if learn == "all" else 0.0] * len(tokens.ids)
        last = max((i for i, turn in enumerate(read.messages) if turn["role"] == "assistant"), default=-1)
        for place, i in enumerate(tokens.turns):
            own = turn_weight(read.messages[i])
            answers = read.messages[i]["role"] == "assistant" and (learn != "last" or i == last)
            if place in tokens.spans and (answers or learn == "all"):
                first, end = tokens.spans[place]
                weights[first:end] = [own] * (end - first)
        if row.weight != 1:
            weights = [weight * row.weight for weight in weights]
        labels = [token if weight else NOT_LEARNED for token, weight in zip(tokens.ids, weights, strict=True)]
        return TokenRow(tokens.ids, labels, weights, tokens.n_question)

    def _tokens(self, row: ChatRow) -> tuple[RowTokens, ChatRow]:
        texts = self._learn == "all"
        try:
            return self._chat.row(row, texts=texts), row
        except UnfitRow:
            if not self._unfit_as_text:
                raise
            words = as_text_only(row)
            tokens = self._chat.row(words, texts=texts)
            self.n_as_text += 1
            return tokens, words


def prepare_rows(
    file: Path,
    tokenizer: Any,  # noqa: ANN401 - a tokenizer of transformers
    options: SftOptions,
    window: int,
) -> Prepared:
    """Rows of a training file cut to ``max_length`` or the model's ``window``, whichever is less."""
    limit = min(options.max_length, window)
    turns = TurnTokens(tokenizer, learned_part(options), unfit_as_text=options.unfit_as_text)
    rows: list[TokenRow] = []
    places: list[int] = []
    reasons: Counter[str] = Counter()
    n_rows = n_truncated = longest = 0
    for record in read_training_file(file):
        n_rows += 1
        try:
            row = turns.row(read_chat_row(record))
        except UnfitRow as error:
            reasons[str(error)] += 1
            continue
        longest = max(longest, len(row.input_ids))
        kept = TokenRow(
            row.input_ids[:limit], row.labels[:limit], row.weights[:limit], min(row.n_question, limit)
        )
        if not any(row.weights):
            reasons[MARKED] += 1
        elif len(row.input_ids) > limit and options.drop_longer:
            reasons[TOO_LONG] += 1
        elif not any(kept.weights):
            reasons[NO_ANSWER] += 1
        else:
            n_truncated += len(row.input_ids) > limit
            rows.append(kept)
            places.append(n_rows - 1)
    fit = RowFit(
        n_rows=n_rows,
        n_truncated=n_truncated,
        n_dropped=sum(reasons.values()),
        n_tokens=sum(len(row.input_ids) for row in rows),
        n_learned=sum(label != NOT_LEARNED for row in rows for label in row.labels),
        longest=longest,
        max_length=limit,
        reasons=dict(reasons),
        n_as_text=turns.n_as_text,
    )
    return Prepared(rows, fit, places)


def why_unfit(template: ChatTemplate | None, row: ChatRow, *, unfit_as_text: bool) -> str:
    """Why a row would be left out whatever its length, in the words of ``RowFit.reasons``; empty where it would not.

    Nothing is tokenised. A template that refuses only certain texts is found out when the rows are read for training;
    None, a template that is not known, is taken for one that carries whatever is text.
    """
    turns = template_turns if template is None else template.turns
    if not row.weight:
        return MARKED
    try:
        answers = [turn_weight(turn) for turn in row.messages if turn["role"] == "assistant"]
        answers = answers[-1:] if row.last_only else answers
        try:
            turns(row)
        except UnfitRow:
            if not unfit_as_text:
                raise
            turns(as_text_only(row))
    except UnfitRow as error:
        return str(error)
    return "" if any(answers) else MARKED


def learned_part(options: SftOptions) -> Learn:
    """What of a conversation the loss looks at."""
    if options.completion_only_loss:
        return "last"
    return "assistant" if options.assistant_only_loss else "all"


def read_training_file(file: Path) -> Iterator[dict[str, JSON]]:
    """The rows of a training file, line by line; raises CurationError naming a line that holds none."""
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
            yield record
