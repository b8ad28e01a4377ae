"""A comparison of selections as a table, with what has to be said beside it, and as a report."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from tamis.actions.artifact_names import artifact_names
from tamis.actions.comparisons import only_rows
from tamis.actions.datasets import dataset_names
from tamis.actions.report.report import notes_of, write_report
from tamis.api.results import SelectionResult
from tamis.api.rows import Rows, list_rows
from tamis.api.show import Listing, head_of
from tamis.api.step_result import StepResult
from tamis.reprs import Head
from tamis.steps.compare.comparison import read_comparison


class ComparisonResult(StepResult):
    """Selections beside each other: how well each covers the pool, how varied, good, long and dear it is."""

    __slots__ = ()

    def to_arrow(self) -> pa.Table:
        """A line per method: title, n_selections, and every number there is, with its interval (``NAME_low``, ``NAME_high``)."""
        comparison = read_comparison(self._artifact)
        metrics = [metric.key for metric in comparison.shown_metrics()]
        lines = []
        for number, method in enumerate(comparison.methods):
            count = sum(one.method == number for one in comparison.selections)
            line: dict[str, object] = {"method": method.name, "title": method.title, "n_selections": count}
            for key in metrics:
                value = method.values.get(key)
                for name, part in ((key, "value"), (f"{key}_low", "low"), (f"{key}_high", "high")):
                    line[name] = getattr(value, part, None)
            lines.append(line)
        return pa.Table.from_pylist(lines)

    @property
    def notes(self) -> list[str]:
        """What has to be said beside the numbers."""
        return notes_of(read_comparison(self._artifact))

    @property
    def selections(self) -> Listing[SelectionResult]:
        """What was compared; ``activate()`` keeps one that the comparison drew for itself."""
        store, compared = self._workspace.artifacts, read_comparison(self._artifact)
        names = artifact_names(self._workspace, self.dataset_id, "selection")
        found = (store.find(self.dataset_id, "selection", one.id) for one in compared.selections)
        made = tuple(SelectionResult(self._workspace, one) for one in found if one is not None)
        return Listing(f"Selections of {self.id}", made, lambda one: {"name": names[one.id], "id": one.id})

    def only_rows(self, method: int) -> Rows:
        """The rows that the method in this line of the table (from 0) picked and no other did."""
        rows = only_rows(self._artifact, method)
        return list_rows(self._workspace, self.dataset_id, rows, f"picked by method {method} alone")

    def report(self, path: Path | str) -> Path:
        """Write the comparison as one HTML file that needs nothing else, and return its path."""
        name = dataset_names(self._workspace)[self.dataset_id]
        return write_report(self._workspace.artifacts, self._artifact, Path(path), dataset_name=name).path

    def _head(self) -> Head:
        table = self.to_arrow()
        return head_of(
            table.select([name for name in table.column_names if not name.endswith(("_low", "_high"))])
        )
