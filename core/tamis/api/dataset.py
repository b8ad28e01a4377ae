"""A dataset: every step of the pipeline as a method, its rows, and what people say about them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast, overload

from tamis.actions import datasets, jobs, learned_tokens, versions
from tamis.actions.dataset_context import open_context
from tamis.actions.finetune_grid import TrainingGrid, submit_training_grid
from tamis.actions.forecast import Forecast, forecast
from tamis.actions.given_scores import import_scores
from tamis.actions.grid import Grid, submit_grid
from tamis.actions.pipeline import submit_missing
from tamis.actions.read_rows import columns_of, encoder_of
from tamis.actions.submit import RunTarget
from tamis.api.active import HasActive
from tamis.api.batches import HasBatches
from tamis.api.campaigns import HasCampaigns
from tamis.api.clusters import Clusters
from tamis.api.comparisons import ComparisonResult
from tamis.api.decisions import Decisions
from tamis.api.exports import HasExports
from tamis.api.jobs import JobHandle, said_of, wait_unless
from tamis.api.open_result import result_of
from tamis.api.pruning import PruningResult
from tamis.api.referee import HasReferee
from tamis.api.rejects import RejectedLines
from tamis.api.results import (
    ClusteringResult,
    EmbeddingsResult,
    NamesResult,
    ProjectionResult,
    ProposalsResult,
    ScoresResult,
    SelectionResult,
)
from tamis.api.rows import Rows, match_rows
from tamis.api.search import list_images, search_rows
from tamis.api.show import Listing, Records, Shown
from tamis.api.step_result import StepResult
from tamis.api.steps import given_options, plain_values, step_method
from tamis.api.tags import Tags, row_numbers
from tamis.api.targets import HasTargets
from tamis.api.training import AdapterResult, RefinementResult
from tamis.api.worth import HasWorth
from tamis.errors import UnknownName
from tamis.reprs import Head, facts
from tamis.store.rows.scope import Scope

if TYPE_CHECKING:
    from tamis.actions.learned_tokens import LearnedRow
    from tamis.actions.row_images import RowImage
    from tamis.jobs.model import Job
    from tamis.protocols import Encoder
    from tamis.store.artifacts.store import Artifact
    from tamis.store.workspace import Workspace
    from tamis.types import Float32s, Int64s


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Dataset(HasActive, HasBatches, HasCampaigns, HasExports, HasReferee, HasTargets, HasWorth, Shown):
    """One dataset of a workspace. What is computed from it never changes; ask for it again to see it as it is now."""

    _workspace: Workspace
    id: str
    _reviewer: str
    _encoders: dict[str, Encoder] = field(default_factory=dict)  # shared by what one ``tamis.open`` opened

    embed = step_method("embed", EmbeddingsResult, "encoder")
    cluster = step_method("cluster", ClusteringResult, "method")
    regroup = step_method("regroup", ClusteringResult, "merge")
    name_clusters = step_method("name_clusters", NamesResult, "llm")
    project = step_method("project", ProjectionResult, "method")
    score = step_method("score", ScoresResult, "scorer")
    select = step_method("select", SelectionResult, "method")
    compare = step_method("compare", ComparisonResult, "selections")
    propose = step_method("propose", ProposalsResult, "method")
    refine = step_method("refine", RefinementResult, "scorer")
    finetune = step_method("finetune", AdapterResult, "selection")
    prune = step_method("prune", PruningResult, "calibrations")

    def __len__(self) -> int:
        return self._entry().n_rows

    @property
    def name(self) -> str:
        """What people call it."""
        return datasets.dataset_names(self._workspace)[self.id]

    @property
    def summary(self) -> Mapping[str, Any]:
        """What its import said: files, formats, records imported and rejected."""
        return dict(self._workspace.artifacts.examples(self.id).summary)

    @property
    def parent(self) -> str:
        """The dataset that it is a version of, by id; empty for one that was imported."""
        return self._entry().parent

    def learned_tokens(self, row: int, *, model: str = "smollm2", **recipe_options: Any) -> LearnedRow:  # noqa: ANN401
        """The tokens of a row as a training with these options would read them, each with its weight in the loss.

        Options are those of the recipe sft_lora (``completion_only_loss=True``, ``max_length=512``). Raises ModelMissing
        and InvalidOptions.
        """
        return learned_tokens.learned_tokens(
            self._workspace, self.id, row, model=model, recipe_options=recipe_options
        )

    @overload
    def apply(
        self, name: str = "", *, decisions: str = "current", additions: Sequence[str] = (), wait: Literal[True] = True, progress: bool = True
    ) -> Dataset: ...  # fmt: skip
    @overload
    def apply(
        self, name: str = "", *, decisions: str = "current", additions: Sequence[str] = (), wait: Literal[False], progress: bool = True
    ) -> JobHandle[Dataset]: ...  # fmt: skip
    def apply(
        self, name: str = "", *, decisions: str = "current", additions: Sequence[str] = (), wait: bool = True, progress: bool = True
    ) -> Dataset | JobHandle[Dataset]:  # fmt: skip
        """Make a new version with the decisions applied, and accepted rows of the batches ``additions`` behind.

        ``decisions`` are those in force, or frozen ones by their id. Raises InvalidOptions, CurationError and JobFailed.
        """
        made = versions.make_version(self._workspace, self.id, name, decisions=decisions, additions=additions)
        open_result = cast("Callable[[Job], Dataset]", self._open)
        return wait_unless(self._workspace, made, open_result, wait=wait, progress=progress)

    def carry_over(self, version: Dataset, *, progress: bool = True) -> Dataset:
        """Make vectors, clusters, map and scores of a version as this dataset has them; returns it when they are there.

        What is known of texts that did not change is not computed again. Raises JobFailed.
        """
        for made in versions.carry_over(self._workspace, self.id, version.id):
            wait_unless(self._workspace, made, self._open, wait=True, progress=progress)
        return version

    @overload
    def run_missing(self, *, until: str = ..., wait: Literal[True] = True, progress: bool = ...) -> Dataset: ...  # fmt: skip
    @overload
    def run_missing(
        self, *, until: str = ..., wait: Literal[False], progress: bool = True
    ) -> Listing[JobHandle[Any]]: ...
    def run_missing(
        self, *, until: str = "", wait: bool = True, progress: bool = True
    ) -> Dataset | Listing[JobHandle[Any]]:
        """Embed, cluster, lay out, score and select, whatever of it is missing, with the usual options of each.

        ``until`` names the last one (``"cluster"``). Returns this dataset, or the jobs without waiting. Raises JobFailed.
        """
        submitted = submit_missing(self._workspace, self.id, until=until)
        for submission in submitted:
            wait_unless(self._workspace, submission, self._open, wait=wait, progress=progress)
        if wait:
            return self
        return handles_of(self._workspace, self._reviewer, self.id, [one.job for one in submitted])

    @overload
    def compare_methods(
        self, methods: Sequence[str], *, budget: float, unit: str = ..., cost: str = ..., n_seeds: int = ..., first_seed: int = ...,
        quality: str = ..., options: Mapping[str, Mapping[str, Any]] | None = ..., shared: Mapping[str, Any] | None = ...,
        compare: Mapping[str, Any] | None = ..., wait: Literal[True] = True, progress: bool = ...,
    ) -> ComparisonResult: ...  # fmt: skip
    @overload
    def compare_methods(
        self, methods: Sequence[str], *, budget: float, unit: str = ..., cost: str = ..., n_seeds: int = ..., first_seed: int = ...,
        quality: str = ..., options: Mapping[str, Mapping[str, Any]] | None = ..., shared: Mapping[str, Any] | None = ...,
        compare: Mapping[str, Any] | None = ..., wait: Literal[False], progress: bool = ...,
    ) -> JobHandle[ComparisonResult]: ...  # fmt: skip
    def compare_methods(
        self,
        methods: Sequence[str],
        *,
        budget: float,
        unit: str = "",
        cost: str = "",
        n_seeds: int = 1,
        first_seed: int = 42,
        quality: str = "",
        options: Mapping[str, Mapping[str, Any]] | None = None,
        shared: Mapping[str, Any] | None = None,
        compare: Mapping[str, Any] | None = None,
        wait: bool = True,
        progress: bool = True,
    ) -> ComparisonResult | JobHandle[ComparisonResult]:
        """Select by several methods at one budget, each with ``n_seeds`` seeds, and hold them beside each other.

        The ``unit`` of the budget is rows, or what ``cost`` (``column:NAME``) adds up to where one is named. ``options`` holds
        the options of a method by its name, ``shared`` what all selections have in common besides
        (``within``, ``clustering``, ``target``), ``compare`` options of the comparison. Raises InvalidOptions and UnknownName before
        anything is queued, ArtifactMissing, JobFailed.
        """
        grid = Grid(
            methods=tuple(methods), budget=budget, unit=unit or ("cost" if cost else "rows"), cost=cost, n_seeds=n_seeds, first_seed=first_seed, quality=quality,
            options=options or {}, shared=plain_values(self, "select", shared or {}), compare=compare or {},
        )  # fmt: skip
        made = submit_grid(self._workspace, self.id, grid).comparison
        open_result = cast("Callable[[Job], ComparisonResult]", self._open)
        return wait_unless(self._workspace, made, open_result, wait=wait, progress=progress)

    def finetune_selections(
        self,
        selections: Sequence[SelectionResult | str],
        *,
        n_held_out: int = 200,
        n_seeds: int = 1,
        first_seed: int = 42,
        **options: Any,  # noqa: ANN401 - those of finetune
    ) -> Listing[JobHandle[Any]]:
        """Train each selection with each seed alike, on as many steps, and test all on the same rows that none picked.

        Returns the jobs, queued. Raises InvalidOptions, UnknownName and ArtifactMissing before anything is queued.
        """
        ids = tuple(one.id if isinstance(one, SelectionResult) else one for one in selections)
        grid = TrainingGrid(
            selections=ids, n_held_out=n_held_out, n_seeds=n_seeds, first_seed=first_seed,
            options=given_options(self, "finetune", options),
        )  # fmt: skip
        made = submit_training_grid(self._workspace, self.id, grid)
        return handles_of(self._workspace, self._reviewer, self.id, [one.job for one in made])

    def forecast(self, step: str, *, ask_rows: int = 0, backend: str = "local", **options: Any) -> Forecast:  # noqa: ANN401
        """What a run of a step would take, and what stands in its way; nothing is started.

        ``ask_rows`` has the language models asked about so many rows, to time them. Raises UnknownName, InvalidOptions.
        """
        return forecast(
            self._workspace, self.id, step, given_options(self, step, options), target=RunTarget(backend), ask_rows=ask_rows
        )  # fmt: skip

    def rows(self, scope: Scope | str = "") -> Rows:
        """All rows, or those of a filter as it stands in the map's address; narrow them by ``where``."""
        return match_rows(
            self._workspace, self.id, Scope.from_url(scope) if isinstance(scope, str) else scope
        )

    def search(
        self, what: str | int, by: Literal["words", "pattern", "meaning", "row"] = "words", *, k: int = 100,
        at_least: float | Literal["usual"] | None = None,
    ) -> Rows:  # fmt: skip
        """Rows with these words in prompt or response, that match a regular expression, or the ``k`` nearest in meaning.

        By meaning and by row (its number) needs embeddings; most similar first. ``at_least`` is the smallest cosine, "usual" the
        one that 99 of 100 random pairs of rows stay below. Raises ArtifactMissing, InvalidOptions (no such row), UnknownName.
        """
        return search_rows(self._workspace, self.id, what, by, k, self._encode, at_least)

    def images(self, row: int) -> Listing[RowImage]:
        """The images of a row, small (``content``: JPEG or PNG, at most 256 pixels a side), or the reason why there is none.

        Only files in the folder of the dataset's file are read, and nothing is fetched. Raises InvalidOptions.
        """
        return list_images(self._workspace, self.id, row)

    @property
    def columns(self) -> Records:
        """Every column that rows have: of the examples, clusters, scores, selections, tags and metadata."""
        columns = columns_of(open_context(self._workspace, self.id))
        lines = [{"key": one.key, "label": one.label, "kind": one.kind} for one in columns]
        return Records.of(f"Columns of {self.id}", lines)

    def scores(self, scorer: str) -> ScoresResult:
        """The newest scores of a scorer; raises UnknownName naming those that there are."""
        scores = open_context(self._workspace, self.id).view.scores
        if scorer not in scores:
            raise UnknownName("score of this dataset", scorer, scores)
        return ScoresResult(self._workspace, scores[scorer])

    def results(self, kind: str = "") -> Listing[StepResult]:
        """What was computed, newest first; all of it, or of one kind (``selection``, ``scores``, …)."""
        stored = self._workspace.artifacts
        results = stored.list(self.id, kind) if kind else stored.list(self.id)
        made = tuple(result_of(self._workspace, one) for one in results)
        return Listing(f"Results of {self.id}", made, _described_result)

    def changes(self, other: Dataset | str = "") -> Records:
        """What this version dropped, corrected, edited and added against its parent, or another of its family.

        A line per row that differs: kind, old_id, new_id, via, reviewer. Raises InvalidOptions for a dataset without one.
        """
        named = other.id if isinstance(other, Dataset) else other
        against = named or versions.parent_version(self._workspace, self.id)
        diff = versions.compare_versions(self._workspace, against, self.id)
        lines = [
            {
                "kind": row.kind,
                "old_id": row.old_id,
                "new_id": row.new_id,
                "via": row.decision.via if row.decision else "",
                "reviewer": row.decision.reviewer if row.decision else "",
            }
            for row in diff.rows
        ]
        return Records.of(f"Changes of {self.id} against {against}", lines)

    @property
    def clusters(self) -> Clusters:
        """The clusters, with the names that people gave them."""
        return Clusters(self._workspace, self.id, self._reviewer)

    @property
    def tags(self) -> Tags:
        """The tags on its rows."""
        return Tags(self._workspace, self.id, self._reviewer, self._ids_of)

    @property
    def decisions(self) -> Decisions:
        """What people decided about its rows."""
        return Decisions(self._workspace, self.id, self._reviewer, self._ids_of)

    @property
    def rejects(self) -> RejectedLines[Dataset]:
        """The lines of its files that became no row: file, line, reason, raw, kind."""
        return RejectedLines(self._workspace, self.id, cast("Callable[[Job], Dataset]", self._open))

    def jobs(self, *, step: str = "", limit: int = 100) -> Listing[JobHandle[Any]]:
        """Its jobs, newest first."""
        return list_jobs(self._workspace, self._reviewer, dataset_id=self.id, step=step, limit=limit)

    def import_scores(
        self, path: Path | str, *, name: str, key: str = "", column: str = "", non_negative: bool = False
    ) -> ScoresResult:
        """Join a file's numbers (``column``) to the rows (``key``: content_hash, example_id or a field) as a score.

        ``non_negative`` declares that it is never below 0, so that ``weighting="linear"`` is allowed. Raises InvalidOptions.
        """
        given = import_scores(
            self._workspace, self.id, Path(path), name=name, key=key, column=column, non_negative=non_negative
        )
        return ScoresResult(self._workspace, given.scores)

    def rename(self, name: str) -> Dataset:
        """Give it another name; raises InvalidOptions."""
        datasets.rename_dataset(self._workspace, self.id, name)
        return self

    def delete(self) -> None:
        """Move it with everything computed from it into the trash; raises JobConflict while a job for it is under way."""
        datasets.delete_dataset(self._workspace, self.id)

    def _entry(self) -> datasets.DatasetEntry:
        return next(one for one in datasets.list_datasets(self._workspace) if one.dataset_id == self.id)

    def _ids_of(self, rows: object) -> Int64s:
        return row_numbers(rows, len(self))

    def _encode(self, embeddings: Artifact, sentence: str) -> Float32s:
        if embeddings.id not in self._encoders:
            self._encoders[embeddings.id] = encoder_of(embeddings)
        vector: Float32s = self._encoders[embeddings.id].encode([sentence])[0]
        return vector

    def _open(self, job: Job) -> Dataset | StepResult:
        return open_made(self._workspace, self._reviewer, job)

    def _head(self) -> Head:
        return facts(self._entry().made)

    def _line(self) -> str:
        return f"{self.name}: {len(self):,} rows ({self.id}){self._active_text()}"


def open_made(workspace: Workspace, reviewer: str, job: Job) -> Dataset | StepResult:
    """What a job made: a dataset, or the result of a step."""
    if job.kind == "examples":
        return Dataset(workspace, job.dataset_id, reviewer)
    return result_of(workspace, workspace.artifacts.get(job.dataset_id, job.kind, job.artifact_id))


def list_jobs(
    workspace: Workspace, reviewer: str, *, dataset_id: str = "", step: str = "", limit: int = 100
) -> Listing[JobHandle[Any]]:
    """Jobs as they are now, newest first."""
    jobs.refresh_jobs(workspace)
    listed = jobs.list_jobs(workspace, dataset_id=dataset_id, step=step, limit=limit)
    return handles_of(workspace, reviewer, dataset_id, listed)


def handles_of(
    workspace: Workspace, reviewer: str, dataset_id: str, jobs: Sequence[Job]
) -> Listing[JobHandle[Any]]:
    """These jobs, in their order."""
    known = {job.job_id: job for job in jobs}

    def open_result(job: Job) -> Dataset | StepResult:
        return open_made(workspace, reviewer, job)

    def describe(handle: JobHandle[Any]) -> dict[str, object]:
        job = known[handle.id]
        return {"job": job.job_id, "state": str(job.state), "said": said_of(job)}

    handles = tuple(JobHandle(workspace, job_id, open_result) for job_id in known)
    return Listing(f"Jobs of {dataset_id or workspace.path.name}", handles, describe)


def _described_result(result: StepResult) -> dict[str, object]:
    return {"kind": result.kind, "name": result.name, "id": result.id, "created_at": result.created_at[:19]}
