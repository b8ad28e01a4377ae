"""The clusters of a dataset as people see them: their names of now, sizes, keywords, and what people call them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tamis.actions import clusters as actions
from tamis.actions.cluster_levels import ClusterGroup, cluster_levels, rename_group
from tamis.actions.dataset_context import DatasetContext, open_context
from tamis.actions.read_rows import list_clusters
from tamis.actions.regroup import change_clusters, undo_change
from tamis.api.jobs import wait_unless
from tamis.api.results import NamesResult
from tamis.api.rows import Rows, match_rows
from tamis.api.show import Tabular, head_of
from tamis.reprs import Head
from tamis.store.rows.scope import ALL_ROWS

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa

    from tamis.store.artifacts.store import Artifact
    from tamis.store.workspace import Workspace

_SHOWN = ("cluster_id", "name", "size", "keywords")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Clusters(Tabular):
    """The clusters of the newest clustering, or of the one named, largest first."""

    _workspace: Workspace
    _dataset_id: str
    _reviewer: str
    _clustering_id: str = ""

    def __len__(self) -> int:
        return int(self._clustering().summary["n_clusters"])

    @property
    def names(self) -> Mapping[int, str]:
        """What each cluster is called now, by its id; -1 is outside all."""
        return actions.cluster_names(self._workspace, self._clustering()).names

    def of(self, clustering_id: str) -> Clusters:
        """The clusters of another clustering, by its id; raises ArtifactMissing."""
        made = Clusters(self._workspace, self._dataset_id, self._reviewer, clustering_id)
        made._clustering()
        return made

    def rows(self, *cluster_ids: int) -> Rows:
        """The rows of these clusters."""
        scope = ALL_ROWS.and_where("cluster", list(cluster_ids), self._clustering().id)
        return match_rows(self._workspace, self._dataset_id, scope)

    def rename(self, cluster_id: int, name: str) -> None:
        """Name a cluster; an empty name gives the one made of its keywords back. Raises InvalidOptions."""
        actions.rename_cluster(self._workspace, self._clustering(), cluster_id, name, self._reviewer)

    @property
    def groups(self) -> list[list[ClusterGroup]]:
        """The groups above the clusters, as the map shows them from far away: levels, the coarsest first, each by size."""
        return cluster_levels(self._context())

    def rename_group(self, level: int, number: int, name: str) -> None:
        """Name a group of ``groups`` by its level and number; an empty name turns that back. Raises InvalidOptions."""
        rename_group(self._context(), level, number, name, self._reviewer)

    def take_names(self, names: NamesResult | str = "") -> None:
        """Take what a language model called the clusters (``data.name_clusters(…)``); the newest, or the ones given.

        Names that people gave stay. Raises ArtifactMissing and InvalidOptions.
        """
        given = names if isinstance(names, str) else names.id
        actions.take_names(self._workspace, self._clustering(), self._reviewer, given)

    def undo(self) -> int | None:
        """Undo your latest rename in force; returns its cluster, or None when there is none."""
        return actions.undo_rename(self._workspace, self._clustering(), self._reviewer)

    def redo(self) -> int | None:
        """Redo the rename that you undid last; returns its cluster, or None when there is none."""
        return actions.redo_rename(self._workspace, self._clustering(), self._reviewer)

    def merge(self, *cluster_ids: int, name: str = "") -> Clusters:
        """These clusters as one, in a new clustering, which is the active one; raises InvalidOptions and JobFailed."""
        return self._changed(merge=cluster_ids, name=name)

    def split(self, cluster_id: int, into: int = 2) -> Clusters:
        """A cluster split by k-means inside it, in a new clustering, which is the active one."""
        return self._changed(split=cluster_id, into=into)

    def make(self, rows: str, name: str = "") -> Clusters:
        """Rows (``tag:NAME``, ``scope:SCOPE``, ``selection:ID``) as a cluster, in a new clustering, which is the active one."""
        return self._changed(rows=rows, name=name)

    def back(self) -> Clusters:
        """The clusters that the active ones were changed from by hand, active again; raises InvalidOptions where they were not."""
        return self.of(undo_change(self._workspace, self._dataset_id).id)

    def to_arrow(self) -> pa.Table:
        """A line per cluster: cluster_id, name, size, keywords, medoids, mean of every score, n_selected, selected_fraction."""
        return list_clusters(self._context())

    def _head(self) -> Head:
        return head_of(self.to_arrow().select(_SHOWN))

    def _line(self) -> str:
        return f"{len(self):,} clusters of {self._dataset_id} (clustering {self._clustering().id})"

    def _changed(self, **change: Any) -> Clusters:  # noqa: ANN401 - of the action
        made = change_clusters(
            self._workspace, self._dataset_id, clustering_id=self._clustering().id, **change
        )
        done = wait_unless(self._workspace, made, lambda job: self.of(job.artifact_id))
        assert isinstance(done, Clusters)  # it was waited for
        return done

    def _context(self) -> DatasetContext:
        return open_context(self._workspace, self._dataset_id, clustering_id=self._clustering_id)

    def _clustering(self) -> Artifact:
        return self._context().view.require("clustering")
