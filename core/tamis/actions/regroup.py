"""Clusters changed by hand: each change is a new clustering, which is the active one; its parent is the way back."""

from __future__ import annotations

from collections.abc import Sequence

from tamis.actions.active import activate
from tamis.actions.clusters import cluster_names
from tamis.actions.dataset_context import open_context
from tamis.actions.roles import needs
from tamis.actions.submit import Submission, submit
from tamis.errors import InvalidOptions
from tamis.store.artifacts.store import Artifact
from tamis.store.workspace import Workspace
from tamis.types import JSON

STEP = "regroup"


@needs("curator")
def change_clusters(
    workspace: Workspace,
    dataset_id: str,
    *,
    merge: Sequence[int] = (),
    split: int | None = None,
    into: int = 2,
    rows: str = "",
    name: str = "",
    clustering_id: str = "",
) -> Submission:
    """Queue one change to the active clustering, or to the one named: clusters to merge, one to split, or rows.

    ``rows`` is ``tag:NAME``, ``scope:SCOPE`` or ``selection:ID``, and becomes a cluster of its own. Names that people gave
    stay with the clusters that stay; ``name`` is for the one that comes to be. Raises ArtifactMissing without a clustering
    and InvalidOptions for no change, for two at once and for rows that there are none of.
    """
    clustering = open_context(workspace, dataset_id, clustering_id=clustering_id).view.require("clustering")
    given = cluster_names(workspace, clustering).names
    values: dict[str, JSON] = {
        "clustering": clustering.id,
        "embeddings": clustering.manifest.inputs["embeddings"],
        "names": {str(number): said for number, said in given.items() if number >= 0},
        "name": name,
    }
    if merge:
        values["merge"] = list(merge)
    if split is not None:
        values |= {"split": split, "into": into}
    if rows:
        values["rows"] = rows
    return submit(workspace, dataset_id, STEP, values)


@needs("curator")
def undo_change(workspace: Workspace, dataset_id: str) -> Artifact:
    """Make the clustering active that the active one was changed from; raises InvalidOptions where it was not changed."""
    clustering = open_context(workspace, dataset_id).view.require("clustering")
    if clustering.manifest.step != STEP:
        raise InvalidOptions(
            f"Clustering {clustering.id} was made by a method and not changed by hand: nothing to undo."
        )
    parent = workspace.artifacts.get(dataset_id, "clustering", clustering.manifest.inputs["clustering"])
    activate(workspace, dataset_id, parent.id)
    return parent
