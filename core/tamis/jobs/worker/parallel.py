"""Where a job's chunks are computed: in its own process, over processes of its machine, or over its cluster."""

from __future__ import annotations

import os
from pathlib import Path

from tamis.jobs.model import Resources
from tamis.steps.chunks import InThisProcess, Parallel

# What Ray sets for the process of a job that was submitted to it.
IN_A_RAY_JOB = "RAY_JOB_CONFIG_JSON_ENV_VAR"


def choose_parallel(resources: Resources, workspace: Path) -> Parallel:
    """Over Ray inside a job of a Ray cluster, over processes anywhere else, and neither for one worker.

    Raises MissingExtra when Ray is needed and its package is not there.
    """
    if resources.workers == 1:
        return InThisProcess()
    if IN_A_RAY_JOB in os.environ:
        from tamis.jobs.worker.ray_pool import RayPool

        return RayPool(resources, workspace)
    from tamis.jobs.worker.local_pool import LocalPool

    return LocalPool(resources, workspace)
