"""Examinations, and batches of rows that a model wrote."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from tamis.actions.augmenting import (
    batch_funnel,
    batch_groups,
    batch_problems,
    examination_groups,
    examination_rows,
    group_records,
    provenance_rows,
    rows_with_reason,
)
from tamis.actions.drop_reasons import count_drop_reasons
from tamis.api.show import Records
from tamis.api.step_result import StepResult

if TYPE_CHECKING:
    import pyarrow as pa

    from tamis.actions.augmenting import BatchFunnel
    from tamis.types import Int64s


class ExaminationResult(StepResult):
    """What a model answered: a line per row asked with the answer, its mark (1 right, 0 wrong, NaN none) and group."""

    __slots__ = ()

    def to_arrow(self) -> pa.Table:
        """A line per row: example_id, answer, mark, value, group, why."""
        return examination_rows(self._artifact)

    @property
    def wrong(self) -> Int64s:
        """Ids of the rows that were answered wrongly; ``parents="wrong:ID"`` names them to ``augment``."""
        table = self.to_arrow()
        ids: Int64s = table["example_id"].to_numpy()[table["mark"].to_numpy() == 0]
        return ids.astype(np.int64)

    @property
    def groups(self) -> Records:
        """Accuracy of every group with its 95 % interval."""
        return Records.of("Groups", [asdict(one) for one in examination_groups(self._artifact)])


class BatchResult(StepResult):
    """Rows that a model wrote: a dataset of its own, ``ws.dataset(batch.dataset_id)``, which adds to another one."""

    __slots__ = ()

    def to_arrow(self) -> pa.Table:
        """A line per row: where it comes from, what it took, and what speaks against it."""
        return provenance_rows(self._artifact)

    @property
    def adds_to(self) -> str:
        """The dataset that it was written for."""
        return str(self.summary["additions_to"]["dataset_id"])

    @property
    def funnel(self) -> BatchFunnel:
        """Rows asked for, read, kept by every filter, and decided so far."""
        return batch_funnel(self._workspace, self.dataset_id)

    @property
    def groups(self) -> Records:
        """Rows by the group of their parents, beside how often the examined model is right there."""
        return Records.of("Groups", group_records(batch_groups(self._workspace, self.dataset_id)))

    @property
    def dropped_for(self) -> dict[str, int]:
        """How many rows people dropped for each reason, where they said one."""
        return count_drop_reasons(self._workspace, self.dataset_id)

    @property
    def problems(self) -> Records:
        """The first jobs that gave no row, each with what is said of it and the raw answer."""
        found = batch_problems(self._workspace, self.dataset_id)
        return Records.of("Problems", [asdict(one) for one in found])

    def rows_with(self, reason: str) -> Int64s:
        """Ids of the rows that a filter of that name is against."""
        return rows_with_reason(self._workspace, self.dataset_id, reason)

    def _line(self) -> str:
        said: dict[str, Any] = dict(self.summary)
        return (
            f"Batch {self.dataset_id}: {said['n_passed']:,} of {said['n_drafts']:,} rows passed, adds to {self.adds_to}, "
            f"ended by {said['stopped_by']}"
        )
