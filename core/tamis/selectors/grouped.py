"""Methods that divide the budget over groups, and those that take rows in a simple order."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from tamis.compute.select import cluster_picks
from tamis.compute.select import semdedup as dedup
from tamis.compute.select.likeliest import LikeliestAnswers, likeliest_answers
from tamis.errors import InvalidOptions
from tamis.selectors.odds import odds_of
from tamis.selectors.options import (
    CarOptions,
    GrapeOptions,
    KmClosestOptions,
    KmqReleasedOptions,
    KmRandomOptions,
    LongestOptions,
    MixtureOptions,
    RandomOptions,
    SemdedupOptions,
    StratifiedOptions,
    TopQualityOptions,
)
from tamis.selectors.problem import Answer, Problem, answer
from tamis.selectors.sampling import select_uniform
from tamis.types import NOISE


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


def select_mixture(problem: Problem, options: MixtureOptions) -> Answer:
    """Clusters by the shares that were given (METHODS.md 1.3)."""
    assert problem.cluster_id is not None
    if not options.weights:
        return select_km_random(problem, KmRandomOptions())
    weights = np.zeros(problem.n_clusters + 1)
    for key, weight in options.weights.items():
        cluster = int(key)
        if not NOISE <= cluster < problem.n_clusters:
            raise InvalidOptions(
                f"weights name cluster {cluster}, and there are {problem.n_clusters} (0 to {problem.n_clusters - 1}, -1 for rows "
                "outside all): take the clustering that they are about."
            )
        weights[cluster] = weight
    return answer(
        cluster_picks.km_random(
            problem.cluster_id,
            n_clusters=problem.n_clusters,
            quota="weights",
            weights=weights,
            **_shared(problem),
        )
    )


def select_car(problem: Problem, options: CarOptions) -> Answer:
    """The best of every cluster, then the best of all (METHODS.md 4.16)."""
    assert problem.cluster_id is not None
    assert problem.quality is not None
    order = cluster_picks.best_of_clusters(
        problem.cluster_id, problem.quality, per_cluster=options.per_cluster, available=~problem.excluded
    )
    return answer(cluster_picks.top_quality(order, **_shared(problem)))


def select_grape(problem: Problem, options: GrapeOptions) -> Answer:
    """One answer a prompt, then an even draw (METHODS.md 4.15)."""
    found = likeliest_of(problem)
    left_out = ~found.kept & ~problem.pinned
    picked = select_uniform(replace(problem, excluded=problem.excluded | left_out), RandomOptions())
    return replace(picked, notes={
        "n_prompts_with_choice": found.n_choices, "n_other_answers": int((left_out & ~problem.excluded).sum()),
    })  # fmt: skip


def likeliest_of(problem: Problem) -> LikeliestAnswers:
    """The answer of each prompt that stays, of those that may be picked; a pinned one stays in any case."""
    assert problem.codes is not None
    assert problem.quality is not None
    likelihood = np.where(problem.pinned, np.inf, problem.quality)
    return likeliest_answers(problem.codes, likelihood, ~problem.excluded, n_tokens=problem.n_words)


def select_longest(problem: Problem, options: LongestOptions) -> Answer:
    """The highest of a score that counts how long a response is; rows without one last."""
    return select_top_quality(problem, TopQualityOptions())


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
