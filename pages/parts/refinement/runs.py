"""Refinements of a dataset: finished ones, and the jobs that make or failed to make one, each with the rounds it has."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd

from pages.shared.runs.job_table import STATE_WORDS
from pages.shared.runs.runs import (
    Run,
    list_runs,
    model_title,
)
from tamis.compute.refine.draw import split_budget
from tamis.errors import ArtifactMissing, CurationError
from tamis.jobs.model import Job
from tamis.registry import parse_options
from tamis.steps.plan import name_result
from tamis.steps.refine.gaps import GAPS
from tamis.steps.refine.options import RefineOptions, RoundOptions
from tamis.steps.refine.step import ROUNDS
from tamis.store.artifacts.refinements import (
    KIND,
    PREVIOUS,
    ROUND,
    round_chain,
    rounds_of,
)
from tamis.store.artifacts.store import Artifact, ArtifactStore
from tamis.store.workspace import Workspace

STEP = "refine"
CONTROLS = {
    "none": "Refinement",
    "shuffled_scores": "Shuffled scores",
    "random": "Random",
    "km_random": "kM-random",
    "kmq": "Static kMQ",
}
STATIC = ("random", "km_random", "kmq")
MODES = {"tamis": "Tamis", "paper": "Paper", "released": "Released"}


def refine_runs(workspace: Workspace, dataset_id: str) -> list[Run]:
    """Every refinement of a dataset, newest first."""
    return list_runs(workspace, dataset_id, STEP, KIND)


def control_of(run: Run) -> str:
    """Which control it is: none for a refinement proper."""
    return str(run.options.get("control", "none"))


def is_static(run: Run) -> bool:
    """Whether it is a control that scores nothing."""
    return control_of(run) in STATIC


def is_cheap(run: Run) -> bool:
    """Whether it scores and trained nothing."""
    return not is_static(run) and not run.options.get("train", True)


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
    if is_static(run):
        return f"Control: {CONTROLS[control_of(run)]}"
    scorer = str(run.options.get("scorer", ""))
    said = [GAPS[scorer].title if scorer in GAPS else scorer]
    said.append(f"mode {MODES.get(str(run.options.get('mode')), '?')}")
    if is_cheap(run):
        said.append("cheap")
    if control_of(run) == "shuffled_scores":
        said.insert(0, f"Control: {CONTROLS[control_of(run)]}")
    return " · ".join(said)


def _line(store: ArtifactStore, run: Run) -> dict[str, object]:
    asked, made = n_rounds_asked(store, run), len(rounds_so_far(store, run))
    fallen = run.summary.get("fallen_fraction")
    return {
        "state": STATE_WORDS[run.state],
        "what": say_run(run),
        "rounds": f"{made} of {asked}" if made != asked else f"{asked}",
        "budget": budget_rows(store, run),
        "trained": "–"
        if is_static(run)
        else "cheap mode"
        if is_cheap(run)
        else model_title(str(run.options.get("model", ""))),
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
