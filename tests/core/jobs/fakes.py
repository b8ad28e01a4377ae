"""A backend inside the test: it starts nothing, or finishes at once, and says what it is told to say."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence

import orjson

from tamis.errors import CurationError
from tamis.jobs.backends import BackendState, Phase
from tamis.jobs.folder import JobFolder
from tamis.jobs.model import JobResult, JobSpec, JobState
from tamis.store.artifacts.store import MANIFEST, ArtifactStore

ALIVE = BackendState(Phase.ALIVE)


class FakeBackend:
    """Handles are ``job_id/attempt``; ``states`` overrides what poll says, ``refusal`` refuses every submission."""

    def __init__(self, *, finish: bool = False) -> None:
        self.finish = finish
        self.refusal = ""
        self.unavailable: str | None = None
        self.unreachable = False
        self.states: dict[str, BackendState] = {}
        self.submitted: Counter[str] = Counter()
        self.found: dict[str, str] = {}
        self.cancelled: list[tuple[str, bool]] = []
        self.most_at_once = 0
        self._lock = threading.Lock()

    def submit(self, folder: JobFolder, spec: JobSpec) -> str:
        if self.refusal:
            raise CurationError(self.refusal)
        with self._lock:
            self.submitted[spec.job_id] += 1
        if self.finish:
            succeed(folder, spec)
        return f"{spec.job_id}/{spec.attempt}"

    def find(self, folder: JobFolder, spec: JobSpec) -> str | None:
        return self.found.get(spec.job_id)

    def poll(self, handles: Sequence[str]) -> dict[str, BackendState]:
        if self.unreachable:
            raise CurationError("the cluster does not answer")
        return {handle: self.states.get(handle, ALIVE) for handle in handles}

    def cancel(self, handle: str, *, force: bool) -> None:
        self.cancelled.append((handle, force))
        if force:
            self.states[handle] = BackendState(Phase.ENDED)

    def preview(self, folder: JobFolder, spec: JobSpec) -> str:
        return f"would run {spec.step}"

    def log(self, handle: str) -> str:
        return ""

    def available(self) -> str | None:
        return self.unavailable


def succeed(folder: JobFolder, spec: JobSpec) -> None:
    """Leave what a worker leaves, quickly: an artifact that is only there, and a result."""
    path = ArtifactStore(folder.workspace).artifact_path(spec.dataset_id, spec.makes, spec.artifact_id)
    path.mkdir(parents=True)
    (path / MANIFEST).write_bytes(b"{}")
    result = JobResult(attempt=spec.attempt, state=JobState.SUCCEEDED, artifact_id=spec.artifact_id)
    folder.result_path.write_bytes(orjson.dumps(result.model_dump(mode="json")))
