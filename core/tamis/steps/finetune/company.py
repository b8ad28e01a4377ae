"""What is read of rows to see which belong together: their prompts, their families, and what a model was trained on."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import orjson

from tamis.compute.text.near_duplicates import normalised_words
from tamis.compute.text.row_families import count_together, in_groups_of, link_rows
from tamis.compute.text.turn_text import turn_text
from tamis.steps.finetune.model_source import model_sources
from tamis.steps.finetune.rows import training_records
from tamis.store.artifacts.readers import iter_examples, metadata_fields
from tamis.store.artifacts.store import Artifact
from tamis.types import JSON, Bools, Int64s, Message

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
    that Tamis made or adapters of which that is not known, ``untold`` folders of other weights.
    """

    prompts: list[str]
    families: list[tuple[Hashable, ...]]
    unrecorded: str = ""
    untold: str = ""


@dataclass(frozen=True, slots=True)
class EvaluatedRows:
    """Rows that a model is measured on: ``groups`` (n,) is the same for those that count once, ``known`` (n,) are those that it
    was trained on, or on their like, and ``unsure`` says of which models that cannot be told, empty where it can.
    """

    groups: Int64s
    known: Bools
    unsure: str

    def sentence(self, *, left_out: bool) -> str:
        """What is to be said of them, empty for nothing; ``left_out``: known rows are not measured on."""
        n_known = int(self.known.sum())
        what = "was left out" if n_known == 1 else "were left out"
        told = ""
        if n_known:
            told = f"{n_known:,} of {len(self.known):,} rows are those that the model was trained on, or like them"
            told += (
                f", and {what}."
                if left_out
                else ": what it says of them is not what it would say of new ones."
            )
        return " ".join(filter(None, (told, self.unsure)))


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
    known = KnownPrompts([], [])
    unsure: list[str] = []
    untold: list[str] = []
    for source in model_sources(model, workspace):
        conversations = source.conversations()
        if conversations is None:
            (untold if source.is_foreign else unsure).append(source.named)
        for messages in conversations or ():
            known.prompts.append(prompt_of(messages))
            known.families.append(tuple(openings(messages)))
    return replace(known, unrecorded=" and ".join(unsure), untold=" and ".join(untold))


def evaluated_rows(
    examples: Artifact, rows: Int64s, model: str, workspace: Path, *, seed: int = 0
) -> EvaluatedRows:
    """What has to be known of rows by id before a model is measured on them; every step that does asks here or, where it
    draws the rows itself, ``trained_before``.
    """
    known = trained_before(model, workspace)
    prompts, families = row_prompts(examples, rows, {}), row_families(examples, rows, {})
    links = link_rows(
        [*prompts, *known.prompts], [*families, *known.families], np.random.default_rng([seed, 1])
    )
    every, place = links.groups(), np.arange(len(rows), dtype=np.int64)
    is_known = in_groups_of(every, np.arange(len(every)) >= len(rows))[: len(rows)]
    return EvaluatedRows(count_together(links, place), is_known, unsure_text(known.unrecorded, known.untold))


def unsure_of(model: str, workspace: Path, rows: str = "rows") -> str:
    """What ``unsure_text`` says of a model."""
    known = trained_before(model, workspace)
    return unsure_text(known.unrecorded, known.untold, rows)


def unsure_text(unrecorded: str, untold: str, rows: str = "rows") -> str:
    """Sentences on models of which nobody can tell what they were trained on; empty for none."""
    said = []
    if unrecorded:
        said.append(f"Which rows {unrecorded} was trained on is not recorded: some {rows} may be among them.")
    if untold:
        said.append(
            f"It cannot be told what the folder {untold} was trained on: some {rows} may be among that."
        )
    return " ".join(said)


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
