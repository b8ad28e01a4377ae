"""What a dataset has of models that answer its rows and write new ones."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from tamis.actions.augment_trial import AugmentTrial, try_drafts
from tamis.actions.augmenting import list_batches
from tamis.api.augment import BatchResult, ExaminationResult
from tamis.api.show import Records
from tamis.api.steps import HasDataset, given_options, step_method


class HasBatches:
    """The part of a dataset that examines models and has rows written."""

    __slots__ = ()

    examine = step_method("examine", ExaminationResult, "llm")
    augment = step_method("augment", BatchResult, "generator")

    def try_augment(self: HasDataset, *, jobs: int = 3, **options: Any) -> AugmentTrial:  # noqa: ANN401 - those of augment
        """The first drafts of ``augment`` with these options, what speaks against them, and what the whole run would take."""
        return try_drafts(self._workspace, self.id, given_options(self, "augment", options), n_jobs=jobs)

    @property
    def batches(self: HasDataset) -> Records:
        """What became of every batch that adds to this dataset, oldest first."""
        return Records.of("Batches", [asdict(one) for one in list_batches(self._workspace, self.id)])
