"""From the losses of finished trainings to verdicts: looks in their order, then what is said of every pair."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from tamis.compute.referee.claims import (
    LEVEL,
    SCHEMES,
    Claims,
    best_method,
    detectable,
    equivalence,
    is_decided,
    look,
    no_claims,
    pair_weights,
    top_group,
)
from tamis.compute.referee.differences import (
    PairDifferences,
    bootstrap_differences,
    pair_differences,
    pairs_of,
    sums_by_family,
)
from tamis.steps.referee.result import ClusterResult, LookResult, PairResult, TargetResult, Verdict
from tamis.types import Bools, Float64s, Int64s

FEWEST_IN_CLUSTER = 6  # families of a cluster, or questions of a task, that is looked at on its own


@dataclass(frozen=True, slots=True, kw_only=True)
class Losses:
    """Summed losses (S, K, R) of blocks, methods and held-out rows, with each row's tokens, family and cluster (R,)."""

    sums: Float64s
    tokens: Float64s
    families: Int64s
    clusters: Int64s

    @property
    def sound(self) -> Bools:
        """Blocks (S,) in which every training came to an end; the others are left out for all methods."""
        return np.asarray(np.isfinite(self.sums).all(axis=(1, 2)), dtype=np.bool_)

    def by_family(self, rows: Bools | None = None) -> tuple[Float64s, Float64s]:
        """Sums (S, K, F) of sound blocks and tokens (F,), of some rows."""
        taken = np.ones(len(self.tokens), dtype=np.bool_) if rows is None else rows
        sums = sums_by_family(self.sums[self.sound][..., taken], self.families[taken])
        return sums, sums_by_family(self.tokens[taken], self.families[taken])

    def first(self, n_seeds: int) -> Losses:
        """The first blocks."""
        return replace(self, sums=self.sums[:n_seeds])


@dataclass(frozen=True, slots=True)
class Standing:
    """Claims so far, the differences that decided each pair or that the last look saw, and every look."""

    claims: Claims
    last: PairDifferences
    at_claim: tuple[PairDifferences, ...]
    looks: tuple[LookResult, ...]


def stand(losses: Losses, max_seeds: int) -> Standing | None:
    """All looks that these blocks allow, in their order; None before the first, or with fewer than four sound blocks."""
    n_methods = losses.sums.shape[1]
    weights = pair_weights(n_methods)
    claims, looks = no_claims(weights.shape), list[LookResult]()
    at_claim: list[PairDifferences | None] = [None] * len(weights)
    last: PairDifferences | None = None
    for n_seeds, part in SCHEMES[max_seeds]:
        there = losses.first(n_seeds)
        if (
            n_seeds > len(losses.sums)
            or there.sound.sum() < min(SCHEMES)
            or (last is not None and is_decided(claims, n_methods))
        ):
            continue
        last = pair_differences(*there.by_family())
        before, claims = claims, look(claims, last, weights, part, n_seeds=n_seeds)
        new = claims.claimed & ~before.claimed
        at_claim = [last if fresh else was for fresh, was in zip(new, at_claim, strict=True)]
        looks.append(_seen(n_seeds, part, last, claims))
    if last is None:
        return None
    return Standing(claims, last, tuple(one or last for one in at_claim), tuple(looks))


def is_over(standing: Standing | None, n_methods: int) -> bool:
    """Whether every pair with random is claimed: stopping then is free."""
    return standing is not None and is_decided(standing.claims, n_methods)


def pair_results(
    standing: Standing, losses: Losses, max_seeds: int, margin: float, seed: int
) -> list[PairResult]:
    """A verdict on every pair, in the order of ``pairs_of``."""
    n_methods = losses.sums.shape[1]
    claims, last = standing.claims, standing.last
    same = equivalence(last, claims, margin, n_methods)
    drawn = bootstrap_differences(*losses.by_family(), np.random.default_rng([seed, 3]))
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    found = []
    for i, (first, second) in enumerate(pairs_of(n_methods).tolist()):
        at = standing.at_claim[i]
        error = at.standard_error[i]
        found.append(PairResult(
            first=first, second=second,
            verdict=_verdict(bool(claims.claimed[i]), int(claims.sign[i]), equivalent=bool(same.equivalent[i])),
            difference=float(at.mean[i]), half_width=float(at.half_width(claims.level)[i]),
            standard_error=float(error), df=float(at.df[i]), p=float(at.p[i]), level=float(claims.level[i]),
            seeds=at.n_seeds, row_fraction=float(at.row_part[i] / error**2) if error > 0 else 0.0,
            detectable=float(detectable(last, max_seeds)[i]), low=float(low[i]), high=float(high[i]),
            equivalence_offered=bool(same.offered[i]),
        ))  # fmt: skip
    return found


def cluster_results(losses: Losses) -> list[ClusterResult]:
    """Every method against random in every cluster with enough families; q values over all of them together."""
    found: list[ClusterResult] = []
    for cluster in np.unique(losses.clusters).tolist():
        rows = losses.clusters == cluster
        n_families = len(np.unique(losses.families[rows]))
        if n_families < FEWEST_IN_CLUSTER:
            continue
        seen = pair_differences(*losses.by_family(rows))
        for i, (first, second) in enumerate(pairs_of(losses.sums.shape[1]).tolist()):
            if first == 0:
                found.append(ClusterResult(
                    method=second, cluster_id=cluster, n_rows=int(rows.sum()), n_families=n_families,
                    difference=float(seen.mean[i]), p=float(seen.p[i]), q=1.0,
                ))  # fmt: skip
    return [
        replace(one, q=q) for one, q in zip(found, discovery_rates([one.p for one in found]), strict=True)
    ]


@dataclass(frozen=True, slots=True)
class TargetLosses:
    """Summed losses (S, K, E) of the targets' examples, their tokens (E,), the target ``part`` (E,) of each, and the ``names``."""

    sums: Float64s
    tokens: Float64s
    part: Int64s
    names: tuple[str, ...]


def target_results(losses: TargetLosses | None, sound: Bools) -> list[TargetResult]:
    """Every method against random on every target with enough examples; q values over all of them together."""
    found: list[TargetResult] = []
    for number, name in enumerate(losses.names if losses is not None else ()):
        assert losses is not None
        rows = losses.part == number
        n, sums = int(rows.sum()), losses.sums[sound][..., rows]
        if n < FEWEST_IN_CLUSTER:
            continue
        seen, tokens = pair_differences(sums, losses.tokens[rows]), float(losses.tokens[rows].sum())
        for i, (first, second) in enumerate(pairs_of(sums.shape[1]).tolist()):
            if first == 0:
                found.append(TargetResult(
                    method=second, target=name, n_examples=n, loss=float(sums[:, second].sum(axis=-1).mean() / tokens),
                    difference=float(seen.mean[i]), p=float(seen.p[i]), q=1.0,
                ))  # fmt: skip
    return [
        replace(one, q=q) for one, q in zip(found, discovery_rates([one.p for one in found]), strict=True)
    ]


def discovery_rates(p: Sequence[float]) -> list[float]:
    """Benjamini and Hochberg's q of every p."""
    if not p:
        return []
    from scipy.stats import false_discovery_control  # not before: a workspace is opened without it

    rates: list[float] = false_discovery_control(np.array(p)).tolist()
    return rates


def top_and_best(standing: Standing, n_methods: int) -> tuple[list[int], int | None]:
    """Methods that none is claimed to beat, and the one that beats all others, if there is one."""
    return top_group(standing.claims, n_methods), best_method(standing.claims, n_methods)


def methods_mean(losses: Losses) -> Float64s:
    """Loss per token (S, K) of sound blocks."""
    means: Float64s = losses.sums[losses.sound].sum(axis=-1) / losses.tokens.sum()
    return means


def _seen(n_seeds: int, part: float, found: PairDifferences, claims: Claims) -> LookResult:
    widths: Sequence[float] = found.half_width(claims.level).tolist()
    return LookResult(
        n_seeds=n_seeds,
        level=LEVEL * part,
        differences=found.mean.tolist(),
        half_widths=list(widths),
        claimed=claims.claimed.tolist(),
    )


def _verdict(claimed: bool, sign: int, *, equivalent: bool) -> Verdict:
    if claimed:
        return "better" if sign < 0 else "worse"
    return "equivalent" if equivalent else "not distinguishable"
