"""From an artifact to the object of its kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from tamis.api.augment import BatchResult, ExaminationResult
from tamis.api.comparisons import ComparisonResult
from tamis.api.pruning import PruningResult
from tamis.api.referee_result import RefereeResult
from tamis.api.results import (
    ClusteringResult,
    EmbeddingsResult,
    NamesResult,
    ProjectionResult,
    ProposalsResult,
    ScoresResult,
    SelectionResult,
)
from tamis.api.step_result import StepResult
from tamis.api.training import AdapterResult, RefinementResult
from tamis.api.worth_result import WorthResult

if TYPE_CHECKING:
    from tamis.store.artifacts.store import Artifact
    from tamis.store.workspace import Workspace

RESULTS: dict[str, Callable[[Workspace, Artifact], StepResult]] = {
    "embeddings": EmbeddingsResult,
    "clustering": ClusteringResult,
    "names": NamesResult,
    "projection": ProjectionResult,
    "scores": ScoresResult,
    "selection": SelectionResult,
    "comparison": ComparisonResult,
    "proposals": ProposalsResult,
    "refinement": RefinementResult,
    "adapter": AdapterResult,
    "examination": ExaminationResult,
    "pruning": PruningResult,
    "referee": RefereeResult,
    "worth": WorthResult,
}


def result_of(workspace: Workspace, artifact: Artifact) -> StepResult:
    """The artifact as the object of its kind."""
    kind = BatchResult if artifact.summary.get("additions_to") else RESULTS.get(artifact.kind, StepResult)
    return kind(workspace, artifact)
