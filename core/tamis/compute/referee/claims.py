"""What may be claimed when: all pairs are one family of tests, and every look spends its own part of the error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from scipy.special import stdtr  # scipy.stats takes half a second to import

from tamis.compute.referee.differences import PairDifferences, pair_differences, pairs_of
from tamis.types import Bools, Float64s, Int64s

LEVEL = 0.05
WITH_RANDOM = 0.8  # of the weight; the pairs with method 0 share it
# By the greatest number of seeds: when it is looked at, and which part of the level each look spends.
SCHEMES: Mapping[int, tuple[tuple[int, float], ...]] = MappingProxyType({
    4: ((4, 1.0),),
    6: ((4, 0.30), (6, 0.70)),
    8: ((4, 0.10), (6, 0.35), (8, 0.55)),
    10: ((4, 0.05), (6, 0.15), (8, 0.30), (10, 0.50)),
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Claims:
    """What is claimed after some looks, each (..., P).

    ``claimed`` pairs differ, in the direction ``sign`` (-1: the second is better). ``look`` is the number of seeds at which
    that was decided, 0 for never; ``level`` the one that decided, or that the last look left to the others.
    """

    claimed: Bools
    sign: Int64s
    look: Int64s
    level: Float64s


def pair_weights(n_methods: int) -> Float64s:
    """Weight of every pair, (P,), adding up to 1: pairs with method 0 share WITH_RANDOM, the others the rest."""
    with_random = pairs_of(n_methods)[:, 0] == 0
    if with_random.all():
        return np.full(len(with_random), 1 / len(with_random))
    n_with = int(with_random.sum())
    rest = (1 - WITH_RANDOM) / (len(with_random) - n_with)
    weights: Float64s = np.where(with_random, WITH_RANDOM / n_with, rest)
    return weights


def weighted_holm(p: Float64s, weights: Float64s, level: float) -> tuple[Bools, Float64s]:
    """Which of the hypotheses (..., P) fall at this level together, and the level that each was held to at last.

    One falls with ``p <= level·w / (the weights that have not fallen)``; what has fallen passes its weight on
    (Holm 1979, weighted).
    """
    fallen = np.zeros(p.shape, dtype=np.bool_)
    held_to = np.zeros(p.shape)
    for _ in range(p.shape[-1]):
        left = np.where(fallen, 0.0, weights)
        total = left.sum(axis=-1, keepdims=True)
        share = np.divide(level * left, total, out=np.zeros_like(left), where=total > 0)
        held_to = np.where(fallen, held_to, share)
        new = (p <= share) & ~fallen
        if not new.any():
            break
        fallen |= new
    return fallen, held_to


def no_claims(shape: tuple[int, ...]) -> Claims:
    """Before the first look."""
    zeros = np.zeros(shape, dtype=np.int64)
    return Claims(np.zeros(shape, dtype=np.bool_), zeros, zeros, np.zeros(shape))


def look(before: Claims, found: PairDifferences, weights: Float64s, part: float, *, n_seeds: int) -> Claims:
    """Claims after one more look, which spends ``part`` of LEVEL; earlier ones stand and have passed their weight on."""
    p = np.where(before.claimed, 0.0, found.p)
    fallen, held_to = weighted_holm(p, weights, LEVEL * part)
    new = fallen & ~before.claimed
    return Claims(
        claimed=before.claimed | new,
        sign=np.where(new, np.sign(found.mean), before.sign).astype(np.int64),
        look=np.where(new, n_seeds, before.look).astype(np.int64),
        level=np.where(before.claimed, before.level, held_to),
    )


def judge(loss_sums: Float64s, tokens: Float64s, scheme: Sequence[tuple[int, float]]) -> Claims:
    """Claims of many referees at once from losses (..., S, K, F), each stopped where it would have been.

    One stops when every pair with method 0 is claimed; ``look`` then holds no later number.
    """
    n_methods = loss_sums.shape[-2]
    weights, with_random = pair_weights(n_methods), pairs_of(n_methods)[:, 0] == 0
    claims = no_claims((*loss_sums.shape[:-3], len(weights)))
    for n_seeds, part in scheme:
        stopped = claims.claimed[..., with_random].all(axis=-1, keepdims=True)
        new = look(
            claims, pair_differences(loss_sums[..., :n_seeds, :, :], tokens), weights, part, n_seeds=n_seeds
        )
        claims = Claims(*(
            np.where(stopped, was, now)
            for was, now in (
                (claims.claimed, new.claimed), (claims.sign, new.sign), (claims.look, new.look), (claims.level, new.level),
            )
        ))  # fmt: skip
    return claims


def is_decided(claims: Claims, n_methods: int) -> bool:
    """Whether every pair with method 0 is claimed, which ends the run."""
    return bool(claims.claimed[pairs_of(n_methods)[:, 0] == 0].all())


def top_group(claims: Claims, n_methods: int) -> list[int]:
    """The methods that none is claimed to beat, ascending; (P,) claims."""
    beaten = {
        int(pair[0] if sign < 0 else pair[1])
        for pair, sign, claimed in zip(pairs_of(n_methods), claims.sign, claims.claimed, strict=True)
        if claimed
    }
    return [method for method in range(n_methods) if method not in beaten]


def best_method(claims: Claims, n_methods: int) -> int | None:
    """The method that is claimed to beat every other; None where there is none."""
    wins = np.zeros(n_methods, dtype=np.int64)
    for pair, sign, claimed in zip(pairs_of(n_methods), claims.sign, claims.claimed, strict=True):
        if claimed:
            wins[int(pair[1] if sign < 0 else pair[0])] += 1
    return int(wins.argmax()) if wins.max(initial=0) == n_methods - 1 else None


@dataclass(frozen=True, slots=True)
class Equivalence:
    """Two one-sided tests of |difference| < margin: ``equivalent`` and ``offered`` (P,); not offered where noise is too large."""

    equivalent: Bools
    offered: Bools


def equivalence(found: PairDifferences, claims: Claims, margin: float, n_methods: int) -> Equivalence:
    """Which unclaimed pairs with method 0 are equivalent within ``margin``, Holm's correction among them (P,).

    It is offered where the margin is at least three standard errors.
    """
    pairs = pairs_of(n_methods)
    error = found.standard_error
    offered = (pairs[:, 0] == 0) & ~claims.claimed & (margin >= 3 * error) & (error > 0)
    equivalent = np.zeros(len(pairs), dtype=np.bool_)
    if offered.any():
        t = (margin - np.abs(found.mean[offered])) / error[offered]
        p = stdtr(found.df[offered], -t)
        equivalent[offered] = weighted_holm(p, np.full(len(p), 1 / len(p)), LEVEL)[0]
    return Equivalence(equivalent, offered)


def detectable(found: PairDifferences, cap: int) -> Float64s:
    """The true difference of every pair that ``cap`` seeds would claim four times in five, about, (P,)."""
    return 4 * found.error_at(cap)
