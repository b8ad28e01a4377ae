"""Which rows are trained on, which are held out, and what they say once decisions are applied."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import orjson

from tamis.compute.apply import Applied, apply_decisions
from tamis.errors import InvalidOptions
from tamis.formats.conversation import turn_text
from tamis.store.artifacts.frozen_rows import read_frozen
from tamis.store.artifacts.readers import count_examples, iter_examples, read_selected_ids
from tamis.store.artifacts.store import Artifact
from tamis.store.review.frozen_decisions import FrozenDecision, read_frozen_decisions
from tamis.store.row_sets import difference, intersection
from tamis.types import Int64s, Message


@dataclass(frozen=True, slots=True)
class Split:
    """Sorted ids of the rows to train on and of those held out; conversations that replace the dataset's own."""

    train: Int64s
    held_out: Int64s
    replaced: Mapping[int, tuple[Message, ...]]
    n_dropped: int


def training_rows(inputs: Mapping[str, Artifact]) -> tuple[int, Applied]:
    """How many rows the inputs ``selection`` and ``within`` name, and what the ``decisions`` leave of them."""
    rows: Int64s = np.arange(count_examples(inputs["examples"]), dtype=np.int64)
    if "selection" in inputs:
        rows = intersection(rows, read_selected_ids(inputs["selection"]))
    if "within" in inputs:
        rows = intersection(rows, read_frozen(inputs["within"]))
    return len(rows), apply_decisions(rows, _decided(inputs))


def split_rows(
    inputs: Mapping[str, Artifact], *, fraction: float, most: int, rng: np.random.Generator
) -> Split:
    """Everything that the inputs ``selection``, ``within``, ``decisions`` and ``held_out`` say about rows.

    Without ``held_out`` a ``fraction`` of the rows (at least one, at most ``most``) is drawn with ``rng``. Raises
    InvalidOptions when nothing is left to train on.
    """
    n_asked, kept = training_rows(inputs)
    apart = read_frozen(inputs["held_out"]) if "held_out" in inputs else np.empty(0, dtype=np.int64)
    if "held_out" in inputs:
        looked_at = apply_decisions(apart, _decided(inputs))
        held_out, replaced = looked_at.rows, {**looked_at.replaced, **kept.replaced}
    else:
        held_out, replaced = _drawn(kept.rows, fraction, most, rng), dict(kept.replaced)
    train = difference(kept.rows, apart if "held_out" in inputs else held_out)
    if not len(train):
        raise InvalidOptions(
            f"No row is left to train on: {n_asked:,} were chosen, {kept.n_dropped:,} of them were dropped in review, "
            f"{n_asked - kept.n_dropped:,} are held out. Choose more rows or hold out fewer."
        )
    return Split(train, held_out, replaced, kept.n_dropped)


def _decided(inputs: Mapping[str, Artifact]) -> Mapping[int, FrozenDecision]:
    return read_frozen_decisions(inputs["decisions"]) if "decisions" in inputs else {}


def conversations(
    examples: Artifact, rows: Int64s, replaced: Mapping[int, Sequence[Message]]
) -> Iterator[tuple[int, list[Message]]]:
    """Id and conversation of each of these rows, by id, as a model is trained on it: every turn a role and a text."""
    wanted = np.zeros(count_examples(examples), dtype=np.bool_)
    wanted[rows] = True
    start = 0
    for batch in iter_examples(examples, ("messages",)):
        inside = np.flatnonzero(wanted[start : start + batch.num_rows])
        for place, packed in zip(
            inside.tolist(), batch.take(inside).column("messages").to_pylist(), strict=True
        ):
            example_id = start + int(place)
            yield example_id, plain_turns(replaced.get(example_id) or orjson.loads(packed or "[]"))
        start += batch.num_rows


def plain_turns(messages: Sequence[Message]) -> list[Message]:
    """Turns of a role and a text; parts are joined and tool calls written out, as in the prompt and response columns."""
    return [{"role": message["role"], "content": turn_text(message)} for message in messages]


def write_training_file(path: Path, rows: Iterator[tuple[int, list[Message]]]) -> tuple[int, str]:
    """Write one ``{"messages": [...]}`` per line; returns the number of rows and the SHA-256 of the file."""
    digest, n_rows = hashlib.sha256(), 0
    with path.open("wb") as stream:
        for _, messages in rows:
            line = orjson.dumps({"messages": messages}) + b"\n"
            digest.update(line)
            stream.write(line)
            n_rows += 1
    return n_rows, digest.hexdigest()


def _drawn(rows: Int64s, fraction: float, most: int, rng: np.random.Generator) -> Int64s:
    if fraction == 0 or len(rows) < 2:
        return np.empty(0, dtype=np.int64)
    count = min(most, max(1, round(fraction * len(rows))))
    return np.sort(rng.permutation(rows)[:count])
