"""Which rows come from one another, through generations of synthetic ones (METHODS.md 3.10)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tamis.types import Bools, Int64s


def family_labels(n_real: int, parent_ids: Sequence[Sequence[int]], before: Int64s | None = None) -> Int64s:
    """A number for every row of ``n_real`` known ones followed by new ones, the same for all of one family.

    ``parent_ids[i]`` are the parents of new row ``n_real + i``, each the place of a row before it; ``before`` (n_real,) are
    the families of the known rows, each its own where there is none. Union-find; a family has its lowest number.
    """
    labels = np.arange(n_real, dtype=np.int64) if before is None else before.astype(np.int64)
    fresh = int(labels.max(initial=-1)) + 1
    names = [*labels.tolist(), *range(fresh, fresh + len(parent_ids))]
    root: dict[int, int] = {}

    def find(name: int) -> int:
        while (above := root.get(name, name)) != name:
            root[name] = root.get(above, above)
            name = above
        return name

    for place, parents in enumerate(parent_ids, n_real):
        for parent in parents:
            if 0 <= parent < place:
                low, high = sorted((find(names[place]), find(names[parent])))
                root[high] = low
    return np.array([find(name) for name in names], dtype=np.int64)


def leaks(families: Int64s, is_synthetic: Bools, is_held_out: Bools) -> Bools:
    """Which synthetic rows have a held-out row in their family, shape (n,): training on them tells what is held out."""
    found: Bools = is_synthetic & np.isin(families, np.unique(families[is_held_out & ~is_synthetic]))
    return found
