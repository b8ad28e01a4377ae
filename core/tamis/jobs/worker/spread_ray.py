"""Members as actors of the Ray cluster that the job runs on.

The job's own place is used by a process beside it, and each further one is an actor that asks for as much as the job
did. So the job goes on at its own pace while the cluster has no room for the others, and they join when there is some.
"""

from __future__ import annotations

import importlib
import signal
from contextlib import suppress
from pathlib import Path
from typing import Any

from tamis.errors import CurationError, MissingExtra
from tamis.jobs.backends import process_environment
from tamis.jobs.backends.ray_jobs import ENTRYPOINT, ray_resources
from tamis.jobs.model import Resources
from tamis.jobs.worker.spread import (
    Answer,
    Chunker,
    Member,
    MemberDied,
)
from tamis.jobs.worker.spread_local import LocalMember
from tamis.steps.chunks import ChunkWork


class RayCrew:
    """One process here, and actors wherever the cluster has room."""

    def __init__(self, resources: Resources, workspace: Path) -> None:
        self._workspace = workspace
        self._asked = {
            name.removeprefix(ENTRYPOINT): value for name, value in ray_resources(resources).items()
        }
        self._environment = process_environment(max(1, int(self._asked["num_cpus"])))
        self._ray: Any = None

    def hire(self, place: int, work: ChunkWork) -> Member:
        """The process here for the first place, an actor for every other."""
        if place == 0:
            return LocalMember(work, self._workspace, self._environment)
        ray = self._connected()
        actor = ray.remote(Chunker).options(
            **self._asked, max_restarts=0, runtime_env={"env_vars": self._environment}
        )
        return RayMember(ray, actor.remote(work, self._workspace))

    def close(self) -> None:
        """Leave the cluster, which ends every actor that is left."""
        if self._ray is not None:
            self._ray.shutdown()
            self._ray = None

    def _connected(self) -> Any:  # noqa: ANN401 - the module
        if self._ray is None:
            # Importing Ray and joining a cluster each replace the handler by which a worker is asked to stop.
            handler = signal.getsignal(signal.SIGTERM)
            try:
                ray = _import_ray()
                ray.init(address="auto", log_to_driver=False, logging_level="WARNING")
            except (ConnectionError, RuntimeError) as error:
                raise CurationError(
                    f"The job's chunks could not be spread over its Ray cluster: {error}"
                ) from error
            finally:
                signal.signal(signal.SIGTERM, handler)
            self._ray = ray
        return self._ray


class RayMember:
    """An actor, and the answer that is awaited of it."""

    def __init__(self, ray: Any, actor: Any) -> None:  # noqa: ANN401 - Ray's own
        self._ray, self._actor = ray, actor
        self._awaited = actor.ready.remote()
        self._number = -1
        self._is_ready = False

    def ready(self) -> bool:
        """Whether it has found a place; raises MemberDied."""
        if not self._is_ready:
            self._is_ready = self._result() is not None
        return self._is_ready

    def give(self, number: int) -> None:
        """Begin a chunk."""
        self._number = number
        self._awaited = self._actor.answer.remote(number)

    def answer(self) -> Answer | None:
        """What became of the chunk; raises MemberDied."""
        result = self._result()
        return None if result is None else Answer(self._number, result[0])

    def end(self) -> None:
        """Kill it; harmless when the cluster has ended first."""
        with suppress(self._ray.exceptions.RayError, ValueError):
            self._ray.kill(self._actor, no_restart=True)

    def _result(self) -> tuple[Any] | None:
        done, _ = self._ray.wait([self._awaited], timeout=0)
        if not done:
            return None
        try:
            return (self._ray.get(done[0]),)
        except self._ray.exceptions.RayError as error:
            raise MemberDied(" ".join(str(error).split())[:500].rstrip(".")) from error


def _import_ray() -> Any:  # noqa: ANN401 - the module
    try:
        return importlib.import_module("ray")
    except ModuleNotFoundError as error:
        raise MissingExtra("Spreading one job over a Ray cluster", "ray") from error
