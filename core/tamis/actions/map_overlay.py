"""Another dataset over a map: its rows at the places of their nearest rows, where both were embedded alike."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tamis.actions.dataset_context import DatasetContext
from tamis.actions.map_rows import read_positions
from tamis.compute.map.placing import place_by_neighbours
from tamis.errors import ArtifactMissing
from tamis.store.artifacts.readers import read_vectors
from tamis.store.artifacts.store import Artifact
from tamis.store.names import dataset_names
from tamis.types import Float32s

MOST_MARKS = 3_000  # rows of the other dataset that are drawn; of more, a sample
_ALIKE = ("encoder", "encoder_options", "text")


@dataclass(frozen=True, slots=True)
class Overlay:
    """``places`` (m, 2) on the layout of m of the ``n_rows`` of another dataset."""

    places: Float32s
    n_rows: int


def overlay_choices(context: DatasetContext) -> dict[str, str]:
    """Other datasets whose rows can be placed on this map, by id with their names; none before there are embeddings."""
    if context.view.embeddings is None:
        return {}
    return {
        dataset_id: name
        for dataset_id, name in dataset_names(context.workspace).items()
        if dataset_id != context.dataset_id and _embedded_alike(context, dataset_id) is not None
    }


def overlay_of(context: DatasetContext, dataset_id: str) -> Overlay:
    """The rows of another dataset on this map; raises ArtifactMissing where it was not embedded like this one."""
    made = _embedded_alike(context, dataset_id)
    if made is None:
        raise ArtifactMissing(
            f"{dataset_id} has no vectors of the encoder of this map. Make them: tamis run embed --dataset {dataset_id}"
        )
    vectors = read_vectors(made)
    chosen = np.arange(len(vectors))
    if len(chosen) > MOST_MARKS:
        chosen = np.sort(np.random.default_rng(0).choice(chosen, MOST_MARKS, replace=False))
    own = read_vectors(context.view.require("embeddings"))
    places = place_by_neighbours(own, read_positions(context), np.asarray(vectors[chosen]))
    return Overlay(places[np.isfinite(places).all(axis=1)], len(vectors))


def _embedded_alike(context: DatasetContext, dataset_id: str) -> Artifact | None:
    own = context.view.require("embeddings").manifest.options
    return next(
        (
            one
            for one in context.workspace.artifacts.list(dataset_id, "embeddings")
            if all(one.manifest.options.get(name) == own.get(name) for name in _ALIKE)
        ),
        None,
    )
