"""A file opened in one go: imported, shown by a first picture, and taken on to the real one meanwhile."""

from __future__ import annotations

from collections.abc import Sequence

from tamis.actions.imports import plan_paths, start_import
from tamis.actions.pipeline import PIPELINE, submit_missing, submit_stage
from tamis.actions.roles import needs
from tamis.actions.submit import RunTarget, submit
from tamis.steps.embed.options import EmbedOptions
from tamis.store.workspace import Workspace

PREVIEW = "hashing"  # words hashed to a vector: seconds for any file, and near enough for a first look
PREVIEW_CLUSTERS = 12  # a number that is given takes a tenth of the time of one that is chosen
_FIRST = RunTarget(priority=10)


@needs("curator")
def open_file(workspace: Workspace, paths: Sequence[str], *, name: str = "") -> str:
    """Import the files unless this workspace has them, and queue everything up to a selection; returns the dataset's id.

    Vectors of hashed words come first: their principal components and a few named clusters are a picture within seconds,
    which the usual encoder, clusters and layout replace as they end. Raises what an import raises: UnreadableFile,
    UnknownName, InvalidOptions.
    """
    plan = plan_paths(list(paths), name=name)
    store = workspace.artifacts
    if plan.dataset_id in store.dataset_ids() and not store.examples(plan.dataset_id).damage():
        submit_missing(workspace, plan.dataset_id)
        return plan.dataset_id
    start_import(workspace, plan, target=_FIRST)
    if EmbedOptions.model_fields["encoder"].default != PREVIEW:
        submit(workspace, plan.dataset_id, "embed", {"encoder": PREVIEW}, target=_FIRST)
        submit(
            workspace,
            plan.dataset_id,
            "cluster",
            {"method_options": {"n_clusters": PREVIEW_CLUSTERS}},
            target=_FIRST,
        )
    for row in PIPELINE:
        if row.runs:
            submit_stage(workspace, plan.dataset_id, row)
    return plan.dataset_id
