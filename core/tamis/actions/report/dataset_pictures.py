"""Pictures of the rows of an export beside all rows: the map, clusters, and the score that they were picked by."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from tamis.actions.dataset_context import DatasetContext, open_context
from tamis.actions.manifests import ExportManifest
from tamis.actions.report import svg
from tamis.errors import CurationError
from tamis.scorers import scorer_title
from tamis.store.artifacts.readers import read_cluster_ids, read_coordinates, read_scores, read_selected_ids
from tamis.store.artifacts.store import Artifact, Manifest
from tamis.store.workspace import Workspace
from tamis.types import Int64s

MAX_GROUPS = 24
MAX_MAP_ROWS = 6_000
N_BINS = 24
NAME_CHARS = 26


@dataclass(frozen=True, slots=True)
class Picture:
    """A drawing with what it shows; ``drawn_from`` is an artifact that the export itself does not name."""

    title: str
    words: str
    drawing: Markup
    drawn_from: Manifest | None = None


def draw_pictures(workspace: Workspace, manifest: ExportManifest) -> list[Picture]:
    """Every picture that can be drawn from what this workspace still has of the export; empty where it has nothing."""
    try:
        clustering = _named(manifest, "clustering")
        context = _context(workspace, manifest, clustering.artifact_id if clustering else "")
        rows = exported_rows(context, manifest)
    except CurationError:
        return []
    return [*_maps(context, rows), *_shares(context, rows), *_scores(context, manifest, rows)]


def exported_rows(context: DatasetContext, manifest: ExportManifest) -> Int64s:
    """Which rows the file holds, sorted; those that the format could not hold, which are only counted, are among them."""
    if manifest.example_ids is not None:
        rows = np.asarray(manifest.example_ids, dtype=np.int64)
    elif manifest.selection:
        rows = read_selected_ids(context.view.artifact(manifest.selection, "selection"))
    else:
        rows = np.arange(context.n_rows, dtype=np.int64)
    decided = manifest.decided.get(manifest.decisions, [])
    dropped = [one.example_id for one in decided if one.verdict == "drop"]
    return np.setdiff1d(rows, np.asarray(dropped, dtype=np.int64))


def _context(workspace: Workspace, manifest: ExportManifest, clustering_id: str) -> DatasetContext:
    return open_context(workspace, manifest.dataset_id, clustering_id=clustering_id)


def _named(manifest: ExportManifest, kind: str) -> Manifest | None:
    """The last artifact of a kind that the export was made from."""
    mine = [one for one in manifest.artifacts if one.kind == kind and one.dataset_id == manifest.dataset_id]
    return mine[-1] if mine else None


def _maps(context: DatasetContext, rows: Int64s) -> list[Picture]:
    layout = context.view.layout
    if layout is None:
        return []
    xy = np.asarray(read_coordinates(layout))
    shown = _spaced(np.arange(len(xy)))
    everyone = xy[shown]
    background = svg.map_background(everyone, "everyone")
    picked = svg.map_of(
        everyone, xy[_spaced(rows)], 0, "The exported rows over all rows", background="everyone"
    )
    pictures = []
    if context.view.clustering is not None:
        clusters = np.asarray(read_cluster_ids(context.view.clustering))[shown]
        drawing = svg.map_of_groups(everyone, clusters, "All rows by cluster")
        words = "All rows, in the colour of their cluster; near rows say similar things."
        pictures.append(Picture("Map of all rows", words, drawing, layout.manifest))
    words = f"{len(rows):,} of {len(xy):,} rows."
    return [*pictures, Picture("Exported rows", words, background + picked, layout.manifest)]


def _spaced(rows: Int64s) -> Int64s:
    """At most ``MAX_MAP_ROWS`` of them, evenly spaced."""
    if len(rows) <= MAX_MAP_ROWS:
        return rows
    return rows[np.linspace(0, len(rows) - 1, MAX_MAP_ROWS).astype(np.int64)]


def _shares(context: DatasetContext, rows: Int64s) -> list[Picture]:
    clustering = context.view.clustering
    if clustering is None or not len(rows):
        return []
    clusters = np.asarray(read_cluster_ids(clustering))
    known, n_all = np.unique(clusters[clusters >= 0], return_counts=True)
    picked = clusters[rows]
    counts = np.array([np.count_nonzero(picked == one) for one in known])
    order = np.argsort(-n_all, kind="stable")[:MAX_GROUPS]
    drawing = svg.dot_plot(
        [_short(context.cluster_name(int(known[i]))) for i in order],
        [float(n_all[i] / len(clusters)) for i in order],
        [[svg.Dot(float(counts[i] / len(rows))) for i in order]],
        "Share of each cluster",
    )
    more = f" The {len(order)} largest of {len(known):,}." if len(known) > len(order) else ""
    words = f"The grey bar is the share of all rows, the dot that of the exported ones.{more}"
    return [Picture("Clusters", words, drawing)]


def _scores(context: DatasetContext, manifest: ExportManifest, rows: Int64s) -> list[Picture]:
    wanted = [
        one for one in manifest.artifacts if one.kind == "scores" and one.dataset_id == manifest.dataset_id
    ]
    known = {one.id: one for one in context.view.artifacts if one.kind == "scores"}
    found = [known[one.artifact_id] for one in wanted if one.artifact_id in known]
    pictures = [_histogram(one, rows) for one in found]
    return [one for one in pictures if one is not None]


def _histogram(scores: Artifact, rows: Int64s) -> Picture | None:
    values = np.asarray(read_scores(scores), dtype=np.float64)
    all_known, mine = values[np.isfinite(values)], values[rows][np.isfinite(values[rows])]
    if not len(all_known) or not len(mine):
        return None
    edges = np.histogram_bin_edges(all_known, bins=N_BINS)
    pool, picked = (np.histogram(one, bins=edges)[0] / len(one) for one in (all_known, mine))
    title = scorer_title(str(scores.manifest.options.get("scorer", "score")))
    drawing = svg.histogram(pool.tolist(), picked.tolist(), 0, title, (f"{edges[0]:.3g}", f"{edges[-1]:.3g}"))
    words = f"Mean {mine.mean():.3g}, of all rows {all_known.mean():.3g}. Grey: all rows."
    return Picture(title, words, drawing)


def _short(text: str) -> str:
    return text if len(text) <= NAME_CHARS else text[: NAME_CHARS - 1].rstrip() + "…"
