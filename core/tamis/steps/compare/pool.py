"""What selections are measured against: the rows of the dataset with their vectors, clusters, sources and scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow.compute as pc

from tamis.compute.compare.jackknife import entropy_interval, vendi_interval
from tamis.compute.compare.novel_sum import novel_sum
from tamis.compute.compare.selections import Interval, bootstrap_interval, log_det_per_row
from tamis.compute.neighbours import nearest_cosines
from tamis.steps.compare.comparison import IntervalEstimate, Over, ScoreHistograms, Shares, stored_interval
from tamis.steps.compare.options import CompareOptions
from tamis.steps.context import StepContext
from tamis.store.artifacts.readers import (
    read_cluster_ids,
    read_clusters,
    read_examples,
    read_scores,
    read_token_counts,
    read_vectors,
)
from tamis.types import Float32s, Float64s, Int64s

N_BINS = 30
N_RESAMPLES = 1000
MAX_SOURCES = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class RowGroups:
    """A grouping of all rows: ``codes`` (n,) in 0..k-1, and each group's key and name."""

    codes: Int64s
    keys: list[str]
    names: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolStats:
    """The rows of a dataset; None for what was never computed. ``sample`` are the rows that coverage is measured on."""

    n_rows: int
    sample: Int64s
    sources: RowGroups
    clusters: RowGroups | None
    vectors: Float32s | None
    quality: Float64s | None
    tokens: Float64s | None


def load_pool(context: StepContext, options: CompareOptions) -> PoolStats:
    """Read the inputs of a comparison."""
    examples = context.input("examples")
    n_rows = int(examples.summary["n_examples"])
    embeddings, scores = context.inputs.get("embeddings"), context.inputs.get("scores")
    rng = np.random.default_rng([options.seed, 0])
    whole = n_rows <= options.pool_rows
    return PoolStats(
        n_rows=n_rows,
        sample=np.arange(n_rows) if whole else np.sort(rng.choice(n_rows, options.pool_rows, replace=False)),
        sources=_sources(context),
        clusters=_clusters(context),
        vectors=None if embeddings is None else read_vectors(embeddings, _text_of(embeddings.manifest.files)),
        quality=None if scores is None else read_scores(scores),
        tokens=None if embeddings is None else np.asarray(read_token_counts(embeddings), dtype=np.float64),
    )


def measure(
    pool: PoolStats, rows: Int64s, context: StepContext, options: CompareOptions
) -> dict[str, IntervalEstimate]:
    """Every metric of one selection with its interval over rows."""
    # The same stream for every selection: their intervals then differ by what was picked alone.
    rng = np.random.default_rng([options.seed, 1])
    measured = _coverage(pool, rows, context, options, rng) if pool.vectors is not None else {}
    confidence = options.confidence_fraction
    if pool.clusters is not None:
        entropy = entropy_interval(pool.clusters.codes, rows, confidence_fraction=confidence, rng=rng)
        measured["entropy"] = stored_interval(entropy, "picked rows")
    for key, column in (("quality", pool.quality), ("tokens_per_row", pool.tokens)):
        if column is not None:
            measured[key] = _mean(column[rows], "picked rows", confidence, rng)
    if pool.tokens is not None:
        measured |= _cost(float(pool.tokens[rows].sum()), options)
    return measured


def spread_of(
    values: Float64s, title: str, picks: list[list[Int64s]], *, logarithmic: bool
) -> ScoreHistograms | None:
    """Histograms of a column over the pool and over the picks of each method, all its seeds together."""
    known = values[np.isfinite(values) & ((values > 0) | (not logarithmic))]
    if not known.size:
        return None
    low, high = (float(q) for q in np.quantile(known, (0.002, 0.998)))
    high = high if high > low else low + 1.0
    edges = np.geomspace(low, high, N_BINS + 1) if logarithmic else np.linspace(low, high, N_BINS + 1)

    def shares(part: Float64s) -> list[float]:
        part = np.clip(part[np.isfinite(part)], low, high)
        counts, _ = np.histogram(part, bins=edges)
        return [float(share) for share in counts / max(1, part.size)]

    return ScoreHistograms(
        title=title,
        logarithmic=logarithmic,
        edges=[float(edge) for edge in edges],
        pool=shares(values),
        methods=[shares(values[np.concatenate(rows)]) for rows in picks],
        pool_mean=float(known.mean()),
    )


def pool_shares(groups: RowGroups, methods: list[list[IntervalEstimate]]) -> Shares:
    """The shares of the groups in the pool beside those of each method."""
    sizes = np.bincount(groups.codes, minlength=len(groups.keys))
    return Shares(
        keys=groups.keys,
        names=groups.names,
        sizes=[int(size) for size in sizes],
        pool=[float(share) for share in sizes / max(1, sizes.sum())],
        methods=methods,
    )


def _coverage(
    pool: PoolStats, rows: Int64s, context: StepContext, options: CompareOptions, rng: np.random.Generator
) -> dict[str, IntervalEstimate]:
    assert pool.vectors is not None
    nearest = nearest_cosines(
        pool.vectors,
        rows,
        of=pool.sample,
        progress=lambda done, total: context.progress("coverage", done, total),
    ).astype(np.float64)
    distance = np.sqrt(2 - 2 * nearest)
    confidence = options.confidence_fraction
    vendi = vendi_interval(pool.vectors, rows, confidence_fraction=confidence, rng=rng)
    context.progress("novelty", 0, 1)
    novel = novel_sum(pool.vectors, rows, reference=pool.sample, rng=np.random.default_rng([options.seed, 2]))
    return {
        # No interval over rows: resampling cannot tell how far a maximum may lie beyond what was seen.
        "radius": IntervalEstimate(value=float(distance.max())),
        "mean_distance": _mean(distance, "pool rows", confidence, rng),
        "facility_location": _mean(np.maximum(nearest, 0), "pool rows", confidence, rng),
        "vendi": stored_interval(vendi, "picked rows"),
        # Nor of a number that every copy in a resample would change.
        "novel_sum": IntervalEstimate(value=novel.value),
        "novel_sum_plain": IntervalEstimate(value=novel.without_density),
        "log_det": IntervalEstimate(value=log_det_per_row(pool.vectors, rows)),
    }


def _mean(values: Float64s, over: Over, confidence: float, rng: np.random.Generator) -> IntervalEstimate:
    interval: Interval = bootstrap_interval(
        values, confidence_fraction=confidence, n_resamples=N_RESAMPLES, rng=rng
    )
    return stored_interval(interval, over)


def _cost(n_tokens: float, options: CompareOptions) -> dict[str, IntervalEstimate]:
    costs = {
        "n_tokens": IntervalEstimate(value=n_tokens),
        "training_tokens": IntervalEstimate(value=n_tokens * options.epochs),
    }
    if options.tokens_per_second is not None:
        hours = n_tokens * options.epochs / options.tokens_per_second / 3600
        costs["gpu_hours"] = IntervalEstimate(value=hours)
    return costs


def _sources(context: StepContext) -> RowGroups:
    stored = read_examples(context.input("examples"), ["source"])["source"].combine_chunks()
    column: Any = pc.dictionary_encode(stored)
    codes = (
        pc.fill_null(column.indices, len(column.dictionary)).to_numpy(zero_copy_only=False).astype(np.int64)
    )
    names = [str(name) or "(empty)" for name in column.dictionary.to_pylist()] + ["(missing)"]
    sizes = np.bincount(codes, minlength=len(names))
    kept = np.argsort(-sizes, kind="stable")[:MAX_SOURCES]
    kept = kept[sizes[kept] > 0]
    place = np.full(len(names), len(kept), dtype=np.int64)
    place[kept] = np.arange(len(kept))
    listed = [names[i] for i in kept]
    n_more = int(np.count_nonzero(sizes)) - len(kept)
    if n_more:
        listed.append(f"{n_more:,} more")
    return RowGroups(codes=place[codes], keys=listed, names=listed)


def _clusters(context: StepContext) -> RowGroups | None:
    clustering = context.inputs.get("clustering")
    if clustering is None:
        return None
    ids = read_cluster_ids(clustering).astype(np.int64)
    k = int(clustering.summary["n_clusters"])
    names = [str(name) for name in read_clusters(clustering)["name"].to_pylist()]
    keys = [str(i) for i in range(k)]
    if (ids < 0).any():
        names, keys = [*names, "Noise"], [*keys, "-1"]
    return RowGroups(codes=np.where(ids < 0, k, ids), keys=keys, names=names)


def _text_of(files: dict[str, int]) -> str:
    return "both" if "vectors.npy" in files else "prompt" if "prompt.npy" in files else "response"
