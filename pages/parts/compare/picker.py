"""The comparisons of a dataset: which of them is open, and the way to a new one."""

from __future__ import annotations

import pandas as pd

from pages.shared.dataset_context import DatasetContext
from pages.shared.plain_text import count_of, shorten
from pages.shared.runs.picker import RunPicker, pick_from_list
from tamis.store.artifacts.store import Artifact

# The rows that only one method picked mean nothing for another comparison.
PICKER = RunPicker(
    what="comparison", results="Comparisons", new="New comparison", parameter="comparison", starts=(),
    of_one=("only_of", "only_page"),
)  # fmt: skip


def comparisons(context: DatasetContext) -> dict[str, Artifact]:
    """Every comparison of the dataset by its id, newest first."""
    return {one.id: one for one in context.workspace.artifacts.list(context.dataset_id, "comparison")}


def pick_comparison(comparisons: dict[str, Artifact]) -> Artifact:
    """Choose one of the comparisons; the newest unless the address names another."""
    return pick_from_list(PICKER, comparisons, next(iter(comparisons)), _label_of)


def _label_of(comparison: Artifact) -> str:
    summary = comparison.summary
    named = shorten(", ".join(str(title) for title in summary["methods"]), 90)
    created = pd.Timestamp(comparison.manifest.created_at)
    parts = [
        named,
        count_of(int(summary["n_selected"]), "row"),
        count_of(int(summary["n_selections"]), "selection"),
    ]
    return " · ".join([*parts, f"{created:%d %b %H:%M}"])
