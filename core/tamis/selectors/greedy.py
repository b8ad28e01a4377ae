"""Methods that pick one row after the other and can go on from where they were stopped."""

from __future__ import annotations

from typing import Any

import numpy as np

from tamis.compute.select import deita as deita_method
from tamis.compute.select import facility_location as coverage
from tamis.compute.select import k_center as k_center_method
from tamis.compute.select import qdit as qdit_method
from tamis.selectors.options import CoverageOptions, DeitaOptions, KCenterOptions, QditOptions
from tamis.selectors.problem import Answer, Problem, answer
from tamis.types import JSON, Int64s

START_VALUE = {"positive": 0.0, "all": -1.0}


def select_k_center(problem: Problem, options: KCenterOptions) -> Answer:
    """Greedy farthest point (METHODS.md 1.3)."""
    assert problem.vectors is not None
    rng = np.random.default_rng(problem.seed)
    return answer(k_center_method.k_center(problem.vectors, first=options.first, rng=rng, **_shared(problem)))


def select_deita(problem: Problem, options: DeitaOptions) -> Answer:
    """Score first, diversity aware (METHODS.md 4.1)."""
    assert problem.vectors is not None
    assert problem.quality is not None
    return answer(
        deita_method.deita(
            problem.vectors,
            problem.quality,
            threshold=options.threshold,
            rule=options.rule,
            fill=options.fill,
            unscored=options.unscored,
            **_shared(problem),
        )
    )


def select_qdit(problem: Problem, options: QditOptions) -> Answer:
    """Coverage and quality mixed (METHODS.md 4.2)."""
    assert problem.vectors is not None
    assert problem.quality is not None
    reference = reference_of(problem, options)
    picked = qdit_method.qdit(
        problem.vectors,
        problem.quality,
        alpha=options.quality_weight if options.alpha is None else options.alpha,
        spread_over=rows_of_budget(problem) if options.alpha is None else 1.0,
        start_value=START_VALUE[options.cosines],
        reference_rows=reference,
        **_shared(problem),
    )
    return answer(picked, _gap(problem, answer(picked).rows, reference))


def select_facility_location(problem: Problem, options: CoverageOptions) -> Answer:
    """Greedy coverage of the pool (METHODS.md 4.2 with alpha 0)."""
    assert problem.vectors is not None
    reference = reference_of(problem, options)
    picked = coverage.facility_location(
        problem.vectors,
        start_value=START_VALUE[options.cosines],
        reference_rows=reference,
        **_shared(problem),
    )
    return answer(picked, _gap(problem, answer(picked).rows, reference))


def rows_of_budget(problem: Problem) -> float:
    """Rows that the budget is likely to buy, at least one: of tokens, as many as rows of mean length hold."""
    if problem.token_counts is None:
        return max(1.0, float(problem.budget))
    mean = float(problem.token_counts[~problem.excluded].mean())
    return max(1.0, problem.budget / mean) if mean > 0 else 1.0


def reference_of(problem: Problem, options: CoverageOptions) -> Int64s | None:
    """The rows that are to be covered, where it is a sample of them; None for all."""
    n_available = problem.n_rows - int(problem.excluded.sum())
    if not options.reference_rows or options.reference_rows >= n_available:
        return None
    # A stream of its own, so that a run that goes on draws the same rows again.
    rng = np.random.default_rng([problem.seed, 1])
    return coverage.draw_reference(problem.n_rows, options.reference_rows, excluded=problem.excluded, rng=rng)


def _gap(problem: Problem, rows: Int64s, reference: Int64s | None) -> dict[str, JSON]:
    """How much better the sample is covered than rows outside it: what the approximation costs."""
    if reference is None or problem.vectors is None:
        return {"approximate": False}
    gap = coverage.coverage_gap(
        problem.vectors,
        rows,
        reference,
        excluded=problem.excluded,
        rng=np.random.default_rng([problem.seed, 2]),
    )
    return {
        "approximate": True,
        "n_reference": len(reference),
        "reference_value": gap.reference_value,
        "held_out_value": gap.held_out_value,
        "gap_fraction": gap.gap_fraction,
        "n_held_out": gap.n_held_out,
    }


def _shared(problem: Problem) -> dict[str, Any]:
    return {
        "budget": problem.budget,
        "token_counts": problem.token_counts,
        "pinned": problem.pinned,
        "excluded": problem.excluded,
        "picked": problem.picked,
        "progress": problem.progress,
        "record": problem.record,
    }
