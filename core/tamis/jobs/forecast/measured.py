"""How long, how much memory and how much disk a step will take, from what earlier jobs of it were measured to take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median

import numpy as np

from tamis.errors import CurationError
from tamis.jobs import job_table
from tamis.jobs.model import Job, JobState
from tamis.steps.spec import StepOptions
from tamis.store.artifacts.store import ArtifactStore
from tamis.store.workspace import Workspace

JOBS_LOOKED_AT = 100
RUNS_USED = 10
# Stages that take the same time however many rows there are.
FIXED_STAGES = ("starting", "load model")


@dataclass(frozen=True, slots=True)
class MeasuredRun:
    """What one earlier job was measured to take for a number of rows; ``work_s`` is of all its workers together."""

    n_rows: int
    fixed_s: float
    work_s: float
    peak_memory_gb: float
    output_bytes: int


@dataclass(frozen=True, slots=True)
class MeasuredForecast:
    """Each is None when there is nothing to go by."""

    n_runs: int
    seconds: float | None = None
    memory_gb: float | None = None
    output_gb: float | None = None


def forecast_from_runs(
    runs: Sequence[MeasuredRun], n_rows: int | None, *, workers: int = 1
) -> MeasuredForecast:
    """What ``n_rows`` rows will take if time and output grow with the rows; None stands for as many as last time.

    ``workers`` share the work evenly, and each takes the memory of one.
    """
    if not runs:
        return MeasuredForecast(0)
    size = n_rows if n_rows is not None else runs[0].n_rows
    per_row_s = median(run.work_s / run.n_rows for run in runs)
    per_row_bytes = median(run.output_bytes / run.n_rows for run in runs)
    return MeasuredForecast(
        n_runs=len(runs),
        seconds=median(run.fixed_s for run in runs) + per_row_s * size / workers,
        memory_gb=_memory_gb(runs, size, workers),
        output_gb=per_row_bytes * size / 1e9,
    )


def earlier_runs(
    workspace: Workspace, step: str, options: StepOptions, *, backend: str = ""
) -> list[MeasuredRun]:
    """The newest runs of a step with the same plug-ins: with the same options of these, or on that backend, if any."""
    jobs = job_table.list_jobs(
        workspace.database, states=(JobState.SUCCEEDED,), step=step, limit=JOBS_LOOKED_AT
    )
    chosen = [job for job in jobs if _same(job, options, "field")]
    for narrower in (
        [job for job in chosen if _same(job, options, "options_field")],
        [job for job in chosen if job.backend == backend],
    ):
        # Only where it leaves something: a rough number is better than none.
        both = [job for job in narrower if job in chosen]
        chosen = both or chosen
    sizes: dict[str, int] = {}
    runs = [_run(job, workspace.artifacts, sizes) for job in chosen]
    return [run for run in runs if run is not None][:RUNS_USED]


def training_rates(workspace: Workspace, dataset_id: str, model: str, recipe: str) -> list[float]:
    """Tokens per second of the finished trainings of a model with a recipe on a dataset."""
    rates = []
    for adapter in workspace.artifacts.list(dataset_id, "adapter"):
        options, n_tokens = adapter.manifest.options, adapter.summary.get("n_tokens")
        if (options.get("model"), options.get("recipe")) != (model, recipe) or not isinstance(
            n_tokens, int | float
        ):
            continue
        jobs = job_table.jobs_for_artifact(workspace.database, dataset_id, "adapter", adapter.id)
        seconds = _seconds(jobs[0]) if jobs else None
        seconds = seconds or adapter.summary.get("seconds")
        if isinstance(seconds, int | float) and seconds > 0 and n_tokens > 0:
            rates.append(n_tokens / seconds)
    return rates


def _seconds(job: Job) -> float | None:
    if not job.started_at or not job.finished_at:
        return None
    return (datetime.fromisoformat(job.finished_at) - datetime.fromisoformat(job.started_at)).total_seconds()


def dataset_rows(store: ArtifactStore, dataset_id: str) -> int | None:
    """Number of examples; None for a dataset that is not imported yet."""
    try:
        return int(store.examples(dataset_id).summary["n_examples"])
    except (CurationError, KeyError, TypeError, ValueError):
        return None


def _run(job: Job, store: ArtifactStore, sizes: dict[str, int]) -> MeasuredRun | None:
    timings = job.progress.timings
    if job.dataset_id not in sizes:
        sizes[job.dataset_id] = dataset_rows(store, job.dataset_id) or 0
    if not timings or not sizes[job.dataset_id]:
        return None
    fixed_s = sum(seconds for stage, seconds in timings.items() if stage in FIXED_STAGES)
    made = store.find(job.dataset_id, job.kind, job.artifact_id)
    return MeasuredRun(
        n_rows=sizes[job.dataset_id],
        fixed_s=fixed_s,
        work_s=(sum(timings.values()) - fixed_s) * job.resources.workers,
        peak_memory_gb=job.progress.peak_memory_gb,
        output_bytes=sum(made.manifest.files.values()) if made is not None else 0,
    )


def _same(job: Job, options: StepOptions, part: str) -> bool:
    values = options.model_dump(mode="json")
    fields = [getattr(choice, part) for choice in options.CHOICES]
    return all(job.options.get(field) == values[field] for field in fields)


def _memory_gb(runs: Sequence[MeasuredRun], n_rows: int, workers: int) -> float | None:
    """A line through the runs when they differ in size, the largest of them otherwise, for each of the workers."""
    known = [run for run in runs if run.peak_memory_gb > 0]
    if not known:
        return None
    largest = max(run.peak_memory_gb for run in known)
    if len({run.n_rows for run in known}) < 2:
        return largest * workers
    slope, base = np.polyfit([run.n_rows for run in known], [run.peak_memory_gb for run in known], 1)
    # A model alone takes most of it, so fewer rows need little less.
    return workers * (max(largest, float(base + slope * n_rows)) if slope > 0 else largest)
