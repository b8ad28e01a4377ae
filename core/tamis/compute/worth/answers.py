"""What the process answers: what each cluster is worth, which mixture is best, and which runs would tell more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import rel_entr

from tamis.compute.worth.limits import USUAL_RUNS
from tamis.compute.worth.mixtures import MixtureSpace
from tamis.compute.worth.process import Contrasts, SharesProcess
from tamis.errors import InvalidOptions
from tamis.types import Float64s

MOVED = 0.1  # of the budget, to the cluster whose worth is asked for
N_CANDIDATES = 20_000
BEST_FRACTION = 0.01
FEWEST_AVERAGED = 8
KEPT_OF_PROMISE = 0.75  # of the gain of a mixture that was chosen for it
N_TRIED = 200  # mixtures that the next runs are chosen from
BATCH = 4


def with_goal(losses: Float64s, weights: Float64s) -> Float64s:
    """Losses (n, h) of heads and, last, their weighted sum: the goal is a head of its own, (n, h + 1)."""
    return np.concatenate([losses, (losses @ weights)[:, None]], axis=1)


def worths(process: SharesProcess) -> Contrasts:
    """What moving MOVED of the budget from the pool's shares to cluster i does to the loss of head j, (k, h).

    Negative where it helps. It is about rows drawn at random inside the cluster.
    """
    to_each = (1 - MOVED) * process.pool + MOVED * np.eye(len(process.pool))
    return process.contrast(to_each, np.broadcast_to(process.pool, to_each.shape))


def pooled_cells(cells: Contrasts) -> Float64s:
    """Cells (k, h) drawn towards the sum of their row's and column's effect, to be looked at and not to be tested.

    As far as the noise says: what is left beyond it has the variance τ², by moments, and a cell keeps
    τ² / (τ² + its variance) of what it has of its own.
    """
    mean, variance = cells.mean, cells.deviation**2
    additive = mean.mean(axis=1, keepdims=True) + mean.mean(axis=0, keepdims=True) - mean.mean()
    own = mean - additive
    between = max(0.0, float((own**2).sum() / max(1, (len(own) - 1) * (own.shape[1] - 1)) - variance.mean()))
    whole = between + variance
    kept = np.divide(between, whole, out=np.ones_like(whole), where=whole > 0)
    pooled: Float64s = additive + kept * own
    return pooled


@dataclass(frozen=True, slots=True)
class SolvedMixture:
    """The mixture that promises most: its ``shares`` (k,) and its loss minus that of the pool's, nats per token.

    ``difference`` ± ``half_width`` is the process's own; the choice made it too good, so ``promised`` is what is told.
    ``worth_changing`` where the interval is below 0 after USUAL_RUNS for each cluster: then a referee decides with fresh
    seeds. With fewer runs the chosen mixture looks better too often where all are alike.
    """

    shares: Float64s
    difference: float
    half_width: float
    promised: float
    worth_changing: bool


def candidate_mixtures(
    space: MixtureSpace,
    runs: Float64s,
    rng: np.random.Generator,
    *,
    furthest: float | None = None,
    n: int = N_CANDIDATES,
) -> Float64s:
    """Mixtures drawn as for a design, and the runs; with ``furthest`` only those with KL(w‖pool) up to it, in nats.

    Raises InvalidOptions where none is so near.
    """
    candidates = np.concatenate([space.draw(n, rng), runs])
    if furthest is None:
        return candidates
    near: Float64s = candidates[rel_entr(candidates, space.pool).sum(axis=1) <= furthest]
    if not len(near):
        raise InvalidOptions(f"No mixture is within {furthest:g} nats of the pool's shares: allow more.")
    return near


def best_mixture(predict: Callable[[Float64s], Float64s], candidates: Float64s, head: int = -1) -> Float64s:
    """Mean of the best hundredth of the candidates (m, k) by predicted loss of a head, (k,): never outside them."""
    predicted = predict(candidates)[:, head]
    n_averaged = min(len(candidates), max(FEWEST_AVERAGED, int(BEST_FRACTION * len(candidates))))
    best: Float64s = candidates[np.argsort(predicted, kind="stable")[:n_averaged]].mean(axis=0)
    return best


def solve_mixture(process: SharesProcess, candidates: Float64s, head: int = -1) -> SolvedMixture:
    """The best of the candidates (m, k) for a head, with its contrast to the pool's shares."""
    shares = best_mixture(process.predict, candidates, head)
    against = process.contrast(shares[None], process.pool[None])
    difference, half_width = float(against.mean[0, head]), float(against.half_width()[0, head])
    enough = len(process.runs) >= USUAL_RUNS * len(process.pool)
    is_better = enough and difference + half_width < 0
    return SolvedMixture(
        shares, difference, half_width, KEPT_OF_PROMISE * difference, worth_changing=is_better
    )


def most_promising(
    process: SharesProcess, space: MixtureSpace, rng: np.random.Generator, n: int = BATCH, head: int = -1
) -> Float64s:
    """The next runs (n, k) in search of a better mixture: those of N_TRIED with the least mean − deviation of a head.

    ``most_telling`` of the mixtures gives those that narrow all worths.
    """
    tried = space.draw(N_TRIED, rng)
    against = process.contrast(tried, np.broadcast_to(process.pool, tried.shape))
    least = (against.mean - against.deviation)[:, head]
    return tried[np.argsort(least, kind="stable")[:n]]
