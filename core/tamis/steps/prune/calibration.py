"""From rows to the windows of tokens that a pruner looks at: packed, single, or behind examples."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tamis.compute.text.turn_text import turn_text
from tamis.errors import InvalidOptions
from tamis.models.chat_rows import ROW_REASONING, ChatRow
from tamis.models.chat_tokens import ChatTokens
from tamis.models.row_marks import UnfitRow
from tamis.steps.prune.options import PruneOptions
from tamis.types import Message

_FINAL = re.compile(r"(?:####|\bthe (?:final )?answer is:?|\banswer:)\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Window:
    """Token ids of one calibration window, and the rows that they are of."""

    ids: list[int]
    example_ids: tuple[int, ...]


def draw_windows(
    rows: Mapping[int, ChatRow], chat: ChatTokens, options: PruneOptions, seed: int, name: str
) -> list[Window]:
    """At most ``n_rows`` windows of at most ``row_tokens`` tokens from a set of rows, in an order that the seed draws.

    Rows that the chat template cannot hold are passed over. Raises InvalidOptions where none is left.
    """
    order = np.random.default_rng([seed, 7]).permutation(sorted(rows)).tolist()
    make = {"packed": _packed, "single": _single, "in_context": _in_context}[options.format]
    windows: list[Window] = []
    for window in make(order, rows, chat, options):
        windows.append(window)
        if len(windows) == options.n_rows:
            break
    if not windows:
        raise InvalidOptions(
            f"No row of the calibration {name!r} can be put into the model's chat template: choose other rows."
        )
    return windows


def _packed(
    order: Sequence[int], rows: Mapping[int, ChatRow], chat: ChatTokens, options: PruneOptions
) -> Iterator[Window]:
    """Windows of the rows' tokens one behind the other; the last one may be shorter."""
    ids: list[int] = []
    owners: list[int] = []
    for example_id in order:
        tokens = _tokens(chat, rows[example_id])
        ids += tokens
        owners += [example_id] * len(tokens)
        while len(ids) >= options.row_tokens:
            yield Window(ids[: options.row_tokens], tuple(dict.fromkeys(owners[: options.row_tokens])))
            del ids[: options.row_tokens], owners[: options.row_tokens]
    if ids:
        yield Window(ids, tuple(dict.fromkeys(owners)))


def _single(
    order: Sequence[int], rows: Mapping[int, ChatRow], chat: ChatTokens, options: PruneOptions
) -> Iterator[Window]:
    for example_id in order:
        if tokens := _tokens(chat, rows[example_id]):
            yield Window(tokens[: options.row_tokens], (example_id,))


def _in_context(
    order: Sequence[int], rows: Mapping[int, ChatRow], chat: ChatTokens, options: PruneOptions
) -> Iterator[Window]:
    """Each row behind the next k of the order, as exchanges of one conversation; the beginning of a longer one."""
    if len(order) <= options.k:
        raise InvalidOptions(
            f"A calibration set has {len(order):,} rows, too few for {options.k} examples before each: lower k, or choose "
            "more rows."
        )
    for place, example_id in enumerate(order):
        shown = [order[(place + 1 + i) % len(order)] for i in range(options.k)]
        examples = [one if options.rationale else without_rationale(one) for one in (rows[i] for i in shown)]
        turns = [turn for one in (*examples, rows[example_id]) for turn in one.messages]
        opening = [turn for turn in rows[example_id].messages[:1] if turn["role"] == "system"]
        whole = replace(
            rows[example_id], messages=(*opening, *(turn for turn in turns if turn["role"] != "system"))
        )
        if tokens := _tokens(chat, whole):
            yield Window(tokens[: options.row_tokens], (*shown, example_id))


def without_rationale(row: ChatRow) -> ChatRow:
    """The row with the answers that its responses end with, where a mark (``####``, "the answer is") says which they are,
    and without reasoning beside them.
    """
    return replace(
        row, messages=tuple(_final(turn) if turn["role"] == "assistant" else turn for turn in row.messages)
    )


def _final(turn: Message) -> Message:
    text = turn_text(turn)
    found = list(_FINAL.finditer(text))
    plain = {key: value for key, value in turn.items() if key not in ROW_REASONING}
    return plain | {"content": text[found[-1].end() :].strip() or text} if found else plain


def _tokens(chat: ChatTokens, row: ChatRow) -> list[int]:
    try:
        return chat.row(row).ids
    except UnfitRow:
        return []
