"""What rows say once decisions are applied, and the files that a training reads."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import orjson

from tamis.formats.conversation import turn_text
from tamis.store.artifacts.readers import count_examples, iter_examples
from tamis.store.artifacts.store import Artifact
from tamis.types import Int64s, Message


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
