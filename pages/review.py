"""Review: decide about every proposed drop and repair, one key each; nothing changes until the decisions are applied."""

from __future__ import annotations

import streamlit as st

from pages.parts.review.apply import followed_version, show_version_there
from pages.parts.review.panel import VIEW, show_review
from pages.parts.review.propose_form import show_propose_form
from pages.parts.review.queue import PROPOSALS
from pages.shared.address import show_deferred_error
from pages.shared.dataset_context import open_dataset_context
from pages.shared.frame import open_page
from pages.shared.runs.job_box import show_jobs_in_place
from pages.shared.runs.job_watch import cloned_defaults, followed_job, stop_following
from tamis.actions.jobs import JobState
from tamis.actions.proposals import list_proposals

with open_page("Review", activity=False) as dataset:
    context = open_dataset_context(dataset)
    followed = followed_job(dataset.workspace, "propose", dataset.dataset_id)
    if followed is not None and followed.state is JobState.SUCCEEDED:
        stop_following()
        for name in (VIEW, PROPOSALS, "kinds", "row", "clone"):
            st.query_params.pop(name, None)
        st.toast("The proposals are there.", icon=":material/check:")
        followed = None
    version = followed_version(dataset.workspace, dataset.dataset_id)
    show_jobs_in_place(dataset.workspace, followed or version)
    if version is not None:
        show_version_there(context, version)
    found = list_proposals(dataset.workspace, dataset.dataset_id)
    if found:
        show_review(context, found)
    else:
        show_deferred_error()
        with st.container(border=True):
            st.subheader("No proposals yet", anchor=False)
            st.caption(
                "Proposals say which rows to drop and which answers to replace, with the reasons. You decide about each "
                "here, with one key; the dataset itself is never changed."
            )
            show_propose_form(context, cloned_defaults(dataset.workspace, "propose"))
