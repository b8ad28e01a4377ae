"""From the losses of trained mixtures to worths, the matrix, the mixture that promises most, and the next runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tamis.compute.worth.answers import (
    BATCH,
    MOVED,
    SolvedMixture,
    candidate_mixtures,
    most_promising,
    pooled_cells,
    solve_mixture,
    worths,
)
from tamis.compute.worth.mixtures import MixtureSpace, most_telling
from tamis.compute.worth.process import Contrasts, SharesProcess, fit_process
from tamis.compute.worth.ridge import fit_ridge
from tamis.steps.worth.options import WorthOptions
from tamis.steps.worth.preparation import DECIMALS, SuperClusters
from tamis.steps.worth.result import GOAL, OF_ALL, OF_TARGET, GroupResult, HeadResult, WorthCell
from tamis.types import Bools, Float64s, Int64s

FEWEST_IN_HEAD = 6  # families of a super-cluster that is looked at on its own


@dataclass(frozen=True, slots=True)
class Heads:
    """``results`` of h heads, the last one all held-out rows, and which ``rows`` (h, r) of what is measured each has."""

    results: list[HeadResult]
    rows: Bools

    def losses(self, sums: Float64s, tokens: Float64s) -> Float64s:
        """Loss per token (n, h) from summed losses (n, r) and tokens (r,)."""
        found: Float64s = (sums @ self.rows.T) / (self.rows @ tokens)
        return found


@dataclass(frozen=True, slots=True)
class Found:
    """What the process says: ``cells`` (k, h) with the goal last, the mixture, the next runs of both kinds, and its scales."""

    process: SharesProcess
    cells: Contrasts
    pooled: Float64s
    straight: Float64s
    solved: SolvedMixture
    narrow: Float64s
    improve: Float64s


@dataclass(frozen=True, slots=True)
class MeasuredRows:
    """What is measured, held-out rows first, then examples of targets: tokens (r,), ``families`` and ``groups`` (r,).

    A group is a super-cluster's number, -1 for a held-out row in none, and -2 - t for an example of target t.
    """

    tokens: Float64s
    families: Int64s
    groups: Int64s


def heads_of(names: list[str], targets: Sequence[str], measured: MeasuredRows) -> Heads:
    """A head for every super-cluster and target with enough families, and the goal, all held-out rows, last."""
    found, rows = list[HeadResult](), list[Bools]()
    wanted = [(name, i, measured.groups == i) for i, name in enumerate(names)]
    wanted += [(name, OF_TARGET, measured.groups == OF_TARGET - t) for t, name in enumerate(targets)]
    for name, group, own in [*wanted, (GOAL, OF_ALL, measured.groups >= OF_ALL)]:
        n_families = len(np.unique(measured.families[own]))
        if group == OF_ALL or n_families >= FEWEST_IN_HEAD:
            rows.append(np.asarray(own, dtype=np.bool_))
            found.append(HeadResult(
                name=name, group=group, n_rows=int(own.sum()), n_families=n_families,
                n_tokens=int(measured.tokens[own].sum()),
            ))  # fmt: skip
    return Heads(found, np.stack(rows))


def weigh(runs: Float64s, losses: Float64s, space: MixtureSpace, options: WorthOptions) -> Found:
    """Everything that the losses (n, h) of runs (n, k) say; raises InvalidOptions for too few of them."""
    process = fit_process(runs, losses, space.pool)
    cells = worths(process)
    rng = np.random.default_rng([options.seed, 22, len(runs)])
    solved = solve_mixture(process, candidate_mixtures(space, runs, rng, furthest=options.furthest))
    ridge = fit_ridge(runs, losses[:, -1:])
    straight = MOVED * (ridge.slopes[:, 0] - space.pool @ ridge.slopes[:, 0])
    return Found(
        process, cells, pooled_cells(cells), straight, solved,
        np.round(most_telling(space, runs, BATCH, rng), DECIMALS),
        np.round(most_promising(process, space, rng), DECIMALS),
    )  # fmt: skip


def group_results(names: list[str], joined: SuperClusters, found: Found) -> list[GroupResult]:
    """Every super-cluster with what it is worth to all held-out rows."""
    widths, clear = found.cells.half_width()[:, -1], found.cells.clear()[:, -1]
    return [
        GroupResult(
            name=name, clusters=np.flatnonzero(joined.groups == i).tolist(),
            n_rows=int(joined.rows[i]), n_tokens=int(joined.tokens[i]),
            share=float(joined.space.pool[i]), most=float(joined.space.caps[i]),
            worth=float(found.cells.mean[i, -1]), half_width=float(widths[i]), is_clear=bool(clear[i]),
            straight=float(found.straight[i]), solved=float(found.solved.shares[i]),
        )
        for i, name in enumerate(names)
    ]  # fmt: skip


def cell_results(found: Found) -> list[WorthCell]:
    """The matrix, super-cluster by super-cluster, the goal last in each."""
    widths, clear = found.cells.half_width(), found.cells.clear()
    return [
        WorthCell(
            group=i, head=j, worth=float(found.cells.mean[i, j]), half_width=float(widths[i, j]),
            is_clear=bool(clear[i, j]), pooled=float(found.pooled[i, j]),
        )
        for i in range(found.cells.mean.shape[0])
        for j in range(found.cells.mean.shape[1])
    ]  # fmt: skip


def noise_of(process: SharesProcess) -> float:
    """Standard deviation of the goal's loss over repeats of one mixture, nats per token."""
    return float(np.sqrt((process.weight[:, -1] * process.variance[:, -1]).sum()))
