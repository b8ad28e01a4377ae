"""Workers as jobs of a Ray cluster, through its job submission API."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import orjson

from tamis.errors import CurationError
from tamis.jobs.backends import WORKER_MODULE, BackendState, NoAnswer, NotNow, Phase
from tamis.jobs.backends.node_script import ended, job_name, node_script
from tamis.jobs.backends.ray_client import PAUSE_S, RayClient, token_from_environment
from tamis.jobs.folder import JobFolder
from tamis.jobs.model import ErrorKind, JobSpec, Resources
from tamis.settings import Settings

FEW = 4  # jobs that are asked for one by one; the list of all holds everything the cluster ever ran
ASK_AGAIN_S = 10.0
LOG_CHARACTERS = 10_000
ENTRYPOINT = "entrypoint_"  # what the names of a job's resources have before those of an actor's
# How each resource is said to Ray; 0 of anything is not said. The time limit is the worker's own: Ray has none.
TRANSLATIONS: dict[str, Callable[[float], dict[str, float]]] = {
    "cpus": lambda value: {"entrypoint_num_cpus": _unit(value)},
    "gpus": lambda value: {"entrypoint_num_gpus": _unit(value)},
    "mem_gb": lambda value: {"entrypoint_memory": math.ceil(value * 1e9)},
}
START_TIMEOUT = "JOB_SUPERVISOR_ACTOR_START_TIMEOUT"


class RayBackend:
    """Ray jobs. A handle is ``address#submission_id``, so that a job is found after the setting has changed."""

    def __init__(self, settings: Settings, *, module: str = WORKER_MODULE, pause_s: float = PAUSE_S) -> None:
        self._address = settings.ray_address.rstrip("/")
        self._module = module
        self._pause_s = pause_s
        self._clients: dict[str, RayClient] = {}
        self._stopped: set[str] = set()
        self._answered_at = -math.inf
        self._lock = threading.Lock()

    def submit(self, folder: JobFolder, spec: JobSpec) -> str:
        """Submit under an id that is this attempt's alone, so that it cannot run twice."""
        client = self._client(self._address)
        if client.outage.text is not None:
            raise NotNow(client.outage.text)
        client.submit(
            {
                "entrypoint": node_script(folder, spec, module=self._module),
                "submission_id": job_name(spec),
                "metadata": {"tamis_step": spec.step, "tamis_dataset": spec.dataset_id},
                **ray_resources(spec.resources),
            }
        )
        return f"{self._address}#{job_name(spec)}"

    def find(self, folder: JobFolder, spec: JobSpec) -> str | None:
        """The job of this attempt's id, if the cluster has it."""
        known = self._client(self._address).job(job_name(spec))
        return None if known is None else f"{self._address}#{job_name(spec)}"

    def poll(self, handles: Sequence[str]) -> dict[str, BackendState]:
        """The state of every handle by one request for each cluster, or one for each job when they are few."""
        by_address: dict[str, list[str]] = {}
        for handle in handles:
            by_address.setdefault(_parse(handle)[0], []).append(handle)
        states: dict[str, BackendState] = {}
        for address, some in by_address.items():
            try:
                states |= self._poll_one(address, some)
            except CurationError as error:
                # The others may be elsewhere and well.
                states |= {handle: BackendState(Phase.UNKNOWN, str(error)) for handle in some}
        return states

    def cancel(self, handle: str, *, force: bool) -> None:
        """Stop it: SIGTERM, and SIGKILL after three seconds; Ray knows no harder way."""
        address, job_id = _parse(handle)
        client = self._client(address)
        job = client.job(job_id)
        if job is None or job.get("status") not in ("PENDING", "RUNNING"):
            return
        if job["status"] == "PENDING":
            # It stays so until there is room for it, then looks into its folder and ends at once.
            with self._lock:
                self._stopped.add(handle)
        client.stop(job_id)

    def preview(self, folder: JobFolder, spec: JobSpec) -> str:
        """What is asked of the cluster, and the script that it runs."""
        asked = orjson.dumps(ray_resources(spec.resources)).decode()
        script = node_script(folder, spec, module=self._module)
        return f"# Ray job {job_name(spec)} at {self._address}\n# {asked}\n\n{script}\n"

    def log(self, handle: str) -> str:
        """What Ray kept: its own lines, and the script's before it could open the job's log."""
        address, job_id = _parse(handle)
        return self._client(address).log(job_id)[-LOG_CHARACTERS:].strip("\n")

    def available(self) -> str | None:
        """Whether the cluster answers."""
        client = self._client(self._address)
        if time.monotonic() - self._answered_at < ASK_AGAIN_S and client.outage.text is None:
            return None
        try:
            client.version()
            client.job("tamis-none")  # some versions of Ray tell theirs to anyone, jobs only with the token
        except NoAnswer as error:
            return f"{error} Start one (ray start --head), or set TAMIS_RAY_ADDRESS to the dashboard of another cluster."
        except CurationError as error:
            return str(error)
        self._answered_at = time.monotonic()
        return None

    def _client(self, address: str) -> RayClient:
        """The client of a cluster; raises CurationError for a handle of a head that an earlier version had started."""
        if not address.startswith("http"):
            raise CurationError("Tamis starts no Ray head of its own any more, so this one cannot be asked.")
        with self._lock:
            if address not in self._clients:
                self._clients[address] = RayClient(
                    address, token=token_from_environment(), pause_s=self._pause_s
                )
            return self._clients[address]

    def _poll_one(self, address: str, handles: list[str]) -> dict[str, BackendState]:
        client = self._client(address)
        ids = {handle: _parse(handle)[1] for handle in handles}
        if len(handles) <= FEW:
            jobs = {job_id: client.job(job_id) for job_id in ids.values()}
        else:
            jobs = {str(job["submission_id"]): job for job in client.jobs()}
        return {handle: self._state(handle, jobs.get(job_id)) for handle, job_id in ids.items()}

    def _state(self, handle: str, job: dict[str, Any] | None) -> BackendState:
        if job is None:
            return BackendState(Phase.ENDED, "Ray does not know it any more: its head was started again")
        status = job.get("status")
        message = " ".join(str(job.get("message") or "").split())
        if status == "PENDING":
            with self._lock:
                stopped = handle in self._stopped
            return BackendState(Phase.ENDED if stopped else Phase.WAITING, f"Ray: {message}")
        if status == "RUNNING":
            return BackendState(Phase.ALIVE)
        if status == "STOPPED":
            return BackendState(Phase.ENDED, "it was stopped in Ray", ErrorKind.TERMINATED)
        if status in ("SUCCEEDED", "FAILED"):
            return _exited(job, message)
        return BackendState(Phase.UNKNOWN, f"Ray: {status}")


def ray_resources(resources: Resources) -> dict[str, float]:
    """What each process of a job asks of Ray, the first being the job itself, in the words of a job's request.

    One CPU where none was asked for, for otherwise all jobs would start at once.
    """
    asked: dict[str, float] = {"entrypoint_num_cpus": 1}
    values: dict[str, float] = resources.model_dump()
    for name, translate in TRANSLATIONS.items():
        if values[name]:
            asked |= translate(values[name] / resources.workers)
    return asked


def _unit(value: float) -> float:
    """Ray divides a CPU or a GPU, but only gives whole ones when it is more than one."""
    return math.floor(value) if value >= 1 else value


def _exited(job: dict[str, Any], message: str) -> BackendState:
    code = job.get("driver_exit_code")
    if isinstance(code, int):
        return ended(code, "A node of the Ray cluster")
    if job.get("error_type") == START_TIMEOUT:
        text = (
            "the Ray cluster had no room for it for as long as it lets a job wait (RAY_JOB_START_TIMEOUT_SECONDS, a "
            "quarter of an hour unless its head was started with more)"
        )
        return BackendState(Phase.ENDED, text, ErrorKind.BACKEND)
    return BackendState(Phase.ENDED, f"Ray: {message[:500].rstrip('.')}")


def _parse(handle: str) -> tuple[str, str]:
    address, _, job_id = handle.rpartition("#")
    return address, job_id
