"""Of several answers to one prompt the likeliest under the model that is to be trained (GRAPE, arXiv 2502.04194; METHODS.md 4.15)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tamis.types import Bools, Float64s, Int64s

FEWEST_TOKENS = 5  # of an answer beside others: the mean of a few tokens says little


@dataclass(frozen=True, slots=True)
class LikeliestAnswers:
    """Which rows are ``kept`` (n,), which one is ``instead`` (n,) of each (itself where it is kept), and how many prompts had a choice."""

    kept: Bools
    instead: Int64s
    n_choices: int


def likeliest_answers(
    group: Int64s, likelihood: Float64s, available: Bools, *, n_tokens: Int64s | None = None
) -> LikeliestAnswers:
    """Keep of each ``group`` (n,), -1 for a row of none, the ``available`` row of highest ``likelihood``, ties to the lower row.

    ``likelihood`` (n,) is the mean log-probability of an answer's tokens; NaN comes last. With ``n_tokens`` (n,) an answer
    of fewer than FEWEST_TOKENS comes after all others of its group. Rows that are not available are never kept.
    """
    rows = np.flatnonzero(available)
    own = np.where(group[rows] < 0, group.max(initial=-1) + 1 + np.arange(rows.size), group[rows])
    value = np.nan_to_num(likelihood[rows], nan=-np.inf)
    short = np.zeros(rows.size, dtype=np.bool_) if n_tokens is None else n_tokens[rows] < FEWEST_TOKENS
    order = np.lexsort((rows, -value, short, own))
    _, first, place, sizes = np.unique(own[order], return_index=True, return_inverse=True, return_counts=True)
    best = rows[order][first]
    kept = np.zeros(group.size, dtype=np.bool_)
    kept[best] = True
    instead = np.arange(group.size)
    instead[rows[order]] = best[place]
    return LikeliestAnswers(kept, instead, int((sizes > 1).sum()))
