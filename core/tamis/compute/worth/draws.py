"""Rows of a mixture: exactly so many tokens of every group, its rows in a new order for every pass over it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tamis.compute.select.allocate import allocate
from tamis.errors import InvalidOptions
from tamis.types import Float64s, Int64s


@dataclass(frozen=True, slots=True)
class MixtureRows:
    """Entry i reads the first ``kept`` tokens of row ``rows``, each (m,); a row may come once in every pass.

    ``tokens`` (k,) of every group, adding up to the budget; ``passes`` (k,) are these over what the group has.
    """

    rows: Int64s
    kept: Int64s
    tokens: Int64s
    passes: Float64s


def mixture_rows(
    groups: Int64s, lengths: Int64s, shares: Float64s, budget: int, rng: np.random.Generator
) -> MixtureRows:
    """Draw rows of ``groups`` (n,), -1 for none, with ``lengths`` (n,) in tokens, so that group g has ``shares[g]`` of the budget.

    Tokens are shares of the budget by largest remainder; the last row of a group is cut. Rows of length 0 are never drawn.
    Raises InvalidOptions for a group that is to give tokens and has none.
    """
    wanted = allocate(budget, shares, np.full(len(shares), budget))
    rows, kept, passes = list[Int64s](), list[Int64s](), np.zeros(len(shares))
    for group, tokens in enumerate(wanted.tolist()):
        own = np.flatnonzero((groups == group) & (lengths > 0))
        there = int(lengths[own].sum())
        if tokens and not there:
            raise InvalidOptions(f"Group {group} is to give {tokens:,} tokens and its rows have none.")
        if not tokens:
            continue
        passes[group] = tokens / there
        drawn = np.concatenate([rng.permutation(own) for _ in range(-(-tokens // there))])
        ends = np.cumsum(lengths[drawn])
        starts = ends - lengths[drawn]
        read = starts < tokens
        rows.append(drawn[read])
        kept.append(np.minimum(lengths[drawn], tokens - starts)[read])
    return MixtureRows(np.concatenate(rows), np.concatenate(kept), wanted, passes)
