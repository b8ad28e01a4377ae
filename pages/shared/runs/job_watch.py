"""Submitting a step from a page, the job that the page follows since, and the job that its form starts from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import streamlit as st

from pages.shared.frame import errors_in_place
from pages.shared.plain_text import plain
from tamis.actions.jobs import Job, active_jobs, backend_row, find_job
from tamis.actions.submit import HERE, RunTarget, Submission, repeat, submit
from tamis.store.workspace import Workspace
from tamis.types import JSON

FOLLOWED, CLONED = "job", "clone"


@dataclass(frozen=True, slots=True)
class FormDefaults:
    """What a form starts with: the options and the target of the job that is cloned, and a mark that tells its
    widgets apart.
    """

    values: Mapping[str, JSON] = field(default_factory=dict)
    suffix: str = ""
    target: RunTarget = HERE


def cloned_defaults(workspace: Workspace, step: str) -> FormDefaults:
    """The options of the job that ``?clone=`` names, its exact inputs included; nothing without one."""
    job_id = st.query_params.get(CLONED, "")
    if not job_id:
        return FormDefaults()
    job = find_job(workspace, job_id)
    if job is None or job.step != step:
        st.warning(f"There is no {step} job {plain(job_id)} to clone any more.", icon=":material/link_off:")
        return FormDefaults()
    again = repeat(job)
    return FormDefaults(again.options, job.job_id[-4:], again.target)


def is_cloned() -> bool:
    """Whether the form starts from a job."""
    return bool(st.query_params.get(CLONED))


def followed_job(workspace: Workspace, step: str, dataset_id: str) -> Job | None:
    """The job that this page started and follows, named by ``?job=``."""
    job = find_job(workspace, st.query_params.get(FOLLOWED, ""))
    return job if job is not None and (job.step, job.dataset_id) == (step, dataset_id) else None


def job_under_way(workspace: Workspace, step: str, dataset_id: str) -> Job | None:
    """The job that this page follows; where it follows none, the newest of its step that runs or waits."""
    followed = followed_job(workspace, step, dataset_id)
    return followed or next(iter(active_jobs(workspace, dataset_id=dataset_id, step=step)[::-1]), None)


def start_job(
    workspace: Workspace,
    dataset_id: str,
    step: str,
    values: Mapping[str, JSON],
    *,
    target: RunTarget = HERE,
) -> None:
    """Queue a step and follow its job; what is wrong with the options is said where this is called."""
    with errors_in_place():
        follow_job(submit(workspace, dataset_id, step, values, target=target))


def follow_job(done: Submission) -> None:
    """Follow the job of what was asked for, from the next run of the page on."""
    say_submitted(done)
    st.query_params[FOLLOWED] = done.job.job_id
    st.rerun()


def say_submitted(done: Submission) -> None:
    """That nothing new was queued, where that is so, or that what was made before is damaged."""
    if done.mends:
        st.toast("What was made so before is damaged, and is made again.", icon=":material/healing:")
    if done.already_done:
        st.toast("Made before with the same options and inputs: here it is.", icon=":material/bolt:")
    elif done.moved:
        title = backend_row(done.job.backend).title
        st.toast(
            f"A job for exactly this was waiting; it now waits for {plain(title)}.", icon=":material/dns:"
        )
    elif done.attached:
        st.toast("A job for exactly this runs already.", icon=":material/link:")


def stop_following() -> None:
    """Forget the job this page follows."""
    st.query_params.pop(FOLLOWED, None)
