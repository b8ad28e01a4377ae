"""Where a batch belongs: the dataset that it becomes, and what of its parent it reads, known before it is written."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import orjson

from tamis.registry import parse_options
from tamis.steps.augment.options import AugmentOptions, EarlierBatch
from tamis.steps.import_file.identify import slug
from tamis.steps.resolve_rows import examination_of
from tamis.store.artifacts.batches import batches_of
from tamis.store.artifacts.store import ArtifactStore
from tamis.store.names import dataset_names
from tamis.store.workspace import Workspace
from tamis.types import JSON


def place(
    workspace: Workspace, dataset_id: str, exact: Mapping[str, JSON], asked: Mapping[str, JSON]
) -> tuple[str, dict[str, JSON]]:
    """The id of the batch and complete options of the job that writes it; the same request is the same batch.

    ``exact`` are the options with pointers as ids of artifacts, ``asked`` as somebody wrote them. Batches that are there
    count as earlier ones, but for a batch of this very request. Raises InvalidOptions.
    """
    if exact.get("parent"):
        return dataset_id, dict(exact)
    store = workspace.artifacts
    examples = store.examples(dataset_id)
    found = examination_of(workspace, dataset_id, str(asked.get("parents") or ""))
    placed = {
        **exact,
        "parent": dataset_id,
        "parent_examples": examples.id,
        "examination": "" if found is None else found.id,
    }
    options = parse_options(AugmentOptions, placed)
    options = options.model_copy(update={"earlier": _earlier(store, dataset_id, options)})
    named = options.name.strip() or _usual_name(workspace, dataset_id, options)
    options = options.model_copy(update={"name": named})
    identity = orjson.dumps(options.identity(), option=orjson.OPT_SORT_KEYS)
    batch_id = f"{slug(named)}-{hashlib.blake2b(identity, digest_size=3).hexdigest()}"
    return batch_id, options.model_dump(mode="json")


def _earlier(store: ArtifactStore, dataset_id: str, options: AugmentOptions) -> tuple[EarlierBatch, ...]:
    known = batches_of(store, dataset_id)
    asked = _without_earlier(options.identity())
    for one in known:
        if _without_earlier(one.manifest.options) == asked:
            return tuple(EarlierBatch(**earlier) for earlier in one.manifest.options["earlier"])
    return tuple(EarlierBatch(dataset_id=one.manifest.dataset_id, examples=one.id) for one in known)


def _without_earlier(options: Mapping[str, JSON]) -> dict[str, JSON]:
    return {name: value for name, value in options.items() if name != "earlier"}


def _usual_name(workspace: Workspace, dataset_id: str, options: AugmentOptions) -> str:
    number = f", round {options.round}" if options.round else ""
    return f"{dataset_names(workspace)[dataset_id]}, {options.generator} rows{number}"[:100]
