"""Where the result of a job is looked at."""

from __future__ import annotations

from collections.abc import Callable

from tamis.actions.jobs import Job, JobState

# Where the result of a step is looked at: page, and what its address says.
RESULTS: dict[str, Callable[[Job], tuple[str, dict[str, str]]]] = {
    "import": lambda job: ("overview", {}),
    "embed": lambda job: ("data_map", {}),
    "cluster": lambda job: ("data_map", {}),
    "project": lambda job: ("data_map", {}),
    "score": lambda job: ("scoring", {}),
    "select": lambda job: ("selection", {"selection": job.artifact_id}),
    "compare": lambda job: ("compare", {"comparison": job.artifact_id}),
    "propose": lambda job: ("review", {"proposals": job.artifact_id}),
    "examine": lambda job: ("augment", {"view": "new"}),
    "augment": lambda job: ("augment", {}),
    "curate": lambda job: ("overview", {}),
    "finetune": lambda job: ("finetuning", {"run": job.artifact_id}),
    "referee": lambda job: ("referee", {"referee": job.artifact_id}),
    "worth": lambda job: ("worth", {"worth": job.artifact_id}),
    "refine": lambda job: ("refinement", {"run": job.artifact_id}),
}


def address_of_result(job: Job) -> tuple[str, dict[str, str]]:
    """Where a job that ended is looked at: the page of what it made, else its own, and what the address says."""
    page, query = "job_list", {"job": job.job_id}
    if job.state is JobState.SUCCEEDED and job.step in RESULTS:
        page, query = RESULTS[job.step](job)
    return page, {"dataset": job.dataset_id} | query
