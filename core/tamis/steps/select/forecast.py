"""What a selection would be, before anybody submits it: how many rows of each cluster."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tamis.selectors import SELECTORS
from tamis.selectors.problem import Answer, Problem
from tamis.steps.select.options import SelectOptions
from tamis.steps.select.step import make_problem
from tamis.store.artifacts.readers import read_cluster_ids
from tamis.store.artifacts.store import Artifact, ArtifactStore
from tamis.store.artifacts.view import open_view
from tamis.types import Int32s, Int64s


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectionForecast:
    """What a selection would be. ``budget`` and ``shortfall`` count rows, or tokens where ``by_tokens``; with a ``cost``
    they are in its unit, as is what the picks have ``spent``.

    ``cluster_id``, ``size`` and ``picked`` (k,) list every cluster with rows, noise as -1; empty without a clustering.
    ``n_picked`` is None for a method whose picks are too much work to find out before it is run.
    """

    n_rows: int
    n_available: int
    budget: float
    by_tokens: bool
    n_picked: int | None
    n_tokens: int | None
    shortfall: float
    cluster_id: Int64s
    size: Int64s
    picked: Int64s
    cost: str = ""
    spent: float | None = None


def forecast_selection(
    inputs: Mapping[str, Artifact], options: SelectOptions, store: ArtifactStore
) -> SelectionForecast:
    """The rows per cluster that the job will pick, exactly: the same draw with the same seed, and nothing written.

    Clusters are those that the method reads, else the newest. Methods that read vectors are not run: they take as long as
    their job. Raises InvalidOptions for a budget that cannot be met.
    """
    n_rows = int(inputs["examples"].summary["n_examples"])
    problem = make_problem(inputs, options, n_rows)
    clustering = (
        inputs.get("clustering") or open_view(store, inputs["examples"].manifest.dataset_id).clustering
    )
    labels = read_cluster_ids(clustering) if clustering else np.empty(0, dtype=np.int32)
    rows = _draw(options, problem).rows if SELECTORS[options.method].is_quick else None
    ids, size, picked = _count(labels, rows)
    costs = problem.costs
    tokens = problem.token_counts if costs is None else None
    n_tokens = int(tokens[rows].sum()) if tokens is not None and rows is not None else None
    spent = None if costs is None or rows is None else costs.in_units(int(costs.steps[rows].sum()))
    return SelectionForecast(
        n_rows=n_rows,
        n_available=n_rows - int(problem.excluded.sum()),
        budget=problem.budget if costs is None else options.budget,
        by_tokens=tokens is not None,
        n_picked=None if rows is None else len(rows),
        n_tokens=n_tokens,
        shortfall=_shortfall(problem, rows, n_tokens) if spent is None else options.budget - spent,
        cluster_id=ids,
        size=size,
        picked=picked,
        cost=options.cost,
        spent=spent,
    )


def _draw(options: SelectOptions, problem: Problem) -> Answer:
    pick: Callable[..., Any] = options.build("method")
    drawn: Answer = pick(problem, options.chosen_options("method"))
    return drawn


def _count(labels: Int32s, rows: Int64s | None) -> tuple[Int64s, Int64s, Int64s]:
    """Cluster ids that occur, how many rows each has, and how many of ``rows``."""
    if not len(labels):
        nothing = np.empty(0, dtype=np.int64)
        return nothing, nothing, nothing
    shifted = labels.astype(np.int64) + 1  # noise is -1
    size = np.bincount(shifted)
    taken = np.bincount(shifted[rows] if rows is not None else shifted[:0], minlength=len(size))
    there = np.flatnonzero(size)
    return there - 1, size[there], taken[there]


def _shortfall(problem: Problem, rows: Int64s | None, n_tokens: int | None) -> int:
    if rows is None or problem.costs is not None:
        return 0
    return problem.budget - (len(rows) if n_tokens is None else n_tokens)
