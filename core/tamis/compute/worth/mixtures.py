"""Mixtures of clusters to train on: drawn around the pool's own, and chosen to tell most."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tamis.compute.worth.kernel import KernelScale, kernel_parts
from tamis.errors import InvalidOptions
from tamis.types import Float64s

CONCENTRATIONS = (2.0, 8.0, 24.0)
SMALLEST_ALPHA = 0.05
MOST_TIMES_POOL = 5.0
MOST_DRAWS = 500  # batches without enough mixtures before it is said that there are none
POOL_RUNS = 3  # with the pool's own shares
N_CONSIDERED = 400  # mixtures that a design is chosen from
REFERENCE = KernelScale(linear=3.0, curved=1.0, length=1.0)


@dataclass(frozen=True, slots=True)
class MixtureSpace:
    """The pool's token shares (k,), each above 0, and the most that a mixture may have of each cluster (k,)."""

    pool: Float64s
    caps: Float64s

    def draw(self, n: int, rng: np.random.Generator) -> Float64s:
        """Mixtures (n, k): Dirichlet with ``max(c · pool, 0.05)``, c one of CONCENTRATIONS, those above a cap thrown away.

        Raises InvalidOptions where hardly any is below all caps.
        """
        found, n_found = list[Float64s](), 0
        for _ in range(MOST_DRAWS):
            c = rng.choice(CONCENTRATIONS, 4 * n)
            drawn = rng.standard_gamma(np.maximum(c[:, None] * self.pool, SMALLEST_ALPHA))
            drawn /= drawn.sum(axis=1, keepdims=True)
            found.append(drawn[(drawn <= self.caps + 1e-9).all(axis=1)])
            n_found += len(found[-1])
            if n_found >= n:
                return np.concatenate(found)[:n]
        raise InvalidOptions(
            f"Hardly any mixture stays below {np.round(self.caps, 3).tolist()} of the tokens of a run: "
            "lower the tokens of a run or allow more passes over a row."
        )


def mixture_space(tokens: Float64s, budget: float, max_passes: float) -> MixtureSpace:
    """The mixtures that can be trained on with clusters of so many ``tokens`` (k,) and ``budget`` of them a run.

    A share is at most ``min(1, 5 · pool, tokens · max_passes / budget)``. Raises InvalidOptions for clusters without
    tokens and for a budget that the pool's own shares cannot fill.
    """
    if len(tokens) < 2 or tokens.min() <= 0:
        raise InvalidOptions(
            f"{len(tokens)} clusters, some without tokens: at least two with tokens are needed."
        )
    if budget > tokens.sum() * max_passes:
        raise InvalidOptions(
            f"{budget:,.0f} tokens a run are more than {max_passes:g} passes over {tokens.sum():,.0f}: lower the tokens of a run."
        )
    pool = tokens / tokens.sum()
    return MixtureSpace(
        pool, np.minimum(np.minimum(1.0, MOST_TIMES_POOL * pool), tokens * max_passes / budget)
    )


def design_runs(space: MixtureSpace, n_runs: int, rng: np.random.Generator) -> Float64s:
    """Mixtures of all runs (n_runs, k): POOL_RUNS times the pool's shares, then the greedy D-optimal choice of those drawn."""
    start = np.repeat(space.pool[None], POOL_RUNS, axis=0)
    return np.concatenate([start, most_telling(space, start, n_runs - POOL_RUNS, rng)])


def most_telling(space: MixtureSpace, runs: Float64s, n: int, rng: np.random.Generator) -> Float64s:
    """The mixtures (n, k) whose losses are least known after ``runs`` (m, k), one after another (greedy D-optimal).

    Each has the largest posterior variance under REFERENCE, whatever the losses were; a mixture can come twice.
    """
    drawn = space.draw(N_CONSIDERED, rng)
    both = np.concatenate([runs, drawn])
    covariance = REFERENCE.of(kernel_parts(both, both, space.pool))
    for place in range(len(runs)):
        covariance = _known(covariance, place)
    covariance = covariance[len(runs) :, len(runs) :]
    chosen = []
    for _ in range(n):
        chosen.append(int(covariance.diagonal().argmax()))
        covariance = _known(covariance, chosen[-1])
    return drawn[np.array(chosen, dtype=np.int64)]


def _known(covariance: Float64s, place: int) -> Float64s:
    """The covariance once the mixture at ``place`` was measured with a noise of variance 1."""
    column = covariance[:, place]
    left: Float64s = covariance - np.outer(column, column) / (1 + column[place])
    return left
