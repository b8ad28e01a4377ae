"""What the steps up to a selection, and the proposals, hold as Arrow, pandas and NumPy."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np
import pyarrow as pa

from tamis.actions.active import delete_selection, plan_selection_deletion
from tamis.actions.dataset_context import open_context
from tamis.actions.deletion import DeletionPlan
from tamis.actions.scores import score_per_cluster
from tamis.actions.selections import picks_per_cluster, score_of, submit_baseline
from tamis.actions.why_row import RowExplanation, explain_row, replace_row
from tamis.api.jobs import JobHandle, wait_unless
from tamis.api.rows import ExportedRows, Rows, export_rows, frozen, match_rows
from tamis.api.show import Records, arrow_of
from tamis.api.step_result import StepResult
from tamis.selectors.quality import gain_aside, quality_aside
from tamis.store.artifacts import readers
from tamis.store.artifacts.group_names import read_group_names
from tamis.store.artifacts.proposals import read_proposals
from tamis.store.rows.scope import ALL_ROWS

if TYPE_CHECKING:
    from tamis.jobs.model import Job
    from tamis.types import Float32s, Float64s, Int32s, Int64s


class EmbeddingsResult(StepResult):
    """Vectors of length 1, a row per example."""

    __slots__ = ()

    def to_numpy(self, text: str = "both") -> Float32s:
        """Vectors (n, d) float32, memory-mapped; of ``both`` texts, the ``prompt`` or the ``response``."""
        return readers.read_vectors(self._artifact, text)

    @property
    def token_counts(self) -> Int32s:
        """Tokens of prompt and response together, (n,) int32."""
        return readers.read_token_counts(self._artifact)

    def to_arrow(self) -> pa.Table:
        """A table of example_id and vector."""
        vectors = np.ascontiguousarray(self.to_numpy())
        column = pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), vectors.shape[1])
        return pa.table([pa.array(np.arange(len(vectors))), column], names=["example_id", "vector"])


class NamesResult(StepResult):
    """What a language model called clusters and the groups above them; ``data.clusters.take_names()`` takes the names."""

    __slots__ = ()

    def to_arrow(self) -> pa.Table:
        """A line per cluster (level 0) and per group above (level 1 the coarsest): level, number, name, reply."""
        return read_group_names(self._artifact)


class ClusteringResult(StepResult):
    """Groups of similar rows, cluster 0 the largest; -1 is outside every cluster."""

    __slots__ = ()

    def __len__(self) -> int:
        return int(self.summary["n_clusters"])

    @property
    def cluster_ids(self) -> Int32s:
        """Cluster of each row, (n,) int32."""
        return frozen(readers.read_cluster_ids(self._artifact))

    @property
    def centroids(self) -> Float32s:
        """Centroids (k, d) float32, unit length."""
        return readers.read_centroids(self._artifact)

    def to_numpy(self) -> Int32s:
        """``cluster_ids``."""
        return self.cluster_ids

    def to_arrow(self) -> pa.Table:
        """A line per cluster: cluster_id, size, name as it was made, keywords, medoids."""
        return readers.read_clusters(self._artifact)


class ProjectionResult(StepResult):
    """A place on the map for every row."""

    __slots__ = ()

    def to_numpy(self) -> Float32s:
        """Coordinates (n, 2) float32."""
        return readers.read_coordinates(self._artifact)

    def to_arrow(self) -> pa.Table:
        """A table of example_id, x and y."""
        xy = self.to_numpy()
        return arrow_of({"example_id": np.arange(len(xy)), "x": xy[:, 0], "y": xy[:, 1]})


class ScoresResult(StepResult):
    """A number per row, higher is better, and the evidence for it."""

    __slots__ = ()

    def to_numpy(self) -> Float64s:
        """Scores (n,) float64; NaN is "not scored"."""
        return frozen(readers.read_scores(self._artifact))

    def to_arrow(self) -> pa.Table:
        """A table of example_id, score and the evidence of the scorer."""
        table = readers.read_evidence(self._artifact)
        if "example_id" in table.column_names:
            return table
        return table.add_column(0, "example_id", pa.array(np.arange(table.num_rows)))

    def per_cluster(self) -> Records:
        """The newest scores of this scorer per cluster, lowest mean first: cluster_id, mean, n, low and high, name."""
        scorer = str(self.summary["scorer"])
        context = open_context(self._workspace, self.dataset_id)
        return Records(f"{scorer} per cluster of {self.dataset_id}", score_per_cluster(context, scorer))


class SelectionResult(StepResult):
    """The picked rows, in the order picked."""

    __slots__ = ()

    def __len__(self) -> int:
        return int(self.summary["n_selected"])

    @property
    def ids(self) -> Int64s:
        """Example ids of the picked rows (b,) int64, in the order picked."""
        ids: Int64s = self.to_arrow()["example_id"].to_numpy().copy()
        return frozen(ids)

    @property
    def rows(self) -> Rows:
        """The picked rows in the order of the dataset, to read, narrow and export."""
        scope = ALL_ROWS.and_where("selected", True, self.id)
        return match_rows(self._workspace, self.dataset_id, scope, f"selection {self.id}")

    def per_cluster(self) -> Records:
        """A line per cluster, largest first: size, picked, expected by its share, ratio, quality of both."""
        context = open_context(self._workspace, self.dataset_id, selection_id=self.id)
        score = score_of(context, self._artifact)
        return Records(
            f"Picks of {self.id} per cluster", picks_per_cluster(context, self._artifact, None, score)
        )

    @overload
    def baseline(self, *, wait: Literal[True] = True, progress: bool = True) -> SelectionResult: ...
    @overload
    def baseline(self, *, wait: Literal[False], progress: bool = True) -> JobHandle[SelectionResult]: ...
    def baseline(
        self, *, wait: bool = True, progress: bool = True
    ) -> SelectionResult | JobHandle[SelectionResult]:
        """A random pick of the same size from the same rows: is this one any better than chance? Raises JobFailed."""
        made = submit_baseline(open_context(self._workspace, self.dataset_id), self._artifact)

        def open_result(job: Job) -> SelectionResult:
            store = self._workspace.artifacts
            return SelectionResult(self._workspace, store.get(job.dataset_id, job.kind, job.artifact_id))

        return wait_unless(self._workspace, made, open_result, wait=wait, progress=progress)

    def why(self, row: int) -> RowExplanation:
        """Why a row is in or not: its cluster's quota, its place, the rows at the line, the chance, what would change it.

        Exact for the method, options and seed that made the selection. ``print`` it for sentences; raises InvalidOptions for
        a row that there is not, CurationError for a selection that no method made or another edition would make otherwise.
        """
        return explain_row(self._workspace, self._artifact, row)

    def replace(self, row: int, by: int) -> SelectionResult:
        """The selection with one row instead of another, recorded and active; ``activate()`` of this one takes it back."""
        made = replace_row(self._workspace, self.dataset_id, self.id, row, by)
        return SelectionResult(self._workspace, made)

    def plan_deletion(self) -> DeletionPlan:
        """What ``delete`` would take away, and what is in its way."""
        return plan_selection_deletion(self._workspace, self.dataset_id, self.id)

    def delete(self) -> None:
        """Delete it for good; raises JobConflict where something was made from it or a job under way reads it."""
        delete_selection(self._workspace, self.dataset_id, self.id)

    def to_numpy(self) -> Int64s:
        """``ids``."""
        return self.ids

    def to_arrow(self) -> pa.Table:
        """A table of example_id, cluster_id, rank (0 was picked first) and weight."""
        return readers.read_selection(self._artifact)

    def export(self, path: Path | str, *, format: str = "source", **options: Any) -> ExportedRows:  # noqa: A002, ANN401
        """Write the picked rows as a training file, with a manifest beside it that can be replayed.

        ``format`` is a conversation format (``messages``, ``alpaca``, …), or source for that of the file. The decisions
        that the selection was made with are applied unless ``decisions`` says otherwise (``none``, ``current``).
        ``container`` is jsonl, json, csv, tsv or parquet, by the name of the file when left out. ``scores`` are written as
        columns ``score_NAME``, in a named format.
        """
        return export_rows(self._workspace, self.dataset_id, path, format, {"selection": self.id, **options})

    def _line(self) -> str:
        summary = self.summary
        left = f", {summary['shortfall']:,} could not be spent" if summary.get("shortfall") else ""
        left += f", {summary['cost_unused']:,g} of the budget unused" if summary.get("cost_unused") else ""
        said = gain_aside(summary["method"], summary.get("quality_gain"), summary["n_selected"])
        said += quality_aside(
            n_forced=int(summary.get("n_forced", 0)),
            n_unscored=int(summary.get("n_unscored", 0)),
            n_rows=summary["n_rows"],
        )
        return f"Selection {self.id}: {self.name}, of {summary['n_rows']:,} rows of {self.dataset_id}{left}{said}"


class ProposalsResult(StepResult):
    """What to keep, drop or replace, with the evidence; a person decides (``data.decisions``)."""

    __slots__ = ()

    def to_arrow(self) -> pa.Table:
        """A line per proposal: example_id, action, outcome, confidence, candidate …"""
        return read_proposals(self._artifact)
