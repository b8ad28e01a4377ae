"""Rows that a model wrote, in a split: none is held out, and none is trained on that comes from a held-out one (METHODS.md 3.10)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tamis.compute.augment.families import leaks
from tamis.store.artifacts.batches import is_synthetic
from tamis.store.artifacts.store import Artifact
from tamis.store.artifacts.versions import row_family_numbers
from tamis.types import Bools, Int64s


@dataclass(frozen=True, slots=True)
class WrittenRows:
    """Which rows of a dataset a model wrote, and everybody's family, each (n,); None for a dataset without a batch in it."""

    is_written: Bools | None
    families: Int64s | None

    def real(self, rows: Int64s) -> Bools:
        """Which of these rows nobody's model wrote, shape as ``rows``."""
        if self.is_written is None:
            return np.ones(len(rows), dtype=np.bool_)
        there: Bools = ~self.is_written[rows]
        return there

    def leaking(self, held_out: Int64s) -> Int64s:
        """Ids of written rows whose family has one of these rows, ascending."""
        if self.is_written is None or self.families is None:
            return np.empty(0, dtype=np.int64)
        apart = np.zeros(len(self.families), dtype=np.bool_)
        apart[held_out] = True
        return np.flatnonzero(leaks(self.families, self.is_written, apart)).astype(np.int64)


def written_rows(examples: Artifact) -> WrittenRows:
    """What joined batches added to a dataset in this version or an earlier one."""
    families = row_family_numbers(examples)
    return WrittenRows(None if families is None else is_synthetic(examples), families)
