"""Time on the server to draw every page over a large dataset whose artifacts exist; the limit is half a second."""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from tamis.compute.select.allocate import allocate
from tamis.formats.schema import EXAMPLES_SCHEMA
from tamis.steps.import_file.step import STORED_SCHEMA
from tamis.store.artifacts.store import ArtifactStore, make_manifest
from tamis.types import JSON
from tests.benchmarks.measure import ROOT, print_table

DATASET = "large-000000"
N_CLUSTERS = 64
LIMIT_S = 0.5
REPEATS = 5
PAGES = ("overview", "import_data", "data_map", "scoring", "selection", "job_list", "export_data")


def write_dataset(store: ArtifactStore, n_rows: int) -> None:
    """Examples of about 530 characters, 384 dimensions, 64 clusters, a layout, two scores and a selection."""
    rng = np.random.default_rng(0)
    _write_examples(store, n_rows, rng)
    ids = np.sort(rng.choice(N_CLUSTERS, size=n_rows, p=rng.dirichlet(np.full(N_CLUSTERS, 5.0))))
    rng.shuffle(ids)
    centres = rng.standard_normal((N_CLUSTERS, 384), dtype=np.float32)
    vectors = centres[ids] + rng.standard_normal((n_rows, 384), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    xy = (rng.standard_normal((N_CLUSTERS, 2)) * 10)[ids] + rng.standard_normal((n_rows, 2))
    with _artifact(
        store,
        "embeddings",
        {"n_rows": n_rows, "dimension": 384, "truncated_fraction": 0.1, "n_texts": 2 * n_rows, "n_reused": 0},
        {"text": "both", "encoder": "minilm"},
    ) as folder:
        np.save(folder / "vectors.npy", vectors)
        np.save(folder / "tokens.npy", rng.integers(50, 400, n_rows).astype(np.int32))
        np.save(folder / "pca.npy", xy.astype(np.float32))
    with _artifact(store, "projection", {"n_rows": n_rows}, inputs={"embeddings": "embeddings"}) as folder:
        np.save(folder / "projection.npy", xy.astype(np.float32))
    _write_clusters(store, ids, rng)
    for name in ("alignment", "length"):
        summary = {"scorer": name, "n_scored": n_rows}
        with _artifact(store, "scores", summary, {"scorer": name}, identifier=name) as folder:
            pq.write_table(
                pa.table({"score": rng.random(n_rows, dtype=np.float32)}), folder / "scores.parquet"
            )
    _write_selection(store, ids, rng)


def _write_examples(store: ArtifactStore, n_rows: int, rng: np.random.Generator) -> None:
    words = np.array(["sieve", "flour", "dough", "oven", "grain", "yeast", "crust", "water", "salt", "bread"])
    drawn = words[rng.integers(len(words), size=(n_rows, 80))]
    prompts = [" ".join(row[:20]) + "?" for row in drawn]
    responses = [" ".join(row[20:]) + f" {number}." for number, row in enumerate(drawn)]
    turns = [
        orjson.dumps([{"role": "user", "content": p}, {"role": "assistant", "content": r}]).decode()
        for p, r in zip(prompts, responses, strict=True)
    ]
    columns: dict[str, object] = {
        "example_id": range(n_rows), "file": [0] * n_rows, "messages": turns, "prompt": prompts,
        "response": responses, "source": ["bakery", "mill"] * (n_rows // 2), "source_row": range(1, n_rows + 1),
        "n_turns": [2] * n_rows, "content_hash": [f"{number:032x}" for number in range(n_rows)],
        "meta": [f'{{"batch":{number % 9}}}' for number in range(n_rows)], "raw": [f'{{"messages":{turn}}}' for turn in turns],
    }  # fmt: skip
    assert set(EXAMPLES_SCHEMA.names) <= set(columns)
    file = {"path": "large.jsonl", "format": "messages", "fields": {}, "content_hash": "0"}
    counts = {"n_imported": n_rows, "n_rejected": 0, "n_examples": n_rows}
    summary = {"name": "Large", "format": "messages", "files": [file | counts], "n_records": n_rows}
    with _artifact(
        store, "examples", summary | counts | {"meta_fields": {"batch": "number"}, "reject_reasons": {}}
    ) as folder:
        table = pa.table(columns, schema=STORED_SCHEMA)
        pq.write_table(table, folder / "examples.parquet", compression="zstd", row_group_size=10_000)
        empty = pa.table({"file": [], "line": [], "reason": [], "raw": []})
        pq.write_table(empty, folder / "rejects.parquet")


def _write_clusters(store: ArtifactStore, ids: np.ndarray, rng: np.random.Generator) -> None:
    n_rows = len(ids)
    with _artifact(
        store, "clustering", {"n_clusters": N_CLUSTERS, "n_noise": 0, "noise_fraction": 0.0},
        inputs={"embeddings": "embeddings"},
    ) as folder:  # fmt: skip
        rows = {"example_id": np.arange(n_rows), "cluster_id": ids.astype(np.int32)}
        rows["distance"] = rng.random(n_rows, dtype=np.float32)
        pq.write_table(pa.table(rows), folder / "clustering.parquet")
        named = {
            "cluster_id": pa.array(range(N_CLUSTERS), pa.int32()),
            "size": np.bincount(ids, minlength=N_CLUSTERS),
            "name": [f"cluster, number, {number}" for number in range(N_CLUSTERS)],
            "keywords": [["cluster", "number", str(number)] for number in range(N_CLUSTERS)],
            "medoids": [[int(np.flatnonzero(ids == number)[0])] for number in range(N_CLUSTERS)],
        }
        pq.write_table(pa.table(named), folder / "clusters.parquet")
        np.save(folder / "centroids.npy", rng.standard_normal((N_CLUSTERS, 384), dtype=np.float32))


def _write_selection(store: ArtifactStore, ids: np.ndarray, rng: np.random.Generator) -> None:
    sizes = np.bincount(ids, minlength=N_CLUSTERS)
    quota = allocate(len(ids) // 10, sizes, sizes)
    rows = np.concatenate(
        [rng.choice(np.flatnonzero(ids == j), quota[j], replace=False) for j in range(N_CLUSTERS)]
    )
    table = {"example_id": rows, "cluster_id": ids[rows].astype(np.int32), "rank": np.arange(len(rows))}
    table["weight"] = np.ones(len(rows), dtype=np.float32)
    summary = {
        "method": "kmq", "n_selected": len(rows), "n_rows": len(ids), "budget": len(rows), "unit": "rows",
        "shortfall": 0, "quality": "alignment", "n_clusters": N_CLUSTERS, "n_pinned": 0, "n_excluded": 0,
        "n_clusters_hit": N_CLUSTERS,
    }  # fmt: skip
    options: dict[str, JSON] = {
        "method": "kmq", "method_options": {}, "budget": len(rows), "unit": "rows", "quality": "alignment",
        "seed": 42,
    }  # fmt: skip
    inputs = {"clustering": "clustering", "scores": "alignment", "examples": "examples"}
    with _artifact(store, "selection", summary, options, inputs=inputs) as folder:
        pq.write_table(pa.table(table), folder / "selection.parquet")


class _artifact:  # noqa: N801 - reads as the verb that it is
    """Write an artifact directly, under its kind as its name."""

    def __init__(
        self,
        store: ArtifactStore,
        kind: str,
        summary: dict[str, JSON],
        options: dict[str, JSON] | None = None,
        *,
        identifier: str = "",
        inputs: dict[str, str] | None = None,
    ) -> None:
        self._kind, self._summary, self._options = kind, summary, options or {}
        self._identifier, self._inputs = identifier or kind, inputs or {}
        self._writing = store.writing(DATASET, kind, self._identifier)

    def __enter__(self) -> Path:
        self._writer = self._writing.__enter__()
        return self._writer.path

    def __exit__(self, *raised: object) -> None:
        if raised[0] is None:
            steps = {"examples": "import", "embeddings": "embed", "clustering": "cluster", "projection": "project",
                     "scores": "score", "selection": "select"}  # fmt: skip
            self._writer.commit(
                make_manifest(
                    self._writer, kind=self._kind, identifier=self._identifier, dataset_id=DATASET,
                    step=steps[self._kind], options=self._options, inputs=self._inputs, format_version=1,
                    summary=self._summary,
                )
            )  # fmt: skip
        self._writing.__exit__(*raised)  # type: ignore[arg-type]


def time_page(name: str) -> tuple[float, float]:
    """Seconds of the first run in this process and the median of later ones."""
    from streamlit.testing.v1 import AppTest

    seconds = []
    for _ in range(REPEATS + 1):
        app = AppTest.from_file(str(ROOT / "pages" / f"{name}.py"), default_timeout=60)
        app.query_params["dataset"] = DATASET
        started = time.perf_counter()
        app.run()
        seconds.append(time.perf_counter() - started)
        assert not app.exception, app.exception
    return seconds[0], median(seconds[1:])


def main() -> None:
    """Print the table; ``--rows`` for a smaller dataset."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=100_000)
    n_rows = parser.parse_args().rows
    with tempfile.TemporaryDirectory() as folder:
        write_dataset(ArtifactStore(Path(folder)), n_rows)
        os.environ["TAMIS_WORKSPACE"] = folder
        rows = []
        for name in PAGES:
            first, later = time_page(name)
            verdict = "yes" if later < LIMIT_S else f"no, {later / LIMIT_S:.1f}×"
            rows.append((name, f"{first:.2f}", f"{later:.2f}", verdict))
    print_table(
        f"Pages over {n_rows:,} rows: seconds on the server, test harness included",
        ("page", "first in a process", "median of 5", f"under {LIMIT_S} s"),
        rows,
    )


if __name__ == "__main__":
    main()
