"""UMAP of our own beside umap-learn, each in a fresh process: seconds, memory, trustworthiness on the bundled model's vectors."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np

from tests.benchmarks.embedding import load_texts
from tests.benchmarks.measure import print_table, run_process

NEIGHBOURS = 15
WORDS = 20  # of a piece
JUDGED = 3000  # rows whose neighbourhoods are compared


def lay_out(implementation: str, vectors: Path) -> None:
    """What the measured process does; prints its seconds (imports included) and the trustworthiness."""
    started = time.perf_counter()
    from tamis.projectors import PROJECTORS, UmapOptions

    rows = np.load(vectors)
    points = (
        PROJECTORS["umap"].load()(rows, UmapOptions(implementation=implementation, reproducible=True)).points
    )
    seconds = time.perf_counter() - started
    from sklearn.manifold import trustworthiness

    judged = np.random.default_rng(0).permutation(len(rows))[:JUDGED]
    true = trustworthiness(rows[judged], points[judged], n_neighbors=NEIGHBOURS, metric="cosine")
    print(json.dumps({"seconds": seconds, "true": float(true)}))


def bench(n: int, vectors: np.ndarray, repeats: int, folder: Path) -> tuple[object, ...]:
    """One row of the table; runs taken in turn."""
    file = folder / f"{n}.npy"
    np.save(file, vectors[:n])
    found: dict[str, list[dict[str, float]]] = {"tamis": [], "umap-learn": []}
    for _ in range(repeats):
        for name, runs in found.items():
            run = run_process([sys.executable, "-m", "tests.benchmarks.layout", "--lay-out", name, str(file)])
            runs.append(json.loads(run.output.splitlines()[-1]))
    seconds = {name: median(run["seconds"] for run in runs) for name, runs in found.items()}
    true = {name: median(run["true"] for run in runs) for name, runs in found.items()}
    return (
        f"UMAP in a fresh process, {n:,} × {vectors.shape[1]}", f"{seconds['tamis']:.1f}", "umap-learn",
        f"{seconds['umap-learn']:.1f}", f"{seconds['umap-learn'] / seconds['tamis']:.1f}×",
        f"trustworthiness {true['tamis']:.4f} and {true['umap-learn']:.4f}",
    )  # fmt: skip


def main() -> None:
    """Parse the sizes and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[2000, 10_000])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--vectors", type=Path, help="rows embedded before, a .npy file")
    parser.add_argument("--lay-out", nargs=2, metavar=("IMPLEMENTATION", "FILE"))
    given = parser.parse_args()
    if given.lay_out:
        lay_out(given.lay_out[0], Path(given.lay_out[1]))
        return
    vectors = np.load(given.vectors) if given.vectors else embedded(max(given.rows))
    with tempfile.TemporaryDirectory() as folder:
        rows = [bench(n, vectors, given.repeats, Path(folder)) for n in given.rows if n <= len(vectors)]
    print_table("Layout", ["work", "s", "beside", "s", "ratio", "how true"], rows)


def embedded(n: int) -> np.ndarray:
    """Vectors by the bundled model of ``n`` pieces of texts, so that a small file gives many rows."""
    from tamis.encoders import open_encoder

    words = [text.split() for text in load_texts(n)]
    pieces = [" ".join(text[at : at + WORDS]) for text in words for at in range(0, len(text), WORDS)]
    chosen = np.random.default_rng(0).permutation(list(dict.fromkeys(pieces)))[:n]
    return np.asarray(open_encoder("minilm", {"device": "cpu"}).encode([str(piece) for piece in chosen]))


if __name__ == "__main__":
    main()
