"""Where a dataset stands between import and selection, and the jobs that take it the rest of the way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from tamis.actions.roles import needs
from tamis.actions.submit import Submission, submit
from tamis.errors import UnknownName
from tamis.jobs import job_table
from tamis.jobs.model import Job, JobState
from tamis.store.artifacts.store import Artifact
from tamis.store.database.choices import read_choices
from tamis.store.workspace import Workspace
from tamis.types import JSON

MAP_STEPS = ("embed", "cluster", "project")  # from rows to a map, the layout last
_JOBS_LOOKED_AT = 100
_NOTHING: Mapping[str, JSON] = MappingProxyType({})


class StageState(StrEnum):
    """How far one stage is."""

    DONE = "done"
    OUTDATED = "outdated"  # there, but made from embeddings that newer ones have replaced
    RUNNING = "running"
    QUEUED = "queued"
    FAILED = "failed"
    TODO = "todo"


UNDER_WAY = (StageState.RUNNING, StageState.QUEUED)
MISSING = (StageState.TODO, StageState.FAILED, StageState.OUTDATED)


@dataclass(frozen=True, slots=True)
class StageRow:
    """A stage of the pipeline: the step behind it, what it makes, and the options that the button runs it with."""

    name: str
    title: str
    step: str
    makes: str
    verb: str
    runs: tuple[Mapping[str, JSON], ...] = (_NOTHING,)


PIPELINE = (
    StageRow("import", "Import", "import", "examples", "Import", ()),
    StageRow("embed", "Embed", "embed", "embeddings", "Embed"),
    StageRow("cluster", "Cluster", "cluster", "clustering", "Cluster"),
    StageRow("project", "Map", "project", "projection", "Lay out the map"),
    StageRow("score", "Score", "score", "scores", "Score", ({"scorer": "alignment"}, {"scorer": "length"})),
    # A tenth is a subset to look at for a dataset of any size; the selection page is where a budget is chosen.
    StageRow(
        "select", "Select", "select", "selection", "Select a tenth", ({"budget": 0.1, "unit": "fraction"},)
    ),
)


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of one dataset; ``job`` is the newest job that explains the state, ``made`` what there is."""

    row: StageRow
    state: StageState
    made: tuple[Artifact, ...] = ()
    job: Job | None = None


def stages(workspace: Workspace, dataset_id: str) -> list[Stage]:
    """Every stage of a dataset, in order; a dataset that is still being imported has stages too."""
    jobs = job_table.list_jobs(workspace.database, dataset_id=dataset_id, limit=_JOBS_LOOKED_AT)
    choices = read_choices(workspace.database, dataset_id)
    artifacts = [
        one
        for one in workspace.artifacts.list(dataset_id)
        if choices.is_listed(
            one.id, one.manifest.options
        )  # what a comparison draws for itself is no selection yet
    ]
    return [_stage(row, artifacts, [job for job in jobs if job.step == row.step]) for row in PIPELINE]


def next_stage(stages: Sequence[Stage]) -> Stage | None:
    """The first stage that is missing and not under way; None when there is nothing sensible to start."""
    for stage in stages:
        if stage.state in UNDER_WAY:
            return None
        if stage.state in MISSING:
            return stage
    return None


@needs("curator")
def submit_stage(
    workspace: Workspace,
    dataset_id: str,
    row: StageRow,
    runs: Sequence[Mapping[str, JSON]] = (),
) -> list[Submission]:
    """Queue one stage with its usual options, or with ``runs``."""
    return [submit(workspace, dataset_id, row.step, values) for values in runs or row.runs]


@needs("curator")
def submit_steps(workspace: Workspace, dataset_id: str, steps: Sequence[str]) -> list[Submission]:
    """Queue these steps with their defaults, in order; each waits for the one whose result it reads."""
    return [submit(workspace, dataset_id, step, {}) for step in steps]


@needs("curator")
def submit_missing(
    workspace: Workspace,
    dataset_id: str,
    *,
    until: str = "",
    instead: Mapping[str, Sequence[Mapping[str, JSON]]] = MappingProxyType({}),
) -> list[Submission]:
    """Queue every stage that is missing, in order; each waits for the one whose result it reads.

    ``until`` names the last stage (``cluster``), all of them when empty; ``instead`` gives other options for a stage than
    the usual ones. Raises UnknownName.
    """
    names = [row.name for row in PIPELINE]
    if until and until not in names:
        raise UnknownName("stage", until, names)
    submitted: list[Submission] = []
    for stage in stages(workspace, dataset_id)[: names.index(until) + 1 if until else None]:
        if stage.state in MISSING and stage.row.runs:
            runs = instead.get(stage.row.name, stage.row.runs)
            submitted += submit_stage(workspace, dataset_id, stage.row, runs)
    return submitted


def _stage(row: StageRow, artifacts: Sequence[Artifact], jobs: Sequence[Job]) -> Stage:
    made = tuple(artifact for artifact in artifacts if artifact.kind == row.makes)
    for under_way in (JobState.RUNNING, JobState.QUEUED):
        active = [job for job in jobs if job.state is under_way]
        if active:
            # The oldest is the one that runs, or runs first.
            return Stage(row, StageState(under_way.value), made, active[-1])
    newest = jobs[0] if jobs else None
    if made:
        state = StageState.OUTDATED if _is_outdated(row, made[0], artifacts) else StageState.DONE
        return Stage(row, state, made, newest)
    # A job that a person cancelled is not a failure: the stage is to be done, as before.
    if newest is not None and newest.state is JobState.FAILED:
        return Stage(row, StageState.FAILED, made, newest)
    return Stage(row, StageState.TODO, made, newest)


def _is_outdated(row: StageRow, newest: Artifact, artifacts: Sequence[Artifact]) -> bool:
    """Whether the clusters or the map show older embeddings than the newest."""
    if row.name not in ("cluster", "project"):
        return False
    embeddings = next((artifact.id for artifact in artifacts if artifact.kind == "embeddings"), None)
    return embeddings is not None and newest.manifest.inputs.get("embeddings") != embeddings
