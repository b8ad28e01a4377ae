"""Versions of a dataset: a new one with the decisions applied, and what a version changed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tamis.actions.clusters import cluster_names
from tamis.actions.roles import needs
from tamis.actions.submit import HERE, RunTarget, Submission, submit
from tamis.errors import InvalidOptions
from tamis.steps import STEPS
from tamis.steps.curate.step import plan_curate
from tamis.steps.kept import name_kept
from tamis.steps.resolve_decisions import CURRENT
from tamis.steps.resolve_rows import look_at
from tamis.steps.spec import as_recorded
from tamis.store.artifacts.store import Artifact
from tamis.store.artifacts.view import DatasetView
from tamis.store.names import check_name, dataset_names
from tamis.store.rows.version_diff import (
    CHANGE_KINDS,
    NOWHERE,
    RowDiff,
    VersionDiff,
    comparable,
    diff_versions,
    read_conversations,
)
from tamis.store.workspace import Workspace
from tamis.types import JSON, Message

__all__ = [
    "CHANGE_KINDS", "MOST_NAME_CHARS", "NOWHERE", "RowDiff", "VersionDiff", "carry_over", "compare_versions", "default_version_name",
    "earlier_versions", "make_version", "parent_version", "read_changed",
]  # fmt: skip

MOST_NAME_CHARS = 100
CARRIED = ("embed", "cluster", "project", "score")  # in the order in which each reads what is before it
Turns = tuple[Message, ...]


def default_version_name(workspace: Workspace, dataset_id: str, *, with_additions: bool = False) -> str:
    """What a version is called unless somebody says otherwise."""
    how = "augmented" if with_additions else "curated"
    return f"{dataset_names(workspace)[dataset_id]}, {how}"[:MOST_NAME_CHARS]


@needs("curator")
def make_version(
    workspace: Workspace,
    dataset_id: str,
    name: str = "",
    *,
    decisions: str = CURRENT,
    additions: Sequence[str] = (),
    target: RunTarget = HERE,
) -> Submission:
    """Queue a new dataset: this one with decisions applied, those of now or frozen ones; this one stays as it is.

    ``additions`` are batches whose accepted rows come behind its own; undecided rows never enter. The same decisions are the same version; its id is that of the job's dataset. Raises InvalidOptions when nothing is
    decided, every row is dropped, or no row of a batch is accepted, CurationError when a decided conversation breaks the chat schema.
    """
    shown = check_name(name, "version")
    new_id, options = plan_curate(workspace, dataset_id, shown, decisions=decisions, additions=additions)
    return submit(workspace, new_id, "curate", options, target=target)


@needs("curator")
def carry_over(workspace: Workspace, dataset_id: str, version_id: str) -> list[Submission]:
    """Queue for a version what the dataset that it is made from has in view: vectors, clusters, map and scores.

    Rows that did not change keep their place on the map and their cluster, changed by hand or not; the others are placed
    between their nearest rows and go to the nearest cluster. Vectors of texts that did not change are not computed and no
    model is asked about such rows again: both are found where they are kept. Each waits for the version itself. Scores
    towards a target are not carried over.
    """
    view = look_at(workspace, dataset_id)
    # What is asked for last is the active one, as it is in the parent.
    scores = sorted(view.scores.items(), key=lambda pair: pair[0] == view.score)
    made = [view.embeddings, _made_by_step(view), view.layout, *(one for _, one in scores)]
    submitted = []
    for step in CARRIED:
        for one in made:
            if one is not None and one.manifest.step == step and not _is_of_a_target(one):
                options = _options_of(one) | _kept(workspace, view, step)
                submitted.append(submit(workspace, version_id, step, options))
    return submitted


def _kept(workspace: Workspace, view: DatasetView, step: str) -> dict[str, JSON]:
    """What has rows that did not change keep their clusters, as people call them, or their places."""
    if step == "cluster" and view.clustering is not None:
        given = cluster_names(workspace, view.clustering).names
        names: dict[str, JSON] = {str(number): said for number, said in given.items() if number >= 0}
        return {"kept_from": name_kept(view.clustering), "names": names}
    if step == "project" and view.layout is not None:
        return {"kept_from": name_kept(view.layout)}
    return {}


def _made_by_step(view: DatasetView) -> Artifact | None:
    """The clustering in view, or the one that it was changed from by hand."""
    found = view.clustering
    while found is not None and found.manifest.step == "regroup":
        before = found.manifest.inputs.get("clustering", "")
        found = next((one for one in view.artifacts if one.kind == "clustering" and one.id == before), None)
    return found


def _is_of_a_target(artifact: Artifact) -> bool:
    return artifact.manifest.step == "score" and "target" in artifact.manifest.inputs


def _options_of(artifact: Artifact) -> dict[str, JSON]:
    step = STEPS[artifact.manifest.step]
    return as_recorded(step.options, artifact.manifest.options)


def earlier_versions(workspace: Workspace, dataset_id: str) -> list[str]:
    """The datasets that this one was made from and that are still there, its parent first."""
    return comparable(workspace.artifacts, dataset_id)


def parent_version(workspace: Workspace, dataset_id: str) -> str:
    """The dataset that this one was made from; raises InvalidOptions for one that was imported."""
    line = earlier_versions(workspace, dataset_id)
    if not line:
        raise InvalidOptions(
            f"{dataset_id!r} was not made from another dataset of this workspace: name the one to compare it with."
        )
    return line[0]


def compare_versions(workspace: Workspace, old_id: str, new_id: str) -> VersionDiff:
    """What became of the rows of one dataset in another of its family; raises InvalidOptions, DatasetMissing and
    ArtifactMissing.
    """
    return diff_versions(workspace.artifacts, old_id, new_id)


def read_changed(
    workspace: Workspace, diff: VersionDiff, rows: Sequence[RowDiff]
) -> list[tuple[Turns | None, Turns | None]]:
    """The conversation of every row before and after; None where it was not, or is no more."""

    def side(dataset_id: str, ids: list[int]) -> list[Turns | None]:
        there = np.array([one for one in ids if one != NOWHERE], dtype=np.int64)
        conversations = read_conversations(workspace.artifacts.examples(dataset_id), there)
        return [conversations.get(one) for one in ids]

    before = side(diff.old_id, [row.old_id for row in rows])
    return list(zip(before, side(diff.new_id, [row.new_id for row in rows]), strict=True))
