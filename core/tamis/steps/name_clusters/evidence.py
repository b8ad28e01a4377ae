"""What a model is shown of each cluster: its keywords, rows from its middle, and the clusters nearest to it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tamis.compute.cluster.naming import GroupEvidence, nearest_groups
from tamis.errors import InvalidOptions
from tamis.steps.name_clusters.options import NamingOptions
from tamis.store.artifacts.readers import EXAMPLES, read_centroids, read_clusters, read_example_rows
from tamis.store.artifacts.store import Artifact
from tamis.types import JSON


def named_clusters(clustering: Artifact) -> pa.Table:
    """The clusters that can be named, by number; raises InvalidOptions where every row is noise."""
    table = read_clusters(clustering)
    clusters = table.filter(pc.greater_equal(table["cluster_id"], pa.scalar(0, pa.int32())))
    if not clusters.num_rows:
        raise InvalidOptions(f"Clustering {clustering.id} has no cluster: every row is noise. Cluster again.")
    return clusters


def cluster_evidence(examples: Artifact, clustering: Artifact, options: NamingOptions) -> list[GroupEvidence]:
    """What the model is shown of every cluster, by number."""
    clusters = named_clusters(clustering)
    nearest = nearest_groups(read_centroids(clustering), top=options.siblings)
    central = [list(rows or ())[: options.exemplars] for rows in clusters["medoids"].to_pylist()]
    texts = _texts(examples, [int(row) for rows in central for row in rows], options.exemplar_characters)
    by_keywords = [str(name or "") for name in clusters["name"].to_pylist()]
    return [
        GroupEvidence(
            tuple(words or ()),
            tuple(texts[int(row)] for row in rows),
            tuple(by_keywords[other] for other in others if by_keywords[other]),
        )
        for words, rows, others in zip(clusters["keywords"].to_pylist(), central, nearest, strict=True)
    ]


def _texts(examples: Artifact, rows: list[int], most: int) -> dict[int, str]:
    """Prompt and response of each row, each up to ``most`` characters."""
    ids = np.unique(np.array(rows, dtype=np.int64))
    if not len(ids):
        return {}
    read = read_example_rows(examples.file(EXAMPLES), ids, ["prompt", "response"]).to_pylist()
    return {int(row): _shown(one, most) for row, one in zip(ids, read, strict=True)}


def _shown(row: Mapping[str, JSON], most: int) -> str:
    prompt, response = (str(row[name] or "").strip()[:most] for name in ("prompt", "response"))
    return f"{prompt}\n{response}".strip()
