"""A workspace with its queue and real workers, as a test wants it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from tamis.jobs import job_table
from tamis.jobs.backends import Backend
from tamis.jobs.backends.local import LocalBackend
from tamis.jobs.folder import JobFolder
from tamis.jobs.model import FINAL, Job, JobState
from tamis.jobs.scheduler import queue
from tamis.jobs.scheduler.tick import TickResult, tick
from tamis.settings import Settings
from tamis.store.artifacts.store import Artifact, ArtifactStore
from tamis.store.database.database import Database
from tamis.store.workspace import Workspace, open_workspace
from tests.core.jobs.steps_for_tests import STEPS

DATASET = "letters-1a2b3c"
WORKER = "tests.core.jobs.worker_for_tests"
PATIENCE_S = 60.0


@dataclass(frozen=True)
class Engine:
    """Everything that jobs need, over one workspace."""

    workspace: Workspace
    backends: Mapping[str, Backend]
    backend: str = "local"  # where its jobs run

    @property
    def database(self) -> Database:
        return self.workspace.database

    @property
    def store(self) -> ArtifactStore:
        return self.workspace.artifacts

    @property
    def settings(self) -> Settings:
        return self.workspace.settings

    @classmethod
    def over(
        cls,
        path: Path,
        *,
        backends: Mapping[str, Backend] | None = None,
        backend: str = "local",
        **settings: object,
    ) -> Engine:
        workspace = open_workspace(path, Settings(**settings))
        return cls(
            workspace=workspace,
            backends=backends or {"local": LocalBackend(workspace.settings, module=WORKER)},
            backend=backend,
        )

    def submit(self, step: str, *, priority: int = 0, resources: object = None, **options: object) -> Job:
        return self.submission(step, priority=priority, resources=resources, **options).job

    def submission(
        self, step: str, *, priority: int = 0, resources: object = None, **options: object
    ) -> queue.Submission:
        return queue.submit(
            self.workspace,
            DATASET,
            step,
            options,
            backend=self.backend,
            priority=priority,
            resources=resources,
            steps=STEPS,
        )

    def tick(self, *, now: Callable[[], float] = time.time) -> TickResult:
        return tick(self.workspace, backends=self.backends, now=now)

    def job(self, job: Job) -> Job:
        return job_table.get(self.database, job.job_id)

    def folder(self, job: Job) -> JobFolder:
        return JobFolder.of(self.workspace.path, job.job_id)

    def artifact(self, job: Job) -> Artifact:
        return self.store.get(DATASET, job.kind, job.artifact_id)

    def run(self, job: Job) -> Job:
        return self.until(job, lambda seen: seen.state.final)

    def until(self, job: Job, condition: Callable[[Job], bool]) -> Job:
        deadline = time.monotonic() + PATIENCE_S
        while True:
            self.tick()
            seen = self.job(job)
            if condition(seen):
                return seen
            log = self.folder(job).log_tail()
            assert time.monotonic() < deadline, f"{seen.state} {seen.reason} {seen.progress}\n{log}"
            assert seen.state not in FINAL, f"ended too early: {seen.state} {seen.reason}\n{log}"
            time.sleep(0.05)

    def until_stage(self, job: Job, stage: str, done: int = 0) -> Job:
        return self.until(job, lambda j: j.progress.stage == stage and j.progress.done >= done)

    def stop_everything(self) -> None:
        for job in job_table.list_jobs(self.database, states=(JobState.RUNNING,), limit=1000):
            if job.handle and job.backend in self.backends:
                self.backends[job.backend].cancel(job.handle, force=True)


def pid_of(job: Job) -> int:
    return int(job.handle.split(":")[0])


def alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
