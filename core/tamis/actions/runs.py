"""Runs of a step on a dataset: finished results and the jobs that make or failed to make one, under one id."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from tamis.actions.jobs import elapsed_s, list_jobs, read_metrics
from tamis.errors import CurationError, UnknownName
from tamis.jobs.model import Job, JobState
from tamis.steps import STEPS
from tamis.store.artifacts.adapters import CURVES, read_curves
from tamis.store.artifacts.store import Artifact
from tamis.store.workspace import Workspace

MAX_RUNS = 200
_CALLED = {"refine": "refinement", "finetune": "training"}  # a run by the name that people have for it
_CURVE_COLUMNS = ("name", "step", "value")


@dataclass(frozen=True, slots=True)
class Run:
    """One run. Its id is that of its result, which is known before it is made; so a link to it never changes."""

    run_id: str
    artifact: Artifact | None
    job: Job | None

    @property
    def kind(self) -> str:
        """The kind of its result, such as ``adapter``."""
        if self.artifact is not None:
            return self.artifact.kind
        return self.job.kind if self.job is not None else ""

    @property
    def options(self) -> Mapping[str, Any]:
        """What it was asked for."""
        if self.artifact is not None:
            return self.artifact.manifest.options
        return self.job.options if self.job is not None else {}

    @property
    def inputs(self) -> Mapping[str, str]:
        """Artifacts it read, by role."""
        if self.artifact is not None:
            return self.artifact.manifest.inputs
        return self.job.inputs if self.job is not None else {}

    @property
    def summary(self) -> Mapping[str, Any]:
        """What it said about its result; empty while there is none."""
        return self.artifact.summary if self.artifact is not None else {}

    @property
    def created_at(self) -> str:
        """When it was asked for last."""
        if self.job is not None:
            return self.job.submitted_at
        return self.artifact.asked_at if self.artifact is not None else ""

    @property
    def order(self) -> tuple[int, str]:
        """What sorts runs by when they were asked for last."""
        latest = self.job or self.artifact
        return (latest.sequence if latest else 0), self.created_at

    @property
    def state(self) -> JobState:
        """Where it stands; a result that is there is done, whatever a later job for it did."""
        if self.artifact is not None or self.job is None:
            return JobState.SUCCEEDED
        return self.job.state

    @property
    def seconds(self) -> float | None:
        """How long it took or has taken so far; None when nobody measured it."""
        if self.job is not None and (measured := elapsed_s(self.job)):
            return measured
        seconds = self.number("seconds")
        return None if math.isnan(seconds) else seconds

    def number(self, name: str) -> float:
        """A number of the summary, NaN where there is none."""
        value = self.summary.get(name)
        return float(value) if isinstance(value, int | float) else math.nan


def list_runs(workspace: Workspace, dataset_id: str, step: str) -> list[Run]:
    """Every run of a step, newest first; of several jobs for one result the newest."""
    made = {one.id: one for one in workspace.artifacts.list(dataset_id, STEPS[step].makes)}
    jobs: dict[str, Job] = {}
    for job in list_jobs(workspace, dataset_id=dataset_id, step=step, limit=MAX_RUNS):
        jobs.setdefault(job.artifact_id, job)
    # A job that succeeded and whose result is gone was deleted with it.
    shown = [i for i, job in jobs.items() if i in made or job.state is not JobState.SUCCEEDED]
    shown += [i for i in made if i not in jobs]
    runs = [Run(i, made.get(i), jobs.get(i)) for i in shown]
    return sorted(runs, key=lambda run: run.order, reverse=True)


def find_run(workspace: Workspace, dataset_id: str, step: str, run_id: str = "") -> Run:
    """The run of that id, or the newest; raises UnknownName with those there are, CurationError where there is none yet."""
    runs = list_runs(workspace, dataset_id, step)
    if not runs and not run_id:
        raise CurationError(
            f"{dataset_id} has no {_CALLED.get(step, step)} yet. Start one first: tamis run {step} --dataset {dataset_id}."
        )
    chosen = next((run for run in runs if run_id in ("", run.run_id)), None)
    if chosen is None:
        raise UnknownName(f"{_CALLED.get(step, step)} of {dataset_id}", run_id, [run.run_id for run in runs])
    return chosen


def read_run_curves(workspace: Workspace, run: Run) -> pa.Table:
    """Points of its curves: name, step, value. Of a run under way, from what its job has written so far."""
    if run.artifact is not None and CURVES in run.artifact.manifest.files:
        return read_curves(run.artifact).select(_CURVE_COLUMNS)
    metrics = read_metrics(workspace, run.job.job_id) if run.job is not None else {}
    return curve_table([(name, one.position, one.value) for name, curve in metrics.items() for one in curve])


def curve_table(points: list[tuple[str, float, float]]) -> pa.Table:
    """Points of curves as a table: name, step, value."""
    columns = zip(*points, strict=True) if points else ((), (), ())
    types = (pa.string(), pa.float64(), pa.float64())
    return pa.table(
        {
            name: pa.array(list(column), kind)
            for name, column, kind in zip(_CURVE_COLUMNS, columns, types, strict=True)
        }
    )
