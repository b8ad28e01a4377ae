"""The sampling methods: kMQ and uniform, over rows or tokens."""

from __future__ import annotations

from typing import Any

import numpy as np

from tamis.compute.select import kmq as methods
from tamis.selectors.odds import odds_of
from tamis.selectors.options import KmqOptions, RandomOptions
from tamis.selectors.problem import Answer, Problem, answer


def select_kmq(problem: Problem, options: KmqOptions) -> Answer:
    """METHODS.md 1.1 with the allocation of 1.8."""
    assert problem.cluster_id is not None
    rng = np.random.default_rng(problem.seed)
    odds = odds_of(options, non_negative=problem.non_negative)
    if problem.token_counts is not None:
        return answer(
            methods.kmq_tokens(
                problem.cluster_id,
                problem.quality,
                token_counts=problem.token_counts,
                token_budget=problem.budget,
                n_clusters=problem.n_clusters,
                quota=options.quota,
                odds=odds,
                noise=options.noise,
                pinned=problem.pinned,
                excluded=problem.excluded,
                observe=problem.observe,
                rng=rng,
            )
        )
    return answer(
        methods.kmq(
            problem.cluster_id,
            problem.quality,
            budget=problem.budget,
            n_clusters=problem.n_clusters,
            quota=options.quota,
            odds=odds,
            noise=options.noise,
            pinned=problem.pinned,
            excluded=problem.excluded,
            observe=problem.observe,
            rng=rng,
        )
    )


def select_uniform(problem: Problem, options: RandomOptions) -> Answer:
    """Uniform without replacement."""
    rng = np.random.default_rng(problem.seed)
    masks: dict[str, Any] = {
        "pinned": problem.pinned,
        "excluded": problem.excluded,
        "observe": problem.observe,
    }
    if problem.token_counts is not None:
        return answer(methods.uniform_tokens(problem.token_counts, problem.budget, rng=rng, **masks))
    return answer(methods.uniform(problem.n_rows, problem.budget, rng=rng, **masks))
