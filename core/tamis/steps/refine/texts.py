"""The conversations of picked rows, corrected as the review decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import orjson
import pyarrow as pa

from tamis.compute.apply import apply_decisions
from tamis.formats.conversation import labelled_turns, turn_text
from tamis.steps.finetune.rows import training_records
from tamis.store.artifacts.readers import count_examples
from tamis.store.artifacts.refinements import make_table, schema_of
from tamis.store.artifacts.store import Artifact
from tamis.store.review.frozen_decisions import read_frozen_decisions
from tamis.types import Int64s, Message

TEXTS_SCHEMA = schema_of(
    example_id=pa.int64(),
    messages=pa.string(),
    meta=pa.string(),
    prompt=pa.string(),
    response=pa.string(),
)


@dataclass(frozen=True, slots=True)
class Corrections:
    """What the review decided: sorted ids of dropped rows, and the conversations of corrected ones."""

    dropped: Int64s
    replaced: Mapping[int, Sequence[Message]]


def read_corrections(inputs: Mapping[str, Artifact]) -> Corrections:
    """The frozen decisions among the inputs as a round needs them; none where there are none."""
    if "decisions" not in inputs:
        return Corrections(np.zeros(0, dtype=np.int64), {})
    rows: Int64s = np.arange(count_examples(inputs["examples"]), dtype=np.int64)
    applied = apply_decisions(rows, read_frozen_decisions(inputs["decisions"]))
    return Corrections(np.setdiff1d(rows, applied.rows), applied.replaced)


def texts_of(examples: Artifact, rows: Int64s, corrections: Corrections) -> pa.Table:
    """Conversations, prompts and responses of ``rows`` (sorted), corrected: example_id, messages and meta (JSON: what
    else a model reads of the row), prompt, response.
    """
    ids, packed, rest, prompts, responses = [], [], [], [], []
    for example_id, record in training_records(examples, rows, corrections.replaced):
        turns = record.pop("messages")
        ids.append(example_id)
        packed.append(orjson.dumps(turns).decode())
        rest.append(orjson.dumps(record).decode())
        prompts.append(labelled_turns(turns[:-1]))
        responses.append(turn_text(turns[-1]))
    columns = {"example_id": ids, "messages": packed, "meta": rest, "prompt": prompts, "response": responses}
    return make_table(TEXTS_SCHEMA, columns)
