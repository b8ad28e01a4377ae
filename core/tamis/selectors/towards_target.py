"""Methods that select for a target: by turns of its parts, or spread first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tamis.compute.select.masks import pins_and_exclusions
from tamis.compute.select.target_round_robin import RoundRobin, target_round_robin
from tamis.compute.target.similarity import best_targets
from tamis.selectors.options import SpreadThenTargetOptions, TargetRoundRobinOptions
from tamis.selectors.problem import Answer, Problem, TargetSimilarity, answer
from tamis.selectors.sampling import select_kmq
from tamis.types import JSON, Bools, Int64s


def select_target_round_robin(problem: Problem, options: TargetRoundRobinOptions) -> Answer:
    """Each target in turn takes its best unused row (METHODS.md 4.10)."""
    target = target_in(problem)
    open_problem = without_leaks(problem)
    walked = walk(open_problem, options)
    columns = {"target": walked.target, "example": walked.example, "similarity": walked.similarity}
    made = answer(walked.picked, _notes(problem, open_problem, target))
    notes = dict(made.notes) | {"targets": _per_target(open_problem, target, made.rows, walked.target)}
    if walked.empty:
        notes["empty_targets"] = [target.names[one] for one in walked.empty]
    return replace(made, notes=notes, columns=columns)


def select_spread_then_target(problem: Problem, options: SpreadThenTargetOptions) -> Answer:
    """KMQ with the best similarity to the target as quality (METHODS.md 4.10)."""
    target = target_in(problem)
    towards = with_target_quality(problem)
    made = select_kmq(towards, options)
    best = best_targets(target.similarity, target.part)
    notes = dict(made.notes) | _notes(problem, towards, target)
    notes["targets"] = _per_target(towards, target, made.rows, best.target[made.rows])
    columns = {
        "target": best.target[made.rows],
        "example": best.example[made.rows],
        "similarity": best.similarity[made.rows].astype(np.float64),
    }
    return replace(made, notes=notes, columns=columns)


def walk(problem: Problem, options: TargetRoundRobinOptions) -> RoundRobin:
    """The turns over the rows that may be picked."""
    target = target_in(problem)
    return target_round_robin(
        target.similarity,
        target.part,
        shares=target.shares,
        budget=problem.budget,
        pooling=options.pooling,
        token_counts=problem.token_counts,
        pinned=problem.pinned,
        excluded=problem.excluded,
    )


def with_target_quality(problem: Problem) -> Problem:
    """The problem for kMQ: without leaks, and with the best similarity of each row as its quality."""
    best = best_targets(target_in(problem).similarity, target_in(problem).part).similarity
    return replace(without_leaks(problem), quality=best.astype(np.float64), non_negative=False)


def without_leaks(problem: Problem) -> Problem:
    """The problem without rows that are the target, and of rows that say the same only the first that may be picked.

    A pinned row stays, whatever it is, and its repeats go. Raises InvalidOptions for masks that do not fit.
    """
    target = target_in(problem)
    pinned, excluded = pins_and_exclusions(problem.n_rows, problem.pinned, problem.excluded)
    kept_out = excluded | (target.leaks & ~pinned)
    kept_out |= repeats_of_others(target.first, pinned, ~kept_out)
    return replace(problem, excluded=kept_out)


def repeats_of_others(first: Int64s, pinned: Bools, available: Bools) -> Bools:
    """The available rows (n,) that say what a pinned or an earlier available one says; ``first`` (n,) is the same for those that do."""
    rows = np.flatnonzero(available)
    order = rows[np.lexsort((rows, ~pinned[rows]))]
    _, kept = np.unique(first[order], return_index=True)
    repeats = available.copy()
    repeats[order[kept]] = False
    repeats[pinned] = False
    return repeats


def target_in(problem: Problem) -> TargetSimilarity:
    """The similarities, which the step promised."""
    assert problem.target is not None
    return problem.target


def _notes(problem: Problem, open_problem: Problem, target: TargetSimilarity) -> dict[str, JSON]:
    leaks = target.leaks & ~problem.excluded & ~problem.pinned
    kept_out = open_problem.excluded & ~problem.excluded
    return {"n_leaks": int(leaks.sum()), "n_repeats": int((kept_out & ~leaks).sum())}


def _per_target(
    problem: Problem, target: TargetSimilarity, rows: Int64s, target_of: Int64s
) -> list[dict[str, JSON]]:
    tokens = problem.token_counts
    listed: list[dict[str, JSON]] = []
    for number, name in enumerate(target.names):
        mine = rows[target_of == number]
        spent = {} if tokens is None else {"spent": int(tokens[mine].sum())}
        listed.append({"name": name, "share": _share(target.shares, number), "n_picked": len(mine), **spent})
    return listed


def _share(shares: Sequence[float], number: int) -> float:
    return float(shares[number] / sum(shares))
