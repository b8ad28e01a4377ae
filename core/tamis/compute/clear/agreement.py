"""Dividing rows among people, and how far those who decided the same rows agree (METHODS.md 2.8)."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tamis.errors import InvalidOptions
from tamis.types import Float64s, Int64s

OverDraws = Callable[[Float64s, Float64s, Float64s], Float64s]
DRAWS = 2000
LEVEL = 0.95
LEAST_ROWS = 10  # decided by two, below which an interval would say nothing


@dataclass(frozen=True, slots=True)
class Coefficient:
    """Agreement beyond chance on ``n_rows`` rows, with its interval at 95 %: 1 is full, 0 what chance would give.

    NaN where it is undefined (no such row, or one verdict alone), ``low`` and ``high`` also for fewer than 10 rows.
    """

    value: float
    low: float
    high: float
    n_rows: int


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far people agree on the rows that at least two of them decided.

    ``alpha`` is Krippendorff's, nominal, over all; ``kappas`` Cohen's of each two who share rows. ``observed`` is the share
    of rows on which all agree, NaN for no row.
    """

    observed: float
    alpha: Coefficient
    kappas: Mapping[tuple[str, str], Coefficient]


def divide_rows(
    rows: Int64s, n_people: int, overlap_fraction: float, rng: np.random.Generator
) -> list[Int64s]:
    """Whose each row is, by person: shares alike in size, ``overlap_fraction`` of the rows two people's.

    The order and the rows that are two people's are drawn; every pair of people gets about as many of those. Each share
    is sorted. Raises InvalidOptions for no people, and for an overlap of one person.
    """
    if n_people < 1 or not 0 <= overlap_fraction <= 1:
        raise InvalidOptions(
            f"{n_people} people and an overlap of {overlap_fraction:g}: give people, and 0 to 1."
        )
    n_shared = round(overlap_fraction * len(rows))
    if n_shared and n_people < 2:
        raise InvalidOptions(
            "Rows that two decide need two people: name another one, or set the overlap to 0."
        )
    drawn = rng.permutation(rows)
    shares: list[list[int]] = [[] for _ in range(n_people)]
    pairs = list(itertools.combinations(rng.permutation(n_people).tolist(), 2))
    for at, row in enumerate(drawn[:n_shared].tolist()):
        for person in pairs[at % len(pairs)]:
            shares[person].append(row)
    for row in drawn[n_shared:].tolist():
        # To whoever has fewest, so that shares end alike.
        min(shares, key=len).append(row)
    return [np.sort(np.asarray(share, dtype=np.int64)) for share in shares]


def measure_agreement(people: Sequence[str], verdicts: Float64s, rng: np.random.Generator) -> Agreement:
    """Agreement over ``verdicts`` (people, rows): a number for each kind of verdict, NaN where somebody has not decided."""
    twice = verdicts[:, (~np.isnan(verdicts)).sum(axis=0) >= 2]
    alike = np.nanmax(twice, axis=0) == np.nanmin(twice, axis=0) if twice.shape[1] else np.empty(0, np.bool_)
    kappas = {}
    for one, other in itertools.combinations(range(len(people)), 2):
        both = twice[[one, other]]
        both = both[:, ~np.isnan(both).any(axis=0)]
        if both.shape[1]:
            kappas[people[one], people[other]] = _coefficient(both, _kappa, kappas_of_draws, rng)
    observed = float(alike.mean()) if len(alike) else np.nan
    return Agreement(observed, _coefficient(twice, _alpha, alphas_of_draws, rng), kappas)


def _alpha(verdicts: Float64s) -> float:
    import krippendorff

    return float(krippendorff.alpha(verdicts, level_of_measurement="nominal"))


def _kappa(verdicts: Float64s) -> float:
    from sklearn.metrics import cohen_kappa_score

    return float(cohen_kappa_score(verdicts[0], verdicts[1]))


def _coefficient(
    verdicts: Float64s, measure: Callable[[Float64s], float], over_draws: OverDraws, rng: np.random.Generator
) -> Coefficient:
    """The coefficient by its library, and its percentile bootstrap over rows.

    Rows on which nobody disagreed draw no disagreement either: there the lower end is that of Clopper and Pearson's for
    none among so many, over the disagreement that chance would give.
    """
    n = verdicts.shape[1]
    kinds, counts = np.unique(verdicts[~np.isnan(verdicts)], return_counts=True)
    value = (
        measure(verdicts) if len(kinds) > 1 else float("nan")
    )  # one verdict alone says nothing about agreement
    if n < LEAST_ROWS or np.isnan(value):
        return Coefficient(value, float("nan"), float("nan"), n)
    # Rows that were decided in the same way are one kind of row, and a draw of rows is how many of each kind.
    patterns, of_pattern = np.unique(np.nan_to_num(verdicts, nan=-1.0), axis=1, return_counts=True)
    drawn = over_draws(patterns, kinds, rng.multinomial(n, of_pattern / n, size=DRAWS).astype(np.float64))
    low, high = np.nanquantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    if value == 1.0:
        by_chance = 1 - ((counts / counts.sum()) ** 2).sum()
        low = max(-1.0, 1 - (1 - ((1 - LEVEL) / 2) ** (1 / n)) / by_chance)
    return Coefficient(value, float(low), float(high), n)


def alphas_of_draws(patterns: Float64s, kinds: Float64s, draws: Float64s) -> Float64s:
    """Krippendorff's nominal alpha of each draw (k,): ``draws`` (k, p) says how many rows of each pattern (people, p) it has.

    A verdict that is missing is -1. NaN for a draw with one verdict alone.
    """
    given = np.stack([(patterns == kind).sum(axis=0) for kind in kinds], axis=1).astype(np.float64)
    n_given = given.sum(axis=1)
    alike = (given * (given - 1)).sum(axis=1) / (n_given - 1)
    total, of_kind = draws @ n_given, draws @ given
    observed = 1 - draws @ alike / total
    expected = 1 - (of_kind * (of_kind - 1)).sum(axis=1) / (total * (total - 1))
    return _beyond_chance(observed, expected)


def kappas_of_draws(patterns: Float64s, kinds: Float64s, draws: Float64s) -> Float64s:
    """Cohen's kappa of each draw (k,), as ``alphas_of_draws``; both people have decided every row."""
    shares = draws / draws.sum(axis=1, keepdims=True)
    observed = 1 - shares @ (patterns[0] == patterns[1]).astype(np.float64)
    first, second = (np.stack([shares @ (one == kind) for kind in kinds], axis=1) for one in patterns)
    return _beyond_chance(observed, 1 - (first * second).sum(axis=1))


def _beyond_chance(observed: Float64s, expected: Float64s) -> Float64s:
    known = np.where(expected > 0, expected, np.nan)
    return 1 - observed / known
