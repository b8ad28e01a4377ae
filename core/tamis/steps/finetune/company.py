"""What is read of rows to see which belong together: their prompts, their families, and what a model was trained on."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import orjson

from tamis.compute.text.near_duplicates import normalised_words
from tamis.compute.text.turn_text import turn_text
from tamis.steps.finetune.model_source import model_sources
from tamis.steps.finetune.rows import training_records
from tamis.store.artifacts.readers import iter_examples, metadata_fields
from tamis.store.artifacts.store import Artifact
from tamis.types import JSON, Int64s, Message

# Metadata fields under which data sets name what a row came from; rows that share a value are of one family.
FAMILY_FIELDS = (
    "family", "family_id", "parent", "parent_id", "message_tree_id", "tree_id", "conversation_id", "thread_id", "group_id",
)  # fmt: skip
OF_A_PARENT = ("parent", "parent_id")
OWN_ID = "id"
OPENING_WORDS = 8  # of a first question at least that makes conversations one family: a greeting does not


@dataclass(frozen=True, slots=True)
class KnownPrompts:
    """Prompts that a model was trained on, with the openings of their conversations; ``unrecorded`` names the models
    of which that is not known.
    """

    prompts: list[str]
    families: list[tuple[Hashable, ...]]
    unrecorded: str = ""


def row_prompts(examples: Artifact, rows: Int64s, replaced: Mapping[int, Sequence[Message]]) -> list[str]:
    """What each of these rows asks, by id, as ``prompt_of`` has it."""
    return [prompt_of(record["messages"]) for _, record in training_records(examples, rows, replaced)]


def prompt_of(messages: Sequence[Message]) -> str:
    """All turns but the last, without those of the system, which rows of a data set often share."""
    return "\n".join(turn_text(turn) for turn in messages[:-1] if turn["role"] != "system")


def openings(messages: Sequence[Message]) -> list[Hashable]:
    """The key of a conversation's first question, where that is more than a greeting.

    Conversations that begin alike hold one another's answers: often one is the beginning of the other.
    """
    asked = next((turn_text(turn) for turn in messages if turn["role"] == "user"), "")
    words = normalised_words(asked).split()
    return [("opening", " ".join(words))] if len(words) >= OPENING_WORDS else []


def row_families(
    examples: Artifact, rows: Int64s, replaced: Mapping[int, Sequence[Message]]
) -> list[tuple[Hashable, ...]]:
    """Keys of the families of each of these rows, by id: of one record, of one value of a field in FAMILY_FIELDS, or of
    one opening.

    A row whose own ``id`` another names as its parent is of that one's family.
    """
    begun = (openings(record["messages"]) for _, record in training_records(examples, rows, replaced))
    fields = [name for name in FAMILY_FIELDS if name in metadata_fields(examples)]
    columns = ["source", "source_row", *(["meta"] if fields else [])]
    wanted = np.zeros(int(examples.summary["n_examples"]), dtype=np.bool_)
    wanted[rows] = True
    families: list[tuple[Hashable, ...]] = []
    start = piece = 0
    before: tuple[object, object] | None = None
    for batch in iter_examples(examples, columns):
        for place, record in enumerate(batch.to_pylist()):
            # Examples of one record follow each other; equal numbers further apart are of other files.
            here = (record["source"], record["source_row"])
            piece += here != before
            before = here
            if wanted[start + place]:
                families.append((("record", piece), *_named(record.get("meta"), fields), *next(begun)))
        start += batch.num_rows
    return families


def trained_before(model: str, workspace: Path) -> KnownPrompts:
    """Prompts that a model and those it was made from were trained on, as ``model_sources`` follows them; none for any other."""
    known, unsure = KnownPrompts([], []), []
    for source in model_sources(model, workspace):
        conversations = source.conversations()
        if conversations is None:
            unsure.append(source.named)
        for messages in conversations or ():
            known.prompts.append(prompt_of(messages))
            known.families.append(tuple(openings(messages)))
    return replace(known, unrecorded=" and ".join(unsure))


def _named(meta: str | None, fields: Sequence[str]) -> list[Hashable]:
    found: Mapping[str, JSON] = orjson.loads(meta) if meta else {}
    keys: list[Hashable] = []
    for name in fields:
        value = found.get(name)
        if isinstance(value, str | int) and not isinstance(value, bool) and value != "":
            keys.append(("row" if name in OF_A_PARENT else name, str(value)))
    own = found.get(OWN_ID)
    if isinstance(own, str | int) and any(name in OF_A_PARENT for name in fields):
        keys.append(("row", str(own)))
    return keys
