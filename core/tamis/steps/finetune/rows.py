"""What rows say once decisions are applied, and the files that a training reads."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import orjson

from tamis.models.chat_rows import chat_record
from tamis.store.artifacts.readers import count_examples, iter_examples
from tamis.store.artifacts.store import Artifact
from tamis.types import JSON, Int64s, Message


def training_records(
    examples: Artifact, rows: Int64s, replaced: Mapping[int, Sequence[Message]]
) -> Iterator[tuple[int, dict[str, JSON]]]:
    """Id and record of each of these rows, by id, as a training file holds it: the turns with all that they say, and the
    row's tools, pictures, reasoning and marks.
    """
    for example_id, turns, fields in source_rows(examples, rows, replaced):
        yield example_id, chat_record(turns, fields)


def source_rows(
    examples: Artifact, rows: Int64s, replaced: Mapping[int, Sequence[Message]]
) -> Iterator[tuple[int, Sequence[Message], dict[str, JSON]]]:
    """Id, turns and other fields of each of these rows, by id."""
    wanted = np.zeros(count_examples(examples), dtype=np.bool_)
    wanted[rows] = True
    start = 0
    for batch in iter_examples(examples, ("messages", "meta")):
        inside = np.flatnonzero(wanted[start : start + batch.num_rows])
        taken = batch.take(inside)
        packed = zip(taken.column("messages").to_pylist(), taken.column("meta").to_pylist(), strict=True)
        for place, (messages, meta) in zip(inside.tolist(), packed, strict=True):
            example_id = start + int(place)
            turns = replaced.get(example_id) or orjson.loads(messages or "[]")
            yield example_id, turns, orjson.loads(meta or "{}")
        start += batch.num_rows


def write_training_file(path: Path, rows: Iterator[tuple[int, dict[str, JSON]]]) -> tuple[int, str]:
    """Write one record per line; returns the number of rows and the SHA-256 of the file."""
    digest, n_rows = hashlib.sha256(), 0
    with path.open("wb") as stream:
        for _, record in rows:
            line = orjson.dumps(record) + b"\n"
            digest.update(line)
            stream.write(line)
            n_rows += 1
    return n_rows, digest.hexdigest()
