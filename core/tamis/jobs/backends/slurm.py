"""Workers as batch jobs of a Slurm cluster, by its own commands, with or without accounting."""

from __future__ import annotations

import logging
import math
import os
import re
import shlex
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Sequence

from tamis.errors import CurationError
from tamis.jobs.backends import WORKER_MODULE, BackendState, NoAnswer, NotNow, Phase
from tamis.jobs.backends.node_script import ARRAY_TASK, job_name, node_script
from tamis.jobs.backends.outage import Outage
from tamis.jobs.backends.slurm_states import Record, explain, read_sacct, read_show_job, read_squeue
from tamis.jobs.folder import JobFolder
from tamis.jobs.model import JobSpec, Resources
from tamis.settings import Settings

logger = logging.getLogger(__name__)

POLL_EVERY_S = 10.0  # what the administrators of shared clusters bear; progress comes from the job's folder
CALL_TIMEOUT_S = 20.0
PAUSE_S = 30.0
MOST_IDS = 5000  # in one command line
# The worker stops by itself at its limit and says so; Slurm's limit is for one that does not.
LIMIT_SLACK_MIN = 2

# How each resource is said to sbatch, divided by the number of tasks; 0 of anything is not said.
TRANSLATIONS: dict[str, Callable[[float, int], str]] = {
    "cpus": lambda value, tasks: f"--cpus-per-task={max(1, value // tasks):.0f}",
    "gpus": lambda value, tasks: f"--gres=gpu:{math.ceil(value / tasks)}",
    "mem_gb": lambda value, tasks: f"--mem={math.ceil(value / tasks * 1e9 / 2**20)}M",
    "time_limit_min": lambda value, _: f"--time={value + LIMIT_SLACK_MIN:.0f}",
}
_NO_ANSWER = re.compile(
    "unable to (contact|establish)|timed out|connection refused|zero bytes|configuration source|"
    "communications? (shutdown|connection)|protocol authentication|temporarily unable|try again",
    re.IGNORECASE,
)
_FULL = re.compile(r"MaxSubmit|submit limit|SubmitJobs|queue is full|too many jobs", re.IGNORECASE)
_GONE = "Invalid job id"


class SlurmBackend:
    """Batch jobs, and an array of as many tasks as a job has workers: task 0 is the worker, the others help it.

    A handle is ``id:name``, because a cluster that was set up anew counts its jobs from 1 again; of an array the id is
    that of task 0.
    """

    def __init__(
        self, settings: Settings, *, module: str = WORKER_MODULE, poll_every_s: float = POLL_EVERY_S
    ) -> None:
        self._module = module
        self._extra = _split(settings.slurm_options)
        self._poll_every_s = poll_every_s
        self._outage = Outage(pause_s=PAUSE_S)
        self._full_until = 0.0
        self._accounting: bool | None = None
        self._answered_at = -math.inf
        self._seen: dict[str, BackendState] = {}
        self._exited: dict[str, Record] = {}
        self._lock = threading.Lock()

    def submit(self, folder: JobFolder, spec: JobSpec) -> str:
        """Hand the script to sbatch; raises CurationError with the scheduler's words when it refuses it."""
        if self._outage.text is not None:
            raise NotNow(self._outage.text)
        done = self._call("sbatch", "--parsable", script=self.preview(folder, spec))
        if done.returncode != 0:
            words = _words(done.stderr) or f"exit code {done.returncode}"
            if _FULL.search(words):
                self._full_until = time.monotonic() + PAUSE_S
                raise NotNow(f"Slurm takes no more jobs of yours now: {words}")
            raise CurationError(
                f"sbatch refused it: {words}. Change the job's resources or TAMIS_SLURM_OPTIONS."
            )
        task = "_0" if spec.resources.workers > 1 else ""
        return f"{done.stdout.strip().split(';')[0]}{task}:{job_name(spec)}"

    def find(self, folder: JobFolder, spec: JobSpec) -> str | None:
        """The batch job of that name."""
        name = job_name(spec)
        done = self._call("squeue", "-h", "-r", "-t", "all", f"--name={name}", "-o", "%i|%j|%T|%N|%r")
        ids = [record.job_id for record in read_squeue(done.stdout)]
        ids = [job_id for job_id in ids if job_id.partition("_")[2] in ("", "0")]
        return f"{ids[0]}:{name}" if ids else None

    def poll(self, handles: Sequence[str]) -> dict[str, BackendState]:
        """The state of every handle by one squeue; at most every few seconds, from memory in between."""
        with self._lock:
            fresh = time.monotonic() - self._answered_at < self._poll_every_s
            if not fresh or any(handle not in self._seen for handle in handles):
                self._seen = self._ask(handles)
                self._answered_at = time.monotonic()
            return {handle: self._seen[handle] for handle in handles}

    def cancel(self, handle: str, *, force: bool) -> None:
        """Run scancel: SIGTERM, then SIGKILL after the cluster's KillWait; ``force`` sends SIGKILL at once."""
        job_id, name = _parse(handle)
        job_id = job_id.partition("_")[0]  # of an array all tasks
        if force:
            self._call("scancel", "--full", "--signal=KILL", f"--name={name}", job_id)
        self._call("scancel", f"--name={name}", job_id)
        self._answered_at = -math.inf

    def preview(self, folder: JobFolder, spec: JobSpec) -> str:
        """The script that sbatch is given."""
        log = str(folder.log_path.absolute())
        if any(character in log for character in '"\n\\'):
            raise CurationError(
                f"Slurm cannot write a log to {log!r}: quotation marks and backslashes cannot stand in its path. "
                "Choose another workspace."
            )
        options = [
            f"--job-name={job_name(spec)}",
            # Appended by slurmd too, whose last line says why it ended a job.
            f'--output="{log.replace("%", "%%")}"',
            "--open-mode=append",
            # A job that Slurm starts again by itself would run beside the one that a person resumes.
            "--no-requeue",
            "--nodes=1",
            "--ntasks=1",
            *sbatch_options(spec.resources),
            *self._extra,
        ]
        array = [f'export {ARRAY_TASK}="$SLURM_ARRAY_TASK_ID"'] if spec.resources.workers > 1 else []
        script = node_script(folder, spec, module=self._module, setup=array)
        directives = "\n".join(f"#SBATCH {option}" for option in options)
        return f"#!/bin/sh\n{directives}\n\n{script}\n"

    def log(self, handle: str) -> str:
        """Nothing: slurmd writes into the job's own log."""
        return ""

    def available(self) -> str | None:
        """Whether the commands are here and the controller answered when it was last asked."""
        missing = [name for name in ("sbatch", "squeue", "scancel") if shutil.which(name) is None]
        if missing:
            return (
                f"Slurm is not installed here ({', '.join(missing)} not found on the PATH). Start Tamis on a machine "
                "that submits to the cluster, or choose another backend."
            )
        if self._outage.text is not None:
            return self._outage.text
        if time.monotonic() < self._full_until:
            return "Slurm takes no more jobs of yours now; it is tried again in half a minute."
        if time.monotonic() - self._answered_at < PAUSE_S:
            return None
        try:
            done = self._call("sinfo", "-h", "-o", "%T", "-N")
        except NoAnswer as error:
            return str(error)
        if done.returncode != 0:
            return f"Slurm does not work here: {_words(done.stderr)}"
        self._answered_at = max(self._answered_at, time.monotonic() - self._poll_every_s)
        return None

    def _ask(self, handles: Sequence[str]) -> dict[str, BackendState]:
        named = dict(_parse(handle) for handle in handles)
        records: dict[str, Record] = {}
        for ids in _batches(list(named)):
            done = self._call("squeue", "-h", "-r", "-t", "all", "-j", ",".join(ids), "-o", "%i|%j|%T|%N|%r")
            if done.returncode != 0 and _GONE not in done.stderr:
                raise self._outage.begin(f"squeue failed: {_words(done.stderr)}")
            records |= {record.job_id: record for record in read_squeue(done.stdout)}
        forgotten = [job_id for job_id in named if job_id not in records]
        records |= self._accounted(forgotten)
        return {handle: self._state(handle, records.get(_parse(handle)[0])) for handle in handles}

    def _state(self, handle: str, record: Record | None) -> BackendState:
        job_id, name = _parse(handle)
        if record is None or record.name != name:
            return BackendState(Phase.ENDED, f"Slurm has no record of job {job_id} any more")
        if record.state == "FAILED" and not record.exit_code:
            record = self._with_exit_code(record)
        return explain(record)

    def _with_exit_code(self, record: Record) -> Record:
        """The exit code, which squeue does not tell; asked for once, and only for jobs that failed."""
        known = self._exited.get(record.job_id)
        if known is None or known.name != record.name:
            done = self._call("scontrol", "show", "job", "-o", record.job_id)
            shown = read_show_job(done.stdout)
            if shown is None or shown.name != record.name:
                return record
            known = self._exited[record.job_id] = shown
        return known

    def _accounted(self, ids: list[str]) -> dict[str, Record]:
        """What the accounting remembers, where there is one."""
        if not ids or self._accounting is False or shutil.which("sacct") is None:
            return {}
        records: dict[str, Record] = {}
        for some in _batches(ids):
            done = self._call(
                "sacct",
                "-n",
                "-P",
                "-X",
                "-j",
                ",".join(some),
                "-o",
                "JobID,JobName,State,NodeList,ExitCode",
            )
            if done.returncode != 0:
                self._accounting = False
                logger.info("Slurm keeps no accounts here: %s", _words(done.stderr))
                return records
            records |= {record.job_id: record for record in read_sacct(done.stdout)}
        return records

    def _call(self, *command: str, script: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run one of Slurm's commands; raises NoAnswer when the controller does not, OSError without the command."""
        self._outage.check()
        try:
            done = subprocess.run(
                command,
                input=script,
                stdin=subprocess.DEVNULL if script is None else None,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=CALL_TIMEOUT_S,
                env=_environment(),
            )
        except subprocess.TimeoutExpired:
            raise self._outage.begin(
                f"Slurm does not answer: {command[0]} took more than {CALL_TIMEOUT_S:.0f} s. Jobs that run go on."
            ) from None
        if done.returncode != 0 and _NO_ANSWER.search(done.stderr):
            raise self._outage.begin(
                f"Slurm does not answer ({_words(done.stderr)}). Jobs that run go on; it is asked again in "
                f"{PAUSE_S:.0f} s."
            )
        self._outage.end()
        return done


def sbatch_options(resources: Resources) -> list[str]:
    """A job's resources as options of sbatch, for each task of an array its share; whole CPUs and GPUs."""
    tasks, values = resources.workers, resources.model_dump()
    options = [translate(values[name], tasks) for name, translate in TRANSLATIONS.items() if values[name]]
    return [*options, f"--array=0-{tasks - 1}"] if tasks > 1 else options


def _environment() -> dict[str, str]:
    """Ours, without what an allocation that Tamis itself runs in would otherwise hand down to its jobs."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("SLURM_") or k == "SLURM_CONF"}
    return {**kept, "LC_ALL": "C"}


def _split(options: str) -> list[str]:
    """Options of sbatch, one each; raises CurationError when they cannot be told apart."""
    try:
        words = shlex.split(options)
    except ValueError as error:
        raise CurationError(f"TAMIS_SLURM_OPTIONS = {options!r} cannot be read: {error}.") from None
    if bad := [word for word in words if not word.startswith("-") or "\n" in word]:
        raise CurationError(
            f"TAMIS_SLURM_OPTIONS = {options!r}: {bad[0]!r} is no option of the form --name=value."
        )
    return [shlex.quote(word) for word in words]


def _parse(handle: str) -> tuple[str, str]:
    job_id, _, name = handle.partition(":")
    return job_id, name


def _batches(ids: list[str]) -> list[list[str]]:
    return [ids[start : start + MOST_IDS] for start in range(0, len(ids), MOST_IDS)]


def _words(stderr: str) -> str:
    """The message without the names of the commands in front, on one line."""
    lines = [
        re.sub(r"^\w+: (error|fatal): ", "", line.strip()) for line in stderr.splitlines() if line.strip()
    ]
    return "; ".join(lines)[:500].rstrip(".")
