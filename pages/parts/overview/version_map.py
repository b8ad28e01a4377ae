"""What a version changed, on the map of the dataset it was made from: corrected, edited and dropped rows over all others."""

from __future__ import annotations

import numpy as np
import streamlit as st

from pages.shared import queries
from pages.shared.map.map_view import cluster_labels, show_map_view
from tamis.actions.dataset_context import open_context
from tamis.actions.map_colours import paint_groups
from tamis.actions.map_picture import MapContent
from tamis.actions.map_tiles import group_rows, pack_rows_as_bits
from tamis.actions.versions import NOWHERE, VersionDiff
from tamis.store.workspace import Workspace
from tamis.types import Int64s

HEIGHT_PX = 460
COLOURS = {"corrected": "#1E8FCB", "edited": "#9257D9", "dropped": "#E4632B"}


def offer_version_map(workspace: Workspace, diff: VersionDiff) -> None:
    """A switch, and once it is on the map; nothing where the older dataset has no layout."""
    groups = {kind: _rows(diff, kind) for kind in COLOURS}
    groups = {kind: rows for kind, rows in groups.items() if len(rows)}
    context = open_context(workspace, diff.old_id)
    if context.view.layout is None or not groups:
        return
    if not st.toggle("On the map", key="changes_on_map", bind="query-params"):
        return
    opened = queries.open_map(context)
    changed = np.unique(np.concatenate([*groups.values()]))
    column = group_rows(opened, groups, context.n_rows)
    of_clusters = queries.cluster_of(context)[changed]
    ids, counts = np.unique(of_clusters[of_clusters >= 0], return_counts=True)
    content = MapContent(
        column=column,
        painted=paint_groups(column, "What the version changed", [COLOURS[kind] for kind in groups]),
        kept=pack_rows_as_bits(opened, changed, context.n_rows),
        n_kept=len(changed),
        labels=cluster_labels(context, dict(zip(ids.tolist(), counts.astype(float).tolist(), strict=True))),
        height=HEIGHT_PX,
    )
    show_map_view(context, opened, content, key=f"changes_map_{diff.old_id}_{diff.new_id}", callbacks={})


def _rows(diff: VersionDiff, kind: str) -> Int64s:
    """Rows of the older dataset that came out so; those that only the version has lie on no map of it."""
    return np.array([row.old_id for row in diff.of(kind) if row.old_id != NOWHERE], dtype=np.int64)
