"""A workspace with a large map, written directly: clouds of unequal size, and everything a map can be coloured by."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tamis.steps.import_file.step import STORED_SCHEMA
from tamis.store.artifacts.store import ArtifactStore
from tests.core.store.small_workspace import write

DATASET = "clouds-000000"
N_CLUSTERS = 40
TOPICS = ("baking", "gardens", "الطبخ", "खाना", "烹饪", "algebra")


def clouds(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Positions (n, 2) float32 and the cluster of each; one row in ten lies anywhere and in none."""
    rng = np.random.default_rng(seed)
    centres = rng.random((N_CLUSTERS, 2)) * np.array([60, 40])
    shares = rng.dirichlet(np.full(N_CLUSTERS, 2.0))
    ids = rng.choice(N_CLUSTERS, size=n, p=shares).astype(np.int32)
    spread = 0.6 + 2 * rng.random(N_CLUSTERS)
    xy = centres[ids] + rng.standard_normal((n, 2)) * spread[ids, None]
    floor = rng.random(n) < 0.1
    xy[floor] = rng.random((int(floor.sum()), 2)) * np.array([60, 40])
    ids[floor] = -1
    return xy.astype(np.float32), ids


def write_large_map(path: Path, n: int) -> ArtifactStore:
    """The workspace; texts are short and hold markup, which nothing may read as such."""
    store, rng = ArtifactStore(path), np.random.default_rng(1)
    xy, ids = clouds(n)
    fields = {"topic": "text", "difficulty": "number"}
    summary = {
        "name": "Clouds",
        "n_examples": n,
        "n_records": n,
        "n_imported": n,
        "n_rejected": 0,
        "meta_fields": fields,
    }
    files = [
        {
            "path": "clouds.jsonl",
            "format": "messages",
            "fields": {},
            "content_hash": "0",
            "n_imported": n,
            "n_rejected": 0,
        }
    ]
    write(
        store, "examples", step="import", fill=lambda w: _examples(w.path, n, rng), dataset=DATASET,
        summary=summary | {"format": "messages", "files": files, "reject_reasons": {}},
    )  # fmt: skip
    made = write(store, "embeddings", step="embed", fill=lambda w: _embeddings(w.path, xy, rng), dataset=DATASET,
                 summary={"n_rows": n, "dimension": 4, "truncated_fraction": 0.0}, options={"text": "both"})  # fmt: skip
    inputs = {"embeddings": made.id}
    write(store, "clustering", step="cluster", fill=lambda w: _clustering(w.path, ids, rng), inputs=inputs, dataset=DATASET,
          summary={"n_clusters": N_CLUSTERS, "noise_fraction": 0.1})  # fmt: skip
    write(store, "projection", step="project", fill=lambda w: np.save(w.path / "projection.npy", xy), inputs=inputs,
          dataset=DATASET, summary={"n_rows": n})  # fmt: skip
    scores = pa.table({"score": pa.array(np.abs(rng.normal(size=n)), pa.float32())})
    write(store, "scores", step="score", fill=lambda w: pq.write_table(scores, w.path / "scores.parquet"),
          options={"scorer": "alignment"}, dataset=DATASET, summary={"scorer": "alignment", "n_scored": n})  # fmt: skip
    return store


def _examples(folder: Path, n: int, rng: np.random.Generator) -> None:
    prompts = [f"<b>Question</b> {number} about the cloud" for number in range(n)]
    responses = [f"Answer {number}: *not* emphasised" for number in range(n)]
    topics = rng.integers(0, len(TOPICS), n)
    columns: dict[str, object] = {
        "example_id": range(n), "file": [0] * n, "prompt": prompts, "response": responses,
        "messages": [f'[{{"role":"user","content":"{p}"}},{{"role":"assistant","content":"{r}"}}]' for p, r in zip(prompts, responses, strict=True)],
        "source": [("bakery", "mill")[number % 2] for number in range(n)], "source_row": range(1, n + 1), "n_turns": [2] * n,
        "content_hash": [f"{number:032x}" for number in range(n)],
        "meta": [f'{{"topic":"{TOPICS[t]}","difficulty":{number % 7}}}' for number, t in enumerate(topics)], "raw": ["{}"] * n,
    }  # fmt: skip
    table = pa.table(columns, schema=STORED_SCHEMA)
    pq.write_table(table, folder / "examples.parquet", compression="zstd", row_group_size=20_000)
    pq.write_table(pa.table({"file": [], "line": [], "reason": [], "raw": []}), folder / "rejects.parquet")


def _embeddings(folder: Path, xy: np.ndarray, rng: np.random.Generator) -> None:
    vectors = rng.standard_normal((len(xy), 4), dtype=np.float32)
    np.save(folder / "vectors.npy", vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
    np.save(folder / "tokens.npy", rng.integers(10, 400, len(xy)).astype(np.int32))
    np.save(folder / "pca.npy", xy)


def _clustering(folder: Path, ids: np.ndarray, rng: np.random.Generator) -> None:
    n = len(ids)
    rows = {"example_id": np.arange(n), "cluster_id": ids, "distance": rng.random(n, dtype=np.float32)}
    pq.write_table(pa.table(rows), folder / "clustering.parquet")
    sizes = np.bincount(ids[ids >= 0], minlength=N_CLUSTERS)
    named = {
        "cluster_id": pa.array(range(N_CLUSTERS), pa.int32()), "size": sizes,
        "name": [f"{TOPICS[number % len(TOPICS)]} {number}" for number in range(N_CLUSTERS)],
        "keywords": [["cloud", str(number)] for number in range(N_CLUSTERS)],
        "medoids": [[int(np.flatnonzero(ids == number)[0])] for number in range(N_CLUSTERS)],
    }  # fmt: skip
    pq.write_table(pa.table(named), folder / "clusters.parquet")
    np.save(folder / "centroids.npy", rng.standard_normal((N_CLUSTERS, 4), dtype=np.float32))
