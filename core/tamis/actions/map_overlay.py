"""Another dataset, or a target, over a map: its rows or examples at the places of their nearest rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tamis.actions.dataset_context import DatasetContext
from tamis.actions.map_rows import read_positions
from tamis.actions.targets import list_targets
from tamis.compute.map.placing import place_by_neighbours, place_by_similarity
from tamis.errors import ArtifactMissing
from tamis.steps.kept import VECTORS_BY
from tamis.store.artifacts.readers import read_vectors
from tamis.store.artifacts.store import Artifact
from tamis.store.artifacts.targets import SIMILARITIES
from tamis.store.names import dataset_names
from tamis.types import Float32s, Int64s

MOST_MARKS = 3_000  # rows or examples that are drawn; of more, a sample
TARGET = "target:"  # what the name of an overlay begins with that is a target


@dataclass(frozen=True, slots=True)
class Overlay:
    """``places`` (m, 2) on the layout of m of the ``n_rows`` of another dataset, or of a target's examples."""

    places: Float32s
    n_rows: int
    of: str = "row"


def overlay_choices(context: DatasetContext) -> dict[str, str]:
    """What can be placed on this map, with its name: datasets embedded alike by id, scored targets as ``target:ID``.

    None before there are embeddings.
    """
    if context.view.embeddings is None:
        return {}
    targets = {
        f"{TARGET}{one.artifact.id}": f"Target {one.name}"
        for one in list_targets(context.workspace, context.dataset_id)
        if _similarities(context, one.artifact.id) is not None
    }
    return targets | {
        dataset_id: name
        for dataset_id, name in dataset_names(context.workspace).items()
        if dataset_id != context.dataset_id and _embedded_alike(context, dataset_id) is not None
    }


def overlay_of(context: DatasetContext, chosen: str) -> Overlay:
    """A choice of ``overlay_choices`` on this map; raises ArtifactMissing for a dataset that was not embedded like this one
    and for a target that nothing was scored towards.
    """
    if chosen.startswith(TARGET):
        return _target_overlay(context, chosen.removeprefix(TARGET))
    return _dataset_overlay(context, chosen)


def _target_overlay(context: DatasetContext, target_id: str) -> Overlay:
    found = _similarities(context, target_id)
    if found is None:
        raise ArtifactMissing(
            f"Nothing was scored towards target {target_id} by vectors yet: tamis run score --dataset {context.dataset_id} "
            f"--scorer target_embedding --target {target_id}"
        )
    columns = _sample(found.shape[1])
    places = place_by_similarity(found[:, columns], read_positions(context))
    return Overlay(places[np.isfinite(places).all(axis=1)], found.shape[1], of="example")


def _similarities(context: DatasetContext, target_id: str) -> Float32s | None:
    """Similarities (n, E) of the rows to the steering examples of a target, by the newest scores that hold it alone."""
    for one in context.workspace.artifacts.list(context.dataset_id, "scores"):
        if one.manifest.inputs.get("target") == target_id and SIMILARITIES in one.manifest.files:
            found: Float32s = np.load(one.file(SIMILARITIES), mmap_mode="r")
            return found
    return None


def _sample(n: int) -> Int64s:
    chosen = np.arange(n, dtype=np.int64)
    if n > MOST_MARKS:
        chosen = np.sort(np.random.default_rng(0).choice(chosen, MOST_MARKS, replace=False))
    return chosen


def _dataset_overlay(context: DatasetContext, dataset_id: str) -> Overlay:
    made = _embedded_alike(context, dataset_id)
    if made is None:
        raise ArtifactMissing(
            f"{dataset_id} has no vectors of the encoder of this map. Make them: tamis run embed --dataset {dataset_id}"
        )
    vectors = read_vectors(made)
    own = read_vectors(context.view.require("embeddings"))
    places = place_by_neighbours(own, read_positions(context), np.asarray(vectors[_sample(len(vectors))]))
    return Overlay(places[np.isfinite(places).all(axis=1)], len(vectors))


def _embedded_alike(context: DatasetContext, dataset_id: str) -> Artifact | None:
    own = context.view.require("embeddings").manifest.options
    return next(
        (
            one
            for one in context.workspace.artifacts.list(dataset_id, "embeddings")
            if all(one.manifest.options.get(name) == own.get(name) for name in VECTORS_BY)
        ),
        None,
    )
