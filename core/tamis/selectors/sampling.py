"""The sampling methods: kMQ and uniform, over rows or tokens."""

from __future__ import annotations

from typing import Any

import numpy as np

from tamis.compute.select.draw import Odds
from tamis.compute.select.drawn_order import DrawnOrder, draw_order
from tamis.compute.select.kmq import cut_rows, cut_tokens
from tamis.compute.select.masks import checked_counts
from tamis.selectors.odds import odds_of
from tamis.selectors.options import KmqOptions, RandomOptions, read_shares
from tamis.selectors.problem import Answer, Problem, answer


def select_kmq(problem: Problem, options: KmqOptions) -> Answer:
    """METHODS.md 1.1 with the allocation of 1.8."""
    return KmqLadder()(problem, options)


def select_uniform(problem: Problem, options: RandomOptions) -> Answer:
    """Uniform without replacement."""
    return UniformLadder()(problem, options)


class KmqLadder:
    """``select_kmq`` for one problem at many budgets and shares: drawn once, and anew where quality is to count otherwise.

    Everything of the problem but its budget must stay the same from call to call.
    """

    def __init__(self) -> None:
        self._drawn: tuple[tuple[Odds, str], DrawnOrder] | None = None

    def __call__(self, problem: Problem, options: KmqOptions) -> Answer:
        """What ``select_kmq`` answers."""
        assert problem.cluster_id is not None
        odds = odds_of(options, non_negative=problem.non_negative)
        by = (odds, options.noise)
        kept = self._drawn  # taken once: another thread may draw anew meanwhile
        if kept is None or kept[0] != by:
            drawn = draw_order(
                problem.cluster_id,
                problem.quality,
                n_clusters=problem.n_clusters,
                odds=odds,
                noise=options.noise,
                pinned=problem.pinned,
                excluded=problem.excluded,
                rng=np.random.default_rng(problem.seed),
            )
            self._drawn = kept = (by, drawn)
        return _cut(kept[1], problem, quota=options.quota, shares=read_shares(options.cluster_shares))


class UniformLadder:
    """``select_uniform`` for one problem at many budgets, as ``KmqLadder``."""

    def __init__(self) -> None:
        self._drawn: DrawnOrder | None = None

    def __call__(self, problem: Problem, options: RandomOptions) -> Answer:
        """What ``select_uniform`` answers."""
        if self._drawn is None:
            self._drawn = draw_order(
                np.zeros(problem.n_rows, dtype=np.int64),
                None,
                n_clusters=1,
                pinned=problem.pinned,
                excluded=problem.excluded,
                rng=np.random.default_rng(problem.seed),
            )
        return _cut(self._drawn, problem)


def _cut(drawn: DrawnOrder, problem: Problem, **how: Any) -> Answer:  # noqa: ANN401 - quota and shares
    if problem.token_counts is None:
        return answer(cut_rows(drawn, problem.budget, observe=problem.observe, **how))
    counts = checked_counts(problem.token_counts, problem.n_rows)
    return answer(cut_tokens(drawn, counts, problem.budget, observe=problem.observe, **how))
