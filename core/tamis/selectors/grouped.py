"""Methods that divide the budget over groups, and those that take rows in a simple order."""

from __future__ import annotations

from typing import Any

import numpy as np

from tamis.compute.select import cluster_picks
from tamis.compute.select import semdedup as dedup
from tamis.errors import InvalidOptions
from tamis.selectors.odds import odds_of
from tamis.selectors.options import (
    KmClosestOptions,
    KmqReleasedOptions,
    KmRandomOptions,
    SemdedupOptions,
    StratifiedOptions,
    TopQualityOptions,
)
from tamis.selectors.problem import Answer, Problem, answer


def select_stratified(problem: Problem, options: StratifiedOptions) -> Answer:
    """An even draw inside the groups of a column."""
    assert problem.codes is not None
    picked = cluster_picks.stratified(
        problem.codes, n_groups=problem.n_groups, quota=options.quota, **_shared(problem)
    )
    return answer(picked, {"column": options.column, "n_groups": problem.n_groups})


def select_top_quality(problem: Problem, options: TopQualityOptions) -> Answer:
    """The best by quality."""
    assert problem.quality is not None
    return answer(cluster_picks.top_quality(problem.quality, unscored=options.unscored, **_shared(problem)))


def select_km_random(problem: Problem, options: KmRandomOptions) -> Answer:
    """The method kMQ without quality (METHODS.md 1.3)."""
    assert problem.cluster_id is not None
    return answer(
        cluster_picks.km_random(
            problem.cluster_id,
            n_clusters=problem.n_clusters,
            quota=options.quota,
            noise=options.noise,
            **_shared(problem),
        )
    )


def select_km_closest(problem: Problem, options: KmClosestOptions) -> Answer:
    """The rows nearest to each centre (METHODS.md 1.3)."""
    assert problem.cluster_id is not None
    assert problem.distance is not None
    return answer(
        cluster_picks.km_closest(
            problem.cluster_id,
            problem.distance,
            n_clusters=problem.n_clusters,
            quota=options.quota,
            noise=options.noise,
            **_shared(problem),
        )
    )


def select_kmq_released(problem: Problem, options: KmqReleasedOptions) -> Answer:
    """The authors' code as it ran (METHODS.md 1.7)."""
    assert problem.cluster_id is not None
    assert problem.quality is not None
    if problem.n_clusters == 0:
        raise InvalidOptions(
            "Every row of this clustering is noise, and the released code picks from clusters only: use another "
            "clustering, or kmq."
        )
    shared = _shared(problem)
    del shared["token_counts"]  # it counts rows; the step refuses a budget of tokens
    return answer(
        cluster_picks.kmq_released(
            problem.cluster_id, problem.quality, n_clusters=problem.n_clusters, **shared
        )
    )


def select_semdedup(
    problem: Problem, options: SemdedupOptions, *, duplicates: dedup.SemanticDuplicates | None = None
) -> Answer:
    """Near duplicates go first (arXiv 2303.09540); those that are known need not be found again."""
    assert problem.vectors is not None
    assert problem.cluster_id is not None
    if options.then == "quality" and problem.quality is None:
        raise InvalidOptions(
            "then = 'quality' takes the best by a quality score: choose a score, or then = 'random'."
        )
    return answer(
        dedup.semdedup(
            problem.vectors,
            problem.cluster_id,
            problem.quality,
            n_clusters=problem.n_clusters,
            threshold=options.threshold,
            keep=options.keep,
            then=options.then,
            odds=odds_of(options, non_negative=problem.non_negative),
            duplicates=duplicates,
            **_shared(problem),
        )
    )


def _shared(problem: Problem) -> dict[str, Any]:
    return {
        "budget": problem.budget,
        "token_counts": problem.token_counts,
        "pinned": problem.pinned,
        "excluded": problem.excluded,
        "observe": problem.observe,
        "rng": np.random.default_rng(problem.seed),
    }
