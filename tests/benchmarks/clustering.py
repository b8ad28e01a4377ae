"""k-means beside scikit-learn's, and kMQ at a million rows beside a draw per cluster."""

from __future__ import annotations

import argparse

import numpy as np

from tamis.compute.cluster.kmeans import kmeans
from tamis.compute.select.kmq import kmq
from tests.benchmarks.measure import print_table, time_calls


def clustered_vectors(n: int, dimension: int, n_centres: int) -> np.ndarray:
    """Unit vectors around random centres."""
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((n_centres, dimension), dtype=np.float32)
    vectors = centres[rng.integers(n_centres, size=n)]
    vectors += rng.standard_normal((n, dimension), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors


def peer_kmq(cluster_id: np.ndarray, quality: np.ndarray, budget: int, n_clusters: int) -> np.ndarray:
    """The published form: a floor quota and one weighted draw per cluster; the remainder is lost."""
    rng = np.random.default_rng(0)
    picked = []
    for cluster in range(n_clusters):
        rows = np.flatnonzero(cluster_id == cluster)
        size = min(int(len(rows) / len(cluster_id) * budget), len(rows))
        if not size:
            continue
        weights = quality[rows] / quality[rows].sum()
        picked.append(rng.choice(rows, size=size, replace=False, p=weights))
    return np.concatenate(picked)


def bench_kmeans(n: int, k: int) -> tuple[object, ...]:
    """Ours and scikit-learn's, one run each from the same kind of start, 25 iterations."""
    from sklearn.cluster import KMeans

    vectors = clustered_vectors(n, 384, k)
    found = {}

    def ours() -> None:
        found["ours"] = kmeans(vectors, k, n_iterations=25, rng=np.random.default_rng(0)).distance.mean()

    def peer() -> None:
        fitted = KMeans(k, n_init=1, max_iter=25, random_state=0).fit(vectors)
        centres = fitted.cluster_centers_ / np.linalg.norm(fitted.cluster_centers_, axis=1, keepdims=True)
        found["peer"] = 1 - np.einsum("ij,ij->i", vectors, centres[fitted.labels_]).mean()

    seconds = time_calls(ours, peer, repeats=3)
    return (
        f"k-means, {n:,} × 384, k = {k}", f"{seconds[0]:.2f}", "scikit-learn KMeans", f"{seconds[1]:.2f}",
        f"{seconds[1] / seconds[0]:.1f}×", f"mean distance {found['ours']:.4f} and {found['peer']:.4f}",
    )  # fmt: skip


def bench_kmq(n: int, k: int, budget: int) -> tuple[object, ...]:
    """Ours and the loop, given clusters and quality; the clusters of 1,000,000 × 384 vectors."""
    rng = np.random.default_rng(0)
    cluster_id = rng.choice(k, size=n, p=rng.dirichlet(np.ones(k)))
    quality = rng.random(n) + 0.01
    got = {}

    def ours() -> None:
        got["ours"] = len(
            kmq(cluster_id, quality, budget=budget, n_clusters=k, rng=np.random.default_rng(0)).rows
        )

    def peer() -> None:
        got["peer"] = len(peer_kmq(cluster_id, quality, budget, k))

    seconds = time_calls(ours, peer, repeats=3)
    return (
        f"kMQ, {n:,} rows, k = {k}, budget {budget:,}", f"{seconds[0]:.2f}", "a draw per cluster",
        f"{seconds[1]:.2f}", f"{seconds[1] / seconds[0]:.1f}×", f"rows picked {got['ours']:,} and {got['peer']:,}",
    )  # fmt: skip


def main() -> None:
    """Print the table; ``--quick`` for small sizes."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    scale = 20 if quick else 1
    rows = [
        bench_kmeans(20_000 // scale, 100 // (5 if quick else 1)),
        bench_kmq(1_000_000 // scale, 1000, 50_000 // scale),
    ]
    print_table("Clustering and selection", ("what", "seconds", "peer", "seconds", "ratio", "note"), rows)


if __name__ == "__main__":
    main()
