"""Where a round starts: the pool, the weights so far and the rows picked so far, read from artifacts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from tamis.compute.refine.draw import RefinementPool
from tamis.compute.refine.evidence import RoundEvidence
from tamis.compute.refine.weights import Factors, apply_factors, first_weights
from tamis.compute.select.draw import LINEAR
from tamis.errors import InvalidOptions
from tamis.selectors.odds import odds_of
from tamis.steps.refine.options import EXCLUDED, PINNED, RefineOptions
from tamis.steps.refine.texts import Corrections, read_corrections
from tamis.steps.select.options import is_non_negative
from tamis.steps.worth.result import cluster_weights, read_report
from tamis.store.artifacts.frozen_rows import read_frozen
from tamis.store.artifacts.readers import read_cluster_ids, read_scores
from tamis.store.artifacts.refinements import read_round_clusters, read_round_picks
from tamis.store.artifacts.store import Artifact
from tamis.types import NOISE, Bools, Float64s, Int64s


@dataclass(frozen=True, slots=True)
class RoundState:
    """What a round knows before it draws.

    Arrays over groups have n_clusters + 1 entries, the last for rows outside every cluster; ``shown`` are the groups
    that files list. ``picked_by`` (n,) is the round that picked a row, 0 for none; ``taken`` are rows that may not be
    drawn again, ``kept`` those among them that are still selected.
    """

    pool: RefinementPool
    corrections: Corrections
    factors: Factors
    factor_names: tuple[str, ...]
    first: Float64s  # weights before the first round, without factors
    evidence: tuple[RoundEvidence, ...]  # what each earlier round measured
    start: Float64s  # weights before the first round, with factors
    learned: Float64s  # weights now, without factors
    drawn_by: Float64s  # weights now, with factors
    picked_by: Int64s
    taken: Bools
    kept: Bools
    n_planned: int  # rows that all earlier rounds were to select
    last_scores: Float64s | None

    @property
    def shown(self) -> Int64s:
        """Groups that have rows or a place in the clustering; the last only where rows are outside all clusters."""
        has_noise = bool((self.pool.cluster_id == NOISE).any())
        return np.arange(self.pool.n_clusters + has_noise)

    def cluster_ids(self) -> Int64s:
        """The ids of the shown groups as files have them: -1 for rows outside every cluster."""
        groups = self.shown
        return np.where(groups == self.pool.n_clusters, NOISE, groups)


def read_state(inputs: Mapping[str, Artifact], options: RefineOptions, history: list[Artifact]) -> RoundState:
    """The state after the rounds in ``history`` (possibly none); raises InvalidOptions for inputs that do not fit."""
    corrections = read_corrections(inputs)
    pool = read_pool(inputs, options, corrections.dropped)
    start = _checked_start(inputs, pool, options)
    picked_by = np.zeros(len(pool.cluster_id), dtype=np.int64)
    for past in history:
        picked_by[read_round_picks(past)["example_id"].to_numpy()] = int(past.manifest.options["round"])
    gone = np.zeros(len(picked_by), dtype=np.bool_)
    gone[corrections.dropped] = True
    first, learned, last_scores = start, start, None
    tables: list[pa.Table] = []
    if history:
        tables = [read_round_clusters(past) for past in history]
        last = tables[-1]
        start = _spread_out(tables[0]["weight_before"].to_numpy(), pool)
        learned = _spread_out(last["learned_after"].to_numpy(), pool)
        last_scores = _spread_out(last["score"].to_numpy(), pool, fill=np.nan)
    factors, names = read_factors(options.cluster_factors, pool)
    drawn_by = learned if options.static else apply_factors(learned, factors)
    if not history:
        start = drawn_by
    return RoundState(
        pool=pool,
        corrections=corrections,
        factors=factors,
        factor_names=names,
        first=first,
        evidence=tuple(_evidence(table, pool) for table in tables),
        start=start,
        learned=learned,
        drawn_by=drawn_by,
        picked_by=picked_by,
        taken=picked_by > 0,
        kept=(picked_by > 0) & ~gone,
        n_planned=sum(int(past.manifest.options["n_rows"]) for past in history),
        last_scores=last_scores,
    )


def read_pool(inputs: Mapping[str, Artifact], options: RefineOptions, dropped: Int64s) -> RefinementPool:
    """What may be drawn from; a row that a decision dropped is out even when it is pinned."""
    clustering = inputs["clustering"]
    ids = read_cluster_ids(clustering).astype(np.int64)
    n_clusters = int(clustering.summary["n_clusters"])
    gone = np.zeros(ids.size, dtype=np.bool_)
    gone[dropped] = True
    pinned = _mask(inputs, "pinned", ids.size) & ~gone
    excluded = _mask(inputs, "excluded", ids.size) | gone
    if "within" in inputs:
        excluded |= ~_mask(inputs, "within", ids.size) & ~pinned
    if options.noise == "exclude":
        excluded |= (ids == NOISE) & ~pinned
    quality, odds = None, LINEAR
    if "scores" in inputs:
        quality = read_scores(inputs["scores"])
        made_with = inputs["scores"].manifest.options
        odds = odds_of(options, non_negative=is_non_negative(made_with))
    return RefinementPool(ids, n_clusters, quality, excluded & ~pinned, pinned, odds)


def read_factors(given: Mapping[str, object], pool: RefinementPool) -> tuple[Factors, tuple[str, ...]]:
    """Factors per group and their names as files have them; raises InvalidOptions for a cluster that is not there."""
    factors = Factors.none(pool.n_clusters + 1)
    names = [""] * (pool.n_clusters + 1)
    for key, value in given.items():
        cluster = int(key)
        if not NOISE <= cluster < pool.n_clusters:
            raise InvalidOptions(
                f"cluster_factors names cluster {cluster}, but there are {pool.n_clusters} clusters (0 to "
                f"{pool.n_clusters - 1}, -1 for rows outside all): leave it out."
            )
        group = pool.n_clusters if cluster == NOISE else cluster
        names[group] = str(value) if isinstance(value, str) else f"{value:g}"
        if value == PINNED:
            factors.pinned[group] = True
        else:
            factors.boost[group] = 0.0 if value == EXCLUDED else float(str(value))
    return factors, tuple(names)


def _checked_start(inputs: Mapping[str, Artifact], pool: RefinementPool, options: RefineOptions) -> Float64s:
    if "start_from" in inputs and not options.static:
        return _start_of_worth(inputs["start_from"], inputs["clustering"], pool)
    return first_weights(pool.sizes(), "proportional" if options.static else options.first_round)


def _start_of_worth(worth: Artifact, clustering: Artifact, pool: RefinementPool) -> Float64s:
    """Weights of rows of the solved mixture; rows outside every cluster keep their part."""
    weighed = worth.manifest.inputs["clustering"]
    if weighed != clustering.id:
        raise InvalidOptions(
            f"Worth {worth.id} weighed clustering {weighed}, and the refinement has {clustering.id}: refine with clustering = "
            f"{weighed}."
        )
    sizes = pool.sizes()
    outside = sizes[-1] / max(1, sizes.sum())
    inside = np.array(cluster_weights(read_report(worth), sizes[:-1].tolist(), of_rows=True))
    return np.append((1 - outside) * inside, outside)


def _evidence(clusters: pa.Table, pool: RefinementPool) -> RoundEvidence:
    columns = [
        _spread_out(clusters[name].to_numpy(), pool) for name in ("score", "standard_error", "n_scored")
    ]
    return RoundEvidence.of(*columns)


def _spread_out(values: Float64s, pool: RefinementPool, fill: float = 0.0) -> Float64s:
    """Values of the clusters that a file lists, over all groups."""
    if not pool.n_clusters <= len(values) <= pool.n_clusters + 1:
        raise InvalidOptions(
            f"The rounds so far had {len(values)} clusters, this clustering has {pool.n_clusters}: continue with the "
            "clustering that the refinement was started with."
        )
    whole = np.full(pool.n_clusters + 1, fill)
    whole[: len(values)] = values
    return whole


def _mask(inputs: Mapping[str, Artifact], role: str, n_rows: int) -> Bools:
    mask = np.zeros(n_rows, dtype=np.bool_)
    if role in inputs:
        mask[read_frozen(inputs[role])] = True
    return mask
