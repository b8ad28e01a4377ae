"""Questions about the rows of a dataset: which match, in which order, what they hold, and which are alike.

Row sets are sorted unique int64 arrays of example ids; columns are named by the keys of ``columns_of``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import orjson
import pyarrow as pa
from numpy.typing import NDArray

from tamis.actions.dataset_context import DatasetContext
from tamis.compute.neighbours import random_pair_cosines
from tamis.errors import InvalidOptions, no_such_row
from tamis.models.endpoints import check_use
from tamis.protocols import Encoder
from tamis.store.artifacts.readers import read_cluster_ids, read_selection, read_vectors
from tamis.store.artifacts.store import Artifact
from tamis.store.rows import query
from tamis.store.rows.clusters import cluster_panel
from tamis.store.rows.columns import Column, list_columns
from tamis.store.rows.engine import check_pattern
from tamis.store.rows.query import Facets, Summary
from tamis.store.rows.scope import ALL_ROWS, Condition, Scope, describe_scope
from tamis.store.rows.semantic import Similar, similar_to_row, similar_to_vector
from tamis.types import NOISE, Float32s, Int32s, Int64s, Message

__all__ = [
    "ALL_ROWS", "Column", "Condition", "Encoder", "Facets", "Scope", "Similar", "Summary", "cluster_of",
    "columns_of", "cosine_of", "count_values", "describe_scope", "encode_sentence", "encoder_of", "list_clusters", "matching",
    "nearest_in_cluster", "nearest_rows", "pattern_problem", "picked_in", "read_column",
    "read_messages", "read_rows", "row_number", "similar_rows", "sort_by_similarity", "sort_rows", "summarise", "tags_of",
    "usual_cutoff",
]  # fmt: skip

N_RANKED = 100
USUAL = "usual"
CHANCE_PAIRS, CHANCE_QUANTILE = 20_000, 0.99
Cutoff: TypeAlias = float | str | None
Encode = Callable[[Artifact, str], Float32s]


def matching(context: DatasetContext, scope: Scope) -> Int64s:
    """Sorted ids of the rows that a filter means; raises InvalidOptions for a value that does not fit the dataset,
    UnknownName and ArtifactMissing.
    """
    return query.matching_rows(context.view, scope, tags=context.tags)


def sort_rows(context: DatasetContext, rows: Int64s, column: str, *, descending: bool = False) -> Int64s:
    """Rows in the order of a column; ``example_id`` or nothing is the order of the dataset."""
    if column in ("", "example_id"):
        return rows[::-1] if descending else rows
    return query.sort_rows(context.view, rows, column, descending, tags=context.tags)


def columns_of(context: DatasetContext) -> tuple[Column, ...]:
    """Every column that there is: of the examples, clusters, scores, selections, tags and metadata."""
    return list_columns(context.view, context.tags)


def read_rows(context: DatasetContext, rows: Int64s | Sequence[int], columns: Sequence[str]) -> pa.Table:
    """The named columns of these rows, in their order."""
    return query.fetch_rows(context.view, np.asarray(rows, dtype=np.int64), columns, tags=context.tags)


def read_column(context: DatasetContext, column: str) -> NDArray[Any]:
    """One column for all rows."""
    return query.column_values(context.view, column, tags=context.tags)


def read_messages(context: DatasetContext, rows: Int64s | Sequence[int]) -> list[list[Message]]:
    """The conversations of these rows, in their order."""
    texts = read_rows(context, rows, ["messages"])["messages"].to_pylist()
    return [orjson.loads(str(text)) for text in texts]


def count_values(context: DatasetContext, column: str, limit: int = 200) -> Facets:
    """The values of a column over all rows and how often each occurs."""
    return query.facet_counts(context.view, column, limit=limit, tags=context.tags)


def summarise(context: DatasetContext, column: str) -> Summary:
    """How a number is spread over all rows."""
    return query.summarise(context.view, column, tags=context.tags)


def pattern_problem(words: str) -> str:
    """Why a regular expression cannot be used; empty when it can."""
    try:
        check_pattern(words)
    except InvalidOptions as error:
        return str(error)
    return ""


def cluster_of(context: DatasetContext) -> Int32s:
    """Cluster of every row; all noise when nothing was clustered yet."""
    if context.view.clustering is None:
        return np.full(context.n_rows, NOISE, dtype=np.int32)
    return read_cluster_ids(context.view.clustering)


def list_clusters(
    context: DatasetContext, rows: Int64s | None = None, *, most_matching: Int64s | None = None
) -> pa.Table:
    """One row per cluster, largest first, or with ``most_matching`` those with most of these rows first: cluster_id, name, size, n_matching among ``rows``, keywords, medoids, the mean
    of every score, n_selected and selected_fraction. Raises ArtifactMissing without a clustering.
    """
    panel = cluster_panel(context.view, context.names, rows=rows)
    if most_matching is None:
        return panel
    found = dict(zip(*np.unique(cluster_of(context)[most_matching], return_counts=True), strict=True))
    counts = np.array([found.get(i, 0) for i in panel["cluster_id"].to_pylist()])
    return panel.take(np.argsort(-counts, kind="stable"))


def similar_rows(context: DatasetContext, row: int, k: int) -> Similar:
    """The ``k`` rows most similar to a row, with their cosines; raises ArtifactMissing without embeddings."""
    return similar_to_row(context.view, row, k)


def row_number(context: DatasetContext, value: str | int) -> int:
    """The row that a person named by its number; raises InvalidOptions for what is none."""
    text = str(value).strip()
    if not (text.isascii() and text.isdigit() and int(text) < context.n_rows):
        raise no_such_row(text, context.n_rows)
    return int(text)


def nearest_rows(
    context: DatasetContext,
    near: str,
    *,
    within: Int64s,
    k: int = N_RANKED,
    encode: Encode | None = None,
    at_least: Cutoff = None,
) -> Similar:
    """The rows among ``within`` nearest in meaning to ``text:a sentence`` or ``row:17``, most similar first, with cosines.

    A row is nearest to itself. ``encode`` puts a sentence into the space of some embeddings; by default the encoder that
    made them is loaded, which takes seconds. Raises ArtifactMissing without embeddings, InvalidOptions for a row that is
    not there, and for no ``k``. ``at_least`` leaves out what is less similar: a cosine, or ``"usual"`` for ``usual_cutoff``.
    """
    if k < 1:
        raise InvalidOptions(f"k = {k}: ask for one row or more.")
    found, least = _nearest_rows(context, near, within, k, encode), cosine_of(context, at_least)
    kept = found.cosines >= least
    return Similar(found.rows[kept], found.cosines[kept])


def cosine_of(context: DatasetContext, at_least: Cutoff) -> float:
    """A cut-off as a cosine; raises InvalidOptions for what is none."""
    if at_least is None:
        return -np.inf
    if at_least == USUAL:
        return usual_cutoff(context)
    try:
        cosine = float(at_least)
    except ValueError:
        cosine = np.nan
    if not -1 <= cosine <= 1:
        raise InvalidOptions(f"A similarity of {at_least!r}: give a cosine from -1 to 1, or {USUAL}.")
    return cosine


def usual_cutoff(context: DatasetContext) -> float:
    """The cosine that 99 of 100 random pairs of rows stay below, rounded to two decimals; the same at every call.

    Over 20,000 pairs; what is less similar is as near as chance brings it. Raises ArtifactMissing without embeddings.
    """
    vectors = read_vectors(context.view.require("embeddings"), "both")
    cosines = random_pair_cosines(vectors, CHANCE_PAIRS)
    return round(float(np.quantile(cosines, CHANCE_QUANTILE)), 2) if len(cosines) else 0.0


def _nearest_rows(
    context: DatasetContext, near: str, within: Int64s, k: int, encode: Encode | None
) -> Similar:
    kind, _, value = near.partition(":")
    if kind == "row":
        row = row_number(context, value)
        if row not in within:
            return similar_to_row(context.view, row, k, within=within)
        others = similar_to_row(context.view, row, k - 1, within=within)
        own = np.ones(1, dtype=np.float32)
        return Similar(np.concatenate([[row], others.rows]), np.concatenate([own, others.cosines]))
    embeddings = context.view.require("embeddings")
    check_use(
        embeddings.manifest.options, context.workspace.actor.asker()
    )  # an encoder that is kept was another's
    vector = (encode or encode_sentence)(embeddings, value)
    return similar_to_vector(context.view, vector, k, within=within)


def sort_by_similarity(
    context: DatasetContext,
    near: str,
    rows: Int64s,
    *,
    encode: Encode | None = None,
    at_least: Cutoff = None,
) -> Int64s:
    """All of these rows, most similar to ``near`` first; unchanged when it names a row that is not there.

    ``at_least`` leaves out what is less similar, as for ``nearest_rows``.
    """
    kind, _, value = near.partition(":")
    if not len(rows) or (kind == "row" and not (value.isdigit() and int(value) < context.n_rows)):
        return rows
    found = nearest_rows(context, near, within=rows, k=len(rows), encode=encode, at_least=at_least)
    ranked = np.asarray(found.rows, dtype=np.int64)
    if at_least is not None:
        return ranked
    return np.concatenate([ranked, np.setdiff1d(rows, ranked, assume_unique=True)])


def encode_sentence(embeddings: Artifact, sentence: str) -> Float32s:
    """A sentence in the space of some embeddings, shape (d,)."""
    vector: Float32s = encoder_of(embeddings).encode([sentence])[0]
    return vector


def encoder_of(embeddings: Artifact) -> Encoder:
    """The encoder that made some embeddings; seconds on first use, so keep it."""
    # Imported here: it brings the model library, which no page needs to be drawn.
    from tamis.steps.query_encoder import open_query_encoder

    return open_query_encoder(embeddings)


def picked_in(context: DatasetContext, row: int) -> list[tuple[str, int, int]]:
    """The selections that contain a row: id, the row's rank from 1, and how many rows were selected."""
    places = []
    for selection in context.view.selections:
        table = read_selection(selection)
        at = np.flatnonzero(table["example_id"].to_numpy() == row)
        if len(at):
            places.append((selection.id, int(table["rank"][int(at[0])].as_py()) + 1, table.num_rows))
    return places


def nearest_in_cluster(similar: Similar, clusters: Int32s, row: int, k: int) -> list[tuple[int, float]]:
    """Of the rows similar to one, the first ``k`` of the same cluster with their cosines."""
    pairs = zip(similar.rows.tolist(), similar.cosines.tolist(), strict=True)
    return [(int(other), float(cosine)) for other, cosine in pairs if clusters[other] == clusters[row]][:k]


def tags_of(context: DatasetContext, row: int) -> list[str]:
    """The tags that a row carries."""
    rows_by_tag: Mapping[str, Int64s] = context.tags.rows
    return [tag for tag, rows in rows_by_tag.items() if row in rows[np.searchsorted(rows, row) :][:1]]
