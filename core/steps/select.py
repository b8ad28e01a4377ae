"""select: a subset of exactly the budget asked for."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from core.compute.kmq import Selection
from core.errors import InvalidOptions
from core.selectors import SELECTORS, Problem
from core.steps.context import StepContext
from core.steps.options import SelectOptions
from core.store.artifacts import Artifact
from core.store.frozen import read_frozen
from core.types import JSON, NOISE, Bools, Float64s, Int64s


def run(context: StepContext, options: SelectOptions) -> dict[str, JSON]:
    """Write selection.parquet (example_id, cluster_id, rank, weight); return the summary."""
    n_rows = int(context.input("examples").summary["n_examples"])
    context.progress("select", 0, 1)
    problem = make_problem(context.inputs, options, n_rows)
    picked: Selection = options.build("method")(problem, options.chosen_options("method"))
    cluster_of = problem.cluster_id if problem.cluster_id is not None else np.full(n_rows, NOISE)
    table = pa.table(
        {
            "example_id": pa.array(picked.rows.astype(np.int64)),
            "cluster_id": pa.array(cluster_of[picked.rows].astype(np.int32)),
            "rank": pa.array(np.arange(len(picked.rows), dtype=np.int64)),
            "weight": pa.array(picked.weight.astype(np.float32)),
        }
    )
    pq.write_table(table, context.output.path / "selection.parquet", compression="zstd")
    context.progress("select", 1, 1)
    return _summary(context, options, problem, picked)


def make_problem(inputs: Mapping[str, Artifact], options: SelectOptions, n_rows: int) -> Problem:
    """What a selection method is given, read from the inputs by role; raises InvalidOptions for a bad budget."""
    reads = SELECTORS[options.method].reads
    cluster_id, n_clusters = _clusters(inputs)
    by_tokens = options.unit == "tokens"
    embeddings = inputs.get("embeddings")
    pinned = _mask(inputs, "pinned", n_rows)
    excluded = _mask(inputs, "excluded", n_rows)
    if "within" in inputs:
        excluded |= ~_mask(inputs, "within", n_rows) & ~pinned
    return Problem(
        n_rows=n_rows,
        budget=budget_in_units(options, n_rows),
        pinned=pinned,
        excluded=excluded & ~pinned,
        seed=options.seed,
        n_clusters=n_clusters,
        cluster_id=cluster_id,
        vectors=np.load(embeddings.file("vectors.npy"), mmap_mode="r")
        if embeddings and "embeddings" in reads
        else None,
        quality=_quality(inputs),
        token_counts=np.load(embeddings.file("tokens.npy")).astype(np.int64)
        if embeddings and by_tokens
        else None,
    )


def budget_in_units(options: SelectOptions, n_rows: int) -> int:
    """The budget as a whole number of rows or tokens; raises InvalidOptions when it is not one."""
    if options.unit == "fraction":
        if options.budget > 1:
            raise InvalidOptions(
                f"A budget of {options.budget:g} is not a fraction; give 0 to 1, or unit rows."
            )
        return max(1, round(options.budget * n_rows))
    if options.budget != int(options.budget):
        raise InvalidOptions(
            f"A budget of {options.budget:g} {options.unit} is not whole; give a whole number, or unit fraction."
        )
    return int(options.budget)


def _clusters(inputs: Mapping[str, Artifact]) -> tuple[Int64s | None, int]:
    clustering = inputs.get("clustering")
    if clustering is None:
        return None, 0
    column = pq.read_table(clustering.file("clustering.parquet"), columns=["cluster_id"]).column(0)
    return column.to_numpy().astype(np.int64), int(clustering.summary["n_clusters"])


def _quality(inputs: Mapping[str, Artifact]) -> Float64s | None:
    scores = inputs.get("scores")
    if scores is None:
        return None
    column = pq.read_table(scores.file("scores.parquet"), columns=["score"]).column(0)
    return column.to_numpy().astype(np.float64)


def _mask(inputs: Mapping[str, Artifact], role: str, n_rows: int) -> Bools:
    mask = np.zeros(n_rows, dtype=np.bool_)
    if role in inputs:
        mask[read_frozen(inputs[role])] = True
    return mask


def _summary(
    context: StepContext, options: SelectOptions, problem: Problem, picked: Selection
) -> dict[str, JSON]:
    scores = context.inputs.get("scores")
    summary: dict[str, JSON] = {
        "method": options.method,
        "n_selected": len(picked.rows),
        "n_rows": problem.n_rows,
        "budget": problem.budget,
        "unit": "tokens" if options.unit == "tokens" else "rows",
        "shortfall": int(picked.shortfall),
        "quality": scores.manifest.options["scorer"] if scores else "none",
        "n_clusters": problem.n_clusters,
        "n_pinned": int(problem.pinned.sum()),
        "n_excluded": int(problem.excluded.sum()),
    }
    if problem.token_counts is not None:
        summary["n_tokens"] = int(problem.token_counts[picked.rows].sum())
    if problem.cluster_id is not None:
        summary["n_clusters_hit"] = len(np.unique(problem.cluster_id[picked.rows]))
    return summary
