"""The job that the page follows: one that examines, writes or joins rows of the dataset that is open."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from pages.parts.augment.picker import PICKER
from pages.shared.plain_text import count_of
from pages.shared.runs.job_watch import FOLLOWED, stop_following
from pages.shared.runs.picker import open_run
from tamis.actions.jobs import Job, JobState, find_job
from tamis.store.workspace import Workspace
from tamis.types import JSON


def followed_run(workspace: Workspace, dataset_id: str) -> Job | None:
    """The job in the address, where it is about this dataset: what is written for it or made of it is a dataset of its own."""
    job = find_job(workspace, st.query_params.get(FOLLOWED, ""))
    if job is None:
        return None
    of_parent = job.step in ("augment", "curate") and job.options.get("parent") == dataset_id
    of_own = job.step in ("augment", "examine") and job.dataset_id == dataset_id
    return job if of_parent or of_own else None


def take_result(job: Job | None) -> Job | None:
    """Open what a job has made, and go on following it where it is not done, or has joined rows into a version."""
    if job is None or job.state is not JobState.SUCCEEDED or job.step == "curate":
        return job
    if job.step == "augment":
        open_run(PICKER, job.dataset_id)
        st.toast("The batch is there.", icon=":material/check:")
    else:
        stop_following()
        st.toast("The model is examined.", icon=":material/check:")
    return None


def say_wrong(summary: Mapping[str, JSON]) -> str:
    """How an examination went: ``12 of 40 rows answered wrongly, 3 rows not marked``."""
    marked = int(summary["n_marked"])
    unmarked = int(summary["n_rows"]) - marked
    aside = f", {count_of(unmarked, 'row')} not marked" if unmarked else ""
    return f"{int(summary['n_wrong']):,} of {count_of(marked, 'row')} answered wrongly{aside}"
