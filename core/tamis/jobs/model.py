"""What a job is: its states, resources, progress, specification, result, and its row in the database."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tamis.registry import Options
from tamis.types import JSON

# One path component: an id never leaves the folder it is joined to, whoever wrote the file it came from.
PathPart = Annotated[str, Field(pattern=r"^[^/\\\x00-\x1f.][^/\\\x00-\x1f]*$", max_length=200)]


class JobState(StrEnum):
    """The five states; the last three are final."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def final(self) -> bool:
        """Whether nothing happens any more unless a person resumes the job."""
        return self in FINAL


ACTIVE = (JobState.QUEUED, JobState.RUNNING)
FINAL = (JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED)
RESUMABLE = (JobState.FAILED, JobState.CANCELLED)


class ErrorKind(StrEnum):
    """Why a job did not succeed, for a page that wants to say more than the reason."""

    NONE = ""
    REQUEST = "request"  # a state of the data or the options that a person can mend
    BUG = "bug"
    OUT_OF_MEMORY = "out_of_memory"
    OUT_OF_DISK = "out_of_disk"
    TIME_LIMIT = "time_limit"
    TERMINATED = "terminated"  # SIGTERM that nobody asked for here: a shutdown, a scheduler
    LOST = "lost"
    DEPENDENCY = "dependency"
    BACKEND = "backend"  # the backend refused the job, so no worker ever ran


class Resources(Options):
    """What a job may use; every backend translates the first four, and ``workers`` divides them."""

    cpus: int = Field(
        0, ge=0, le=4096, description="CPU cores; 0 leaves it to the libraries and the backend."
    )
    gpus: int = Field(0, ge=0, le=1024, description="GPUs.")
    mem_gb: float = Field(0.0, ge=0, description="Memory in GB to reserve on a cluster; 0 asks for none.")
    time_limit_min: int = Field(0, ge=0, description="Minutes after which the job is stopped; 0 means never.")
    workers: int = Field(
        1,
        ge=1,
        le=1024,
        description="Processes among which the rows of one job (embed, score, propose, refine) or the trainings of a study, its cores, GPUs and memory "
        "are divided: on this machine, as actors of a Ray cluster, or as the tasks of a Slurm array.",
    )


class Progress(BaseModel):
    """How far a worker is, as it last said; everything is optional because the file may be older than the code."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    attempt: int = 0
    stage: str = ""
    done: int = 0
    total: int = 0  # 0 means unknown
    message: str = ""
    tokens: int = (
        0  # read and written by a model in this stage: what moves while a batch of rows is under way
    )
    rate: float | None = None  # of ``done`` per second, over the last half minute
    seconds_left: float | None = None  # of this stage
    timings: dict[str, float] = Field(default_factory=dict)  # seconds per stage, in the order they began
    beat: int = 0  # counts up with every report, so that silence shows without comparing clocks
    heartbeat: str = ""
    started_at: str = ""
    pid: int = 0
    host: str = ""
    memory_gb: float = 0.0
    peak_memory_gb: float = 0.0
    oom_kills: int | None = None  # the kernel's count when the worker started

    @property
    def fraction(self) -> float | None:
        """Share of the stage that is done, in [0, 1]; None while the total is unknown."""
        return min(1.0, max(0.0, self.done / self.total)) if self.total > 0 else None


class JobSpec(BaseModel):
    """What a worker is told: nothing in it names code, only a row of the step table."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    job_id: PathPart
    dataset_id: PathPart
    step: str
    options: dict[str, JSON]
    inputs: dict[str, PathPart]
    input_kinds: dict[str, PathPart]
    makes: PathPart
    artifact_id: PathPart
    format_version: int
    resources: Resources
    attempt: int
    tamis_version: str
    submitted_at: str
    # Who asked for it, whom endpoints may be open to: an account, the roles that it reached to then, or the machine's own.
    account: str = ""
    roles: tuple[str, ...] = ()
    at_machine: bool = True


class JobResult(BaseModel):
    """What a worker says last."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    attempt: int
    state: JobState
    artifact_id: str
    reason: str = ""
    error_kind: ErrorKind = ErrorKind.NONE
    timings: dict[str, float] = Field(default_factory=dict)
    peak_memory_gb: float = 0.0
    finished_at: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A row of the jobs table. Times are ISO 8601 in UTC; ``beat_at`` is seconds since the epoch."""

    job_id: str
    dataset_id: str
    step: str
    options: dict[str, JSON]
    identity: dict[str, JSON]  # the options that name the result
    inputs: dict[str, str]
    input_kinds: dict[str, str]
    kind: str
    artifact_id: str
    format_version: int
    waits_for: tuple[str, ...]
    backend: str
    resources: Resources
    priority: int
    state: JobState
    submitted_at: str
    sequence: int = 0  # orders what is asked for, whatever the clock says
    handle: str = ""
    reason: str = ""
    error_kind: ErrorKind = ErrorKind.NONE
    log_tail: str = ""
    progress: Progress = Progress()
    attempt: int = 1
    claims: int = 0
    beat_at: float = 0.0
    started_at: str | None = None
    finished_at: str | None = None
    cancelled_at: str | None = None

    @property
    def cancelling(self) -> bool:
        """Whether a person asked to cancel it and the worker has not ended yet."""
        return self.state is JobState.RUNNING and self.cancelled_at is not None

    @property
    def resumable(self) -> bool:
        """Whether ``resume`` would queue it again."""
        return self.state in RESUMABLE


JSON_COLUMNS = ("options", "identity", "inputs", "input_kinds")


def job_from_row(row: sqlite3.Row) -> Job:
    """The job in a row of the jobs table."""
    values = dict(row)
    for column in JSON_COLUMNS:
        values[column] = orjson.loads(values[column])
    values["waits_for"] = tuple(orjson.loads(values["waits_for"]))
    values["state"] = JobState(values["state"])
    values["error_kind"] = ErrorKind(values["error_kind"])
    values["resources"] = Resources.model_validate_json(values["resources"])
    values["progress"] = read_progress(values["progress"]) or Progress()
    return Job(**values)


def read_progress(content: str | bytes) -> Progress | None:
    """The progress in a JSON text; None when it is no such text."""
    try:
        return Progress.model_validate_json(content)
    except ValidationError:
        return None
