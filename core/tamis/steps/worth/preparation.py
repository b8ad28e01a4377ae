"""Clusters joined to super-clusters, and the mixtures of them that are trained on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tamis.compute.worth.limits import USUAL_RUNS
from tamis.compute.worth.mixtures import MixtureSpace, design_runs, mixture_space
from tamis.compute.worth.super_clusters import check_number_of_runs, join_clusters
from tamis.steps.worth.options import WorthOptions
from tamis.store.artifacts.readers import read_centroids, read_cluster_ids
from tamis.store.artifacts.store import Artifact
from tamis.types import Float64s, Int64s

DECIMALS = 6  # of shares: what the last bits of a machine decide names no training


@dataclass(frozen=True, slots=True)
class SuperClusters:
    """``groups`` (clusters,) of every cluster; of every group its pool ``rows``, ``tokens`` and mixtures' ``space``."""

    groups: Int64s
    rows: Int64s
    tokens: Int64s
    space: MixtureSpace


def super_clusters(
    clustering: Artifact, counted: Int64s, pool: Int64s, options: WorthOptions
) -> SuperClusters:
    """Join the clusters by what the ``pool`` rows, of ``counted`` (n,) tokens, have in them; rows in none are left out.

    Raises InvalidOptions where fewer than two groups are left, and for a budget that the pool cannot fill.
    """
    centroids = np.asarray(read_centroids(clustering), dtype=np.float64)
    own = read_cluster_ids(clustering)[pool].astype(np.int64)
    inside = pool[own >= 0]
    own = own[own >= 0]
    rows = np.bincount(own, minlength=len(centroids)).astype(np.int64)
    tokens: Float64s = np.bincount(own, counted[inside], minlength=len(centroids)).astype(np.float64)
    in_run = rows.astype(np.float64) * (options.budget_tokens / max(1.0, float(tokens.sum())))
    groups = join_clusters(centroids, tokens, in_run, options.most_clusters)
    of_groups: Float64s = np.bincount(groups, tokens).astype(np.float64)
    space = mixture_space(of_groups, options.budget_tokens, options.max_passes)
    return SuperClusters(
        groups, np.bincount(groups, rows).astype(np.int64), of_groups.astype(np.int64), space
    )


def design(space: MixtureSpace, options: WorthOptions) -> Float64s:
    """The mixtures to train on (n, k), the pool's own first; raises InvalidOptions for too few."""
    n_groups = len(space.pool)
    n_runs = options.runs or USUAL_RUNS * n_groups
    check_number_of_runs(n_runs, n_groups)
    return np.round(design_runs(space, n_runs, np.random.default_rng([options.seed, 21])), DECIMALS)
