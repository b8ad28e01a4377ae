"""Three drafts before a run is paid for: what is asked, what comes back, what speaks against it, and what a whole run would take."""

from __future__ import annotations

from collections.abc import Mapping

from tamis.actions.roles import needs
from tamis.actions.submit import placed_request
from tamis.compute.augment.types import ParentRow
from tamis.jobs.trial_process import LIMIT_S, TrialProcess
from tamis.models.endpoints import check_use
from tamis.steps.augment.trial import TRIED_JOBS, AugmentTrial, TriedJob, tried_drafts
from tamis.store.workspace import Workspace
from tamis.types import JSON

__all__ = [
    "LIMIT_S", "TRIED_JOBS", "AugmentTrial", "ParentRow", "TrialProcess", "TriedJob", "start_trial", "try_drafts",
]  # fmt: skip


@needs("curator")
def try_drafts(
    workspace: Workspace, dataset_id: str, options: Mapping[str, JSON], *, n_jobs: int = TRIED_JOBS
) -> AugmentTrial:
    """Run the first jobs of augment here and now, and scale up what they took; nothing is stored but the answers.

    Raises what a run of augment raises before it begins.
    """
    batch_id, exact = placed_request(workspace, dataset_id, "augment", options)
    check_use(exact, workspace.actor.asker())
    return tried_drafts(workspace.artifacts, batch_id, exact, n_jobs)


@needs("curator")
def start_trial(
    workspace: Workspace, dataset_id: str, options: Mapping[str, JSON], *, n_jobs: int = TRIED_JOBS
) -> TrialProcess:
    """The same in a process of its own, which ends with its context: whoever no longer waits ends it.

    What may not be named is refused here, by the rights of who asks; what else is wrong is raised where it is waited for.
    """
    batch_id, exact = placed_request(workspace, dataset_id, "augment", options)
    check_use(exact, workspace.actor.asker())
    return TrialProcess(workspace.path, batch_id, exact, n_jobs=n_jobs)
