"""Clusters changed by hand: some merged, one split, or rows put into a cluster of their own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tamis.compute.cluster.kmeans import by_size
from tamis.types import NOISE, Bools, Int32s, Int64s


def merge_groups(cluster_id: Int32s, merged: Sequence[int]) -> Int32s:
    """Every row of the clusters ``merged`` (ids) in the first of them; ``cluster_id`` (n,), -1 = in none, stays as it is."""
    return np.where(np.isin(cluster_id, list(merged)), np.int32(merged[0]), cluster_id).astype(np.int32)


def split_group(cluster_id: Int32s, split: int, parts: Int64s) -> Int32s:
    """The rows of cluster ``split`` in as many clusters as ``parts`` (m,), numbers from 0 on for its m rows in order, has.

    Part 0 keeps the id; the others get the ids after the largest there is.
    """
    changed = cluster_id.copy()
    fresh = int(cluster_id.max()) + parts
    changed[cluster_id == split] = np.where(parts == 0, split, fresh).astype(np.int32)
    return changed


def group_of_rows(cluster_id: Int32s, inside: Bools) -> Int32s:
    """The rows ``inside`` (n,) in a new cluster, whose id comes after the largest there is."""
    changed = cluster_id.copy()
    changed[inside] = int(cluster_id.max()) + 1
    return changed


def number_by_size(cluster_id: Int32s) -> tuple[Int32s, Int32s]:
    """Ids from 0 on without gaps, the largest cluster first: new ids (n,), -1 stays, and for each new id (k,) the old one."""
    old = np.unique(cluster_id[cluster_id != NOISE]).astype(np.int32)
    dense = np.where(cluster_id == NOISE, NOISE, np.searchsorted(old, cluster_id)).astype(np.int32)
    ids, order = by_size(dense, len(old))
    return ids, old[order]
