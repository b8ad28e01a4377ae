"""What each kind of artifact holds, read as memory-mapped arrays and Arrow columns; the file names stand here only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeVar, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from tamis.errors import ArtifactDamaged, ArtifactMissing
from tamis.store.artifacts.store import Artifact
from tamis.types import Float32s, Float64s, Int32s, Int64s

Number = TypeVar("Number", np.float32, np.int32)

EXAMPLES = "examples.parquet"
REJECTS = "rejects.parquet"
CLUSTERING = "clustering.parquet"
CLUSTERS = "clusters.parquet"
CENTROIDS = "centroids.npy"
PROJECTION = "projection.npy"
PCA = "pca.npy"
TOKENS = "tokens.npy"
SCORES = "scores.parquet"
SELECTION = "selection.parquet"
VECTORS = {"both": "vectors.npy", "prompt": "prompt.npy", "response": "response.npy"}


def count_examples(examples: Artifact) -> int:
    """Number of examples, read from the footer of the file."""
    return int(_open_parquet(examples, EXAMPLES).metadata.num_rows)


def read_examples(examples: Artifact, columns: Sequence[str]) -> pa.Table:
    """The named columns of every example, in row order; only these columns are read."""
    return _read_parquet(examples, EXAMPLES, columns)


def iter_examples(
    examples: Artifact, columns: Sequence[str], *, batch_rows: int = 10_000
) -> Iterator[pa.RecordBatch]:
    """Like ``read_examples`` in batches of at most ``batch_rows`` rows, for datasets larger than memory."""
    yield from _open_parquet(examples, EXAMPLES).iter_batches(batch_size=batch_rows, columns=list(columns))


def read_text_lengths(examples: Artifact) -> tuple[Int64s, Int64s]:
    """Characters of the prompt and of the response of every row, each (n,); the texts are read batch by batch and not kept."""
    sides: list[list[Int64s]] = [[], []]
    for batch in iter_examples(examples, ["prompt", "response"]):
        for lengths, column in zip(sides, batch.columns, strict=True):
            counted = pc.utf8_length(cast("pa.StringArray", column))
            lengths.append(np.asarray(counted.fill_null(0)).astype(np.int64))
    prompts, responses = (np.concatenate([np.empty(0, np.int64), *lengths]) for lengths in sides)
    return prompts, responses


def read_example_rows(file: Path, ids: Int64s, columns: list[str]) -> pa.Table:
    """Some columns of some rows of a file of examples, at least one, ascending; only the row groups that hold them are read."""
    with pq.ParquetFile(file) as file_reader:
        sizes = [
            file_reader.metadata.row_group(group).num_rows for group in range(file_reader.num_row_groups)
        ]
        starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        groups = np.searchsorted(starts, ids, side="right") - 1
        pieces = [
            file_reader.read_row_group(int(group), columns).take(
                pa.array(ids[groups == group] - starts[group])
            )
            for group in np.unique(groups)
        ]
    return pa.concat_tables(pieces)


def read_rejects(examples: Artifact) -> pa.Table:
    """Lines that could not be imported: line (from 1), reason, raw."""
    return _read_parquet(examples, REJECTS)


def metadata_fields(examples: Artifact) -> dict[str, str]:
    """Metadata fields of a dataset and their kind: ``number``, ``text``, ``boolean``, or ``list`` of texts."""
    return dict(examples.summary.get("meta_fields") or {})


def read_vectors(embeddings: Artifact, text: str = "both") -> Float32s:
    """Memory-mapped unit vectors, shape (n, d), of ``both``, ``prompt`` or ``response``.

    Raises ArtifactMissing when these embeddings were not made for that text.
    """
    name = VECTORS[text]
    if name not in embeddings.manifest.files:
        raise ArtifactMissing(
            f"Embeddings {embeddings.id} hold no vectors of {text!r}: run 'embed' again with text 'both'."
        )
    return _map_array(embeddings, name, np.float32)


def read_token_counts(embeddings: Artifact) -> Int32s:
    """Tokens of prompt and response of each example, shape (n,)."""
    return _map_array(embeddings, TOKENS, np.int32)


def read_coordinates(layout: Artifact) -> Float32s:
    """Map coordinates, shape (n, 2), of a projection, or of embeddings (their first two principal components)."""
    name = PCA if layout.kind == "embeddings" else PROJECTION
    return _map_array(layout, name, np.float32)


def read_cluster_ids(clustering: Artifact) -> Int32s:
    """Cluster of each example, shape (n,); -1 is noise."""
    return _column(clustering, CLUSTERING, "cluster_id").astype(np.int32, copy=False)


def read_distances(clustering: Artifact) -> Float32s:
    """Distance of each example to the centre of its cluster, shape (n,); NaN where there is none."""
    return _column(clustering, CLUSTERING, "distance").astype(np.float32, copy=False)


def read_clusters(clustering: Artifact) -> pa.Table:
    """One row per cluster: cluster_id, size, name, keywords, medoids."""
    return _read_parquet(clustering, CLUSTERS)


def read_centroids(clustering: Artifact) -> Float32s:
    """Centre of each cluster, shape (k, d)."""
    return _map_array(clustering, CENTROIDS, np.float32)


def read_scores(scores: Artifact) -> Float64s:
    """Score of each example, shape (n,), higher is better; NaN means not scored."""
    return _column(scores, SCORES, "score").astype(np.float64)


def read_evidence(scores: Artifact) -> pa.Table:
    """The score and every evidence column of the scorer, row i for example i."""
    return _read_parquet(scores, SCORES)


def read_selection(selection: Artifact) -> pa.Table:
    """The picked rows only: example_id, cluster_id, rank (0 was picked first), weight."""
    return _read_parquet(selection, SELECTION)


def read_selected_ids(selection: Artifact) -> Int64s:
    """Sorted example ids of a selection."""
    return np.sort(_column(selection, SELECTION, "example_id").astype(np.int64, copy=False))


def _open_parquet(artifact: Artifact, name: str) -> pq.ParquetFile:
    path = artifact.file(name)
    try:
        return pq.ParquetFile(path, memory_map=True)
    except pa.ArrowInvalid as error:
        raise ArtifactDamaged(_damage(artifact, name, error)) from error


def _read_parquet(artifact: Artifact, name: str, columns: Sequence[str] | None = None) -> pa.Table:
    return _open_parquet(artifact, name).read(columns=None if columns is None else list(columns))


def _column(artifact: Artifact, name: str, column: str) -> NDArray[np.generic]:
    values: NDArray[np.generic] = _read_parquet(artifact, name, [column])[column].to_numpy()
    return values


def _map_array(artifact: Artifact, name: str, dtype: type[Number]) -> NDArray[Number]:
    path = artifact.file(name)
    try:
        array: NDArray[Number] = np.load(path, mmap_mode="r", allow_pickle=False)
    except ValueError as error:
        raise ArtifactDamaged(_damage(artifact, name, error)) from error
    if array.dtype != dtype:
        raise ArtifactDamaged(_damage(artifact, name, TypeError(f"{array.dtype} is not {dtype.__name__}")))
    return array


def _damage(artifact: Artifact, name: str, error: Exception) -> str:
    return (
        f"{artifact.kind} {artifact.id}: file {name!r} cannot be read ({error}). "
        f"Delete the folder {artifact.path} and run {artifact.manifest.step!r} again."
    )
