"""Refinements of a dataset: how far each is, more rounds, controls at the same budget, and what a round left to work with."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from tamis.actions.jobs import read_metrics
from tamis.actions.roles import needs
from tamis.actions.runs import Run, curve_table
from tamis.actions.submit import HERE, RunTarget, Submission, repeat, submit
from tamis.compute.refine.draw import split_budget
from tamis.errors import ArtifactMissing, CurationError
from tamis.jobs.model import Job
from tamis.registry import parse_options
from tamis.selectors import SELECTORS
from tamis.steps.refine.options import EXCLUDED, OF_THE_RUN, PINNED, STATIC, RefineOptions
from tamis.steps.refine.step import round_request
from tamis.steps.refine.texts import read_corrections
from tamis.steps.resolve_decisions import CURRENT
from tamis.steps.select.options import NO_QUALITY
from tamis.steps.spec import AS_IMPORTED
from tamis.store.artifacts.adapters import CURVES, read_curves
from tamis.store.artifacts.frozen_rows import freeze_rows, read_frozen
from tamis.store.artifacts.refinements import KIND, PREVIOUS, ROUND, round_chain, rounds_of
from tamis.store.artifacts.store import Artifact
from tamis.store.database.tags import add_tag
from tamis.store.review.decisions import BulkChoice, decide_many
from tamis.store.workspace import Workspace
from tamis.types import JSON, Int64s

STEP = "refine"
CONTROL_METHODS = ("kmq", "random", "km_random")  # static, at the same size and from the same rows
_ROUND_CURVE = re.compile(r"round (\d+) (\w+)")


def control_of(run: Run) -> str:
    """Which control it is: none for a refinement proper."""
    return str(run.options.get("control", "none"))


def is_static(run: Run) -> bool:
    """Whether it is a control that scores nothing."""
    return control_of(run) in STATIC


def is_cheap(run: Run) -> bool:
    """Whether it scores and trained nothing."""
    return not is_static(run) and not run.options.get("train", True)


def rounds_so_far(workspace: Workspace, run: Run) -> list[Artifact]:
    """The rounds that are finished, in order; of a run under way those it has left so far. Empty when one was deleted."""
    try:
        if run.artifact is not None:
            return rounds_of(workspace.artifacts, run.artifact)
        return _rounds_of_job(workspace, run.job) if run.job is not None else []
    except ArtifactMissing:
        return []


def n_rounds_asked(workspace: Workspace, run: Run) -> int:
    """Rounds there will be, those that it goes on from included."""
    if run.artifact is not None:
        return int(run.summary["n_rounds"])
    before = _continued(workspace, run)
    return int(run.options.get("rounds", 0)) + (int(before.summary["n_rounds"]) if before else 0)


def budget_rows(workspace: Workspace, run: Run) -> float:
    """Rows that all rounds are to select together; NaN where that cannot be known."""
    if run.artifact is not None:
        return float(run.summary["budget"])
    if run.job is None:
        return math.nan
    before = _continued(workspace, run)
    n_examples = int(workspace.artifacts.examples(run.job.dataset_id).summary["n_examples"])
    try:
        own = parse_options(RefineOptions, run.job.options).budget_rows(n_examples)
    except CurationError:  # of a version with other options
        return math.nan
    return float(own + (int(before.summary["budget"]) if before else 0))


def rows_per_round(run: Run) -> int:
    """Rows that one round of a finished run took, rounded up."""
    return -(-int(run.summary["budget"]) // max(1, int(run.summary["n_rounds"])))


def selection_after(workspace: Workspace, run: Run, number: int) -> Artifact | None:
    """The selection after a round of a finished run; None when it was deleted."""
    ids = list(run.summary.get("selections", ()))
    if not 1 <= number <= len(ids) or run.artifact is None:
        return None
    return workspace.artifacts.find(run.artifact.manifest.dataset_id, "selection", ids[number - 1])


def cluster_factor(*, pinned: bool, excluded: bool, factor: float) -> JSON | None:
    """What is set by hand for one cluster: leaving out wins over pinning, and pinning over a factor; None for nothing."""
    if excluded or factor == 0:
        return EXCLUDED
    if pinned:
        return PINNED
    return factor if factor != 1.0 else None


def continued_options(run: Run) -> dict[str, JSON]:
    """The options and exact inputs of a finished run, as those of rounds that go on from it."""
    inputs = run.inputs
    values: dict[str, JSON] = {key: value for key, value in run.options.items() if key not in OF_THE_RUN}
    if "scores" not in inputs and "quality" in values:
        values["quality"] = NO_QUALITY  # named, it would have to be there
    values |= {role: inputs[role] for role in RefineOptions.POINTERS if role in inputs}
    return values | {"continue_from": run.run_id, "unit": "rows"}


@needs("curator")
def continue_refinement(
    workspace: Workspace,
    dataset_id: str,
    run: Run,
    *,
    rounds: int = 1,
    budget: int | None = None,
    cluster_factors: Mapping[str, JSON] | None = None,
    respect_decisions: bool = True,
    target: RunTarget | None = None,
) -> Submission:
    """Add rounds to a finished run: its picks stay and its weights go on, where it ran unless ``target`` says otherwise.

    ``budget`` rows come on top, as many per round as before by default. Raises InvalidOptions and ArtifactMissing.
    """
    more: dict[str, JSON] = {
        "rounds": rounds,
        "budget": rows_per_round(run) * rounds if budget is None else budget,
        "decisions": CURRENT if respect_decisions else AS_IMPORTED,
    }
    if cluster_factors is not None:
        more["cluster_factors"] = dict(cluster_factors)
    where = target or (repeat(run.job).target if run.job is not None else HERE)
    return submit(workspace, dataset_id, STEP, continued_options(run) | more, target=where)


@needs("curator")
def compare_with_controls(workspace: Workspace, dataset_id: str, run: Run, selection: Artifact) -> Submission:
    """Draw static kMQ, random and kM-random at the size of a round's selection, and compare; returns the comparison."""
    requests = control_requests(workspace, dataset_id, run, selection)
    drawn = [submit(workspace, dataset_id, "select", values, standing="inside") for values in requests]
    made = [one.job.artifact_id for one in drawn]
    values: dict[str, JSON] = {"selections": [selection.id, *made], "clustering": run.inputs["clustering"]}
    if "scores" in run.inputs:
        values |= {"quality": str(run.options.get("quality")), "scores": run.inputs["scores"]}
    return submit(workspace, dataset_id, "compare", values)


def control_requests(
    workspace: Workspace, dataset_id: str, run: Run, selection: Artifact
) -> list[dict[str, JSON]]:
    """Options of the static selections of the same size from the same rows."""
    inputs = run.inputs
    quality = str(run.options.get("quality", NO_QUALITY)) if "scores" in inputs else NO_QUALITY
    shared: dict[str, JSON] = {
        "budget": int(selection.summary["n_selected"]),
        "unit": "rows",
        "seed": int(run.options.get("seed", 42)),
        **{role: inputs[role] for role in ("within", "pinned") if role in inputs},
        **_left_out(workspace, dataset_id, inputs),
    }
    requests = []
    for method in CONTROL_METHODS:
        values = shared | {"method": method, "quality": NO_QUALITY}
        if SELECTORS[method].uses("clustering"):
            values["clustering"] = inputs["clustering"]
        if quality != NO_QUALITY and SELECTORS[method].takes_quality:
            values |= {"quality": quality, "scores": inputs["scores"]}
        requests.append(values)
    return requests


@needs("curator")
def tag_flagged(workspace: Workspace, dataset_id: str, run: Run, rows: Int64s, *, reviewer: str) -> str:
    """Tag flagged rows, so that a review can be about exactly them; returns the tag."""
    tag = f"flagged {run.run_id[:6]}"
    add_tag(workspace.database, dataset_id, tag, rows, reviewer)
    return tag


@needs("curator")
def drop_flagged(
    workspace: Workspace, dataset_id: str, run: Run, rows: Sequence[int], *, reviewer: str
) -> None:
    """Decide to drop flagged rows, as one decision that can be undone; the next round then leaves them out."""
    choices = [BulkChoice(row, "drop") for row in rows]
    decide_many(
        workspace.database, dataset_id, choices, rule=f"flagged by refinement {run.run_id}", reviewer=reviewer
    )


def round_model_curves(workspace: Workspace, run: Run, rounds: Sequence[Artifact]) -> dict[int, pa.Table]:
    """Curves of training by round: name, step, value. From finished rounds, and from what the job has written so far."""
    points: dict[int, list[tuple[str, float, float]]] = {}
    for metric, curve in (read_metrics(workspace, run.job.job_id) if run.job is not None else {}).items():
        named = _ROUND_CURVE.fullmatch(metric)
        if named:
            own = points.setdefault(int(named[1]), [])
            own += [(named[2], point.position, point.value) for point in curve]
    curves = {number: curve_table(own) for number, own in points.items()}
    for one in rounds:
        if CURVES in one.manifest.files:
            curves[int(one.summary["round"])] = read_curves(one).select(["name", "step", "value"])
    return curves


def _left_out(workspace: Workspace, dataset_id: str, inputs: Mapping[str, str]) -> dict[str, JSON]:
    """Rows that may not be picked: those named, and those that a decision dropped."""
    store = workspace.artifacts
    rows: Int64s = np.zeros(0, dtype=np.int64)
    if "excluded" in inputs:
        rows = read_frozen(store.get(dataset_id, "rows", inputs["excluded"]))
    if "decisions" in inputs:
        decisions = store.get(dataset_id, "decisions", inputs["decisions"])
        given = {"examples": store.examples(dataset_id), "decisions": decisions}
        rows = np.union1d(rows, read_corrections(given).dropped)
    if not len(rows):
        return {}
    return {"excluded": freeze_rows(store, dataset_id, rows, "left out of a refinement").id}


def _continued(workspace: Workspace, run: Run) -> Artifact | None:
    if run.job is None:
        return None
    return workspace.artifacts.find(run.job.dataset_id, KIND, run.inputs.get("continue_from", ""))


def _rounds_of_job(workspace: Workspace, job: Job) -> list[Artifact]:
    """Rounds are named by what they are computed from, so those of a run under way can be looked for by name."""
    store, chain = workspace.artifacts, list[Artifact]()
    inputs = {role: identifier for role, identifier in job.inputs.items() if role != "continue_from"}
    if "continue_from" in job.inputs:
        earlier = store.get(job.dataset_id, KIND, job.inputs["continue_from"])
        chain = round_chain(store, store.get(job.dataset_id, ROUND, earlier.summary["rounds"][-1]))
    try:
        options = parse_options(RefineOptions, job.options)
        n_examples = int(store.examples(job.dataset_id).summary["n_examples"])
        parts = split_budget(options.budget_rows(n_examples), options.rounds)
    except CurationError:
        return chain
    for number, n_rows in enumerate(parts, len(chain) + 1):
        read = inputs | ({PREVIOUS: chain[-1].id} if chain else {})
        artifact = store.find(job.dataset_id, ROUND, round_request(options, read, number, n_rows)[1])
        if artifact is None:
            break
        chain.append(artifact)
    return chain
