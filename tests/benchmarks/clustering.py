"""k-means beside scikit-learn's, kMQ at a million rows beside a draw per cluster, and kMQ under a hand."""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from itertools import count
from statistics import median

import numpy as np
from threadpoolctl import threadpool_limits

from tamis.compute.cluster.kmeans import kmeans
from tamis.compute.select.kmq import kmq
from tamis.compute.vectors import group_means
from tamis.selectors.options import KmqOptions
from tamis.selectors.problem import Problem
from tamis.selectors.sampling import KmqLadder, select_kmq
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


def inertia(vectors: np.ndarray, ids: np.ndarray) -> float:
    """Sum of squared distances to the mean of the own cluster."""
    return float(
        len(vectors) - (group_means(vectors, ids, ids.max() + 1) ** 2).sum(axis=1) @ np.bincount(ids)
    )


def bench_kmeans(n: int, k: int) -> tuple[object, ...]:
    """Ours and scikit-learn's as they come, one seed each a round: processor seconds, and Euclidean inertia beside its own."""
    from sklearn.cluster import KMeans

    vectors = clustered_vectors(n, 384, k)
    spent: dict[str, list[float]] = {"ours": [], "peer": []}
    left: dict[str, list[float]] = {"ours": [], "peer": []}
    with threadpool_limits(1):
        for seed in range(3):
            started = time.process_time()
            ids = kmeans(vectors, k, rng=np.random.default_rng(seed)).cluster_id
            spent["ours"].append(time.process_time() - started)
            left["ours"].append(inertia(vectors, ids))
            started = time.process_time()
            fitted = KMeans(k, n_init=1, random_state=seed).fit(vectors)
            spent["peer"].append(time.process_time() - started)
            left["peer"].append(float(fitted.inertia_))
    ours, peer = median(spent["ours"]), median(spent["peer"])
    return (
        f"k-means, {n:,} × 384, k = {k}, one thread", f"{ours:.2f}", "scikit-learn KMeans(n_init=1)", f"{peer:.2f}",
        f"{peer / ours:.1f}×", f"inertia {median(left['ours']):,.0f} and {median(left['peer']):,.0f}",
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


def bench_sieve(n: int, k: int) -> tuple[object, ...]:
    """A hand on the sieve: the budget is cut anew from the draw that is kept, beside drawing all of it again."""
    rng = np.random.default_rng(0)
    problem = Problem(
        n_rows=n, budget=n // 10, pinned=np.zeros(n, dtype=bool), excluded=np.zeros(n, dtype=bool), seed=1, n_clusters=k,
        cluster_id=rng.integers(0, k, n), quality=rng.normal(size=n),
    )  # fmt: skip
    options, ladder, places = KmqOptions(), KmqLadder(), count(n // 10)
    ladder(problem, options)
    seconds = time_calls(
        lambda: ladder(replace(problem, budget=next(places)), options),
        lambda: select_kmq(replace(problem, budget=next(places)), options),
        repeats=9,
    )
    return (
        f"kMQ under a hand, {n:,} rows, k = {k}", f"{seconds[0]:.4f}", "the whole draw again", f"{seconds[1]:.4f}",
        f"{seconds[1] / seconds[0]:.1f}×", "clusters and quality at hand",
    )  # fmt: skip


def main() -> None:
    """Print the table; ``--quick`` for small sizes."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    scale = 20 if quick else 1
    rows = [
        bench_kmeans(100_000 // scale, 64 // (5 if quick else 1)),
        bench_kmq(1_000_000 // scale, 1000, 50_000 // scale),
        bench_sieve(100_000 // scale, 64),
        bench_sieve(100_000 // scale, 1024 // scale),
    ]
    print_table("Clustering and selection", ("what", "seconds", "peer", "seconds", "ratio", "note"), rows)


if __name__ == "__main__":
    main()
