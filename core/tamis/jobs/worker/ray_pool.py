"""A pool of actors of the Ray cluster that the job runs on.

The job's own place is used by a process beside it, and each further one is an actor that asks for as much as the job
did. So the job goes on at its own pace while the cluster has no room for the others, and they join when there is some.
"""

from __future__ import annotations

import importlib
import signal
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import Any

from tamis.errors import CurationError, MissingExtra
from tamis.jobs.backends import process_environment
from tamis.jobs.backends.ray_jobs import ENTRYPOINT, ray_resources
from tamis.jobs.model import Resources
from tamis.jobs.worker.local_pool import LocalWorker
from tamis.jobs.worker.worker_pool import Chunker, ChunkResult, PoolWorker, WorkerPool
from tamis.steps.chunks import ChunkWork


class RayPool(WorkerPool):
    """One process here, and actors wherever the cluster has room."""

    def __init__(self, resources: Resources, workspace: Path) -> None:
        super().__init__(resources.workers)
        self._workspace = workspace
        self._asked = {
            name.removeprefix(ENTRYPOINT): value for name, value in ray_resources(resources).items()
        }
        self._environment = process_environment(max(1, int(self._asked["num_cpus"])))
        self._ray: Any = None

    def hire(self, place: int, work: ChunkWork) -> PoolWorker:
        """The process here for the first place, an actor for every other."""
        if place == 0:
            return LocalWorker(work, self._workspace, self._environment)
        if self._ray is None:
            self._ray = _join_cluster()
        actor = self._ray.remote(Chunker).options(
            **self._asked, max_restarts=0, runtime_env={"env_vars": self._environment}
        )
        return RayWorker(self._ray, actor.remote(work, self._workspace))

    def close(self) -> None:
        """Leave the cluster, which ends every actor that is left."""
        if self._ray is not None:
            self._ray.shutdown()
            self._ray = None


class RayWorker:
    """An actor, which answers once it has found a place."""

    def __init__(self, ray: Any, actor: Any) -> None:  # noqa: ANN401 - Ray's own
        self._ray, self._actor = ray, actor

    def submit(self, number: int | None) -> Future[ChunkResult]:
        """Have the actor answer."""
        answer: Future[ChunkResult] = self._actor.answer.remote(number).future()
        return answer

    def end(self) -> None:
        """Kill it; harmless when the cluster has ended first."""
        with suppress(self._ray.exceptions.RayError, ValueError):
            self._ray.kill(self._actor, no_restart=True)


def _join_cluster() -> Any:  # noqa: ANN401 - the module
    # Importing Ray and joining a cluster each replace the handler by which a worker is asked to stop.
    handler = signal.getsignal(signal.SIGTERM)
    try:
        ray = importlib.import_module("ray")
        ray.init(address="auto", log_to_driver=False, logging_level="WARNING")
    except ModuleNotFoundError as error:
        raise MissingExtra("Sharing one job over a Ray cluster", "ray") from error
    except (ConnectionError, RuntimeError) as error:
        raise CurationError(f"The job's chunks could not be shared over its Ray cluster: {error}") from error
    finally:
        signal.signal(signal.SIGTERM, handler)
    return ray
