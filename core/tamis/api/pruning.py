"""Calibration sets for pruning, beside each other, as a table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from tamis.actions.pruning import export_windows, read_pruning
from tamis.api.step_result import StepResult

if TYPE_CHECKING:
    from tamis.steps.prune.pruning import Pruning


class PruningResult(StepResult):
    """A model pruned by several calibration sets: a line per set and evaluation set with the perplexity of responses."""

    __slots__ = ()

    @property
    def table(self) -> Pruning:
        """Everything that was measured: cells with intervals, pairs, overlap of masks, sizes of the sets."""
        return read_pruning(self._artifact)

    def to_arrow(self) -> pa.Table:
        """calibration, evaluation, perplexity with ``low`` and ``high`` over draws, and the lines dense and magnitude."""
        found = self.table
        return pa.Table.from_pylist(
            [
                {
                    "calibration": one.name,
                    "evaluation": evaluation.name,
                    "perplexity": cell.value,
                    "low": cell.low,
                    "high": cell.high,
                    "dense": found.dense[e],
                    "magnitude": found.magnitude[e] if found.magnitude else None,
                }
                for one, line in zip(found.calibrations, found.cells, strict=True)
                for e, (evaluation, cell) in enumerate(zip(found.evaluations, line, strict=True))
            ]
        )

    def export_windows(self, folder: Path | str) -> list[Path]:
        """Write the calibration windows of every draw as texts (JSON lines) and token ids, for other pruners."""
        return export_windows(self._workspace, self.dataset_id, self.id, folder)
