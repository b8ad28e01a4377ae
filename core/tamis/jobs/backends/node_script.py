"""The shell lines that run a worker on a node of a cluster, and what their exit codes say."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence

from tamis.jobs.backends import WORKER_MODULE, BackendState, Phase, process_environment
from tamis.jobs.causes import exit_text
from tamis.jobs.folder import JobFolder
from tamis.jobs.model import ErrorKind, JobSpec
from tamis.settings import app_folder

# Codes rather than words: without the folder there is no log to say anything in.
FOLDER_UNSEEN = 77
PYTHON_UNSEEN = 78
ARRAY_TASK = (
    "TAMIS_ARRAY_TASK"  # which one of the processes that share a job this is; 0 runs it, the others help
)


def job_name(spec: JobSpec) -> str:
    """A name for one attempt of one job, the same whoever asks, so that a submission can be found again."""
    return f"tamis-{spec.job_id}-{spec.attempt}"


def node_script(
    folder: JobFolder, spec: JobSpec, *, module: str = WORKER_MODULE, setup: Sequence[str] = ()
) -> str:
    """Lines for sh that become the worker, whose output goes into the job's own log; ``setup`` goes before.

    Nothing runs when the folder is not visible, or when the job was cancelled while it waited for its turn.
    """
    python = shlex.quote(sys.executable)
    project = shlex.quote(str(app_folder()))
    # Each of the processes that share a job is given its own cores.
    threads = -(-spec.resources.cpus // spec.resources.workers)
    environment = [
        f"export {name}={shlex.quote(value)}" for name, value in process_environment(threads).items()
    ]
    return "\n".join(
        [
            # Not resolved: a node may reach the same place through other links than this machine.
            f"folder={shlex.quote(str(folder.path.absolute()))}",
            f'[ -f "$folder/spec.json" ] || {{ echo "$folder is not visible on $(hostname)"; exit {FOLDER_UNSEEN}; }}',
            '[ -e "$folder/cancel" ] && exit 0',
            'exec >> "$folder/log.txt" 2>&1',
            f"[ -x {python} ] && cd {project} || exit {PYTHON_UNSEEN}",
            *environment,
            *setup,
            f'exec {python} -P -m {module} "$folder" {spec.attempt}',
        ]
    )


def ended(code: int, where: str) -> BackendState:
    """What an exit code of those lines says; negative codes are signals. ``where`` names the node or the cluster."""
    if code == FOLDER_UNSEEN:
        detail = (
            f"{where} does not see the job's folder: the workspace must be on a filesystem that every node mounts at "
            "the same path (TAMIS_WORKSPACE)"
        )
        return BackendState(Phase.ENDED, detail, ErrorKind.BACKEND)
    if code == PYTHON_UNSEEN:
        detail = (
            f"{where} has no Tamis at {app_folder()} or no Python at {sys.executable}: both must be on a filesystem "
            "that every node mounts at the same path"
        )
        return BackendState(Phase.ENDED, detail, ErrorKind.BACKEND)
    return BackendState(Phase.ENDED, exit_text(code))
