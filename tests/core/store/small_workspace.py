"""Builders of a small workspace whose artifacts are written by hand, so that these tests need no step."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tamis.store.artifacts.store import Artifact, ArtifactStore, ArtifactWriter, artifact_id, make_manifest

DATASET = "hostile-1a2b3c"
DROP_FIELD = '"; DROP TABLE examples; --'
HOSTILE_TEXTS = (
    "plain words about salt",
    "it's \"quoted\" and 'quoted' again",
    "'; DROP TABLE examples; --",
    "100% _under_score %like% [set] (group) {1,2} a|b ^start end$ back\\slash *star+ .dot?",
    "line one\nline two\r\n\ttabbed",
    "",
    "\u05e9\u05dc\u05d5\u05dd \u202bmixed\u202c \u0645\u0631\u062d\u0628\u0627",
    "family \U0001f469\u200d\U0001f469\u200d\U0001f467 and flag \U0001f1e9\U0001f1ea",
    "cafe\u0301 decomposed",
    "caf\u00e9 composed CAF\u00c9 STRASSE stra\u00dfe",
    "\u4f60\u597d\uff0c\u4e16\u754c",
    "<script>alert(1)</script> ?1 $1 :name",
)
FIELDS = {
    "lang": "text",
    "difficulty": "number",
    "checked": "boolean",
    DROP_FIELD: "text",
    "a/b~c": "text",
    "": "text",
}


@dataclass(frozen=True)
class Written:
    """What the artifacts hold, as plain Python, for brute-force oracles."""

    prompts: list[str]
    responses: list[str]
    sources: list[str]
    metas: list[dict]
    n_turns: list[int]
    tokens: list[int]
    clusters: list[int]
    distances: list[float]
    xy: np.ndarray
    scores: dict[str, list[float]]
    selected: list[int]

    def __len__(self) -> int:
        return len(self.prompts)


def make_rows(n: int = 60, seed: int = 3) -> Written:
    rng = np.random.default_rng(seed)
    texts = [HOSTILE_TEXTS[i] for i in rng.integers(0, len(HOSTILE_TEXTS), 2 * n)]
    alignment = rng.normal(size=n)
    alignment[::7] = np.nan
    # Float32 in the file: the oracle must compare what is stored.
    alignment = alignment.astype(np.float32).astype(float)
    return Written(
        prompts=[f"{text} #{i}" for i, text in enumerate(texts[:n])],
        responses=texts[n:],
        sources=[["alpha", "it's", "", "\u4f60"][i % 4] for i in range(n)],
        metas=[_meta(i) for i in range(n)],
        n_turns=[2 + 2 * (i % 3) for i in range(n)],
        tokens=[int(t) for t in rng.integers(1, 900, n)],
        clusters=[int(c) for c in rng.integers(-1, 4, n)],
        distances=[float(np.float32(d)) for d in rng.random(n)],
        xy=rng.normal(size=(n, 2)).astype(np.float32),
        scores={"alignment": alignment.tolist(), "length": [float(i % 5) for i in range(n)]},
        selected=sorted(int(i) for i in rng.choice(n, n // 4, replace=False)),
    )


def _meta(i: int) -> dict:
    meta = {
        "lang": ["en", "de", None][i % 3],
        "checked": i % 2 == 0,
        DROP_FIELD: f"x{i % 2}",
        "a/b~c": "p",
        "": str(i % 2),
    }
    if i % 4:
        # Numbers of a CSV file are texts, and some of them are not numbers.
        meta["difficulty"] = {5: "NaN", 6: f" {i}.5", 7: "n/a"}.get(i % 11, i / 2)
    return meta


def write(
    store: ArtifactStore,
    kind: str,
    *,
    step: str,
    fill,
    options=None,
    inputs=None,
    summary=None,
    dataset=DATASET,
):
    """Write one artifact the way a step does; ``fill`` gets the writer."""
    options, inputs = options or {}, inputs or {}
    identifier = artifact_id(kind, options=options, inputs=inputs, format_version=1)
    with store.writing(dataset, kind, identifier) as writer:
        fill(writer)
        writer.commit(
            make_manifest(
                writer,
                kind=kind,
                identifier=identifier,
                dataset_id=dataset,
                step=step,
                options=options,
                inputs=inputs,
                format_version=1,
                summary=summary or {},
            )
        )
    return store.get(dataset, kind, identifier)


def write_dataset(store: ArtifactStore, rows: Written, row_group_size: int = 16) -> dict[str, Artifact]:
    made = {
        "examples": write(
            store,
            "examples",
            step="import",
            fill=lambda w: _fill_examples(w, rows, row_group_size),
            summary={
                "name": "Hostile rows",
                "n_examples": len(rows),
                "n_imported": len(rows),
                "n_rejected": 1,
                "meta_fields": FIELDS,
            },
        )
    }
    made["embeddings"] = write(store, "embeddings", step="embed", fill=lambda w: _fill_embeddings(w, rows))
    inputs = {"embeddings": made["embeddings"].id}
    made["clustering"] = write(
        store, "clustering", step="cluster", fill=lambda w: _fill_clustering(w, rows), inputs=inputs
    )
    made["projection"] = write(
        store,
        "projection",
        step="project",
        fill=lambda w: np.save(w.path / "projection.npy", rows.xy),
        inputs=inputs,
    )
    for name, values in rows.scores.items():
        table = pa.table({"score": pa.array(values, pa.float32())})
        made[f"score:{name}"] = write(
            store,
            "scores",
            step="score",
            fill=lambda w, t=table: pq.write_table(t, w.path / "scores.parquet"),
            options={"scorer": name},
        )
    made["selection"] = write(store, "selection", step="select", fill=lambda w: _fill_selection(w, rows))
    return made


def _fill_examples(writer: ArtifactWriter, rows: Written, row_group_size: int) -> None:
    n = len(rows)
    table = pa.table(
        {
            "example_id": np.arange(n, dtype=np.int64),
            "messages": [
                json.dumps([{"role": "user", "content": p}, {"role": "assistant", "content": r}])
                for p, r in zip(rows.prompts, rows.responses, strict=True)
            ],
            "prompt": rows.prompts,
            "response": rows.responses,
            "source": rows.sources,
            "source_row": np.arange(n, dtype=np.int64) + 10,
            "n_turns": np.asarray(rows.n_turns, dtype=np.int32),
            "content_hash": [f"{i:032x}" for i in range(n)],
            "meta": [json.dumps(meta) for meta in rows.metas],
            "raw": [f"raw {i}" for i in range(n)],
        }
    )
    pq.write_table(table, writer.path / "examples.parquet", row_group_size=row_group_size, compression="zstd")
    rejects = pa.table(
        {"line": pa.array([7], pa.int64()), "reason": ["no response"], "raw": ['{"a": "\u2028"}']}
    )
    pq.write_table(rejects, writer.path / "rejects.parquet")


def _fill_embeddings(writer: ArtifactWriter, rows: Written) -> None:
    vectors = np.random.default_rng(5).normal(size=(len(rows), 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    np.save(writer.path / "vectors.npy", vectors)
    np.save(writer.path / "tokens.npy", np.asarray(rows.tokens, dtype=np.int32))
    np.save(writer.path / "pca.npy", vectors[:, :2].copy())


def _fill_clustering(writer: ArtifactWriter, rows: Written) -> None:
    labels = pa.table(
        {
            "example_id": np.arange(len(rows), dtype=np.int64),
            "cluster_id": np.asarray(rows.clusters, dtype=np.int32),
            "distance": np.asarray(rows.distances, dtype=np.float32),
        }
    )
    pq.write_table(labels, writer.path / "clustering.parquet")
    clusters = pa.table(
        {
            "cluster_id": pa.array(range(5), pa.int32()),  # the last one is empty
            "size": pa.array([rows.clusters.count(c) for c in range(5)], pa.int64()),
            "name": [f"words {c}" for c in range(4)] + [""],
            "keywords": pa.array([[f"k{c}", "\u4f60"] for c in range(5)], pa.list_(pa.string())),
            "medoids": pa.array([[c] for c in range(5)], pa.list_(pa.int64())),
        }
    )
    pq.write_table(clusters, writer.path / "clusters.parquet")
    np.save(writer.path / "centroids.npy", np.zeros((5, 8), dtype=np.float32))


def _fill_selection(writer: ArtifactWriter, rows: Written) -> None:
    picked = rows.selected[::-1]  # rank order is not id order
    table = pa.table(
        {
            "example_id": pa.array(picked, pa.int64()),
            "cluster_id": pa.array([rows.clusters[i] for i in picked], pa.int32()),
            "rank": pa.array(range(len(picked)), pa.int64()),
            "weight": pa.array([0.5] * len(picked), pa.float32()),
        }
    )
    pq.write_table(table, writer.path / "selection.parquet")


def write_confidence(store, n_rows):
    """Scores named confidence, from 0 in the first row to 1 in the last."""
    table = pa.table({"score": pa.array(np.linspace(0, 1, n_rows), pa.float32())})
    write(
        store,
        "scores",
        step="score",
        fill=lambda w: pq.write_table(table, w.path / "scores.parquet"),
        options={"scorer": "confidence"},
    )
