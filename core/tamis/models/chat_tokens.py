"""The one builder of what a model reads of a row: the tokens of a question, and of the whole conversation to learn."""

from __future__ import annotations

import functools
import os
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tamis.models.chat_rows import ChatRow, model_reads
from tamis.models.chat_template import MARK, ChatTemplate
from tamis.models.row_marks import UnfitRow
from tamis.types import Message

# Answers that begin in three ways: what all of them have in common before is the template's.
OPENINGS = ("No", "yes", "7")


@dataclass(frozen=True, slots=True)
class RowTokens:
    """Ids of a conversation that ends with an answer; the first ``n_question`` are what it is asked with.

    ``spans`` are, by number of an assistant's turn in ``turns``, the places [first, last) of the tokens that a model
    would write of it; those of the last answer begin right behind the question. ``turns`` say for each turn of the
    template which turn of the row it is (a system turn may have joined a user's).
    """

    ids: list[int]
    n_question: int
    spans: dict[int, tuple[int, int]]
    turns: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Encoded:
    """Ids with the characters [start, end) that each of them stands for."""

    ids: list[int]
    starts: list[int]
    ends: list[int]

    def joined(self, other: _Encoded, offset: int) -> _Encoded:
        """Both, the other's characters counted from ``offset``."""
        starts, ends = [[place + offset for place in one] for one in (other.starts, other.ends)]
        return _Encoded(self.ids + other.ids, self.starts + starts, self.ends + ends)


class ChatTokens:
    """Turns conversations into tokens by one tokenizer's own chat template.

    What people wrote is tokenised with the special tokens switched off, so that a text that contains the template's
    own marks stays text. The tokens of a question are always those that its row begins with.
    """

    def __init__(self, tokenizer: Any) -> None:  # noqa: ANN401 - a tokenizer of transformers
        self.template = ChatTemplate(tokenizer)
        self._tokenizer = tokenizer

    def question(self, row: ChatRow) -> list[int]:
        """Tokens up to where the next answer begins, ``row`` ending before it; raises UnfitRow."""
        turns, tools = self.template.turns(row), self.template.tools(row)
        return self._encoded(self.template.question(turns, tools)).ids

    def words(self, text: str) -> list[int]:
        """Tokens of a text as a user's turn, up to where the answer begins, for a template that can hold no row."""
        return self._encoded(self.template.question_of_text(text)).ids

    def row(self, row: ChatRow, *, texts: bool = False) -> RowTokens:
        """Tokens of a conversation that ends with an answer, with the ``texts`` of turns that are no answers among the
        spans where they are wanted; raises UnfitRow.
        """
        turns, tools = self.template.turns(row), self.template.tools(row)
        written = self.template.write(turns, tools, texts=texts)
        question = self._encoded(written.question)
        whole = self._encoded(written.text)
        if whole.ids[: len(question.ids)] != question.ids:
            # A token would reach from the question into the answer: they are apart when the model is asked.
            begins = len(written.question)
            whole = question.joined(self._encoded(written.text[begins:]), begins)
        spans = {i: _places(whole, *span) for i, span in written.spans.items()}
        last = len(turns) - 1
        if last in spans:
            first = max(len(question.ids), spans[last][0])
            spans[last] = (first, max(first, spans[last][1]))
        return RowTokens(whole.ids, len(question.ids), spans, _numbers(row, len(turns)))

    def plain(self, texts: Sequence[str]) -> list[list[int]]:
        """Tokens of texts without any special token."""
        if not texts:
            return []
        clean = [str(text).encode("utf-8", "replace").decode() for text in texts]
        tokens = self._tokenizer(clean, add_special_tokens=False, split_special_tokens=True, verbose=False)
        return [list(ids) for ids in tokens["input_ids"]]

    @functools.cached_property
    def header(self) -> list[int]:
        """Tokens before an answer to nothing."""
        return self._encoded(self._begun(self.template.header)).ids

    @functools.cached_property
    def opening(self) -> list[int]:
        """Tokens that the template itself puts before every answer, behind the question: empty thoughts, a space."""
        rows = [row for row in map(self._exchange, OPENINGS) if row is not None]
        answers = [row.ids[row.n_question : row.spans[1][1]] for row in rows if 1 in row.spans]
        return list(os.path.commonprefix(answers)) if answers else []

    @functools.cached_property
    def end(self) -> int | None:
        """The token that ends a last answer; None where none does."""
        row = self._exchange("y")
        known = row is not None and 1 in row.spans
        last = row.ids[row.spans[1][1] - 1] if row and known else self._tokenizer.eos_token_id
        return int(last) if last in self.ends else None

    @functools.cached_property
    def ends(self) -> frozenset[int]:
        """The tokens that end an answer, whatever it holds and wherever it stands."""
        ends = {self._tokenizer.convert_tokens_to_ids(one) for one in self.template.closers}
        return frozenset(ends | {self._tokenizer.eos_token_id} - {None})

    def _exchange(self, answer: str) -> RowTokens | None:
        """A short question with this answer; None for a template that can hold none."""
        turns: tuple[Message, ...] = (
            {"role": "user", "content": "x"},
            {"role": "assistant", "content": answer},
        )
        try:
            return self.row(ChatRow(turns))
        except UnfitRow:
            return None

    def _begun(self, header: str) -> str:
        """A header with the mark that begins every text, where the template writes one."""
        bos = self._tokenizer.bos_token
        whole = self.template.question([{"role": "user", "content": "x"}], ())
        return bos + header if bos and whole.startswith(bos) and not header.startswith(bos) else header

    def _encoded(self, text: str) -> _Encoded:
        if MARK in text or not self._tokenizer.is_fast:
            return self._encoded_apart(text)
        tokens = self._tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
        places = tokens["offset_mapping"]
        return _Encoded(list(tokens["input_ids"]), [a for a, _ in places], [b for _, b in places])

    def _encoded_apart(self, text: str) -> _Encoded:
        """The same piece by piece between special tokens, whose marks in what people wrote are text."""
        found, at, strips = _Encoded([], [], []), 0, False
        for special in [*self.template.special.finditer(text), None]:
            end = len(text) if special is None else special.start()
            piece = text[at:end]
            if strips:
                at += len(piece) - len(piece.lstrip())
                piece = piece.lstrip()
            found = found.joined(self._encoded_piece(piece), at)
            if special is None:
                break
            token = self._tokenizer.convert_tokens_to_ids(special.group())
            found = found.joined(_Encoded([token], [0], [len(special.group())]), special.start())
            strips, at = self._strips_behind(token), special.end()
        return found

    def _encoded_piece(self, piece: str) -> _Encoded:
        """A text without special tokens; where a tokenizer does not tell, each token stands for all of it."""
        kept = [i for i in range(len(piece)) if piece[i] not in MARK]
        clean = "".join(piece[i] for i in kept)
        if not clean:
            return _Encoded([], [], [])
        if not self._tokenizer.is_fast:
            ids = self.plain([clean])[0]
            return _Encoded(ids, [0] * len(ids), [len(piece)] * len(ids))
        tokens = self._tokenizer(
            clean,
            add_special_tokens=False,
            split_special_tokens=True,
            return_offsets_mapping=True,
            verbose=False,
        )
        places = [
            (kept[a] if a < len(kept) else len(piece), kept[b - 1] + 1 if b else 0)
            for a, b in tokens["offset_mapping"]
        ]
        return _Encoded(list(tokens["input_ids"]), [a for a, _ in places], [b for _, b in places])

    def _strips_behind(self, token: int) -> bool:
        """Whether white space behind a special token belongs to it, as in Phi's."""
        known = self._tokenizer.added_tokens_decoder.get(token)
        return bool(known is not None and known.rstrip)


def _numbers(row: ChatRow, n_turns: int) -> tuple[int, ...]:
    """Which turn of the row each turn of the template is: empty system turns are left out, others may be joined."""
    kept = [i for i, turn in enumerate(row.messages) if model_reads(turn)]
    return tuple(kept[len(kept) - n_turns :])


def _places(encoded: _Encoded, start: int, end: int) -> tuple[int, int]:
    """Places of the tokens that stand for characters of [start, end)."""
    first = bisect_left(encoded.ends, start + 1)
    last = bisect_left(encoded.starts, end)
    return first, max(first, last)
