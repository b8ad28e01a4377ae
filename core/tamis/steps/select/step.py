"""select: a subset of exactly the budget asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tamis.compute.neighbour_smoothing import smooth
from tamis.compute.select.costs import cost_steps
from tamis.compute.target.vectors import fit_whitening
from tamis.compute.vectors import first_alike
from tamis.errors import InvalidOptions
from tamis.selectors import SELECTORS
from tamis.selectors.options import StratifiedOptions
from tamis.selectors.problem import Answer, Problem, method_seed
from tamis.selectors.quality import gain_of
from tamis.steps.context import StepContext
from tamis.steps.select.checkpoint import SelectionCheckpoint
from tamis.steps.select.options import SelectOptions, is_non_negative
from tamis.steps.select.strata import group_codes, label_matrix, prompt_groups
from tamis.steps.select.towards import read_similarity
from tamis.store.artifacts.frozen_rows import read_frozen
from tamis.store.artifacts.readers import (
    read_cluster_ids,
    read_distances,
    read_scores,
    read_token_counts,
    read_vectors,
)
from tamis.store.artifacts.store import Artifact
from tamis.types import JSON, NOISE, Bools, Float32s, Float64s

TURNS = "turns.parquet"  # what a method says of each of its picks


def run(context: StepContext, options: SelectOptions) -> dict[str, JSON]:
    """Write selection.parquet (example_id, cluster_id, rank, weight); return the summary."""
    n_rows = int(context.input("examples").summary["n_examples"])
    context.progress("select", 0, 1)
    problem = _followed(context, options, make_problem(context.inputs, options, n_rows))
    picked: Answer = options.build("method")(problem, options.chosen_options("method"))
    cluster_of = problem.cluster_id if problem.cluster_id is not None else np.full(n_rows, NOISE)
    table = pa.table(
        {
            "example_id": pa.array(picked.rows.astype(np.int64)),
            "cluster_id": pa.array(cluster_of[picked.rows].astype(np.int32)),
            "rank": pa.array(np.arange(len(picked.rows), dtype=np.int64)),
            "weight": pa.array(picked.selection.weight.astype(np.float32)),
        }
    )
    pq.write_table(table, context.output.path / "selection.parquet", compression="zstd")
    if picked.columns:
        ids = pa.array(picked.rows.astype(np.int64))
        own = {name: pa.array(values) for name, values in picked.columns.items()}
        pq.write_table(pa.table({"example_id": ids, **own}), context.output.path / TURNS)
    context.progress("select", 1, 1)
    return _summary(context, options, problem, picked)


def make_problem(inputs: Mapping[str, Artifact], options: SelectOptions, n_rows: int) -> Problem:
    """What a selection method is given, read from the inputs by role; raises InvalidOptions for a bad budget."""
    reads = SELECTORS[options.method].reads
    clustering, embeddings, scores = (inputs.get(role) for role in ("clustering", "embeddings", "scores"))
    pinned = _mask(inputs, "pinned", n_rows)
    excluded = _mask(inputs, "excluded", n_rows)
    if "within" in inputs:
        excluded |= ~_mask(inputs, "within", n_rows) & ~pinned
    if excluded.all():
        raise InvalidOptions(
            f"None of the {n_rows:,} rows is left to select from: 'within' and 'excluded' leave out all of them."
        )
    budget = budget_in_units(options, n_rows)
    problem = Problem(
        n_rows=n_rows,
        budget=budget,
        pinned=pinned,
        excluded=excluded,
        seed=method_seed(options.seed, options.method),
    )
    if clustering is not None:
        problem = replace(
            problem,
            cluster_id=read_cluster_ids(clustering).astype(np.int64),
            distance=read_distances(clustering),
            n_clusters=int(clustering.summary["n_clusters"]),
        )
    problem = _counted(inputs, options, problem)
    if embeddings is not None and "embeddings" in reads:
        problem = replace(problem, vectors=_vectors(embeddings, whiten=options.whiten))
    if scores is not None:
        made_with = scores.manifest.options
        problem = replace(
            problem,
            quality=_quality(scores, embeddings, options),
            non_negative=is_non_negative(made_with),
        )
    if "similarities" in inputs:
        problem = replace(problem, target=read_similarity(inputs["target"], inputs["similarities"]))
    return _grouped(inputs, options, problem)


def budget_in_units(options: SelectOptions, n_rows: int) -> int:
    """The budget as a whole number of rows or tokens, a fraction of them is at least one row; of a cost its whole part."""
    if options.unit == "fraction":
        return max(1, round(options.budget * n_rows))
    return int(options.budget)


def _quality(scores: Artifact, embeddings: Artifact | None, options: SelectOptions) -> Float64s:
    """The score of every row, averaged with that of its neighbours where that was asked for."""
    score = read_scores(scores)
    if not options.smooths():
        return score
    assert embeddings is not None
    vectors = read_vectors(embeddings)
    return smooth(vectors, score, k=options.smooth, first=first_alike(vectors)).score


def _vectors(embeddings: Artifact, *, whiten: bool) -> Float32s:
    """The rows' vectors, mapped; whitened by all rows of the dataset, in memory."""
    vectors: Float32s = np.load(embeddings.file("vectors.npy"), mmap_mode="r")
    return fit_whitening(vectors).apply(vectors) if whiten else vectors


def _counted(inputs: Mapping[str, Artifact], options: SelectOptions, problem: Problem) -> Problem:
    """The problem with what a row costs, where the budget does not count rows."""
    if options.unit == "tokens" and "embeddings" in inputs:
        counts = np.asarray(read_token_counts(inputs["embeddings"]), dtype=np.int64)
        problem = replace(problem, token_counts=counts)
    return _with_costs(problem, options, inputs["costs"]) if "costs" in inputs else problem


def _with_costs(problem: Problem, options: SelectOptions, scores: Artifact) -> Problem:
    """The problem with its budget and its rows counted in steps of a cost."""
    costs = cost_steps(
        read_scores(scores),
        options.budget,
        pinned=problem.pinned,
        excluded=problem.excluded,
        name=options.cost,
    )
    return replace(problem, budget=costs.budget, token_counts=costs.steps, costs=costs)


def _grouped(inputs: Mapping[str, Artifact], options: SelectOptions, problem: Problem) -> Problem:
    chosen = options.chosen_options("method")
    if "prompts" in SELECTORS[options.method].reads:
        codes, n_words = prompt_groups(inputs["examples"])
        return replace(problem, codes=codes, n_groups=int(codes.max(initial=-1)) + 1, n_words=n_words)
    if options.labels():
        return replace(problem, labels=label_matrix(inputs, options.labels()))
    if not isinstance(chosen, StratifiedOptions):
        return problem
    codes, n_groups = group_codes(inputs, chosen.column, chosen.n_bins)
    return replace(problem, codes=codes, n_groups=n_groups)


def _followed(context: StepContext, options: SelectOptions, problem: Problem) -> Problem:
    """The problem with a way to say how far it is, and to go on after a stop."""
    if not SELECTORS[options.method].resumes:
        return problem
    prefix = SelectionCheckpoint(context.output.part("picked.npy"))
    message = {"tokens": "tokens picked", "cost": "steps of the cost spent"}.get(options.unit, "rows picked")

    def progress(done: int, budget: int) -> None:
        context.progress("select", done, budget, message)

    return replace(problem, picked=prefix.read(), progress=progress, record=prefix.record)


def _mask(inputs: Mapping[str, Artifact], role: str, n_rows: int) -> Bools:
    mask = np.zeros(n_rows, dtype=np.bool_)
    if role in inputs:
        mask[read_frozen(inputs[role])] = True
    return mask


def _summary(
    context: StepContext, options: SelectOptions, problem: Problem, picked: Answer
) -> dict[str, JSON]:
    scores = context.inputs.get("scores")
    summary: dict[str, JSON] = {
        "method": options.method,
        "n_selected": len(picked.rows),
        "n_rows": problem.n_rows,
        "budget": problem.budget if problem.costs is None else options.budget,
        "unit": options.unit if options.unit in ("tokens", "cost") else "rows",
        "shortfall": int(picked.selection.shortfall),
        "n_forced": int(picked.selection.n_forced),
        "quality": scores.manifest.options["scorer"] if scores else "none",
        "n_unscored": int(np.isnan(problem.quality).sum()) if problem.quality is not None else 0,
        "quality_gain": gain_of(problem, options.chosen_options("method"), picked),
        "n_clusters": problem.n_clusters,
        "n_pinned": int(problem.pinned.sum()),
        "n_excluded": int(problem.excluded.sum()),
    }
    if problem.costs is not None:
        spent = int(problem.costs.steps[picked.rows].sum())
        summary["cost"] = options.cost
        summary["cost_spent"] = problem.costs.in_units(spent)
        summary["cost_unused"] = problem.costs.in_units(problem.budget - spent)
    elif picked.unused_tokens is not None and problem.token_counts is not None:
        summary["n_tokens"] = int(problem.token_counts[picked.rows].sum())
        summary["n_unused_tokens"] = int(picked.unused_tokens)
    if problem.cluster_id is not None:
        summary["n_clusters_hit"] = len(np.unique(problem.cluster_id[picked.rows]))
    if picked.notes:
        summary["notes"] = dict(picked.notes)
    return summary
