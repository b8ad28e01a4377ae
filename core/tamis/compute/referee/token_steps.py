"""Rows laid end to end until exactly a budget of tokens has gone through a model, in steps of a fixed number of tokens."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tamis.errors import InvalidOptions
from tamis.types import Int64s


@dataclass(frozen=True, slots=True)
class TokenSteps:
    """Which rows are read when; each (m,).

    Entry i reads the first ``kept`` tokens of row ``rows`` in step ``steps``, 0 to ``n_steps`` - 1; ``kept`` adds up to the
    budget. ``n_passes`` is the budget over the tokens there are: above 1 rows were read again.
    """

    rows: Int64s
    kept: Int64s
    steps: Int64s
    n_steps: int
    n_passes: float


def token_steps(lengths: Int64s, budget: int, step_tokens: int, rng: np.random.Generator) -> TokenSteps:
    """Rows of these ``lengths`` (n,), each at least 1, in a new order for every pass, until ``budget`` tokens are read.

    A row belongs to the step in which it begins, and the last one is cut where the budget ends; what is left of the budget
    after whole steps belongs to the last. No row is longer than a step, so every step begins one: all methods make the
    same number of steps. Raises InvalidOptions otherwise.
    """
    if not len(lengths) or lengths.min() < 1 or lengths.max() > step_tokens:
        raise InvalidOptions(
            f"{len(lengths):,} rows of up to {int(lengths.max(initial=0)):,} tokens do not fit steps of {step_tokens:,}: "
            "raise step_tokens or lower max_length."
        )
    n_tokens = int(lengths.sum())
    n_passes = math.ceil(budget / n_tokens)
    rows = np.concatenate([rng.permutation(len(lengths)) for _ in range(n_passes)])
    ends = np.cumsum(lengths[rows])
    starts = ends - lengths[rows]
    read = starts < budget
    rows, starts = rows[read], starts[read]
    kept = np.minimum(lengths[rows], budget - starts)
    n_steps = steps_of_budget(budget, step_tokens)
    return TokenSteps(rows, kept, np.minimum(starts // step_tokens, n_steps - 1), n_steps, budget / n_tokens)


def steps_of_budget(budget: int, step_tokens: int) -> int:
    """Whole steps of a budget, at least one."""
    return max(1, budget // step_tokens)
