"""Refinements of a dataset: finished ones, and the jobs that make or failed to make one, each with the rounds it has."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from core.compute.refine_draw import split_budget
from core.errors import ArtifactMissing, CurationError
from core.jobs import rows
from core.jobs.model import Job, JobState
from core.models.adapters import BUNDLED_LLM, PREFIX
from core.registry import parse_options
from core.steps.plan import name_result
from core.steps.refine import ROUNDS
from core.steps.refine_options import RefineOptions, RoundOptions
from core.steps.refine_scorers import GAPS
from core.store.artifacts import Artifact, ArtifactStore
from core.store.refinements import KIND, PREVIOUS, ROUND, round_chain, rounds_of
from pages.shared.job_table import STATE_WORDS
from pages.shared.plain_text import shorten
from pages.shared.workspace import Workspace

STEP = "refine"
MAX_RUNS = 200
CONTROLS = {
    "none": "Refinement",
    "shuffled_scores": "Shuffled scores",
    "random": "Random",
    "km_random": "kM-random",
    "kmq": "Static kMQ",
}
MODES = {"tamis": "Tamis", "paper": "Paper", "released": "Released"}


@dataclass(frozen=True, slots=True)
class Run:
    """One refinement. Its id is that of its result, which is known before it is made, so its address never changes."""

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

    @property
    def control(self) -> str:
        """Which control it is: none for a refinement proper."""
        return str(self.options.get("control", "none"))

    @property
    def cheap(self) -> bool:
        """Whether nothing was trained."""
        return self.control in ("none", "shuffled_scores") and not self.options.get("train", True)


def list_runs(workspace: Workspace, dataset_id: str) -> list[Run]:
    """Every run of a dataset, newest first; of several jobs for one result the newest."""
    made = {one.id: one for one in workspace.store.list(dataset_id, KIND)}
    jobs: dict[str, Job] = {}
    for job in rows.list_jobs(workspace.database, dataset_id=dataset_id, step=STEP, limit=MAX_RUNS):
        jobs.setdefault(job.artifact_id, job)
    # A job that succeeded and whose result is gone was deleted with it.
    shown = [i for i, job in jobs.items() if i in made or job.state is not JobState.SUCCEEDED]
    shown += [i for i in made if i not in jobs]
    runs = [Run(i, made.get(i), jobs.get(i)) for i in shown]
    return sorted(runs, key=lambda run: run.created_at, reverse=True)


def rounds_so_far(store: ArtifactStore, run: Run) -> list[Artifact]:
    """The rounds that are finished, in order; of a run under way those it has left so far. Empty when one was deleted."""
    try:
        if run.artifact is not None:
            return rounds_of(store, run.artifact)
        return _rounds_of_job(store, run.job) if run.job is not None else []
    except ArtifactMissing:
        return []


def n_rounds_asked(store: ArtifactStore, run: Run) -> int:
    """Rounds there will be, those that it goes on from included."""
    if run.artifact is not None:
        return int(run.summary["n_rounds"])
    before = store.find(run.job.dataset_id, KIND, run.inputs.get("continue_from", "")) if run.job else None
    return int(run.options.get("rounds", 0)) + (int(before.summary["n_rounds"]) if before else 0)


def run_table(store: ArtifactStore, runs: Sequence[Run]) -> pd.DataFrame:
    """One line per run with what sets it apart."""
    return pd.DataFrame([_line(store, run) for run in runs])


def run_titles(runs: Sequence[Run]) -> dict[str, str]:
    """A short name for each run, unlike all others."""
    return {run.run_id: f"{say_run(run)} · {_when(run):%d %b %H:%M} · {run.run_id[:4]}" for run in runs}


def say_run(run: Run) -> str:
    """A run in a few words: what it is, and how it scores."""
    if run.control in ("random", "km_random", "kmq"):
        return f"Control: {CONTROLS[run.control]}"
    scorer = str(run.options.get("scorer", ""))
    said = [GAPS[scorer].title if scorer in GAPS else scorer]
    said.append(f"mode {MODES.get(str(run.options.get('mode')), '?')}")
    if run.cheap:
        said.append("cheap")
    if run.control == "shuffled_scores":
        said.insert(0, f"Control: {CONTROLS[run.control]}")
    return " · ".join(said)


def model_title(model: str) -> str:
    """A model as people call it: the last part of a folder, the name of the bundled one."""
    if model == BUNDLED_LLM:
        return "SmolLM2-135M-Instruct"
    if model.startswith(PREFIX):
        return f"Adapter {model.removeprefix(PREFIX)[:8]}"
    return shorten(model.rstrip("/").rpartition("/")[2] or model, 40)


def _line(store: ArtifactStore, run: Run) -> dict[str, object]:
    asked, made = n_rounds_asked(store, run), len(rounds_so_far(store, run))
    static = run.control in ("random", "km_random", "kmq")
    fallen = run.summary.get("fallen_fraction")
    return {
        "state": STATE_WORDS[run.state],
        "what": say_run(run),
        "rounds": f"{made} of {asked}" if made != asked else f"{asked}",
        "budget": budget_rows(store, run),
        "trained": "–"
        if static
        else "cheap mode"
        if run.cheap
        else model_title(str(run.options.get("model", ""))),
        "scored": run.summary.get("n_scored", math.nan),
        "flags": run.summary.get("n_flags", math.nan),
        "fallen": math.nan if fallen is None else 100 * float(fallen),
        "when": _when(run),
    }


def budget_rows(store: ArtifactStore, run: Run) -> float:
    """Rows that all rounds are to select together; NaN where that cannot be known."""
    if run.artifact is not None:
        return float(run.summary["budget"])
    if run.job is None:
        return math.nan
    before = store.find(run.job.dataset_id, KIND, run.inputs.get("continue_from", ""))
    own = _own_budget(store, run.job)
    return float(own + (int(before.summary["budget"]) if before else 0))


def _own_budget(store: ArtifactStore, job: Job) -> int:
    budget = float(job.options.get("budget", 0))
    if job.options.get("unit", "rows") == "rows":
        return int(budget)
    return max(1, round(budget * int(store.examples(job.dataset_id).summary["n_examples"])))


def _rounds_of_job(store: ArtifactStore, job: Job) -> list[Artifact]:
    """Rounds are named by what they are computed from, so those of a run under way can be looked for by name."""
    chain: list[Artifact] = []
    inputs = {role: identifier for role, identifier in job.inputs.items() if role != "continue_from"}
    if "continue_from" in job.inputs:
        earlier = store.get(job.dataset_id, KIND, job.inputs["continue_from"])
        chain = round_chain(store, store.get(job.dataset_id, ROUND, earlier.summary["rounds"][-1]))
    try:
        options = parse_options(RefineOptions, job.options)
        parts = split_budget(_own_budget(store, job), options.rounds)
    except CurationError:
        return chain
    for number, n_rows in enumerate(parts, len(chain) + 1):
        asked = RoundOptions(settings=options.of_every_round(), round=number, n_rows=n_rows)
        read = inputs | ({PREVIOUS: chain[-1].id} if chain else {})
        found = store.find(job.dataset_id, ROUND, name_result(ROUNDS["refine_round"], asked, read))
        if found is None:
            break
        chain.append(found)
    return chain


def _when(run: Run) -> pd.Timestamp:
    return pd.Timestamp(run.created_at)
