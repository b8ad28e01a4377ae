"""What a dataset has of models that answer its rows and write new ones."""

from __future__ import annotations

from dataclasses import asdict

from tamis.actions.augmenting import list_batches
from tamis.api.augment import BatchResult, ExaminationResult
from tamis.api.show import Records
from tamis.api.steps import HasDataset, step_method


class HasBatches:
    """The part of a dataset that examines models and has rows written."""

    __slots__ = ()

    examine = step_method("examine", ExaminationResult, "llm")
    augment = step_method("augment", BatchResult, "generator")

    @property
    def batches(self: HasDataset) -> Records:
        """What became of every batch that adds to this dataset, oldest first."""
        return Records.of("Batches", [asdict(one) for one in list_batches(self._workspace, self.id)])
