"""The comparisons of a dataset: which of them is open, and the way to a new one."""

from __future__ import annotations

from pages.shared.dataset_context import DatasetContext
from pages.shared.runs.picker import RunPicker, pick_from_list
from tamis.actions.artifact_names import artifact_names
from tamis.store.artifacts.store import Artifact

# The rows that only one method picked mean nothing for another comparison.
PICKER = RunPicker(
    what="comparison", results="Comparisons", new="New comparison", parameter="comparison", starts=(),
    of_one=("only_of", "only_page"),
)  # fmt: skip


def comparisons(context: DatasetContext) -> dict[str, Artifact]:
    """Every comparison of the dataset by its id, newest first."""
    return {one.id: one for one in context.workspace.artifacts.list(context.dataset_id, "comparison")}


def pick_comparison(context: DatasetContext, comparisons: dict[str, Artifact]) -> Artifact:
    """Choose one of the comparisons; the newest unless the address names another."""
    names = artifact_names(context.workspace, context.dataset_id, "comparison")
    return pick_from_list(PICKER, comparisons, next(iter(comparisons)), lambda one: names[one.id])
