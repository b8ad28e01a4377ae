"""How many rows two refinements would both pick by chance alone, with luck of their own or with the same."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tamis.types import Int64s

N_DRAWS = 20
MOST_NUMBERS = 4_000_000  # drawn in all; large datasets are drawn less often, and vary less


def expected_overlap(
    mine: Int64s, theirs: Int64s, sizes: Int64s, *, shared: bool, rng: np.random.Generator
) -> float:
    """Rows in both of two runs that took ``mine`` (rounds, k) and ``theirs`` (rounds, k) rows of clusters of ``sizes`` (k,).

    Inside a cluster chance decides alone. With luck of their own that is the sum of n₁ n₂ / size. ``shared``: both go by
    the same random number for a row in a round, as runs of one seed do, so that equal parts of a cluster are equal rows;
    the mean over up to 20 simulated runs.
    """
    if not shared:
        possible = np.maximum(sizes, 1)
        return float((mine.sum(axis=0) * theirs.sum(axis=0) / possible).sum())
    n_rounds = max(len(mine), len(theirs))
    n_draws = int(np.clip(MOST_NUMBERS // max(1, n_rounds * int(sizes.sum())), 1, N_DRAWS))
    counts = [
        sum(_drawn_alike(mine[:, j], theirs[:, j], int(size), rng) for j, size in enumerate(sizes))
        for _ in range(n_draws)
    ]
    return float(np.mean(counts))


def _drawn_alike(
    mine: Sequence[int] | Int64s, theirs: Sequence[int] | Int64s, size: int, rng: np.random.Generator
) -> int:
    """Rows of one cluster in both runs of one simulated pair."""
    taken = np.zeros((2, size), dtype=np.bool_)
    for number in range(max(len(mine), len(theirs))):
        luck = rng.random(size)
        for run, budgets in enumerate((mine, theirs)):
            wanted = int(budgets[number]) if number < len(budgets) else 0
            left = np.flatnonzero(~taken[run])
            if wanted >= len(left):
                taken[run] = True
            elif wanted > 0:
                taken[run, left[np.argpartition(luck[left], wanted)[:wanted]]] = True
    return int(taken.all(axis=0).sum())
