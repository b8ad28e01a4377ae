"""Decisions applied to rows: the one function that fine-tuning, export and a new version of a dataset share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from tamis.types import Int64s, Message


class RowDecision(Protocol):
    """What is decided about a row: ``verdict`` keep, drop or replace, and for replace the whole conversation."""

    @property
    def verdict(self) -> str:
        """One of keep, drop, replace."""
        ...

    @property
    def messages(self) -> Sequence[Message] | None:
        """The decided conversation of ``replace``, else None."""
        ...


@dataclass(frozen=True, slots=True)
class Applied:
    """``rows`` that stay, in their given order, and the conversations that replace the dataset's own in some of them.

    ``n_dropped`` and the length of ``replaced`` count only rows that were given.
    """

    rows: Int64s
    replaced: Mapping[int, tuple[Message, ...]]
    n_dropped: int


def apply_decisions(rows: Int64s, decisions: Mapping[int, RowDecision]) -> Applied:
    """Leave out the rows decided as ``drop`` and give those decided as ``replace`` their new conversation.

    Rows without a decision, and those decided as ``keep``, stay as they are. Applying the same decisions to the result
    changes nothing more. Raises ValueError for a ``replace`` without a conversation or an unknown verdict.
    """
    dropped = [example_id for example_id, decided in decisions.items() if decided.verdict == "drop"]
    stay = rows[~np.isin(rows, np.asarray(dropped, dtype=np.int64))]
    given = [i for i, decided in decisions.items() if decided.verdict == "replace"]
    inside = np.isin(np.asarray(given, dtype=np.int64), stay)
    replaced: dict[int, tuple[Message, ...]] = {}
    for example_id, wanted in zip(given, inside.tolist(), strict=True):
        messages = decisions[example_id].messages
        if not messages:
            raise ValueError(f"the decision about row {example_id} replaces it with nothing")
        if wanted:
            replaced[example_id] = tuple(messages)
    unknown = {decided.verdict for decided in decisions.values()} - {"keep", "drop", "replace"}
    if unknown:
        raise ValueError(f"unknown verdicts {sorted(unknown)}")
    return Applied(stay, replaced, len(rows) - len(stay))


def with_response(messages: Sequence[Message], response: str) -> tuple[Message, ...]:
    """The conversation with another text in its last turn; tool calls of that turn go with the old text."""
    *before, last = messages
    kept = {key: value for key, value in last.items() if key not in ("tool_calls", "function_call")}
    return (*before, kept | {"content": response})
