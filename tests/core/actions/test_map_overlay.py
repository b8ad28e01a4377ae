"""A target over the map: its examples lie where the rows are that it is most like."""

from __future__ import annotations

import numpy as np
import pytest

from tamis.actions.dataset_context import open_context
from tamis.actions.map_overlay import overlay_choices, overlay_of
from tamis.actions.map_rows import read_positions
from tamis.actions.read_rows import read_rows
from tamis.actions.targets import TargetExample, TargetSource, add_target
from tamis.errors import ArtifactMissing
from tamis.store.workspace import Workspace
from tests.pages.page_workspace import run_step


def test_the_examples_of_a_target_lie_at_the_rows_that_they_are_like(
    workspace: Workspace, dataset_id: str
) -> None:
    run_step(workspace.path, dataset_id, "embed", {"encoder": "hashing"})
    context = open_context(workspace, dataset_id)
    said = read_rows(context, np.array([3]), ["prompt", "response"]).to_pylist()[0]
    examples = [
        TargetExample(said["prompt"], said["response"]),
        TargetExample("Why does bread rise?", "Yeast."),
    ]
    target = add_target(workspace, dataset_id, "Bread", TargetSource(examples=examples))
    assert overlay_choices(context) == {}
    with pytest.raises(ArtifactMissing, match="tamis run score"):
        overlay_of(context, f"target:{target.id}")
    run_step(workspace.path, dataset_id, "score", {"scorer": "target_embedding", "target": target.id})
    context = open_context(workspace, dataset_id)
    assert overlay_choices(context) == {f"target:{target.id}": "Target Bread"}
    found = overlay_of(context, f"target:{target.id}")
    assert (found.n_rows, found.of, found.places.shape) == (2, "example", (2, 2))
    places = read_positions(context)
    away = np.linalg.norm(places - found.places[0], axis=1)
    assert away[3] <= np.median(away)  # the row that it is weighs most
