"""Options of regroup: one change to a clustering."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from tamis.errors import InvalidOptions
from tamis.steps.spec import Need, StepOptions


class RegroupOptions(StepOptions):
    """One change: clusters to merge, a cluster to split, or rows that become a cluster."""

    POINTERS: ClassVar[Mapping[str, str]] = {
        "clustering": "clustering",
        "embeddings": "embeddings",
        "rows": "rows",
    }

    merge: tuple[int, ...] = Field((), description="Clusters that become one, by their numbers.")
    split: int | None = Field(None, ge=0, description="Cluster to split by k-means inside it.")
    into: int = Field(2, ge=2, le=1000, description="How many clusters to split it into.")
    rows: str = Field("", description="Rows that become a cluster of their own (a frozen scope).")
    name: str = Field(
        "", max_length=200, description="What to call the cluster that comes to be; its keywords when empty."
    )
    names: dict[str, str] = Field(
        default_factory=dict,
        description="What people call the clusters of now, by number; kept where a cluster stays.",
    )
    seed: int = Field(42, ge=0, le=2**31 - 1, description="Seed of the split.")
    clustering: str = Field("", description="Clustering to change; the active one when empty.")
    embeddings: str = Field("", description="Embeddings that it was made from; found by it when empty.")

    def needs(self) -> tuple[Need, ...]:
        """Examples for the keywords, the clustering, its vectors, and the rows if they are what changes.

        Raises InvalidOptions for no change, for two at once, and for a merge of fewer than two clusters.
        """
        self._check()
        wanted = [
            Need("examples", "examples"),
            Need("clustering", "clustering", self.clustering),
            Need("embeddings", "embeddings", self.embeddings, read_by="clustering"),
        ]
        return (*wanted, Need("rows", "rows", self.rows)) if self.rows else tuple(wanted)

    def _check(self) -> None:
        changes = [bool(self.merge), self.split is not None, bool(self.rows)]
        if sum(changes) != 1:
            raise InvalidOptions("Name one change: clusters to merge, a cluster to split, or rows.")
        if self.merge and len(set(self.merge)) < 2:
            raise InvalidOptions(f"merge = {list(self.merge)}: name two clusters or more.")
