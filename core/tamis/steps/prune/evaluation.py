"""How likely a causal model finds the responses of held-out rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch

from tamis.llms.forward import Forward, Read
from tamis.models.chat_rows import ChatRow
from tamis.models.chat_tokens import ChatTokens
from tamis.models.row_marks import UnfitRow
from tamis.types import Float64s, Int64s

BATCH_ROWS = 16  # rows between two reports


@dataclass(frozen=True, slots=True)
class Answers:
    """Tokens of some rows, from where their last answer begins to where it ends, before the mark that ends it."""

    example_ids: Int64s
    ids: list[list[int]]
    first: list[int]

    @property
    def n_tokens(self) -> Int64s:
        """Tokens of each answer (rows,)."""
        return np.array(
            [len(ids) - first for ids, first in zip(self.ids, self.first, strict=True)], dtype=np.int64
        )

    def first_of(self, order: Int64s, count: int) -> Answers:
        """The ``count`` of them that come first in this order of rows, by id."""
        place = {int(example_id): i for i, example_id in enumerate(order)}
        kept = sorted(sorted(range(len(self.ids)), key=lambda i: place[int(self.example_ids[i])])[:count])
        return Answers(self.example_ids[kept], [self.ids[i] for i in kept], [self.first[i] for i in kept])

    def nll(self, forward: Forward, on_rows: Callable[[int], None]) -> Float64s:
        """Sum of the negative log-likelihoods of each answer's tokens (rows,)."""
        found = np.zeros(len(self.ids))
        for start in range(0, len(self.ids), BATCH_ROWS):
            part = range(start, min(len(self.ids), start + BATCH_ROWS))
            reads = [Read(self.ids[i][:-1], self.first[i] - 1) for i in part]
            targets = [self.ids[i][self.first[i] :] for i in part]
            with torch.inference_mode():
                for place, logs in forward.log_probabilities(reads, targets):
                    found[start + place] = -float(logs.double().sum())
            on_rows(part.stop)
        return found


def read_answers(rows: Mapping[int, ChatRow], chat: ChatTokens, limit: int) -> Answers:
    """The answers of rows within their first ``limit`` tokens; rows without any there, and those that the chat template
    cannot hold, are left out.
    """
    kept: list[tuple[int, list[int], int]] = []
    for example_id, row in sorted(rows.items()):
        try:
            tokens = chat.row(row)
        except UnfitRow:
            continue
        first, end = tokens.spans.get(len(tokens.turns) - 1, (0, 0))
        end -= end > first and tokens.ids[end - 1] in chat.ends
        end = min(end, limit)
        if 0 < first < end:
            kept.append((example_id, tokens.ids[:end], first))
    return Answers(
        np.array([one for one, _, _ in kept], dtype=np.int64),
        [ids for _, ids, _ in kept],
        [first for _, _, first in kept],
    )
