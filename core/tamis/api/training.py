"""What refinements and fine-tunings made: rounds and their flags, adapters and where they can go."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar, overload

import pyarrow as pa

from tamis.actions import adapters, refinements, token_losses
from tamis.actions.dataset_context import open_context
from tamis.actions.delete_refinement import DeletionPlan, delete_refinement, plan_deletion
from tamis.actions.evaluations import cluster_losses, evaluation_of
from tamis.actions.refinement_history import round_table
from tamis.actions.runs import Run, list_runs
from tamis.actions.votes import Vote, list_votes
from tamis.api.comparisons import ComparisonResult
from tamis.api.jobs import JobHandle, wait_unless
from tamis.api.results import SelectionResult
from tamis.api.show import Listing, Records
from tamis.api.step_result import StepResult
from tamis.errors import InvalidOptions
from tamis.store.artifacts.adapters import read_curves
from tamis.store.artifacts.refinements import read_flags, read_weights

if TYPE_CHECKING:
    from tamis.actions.token_losses import RowLosses
    from tamis.jobs.model import Job
    from tamis.store.artifacts.store import Artifact
    from tamis.store.workspace import Workspace
    from tamis.types import JSON

R = TypeVar("R")


class RefinementResult(StepResult):
    """Rounds of select, fine-tune, generate, score and reweigh."""

    __slots__ = ()

    def to_arrow(self) -> pa.Table:
        """A line per round and cluster: weight, score with its standard error, rows picked and scored."""
        return read_weights(self._artifact)

    @property
    def rounds(self) -> Records:
        """A line per round: rows, pool, scored, gap, rank correlation, flags, loss."""
        return Records.of(f"Rounds of refinement {self.id}", round_table(self._rounds()))

    @property
    def flags(self) -> Records:
        """Rows that a round flagged for a person: example_id, round, reason."""
        return Records(f"Rows flagged by refinement {self.id}", read_flags(self._artifact))

    def selection(self, number: int = 0) -> SelectionResult:
        """The selection after a round, by its number; 0 for the last. Raises ArtifactMissing when it was deleted."""
        ids = self.summary["selections"]
        if not 0 <= number <= len(ids):
            raise InvalidOptions(f"There is no round {number}: rounds go from 1 to {len(ids)}.")
        artifact = self._workspace.artifacts.get(self.dataset_id, "selection", ids[number - 1])
        return SelectionResult(self._workspace, artifact)

    def plan_deletion(self) -> DeletionPlan:
        """What ``delete`` would take away, and what stays because something else needs it."""
        return plan_deletion(self._workspace, self.dataset_id, self._run())

    def delete(self) -> list[str]:
        """Delete it for good with the rounds and selections that nothing else needs; returns the ids of what went.

        Raises JobConflict while a job under way reads or makes one of them.
        """
        gone = delete_refinement(self._workspace, self.dataset_id, self._run())
        return [one.id for one in gone.artifacts]

    @overload
    def more_rounds(
        self, rounds: int = ..., *, budget: int | None = ..., cluster_factors: Mapping[str, JSON] | None = ...,
        respect_decisions: bool = ..., wait: Literal[True] = True, progress: bool = ...,
    ) -> RefinementResult: ...  # fmt: skip
    @overload
    def more_rounds(
        self, rounds: int = ..., *, budget: int | None = ..., cluster_factors: Mapping[str, JSON] | None = ...,
        respect_decisions: bool = ..., wait: Literal[False], progress: bool = ...,
    ) -> JobHandle[RefinementResult]: ...  # fmt: skip
    def more_rounds(
        self,
        rounds: int = 1,
        *,
        budget: int | None = None,
        cluster_factors: Mapping[str, JSON] | None = None,
        respect_decisions: bool = True,
        wait: bool = True,
        progress: bool = True,
    ) -> RefinementResult | JobHandle[RefinementResult]:
        """Go on for more rounds: picks stay, weights go on, with as many rows per round as before unless ``budget`` says.

        ``cluster_factors`` pins, excludes or boosts clusters by their id. Raises InvalidOptions and JobFailed.
        """
        made = refinements.continue_refinement(
            self._workspace, self.dataset_id, self._run(), rounds=rounds, budget=budget,
            cluster_factors=cluster_factors, respect_decisions=respect_decisions,
        )  # fmt: skip
        return wait_unless(
            self._workspace, made, self._opened(RefinementResult), wait=wait, progress=progress
        )

    @overload
    def compare_with_controls(
        self, number: int = 0, *, wait: Literal[True] = True, progress: bool = True
    ) -> ComparisonResult: ...
    @overload
    def compare_with_controls(
        self, number: int = 0, *, wait: Literal[False], progress: bool = True
    ) -> JobHandle[ComparisonResult]: ...
    def compare_with_controls(
        self, number: int = 0, *, wait: bool = True, progress: bool = True
    ) -> ComparisonResult | JobHandle[ComparisonResult]:
        """Draw static kMQ, random and kM-random at the size of a round's selection (0: the last), and compare."""
        selection = self.selection(number)._artifact
        made = refinements.compare_with_controls(self._workspace, self.dataset_id, self._run(), selection)
        return wait_unless(
            self._workspace, made, self._opened(ComparisonResult), wait=wait, progress=progress
        )

    def _opened(self, kind: Callable[[Workspace, Artifact], R]) -> Callable[[Job], R]:
        store = self._workspace.artifacts
        return lambda job: kind(self._workspace, store.get(job.dataset_id, job.kind, job.artifact_id))

    def _run(self) -> Run:
        listed = list_runs(self._workspace, self.dataset_id, refinements.STEP)
        return next((run for run in listed if run.run_id == self.id), Run(self.id, self._artifact, None))

    def _rounds(self) -> list[Artifact]:
        return refinements.rounds_so_far(self._workspace, self._run())


class AdapterResult(StepResult):
    """A fine-tuned model. ``model`` names it wherever a model is an option."""

    __slots__ = ()

    @property
    def model(self) -> str:
        """How options name it: ``adapter:ID``."""
        return f"adapter:{self.id}"

    def to_arrow(self) -> pa.Table:
        """Points of the training: step, name (loss, eval_loss, …), value."""
        return read_curves(self._artifact)

    @property
    def evaluation(self) -> Records:
        """A line per held-out row: losses, answers and measures of base and tuned model; none where no row was held out."""
        context = open_context(self._workspace, self.dataset_id)
        return Records(f"Held-out rows of adapter {self.id}", evaluation_of(context, self._artifact))

    def token_losses(self, row: int) -> RowLosses:
        """The loss of each token of a row of the dataset before and after this run; loads both models."""
        return token_losses.token_losses(self._workspace, self.dataset_id, row, run_id=self.id)

    @property
    def votes(self) -> Listing[Vote]:
        """What people said in a blind comparison of base and tuned answers, one per row and reviewer, oldest first."""
        votes = list_votes(self._workspace, self.dataset_id, self.id)
        return Listing(f"Votes on adapter {self.id}", tuple(votes), asdict)

    def per_cluster(self) -> Records:
        """Losses and measures of the held-out rows per cluster, most improved first."""
        context = open_context(self._workspace, self.dataset_id)
        table = cluster_losses(context, evaluation_of(context, self._artifact))
        return Records(f"What adapter {self.id} learned per cluster", table)

    def merge(self, path: Path | str) -> Path:
        """Write base and adapter as one model into a new folder; raises InvalidOptions."""
        return adapters.merge_adapter(self._workspace, self.id, Path(path))

    def export(self, path: Path | str) -> Path:
        """Copy the weights with tokenizer and manifest to a new folder, or into one file that ends in .zip."""
        return adapters.export_adapter(self._workspace, self.id, Path(path))

    def delete(self) -> None:
        """Delete it for good; raises JobConflict while a job under way uses it."""
        adapters.delete_adapter(self._workspace, self.id)
