"""Runs of a step on a dataset: finished results and the jobs that make or failed to make one, under one id."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pages.shared.plain_text import shorten
from tamis.jobs import job_table
from tamis.jobs.model import Job, JobState
from tamis.models.adapters import BUNDLED_LLM, PREFIX
from tamis.store.artifacts.store import Artifact
from tamis.store.workspace import Workspace

MAX_RUNS = 200
BUNDLED_TITLE = "SmolLM2-135M-Instruct"


@dataclass(frozen=True, slots=True)
class Run:
    """One run. Its id is that of its result, which is known before it is made; so a link to it never changes."""

    run_id: str
    artifact: Artifact | None
    job: Job | None

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
    def state(self) -> JobState:
        """Where it stands; a result that is there is done, whatever a later job for it did."""
        if self.artifact is not None or self.job is None:
            return JobState.SUCCEEDED
        return self.job.state

    def number(self, name: str) -> float:
        """A number of the summary, NaN where there is none."""
        value = self.summary.get(name)
        return float(value) if isinstance(value, int | float) else math.nan


def list_runs(workspace: Workspace, dataset_id: str, step: str, kind: str) -> list[Run]:
    """Every run of a step that makes artifacts of a kind, newest first; of several jobs for one result the newest."""
    made = {one.id: one for one in workspace.artifacts.list(dataset_id, kind)}
    jobs: dict[str, Job] = {}
    for job in job_table.list_jobs(workspace.database, dataset_id=dataset_id, step=step, limit=MAX_RUNS):
        jobs.setdefault(job.artifact_id, job)
    # A job that succeeded and whose result is gone was deleted with it.
    shown = [i for i, job in jobs.items() if i in made or job.state is not JobState.SUCCEEDED]
    shown += [i for i in made if i not in jobs]
    runs = [Run(i, made.get(i), jobs.get(i)) for i in shown]
    return sorted(runs, key=lambda run: run.created_at, reverse=True)


def model_title(model: str) -> str:
    """A model as people call it: the last part of a folder, the name of the bundled one."""
    if model == BUNDLED_LLM:
        return BUNDLED_TITLE
    if model.startswith(PREFIX):
        return f"Adapter {model.removeprefix(PREFIX)[:8]}"
    return shorten(model.rstrip("/").rpartition("/")[2] or model, 40)
