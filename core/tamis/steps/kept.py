"""What a version keeps of a dataset that it was made from: which rows did not change, and the result whose values they keep."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tamis.errors import InvalidOptions

if TYPE_CHECKING:
    from tamis.steps.context import StepContext
    from tamis.store.artifacts.store import Artifact
    from tamis.types import Bools, Int64s

KEPT_FROM = (
    "Result of a dataset that this one was made from, as DATASET/ID: rows that did not change keep what they have there, and "
    "the others are placed beside their nearest; computed afresh when empty."
)
_PLACE = re.compile(r"[\w-]+/[\w-]+")
VECTORS_BY = ("encoder", "encoder_options", "text")  # options of embeddings that share a space


@dataclass(frozen=True, slots=True)
class Kept:
    """``result`` of an ancestor, made of its ``embeddings``; the rows ``stays`` (n,) are its rows ``before`` (m,), in order."""

    result: Artifact
    embeddings: Artifact
    stays: Bools
    before: Int64s


def name_kept(result: Artifact) -> str:
    """The value of ``kept_from`` that names a result."""
    return f"{result.manifest.dataset_id}/{result.id}"


def kept_place(kept_from: str) -> tuple[str, str]:
    """Dataset and id of the result that ``kept_from`` names; raises InvalidOptions for anything else."""
    dataset_id, _, identifier = kept_from.partition("/")
    if not _PLACE.fullmatch(kept_from):
        raise InvalidOptions(f"kept_from = {kept_from!r}: name a result as DATASET/ID.")
    return dataset_id, identifier


def read_kept(context: StepContext, kept_from: str, kind: str) -> Kept:
    """The result of a kind that ``kept_from`` names, and the rows of this dataset that are in it as they are.

    Raises InvalidOptions for a dataset that this one was not made from and for vectors of another encoder, and
    ArtifactMissing for what was deleted.
    """
    from tamis.store.artifacts.store import ArtifactStore
    from tamis.store.rows.version_diff import NOWHERE, unchanged_rows

    store = ArtifactStore(context.workspace)
    dataset_id, identifier = kept_place(kept_from)
    result = store.get(dataset_id, kind, identifier)
    embeddings = store.get(dataset_id, "embeddings", result.manifest.inputs.get("embeddings", ""))
    own = context.input("embeddings")
    if any(own.manifest.options.get(name) != embeddings.manifest.options.get(name) for name in VECTORS_BY):
        raise InvalidOptions(
            f"{kind} {identifier} of {dataset_id!r} was made from vectors of another encoder than {own.id}. Embed this dataset "
            "as that one, or leave out kept_from."
        )
    before = unchanged_rows(store, context.input("examples"), dataset_id)
    stays = before != NOWHERE
    return Kept(result, embeddings, stays, before[stays])
