"""What clusters are worth, asked for: rows held out, mixtures planned, a run queued, more runs added, and its answer used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tamis.actions.proxy_pool import DrawnPool, ProxyPool, ProxyRequest, draw_pool, prepare_pool
from tamis.actions.proxy_timing import time_in_words, time_training
from tamis.actions.roles import needs
from tamis.actions.study_runs import StudyRun, study_runs
from tamis.actions.submit import HERE, RunTarget, Submission, submit
from tamis.errors import ArtifactMissing
from tamis.registry import parse_options
from tamis.steps.resolve_rows import look_at
from tamis.steps.worth.options import WorthOptions
from tamis.steps.worth.preparation import SuperClusters, design, super_clusters
from tamis.steps.worth.result import GOAL, WorthReport, cluster_weights, read_report
from tamis.store.artifacts.readers import read_cluster_ids
from tamis.store.artifacts.store import Artifact
from tamis.store.workspace import Workspace
from tamis.types import JSON

__all__ = [
    "GOAL", "WorthEstimate", "WorthReport", "WorthRequest", "estimate_worth", "extend_worth", "list_worths",
    "plan_worth", "read_report", "solved_weights", "submit_worth",
]  # fmt: skip

STEP = KIND = "worth"


@dataclass(frozen=True, slots=True, kw_only=True)
class WorthRequest(ProxyRequest):
    """Which mixtures of clusters are trained on: ``runs`` of them, 0 for four a super-cluster.

    Clusters are joined to ``most_clusters`` at most; a run reads a row up to ``max_passes`` times. A solved mixture is within
    ``furthest`` nats of the pool's shares, None for anywhere.
    """

    runs: int = 0
    most_clusters: int = 12
    max_passes: float = 4.0
    furthest: float | None = None


@dataclass(frozen=True, slots=True)
class WorthDraw:
    """A request looked at: the rows, the clustering with its super-clusters, and the number of runs."""

    pool: DrawnPool
    clustering: str
    joined: SuperClusters
    n_runs: int


@dataclass(frozen=True, slots=True)
class WorthPlan:
    """A request made ready: the rows, the super-clusters, the number of runs, and the options of the step."""

    pool: ProxyPool
    joined: SuperClusters
    n_runs: int
    options: dict[str, JSON]


def draw_worth(workspace: Workspace, dataset_id: str, request: WorthRequest) -> WorthDraw:
    """Count tokens, hold rows out and join the clusters; nothing is written.

    Raises ArtifactMissing without clusters, InvalidOptions for too few super-clusters, runs or rows.
    """
    clustering = look_at(workspace, dataset_id).clustering
    if clustering is None:
        raise ArtifactMissing(
            f"Dataset {dataset_id!r} has no clusters to weigh: tamis run cluster --dataset {dataset_id} first."
        )
    options = parse_options(WorthOptions, _asked(request) | {"held_out": "a", "pool": "b", "tokens": "c"})
    pool = draw_pool(workspace, dataset_id, request)
    joined = super_clusters(clustering, pool.counted, pool.split.pool, options)
    return WorthDraw(pool, clustering.id, joined, len(design(joined.space, options)))


def plan_worth(workspace: Workspace, dataset_id: str, request: WorthRequest) -> WorthPlan:
    """What ``draw_worth`` draws, kept for the step that reads it; nothing is queued."""
    drawn = draw_worth(workspace, dataset_id, request)
    pool = prepare_pool(workspace, dataset_id, request, drawn.pool)
    named: dict[str, JSON] = _asked(request) | {
        "held_out": pool.held_out.id,
        "pool": pool.pool.id,
        "tokens": pool.costs,
        "clustering": drawn.clustering,
    }
    named |= {"target": pool.target} if pool.target else {}
    return WorthPlan(pool, drawn.joined, drawn.n_runs, named)


def _asked(request: WorthRequest) -> dict[str, JSON]:
    own = ("runs", "most_clusters", "max_passes", "furthest")
    return {name: getattr(request, name) for name in own} | request.shared()


@needs("curator")
def submit_worth(
    workspace: Workspace, dataset_id: str, request: WorthRequest, *, target: RunTarget = HERE
) -> Submission:
    """Queue a training for every mixture of the design and what their losses say; raises what ``draw_worth`` does."""
    plan = plan_worth(workspace, dataset_id, request)
    return submit(workspace, dataset_id, STEP, plan.options, target=target)


@needs("curator")
def extend_worth(
    workspace: Workspace, dataset_id: str, worth: str, search: str = "narrow", *, target: RunTarget = HERE
) -> Submission:
    """Queue a worth with the runs of another and its next four: those that ``narrow`` all worths, or ``improve`` the mixture.

    Trainings that are there are not made again. Raises ArtifactMissing, InvalidOptions.
    """
    made = workspace.artifacts.get(dataset_id, KIND, worth)
    inputs = made.manifest.inputs
    pointers: dict[str, JSON] = {
        name: inputs[name] for name in ("held_out", "pool", "clustering", "target") if name in inputs
    }
    values: dict[str, JSON] = {**made.manifest.options, **pointers, "extends": worth, "search": search}
    return submit(workspace, dataset_id, STEP, values, target=target)


@dataclass(frozen=True, slots=True)
class WorthEstimate:
    """Seconds of one training with its measuring, how many there are, and the super-clusters that they are about."""

    training_seconds: float
    n_runs: int
    n_clusters: int
    n_held_out: int
    n_pool: int
    text: str


@needs("curator", writes=False)
def estimate_worth(workspace: Workspace, dataset_id: str, request: WorthRequest) -> WorthEstimate:
    """Time a step of this very training in this process, on rows held out as the run will do it; nothing is queued or kept.

    Raises what ``draw_worth`` does, and ModelMissing.
    """
    plan = draw_worth(workspace, dataset_id, request)
    timed = time_training(workspace, dataset_id, request, plan.pool.split)
    n_groups, n_trainings = len(plan.joined.space.pool), plan.n_runs + 1
    rows = request.budget_tokens / plan.pool.mean_tokens
    return WorthEstimate(
        training_seconds=timed.seconds, n_runs=plan.n_runs, n_clusters=n_groups, n_held_out=timed.n_held_out,
        n_pool=len(plan.pool.split.pool),
        text=(
            f"{timed.text} {plan.n_runs:,} mixtures of {n_groups} super-clusters, about {rows:,.0f} rows each, and the model as it "
            f"is: about {time_in_words(n_trainings * timed.seconds)}."
            + "".join(f" {one}" for one in plan.pool.told)
        ),
    )  # fmt: skip


def list_worths(workspace: Workspace, dataset_id: str) -> list[StudyRun]:
    """Every worth of a dataset that was ever asked for, newest first."""
    return study_runs(workspace, dataset_id, STEP)


def solved_weights(workspace: Workspace, dataset_id: str, worth: str) -> tuple[Artifact, Mapping[str, float]]:
    """The worth, and the share of tokens of every cluster in its solved mixture, by cluster id; raises ArtifactMissing."""
    made = workspace.artifacts.get(dataset_id, KIND, worth)
    report = read_report(made)
    clustering = workspace.artifacts.get(dataset_id, "clustering", made.manifest.inputs["clustering"])
    sizes = np.bincount(
        read_cluster_ids(clustering)[read_cluster_ids(clustering) >= 0],
        minlength=len(report.group_of_cluster),
    )
    shares = cluster_weights(report, sizes.tolist(), of_rows=False)
    return made, {str(i): share for i, share in enumerate(shares)}
