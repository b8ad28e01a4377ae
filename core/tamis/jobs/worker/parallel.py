"""Where a job's chunks are computed: in its own process, over processes of its machine, or over its cluster."""

from __future__ import annotations

import os

from tamis.jobs.backends.node_script import ARRAY_TASK
from tamis.jobs.folder import JobFolder
from tamis.jobs.model import Resources
from tamis.steps.chunks import InThisProcess, Parallel

# What Ray sets for the process of a job that was submitted to it.
IN_A_RAY_JOB = "RAY_JOB_CONFIG_JSON_ENV_VAR"


def choose_parallel(resources: Resources, folder: JobFolder, attempt: int) -> Parallel:
    """Over Ray inside a job of a Ray cluster, over the tasks of a Slurm array, or over processes here.

    Raises MissingExtra when Ray is needed and its package is not there.
    """
    if resources.workers == 1:
        return InThisProcess()
    if ARRAY_TASK in os.environ:
        from tamis.jobs.worker.array_pool import ArrayPool

        return ArrayPool(folder, attempt)
    workspace = folder.workspace
    if IN_A_RAY_JOB in os.environ:
        from tamis.jobs.worker.ray_pool import RayPool

        return RayPool(resources, workspace)
    from tamis.jobs.worker.local_pool import LocalPool

    return LocalPool(resources, workspace)
