"""Applying the decisions: a new version of the dataset, or an export; nothing is ever changed in place."""

from __future__ import annotations

from collections import Counter

import streamlit as st

from pages.parts.review.actions import ReviewContext, decided_as_known
from pages.shared.dataset_context import DatasetContext
from pages.shared.frame import errors_in_place
from pages.shared.identity import asks
from pages.shared.navigation import link_to
from pages.shared.plain_text import count_of, plain
from pages.shared.runs.job_watch import FOLLOWED, follow_job, stop_following
from tamis.actions.augmenting import batch_of
from tamis.actions.datasets import dataset_names
from tamis.actions.jobs import Job, JobState, find_job
from tamis.actions.versions import MOST_NAME_CHARS, carry_over, default_version_name, make_version
from tamis.store.workspace import Workspace


def followed_version(workspace: Workspace, dataset_id: str) -> Job | None:
    """The job that makes a version of this dataset, if the address names one."""
    job = find_job(workspace, st.query_params.get(FOLLOWED, ""))
    is_ours = job is not None and job.step == "curate" and job.options.get("parent") == dataset_id
    return job if is_ours else None


def show_version_there(context: DatasetContext, job: Job) -> None:
    """The version that a job has just made."""
    if job.state is not JobState.SUCCEEDED:
        return
    made = context.workspace.artifacts.examples(job.dataset_id)
    name = dataset_names(context.workspace)[job.dataset_id]
    with st.container(border=True):
        summary = made.summary
        st.markdown(
            f":green[:material/check:] **{plain(name)}** is there: {count_of(int(summary['n_examples']), 'row')}, "
            f"{int(summary['n_replaced']):,} replaced, {int(summary['n_dropped']):,} dropped, "
            f"{int(summary['n_unchanged']):,} as they were."
        )
        with st.container(horizontal=True, gap="small", vertical_alignment="center"):
            link_to("overview", "Open it", icon=":material/home:", query={"dataset": job.dataset_id})
            link_to("export_data", "Export it", query={"dataset": job.dataset_id, "rows": "whole"})
            st.button("Dismiss", type="tertiary", key="dismiss_version", on_click=stop_following)


def show_apply(review: ReviewContext) -> None:
    """What would change, and the two ways to have it."""
    decided = decided_as_known(review)
    counts = Counter(decision.verdict for decision in decided.by_row.values())
    parent, n_rows = batch_of(review.context.view.examples), review.context.n_rows
    cells = st.columns(4, gap="small")
    cells[0].metric("Decided", f"{len(decided.by_row):,}", border=True)
    cells[1].metric("Dropped", f"{counts['drop']:,}", border=True)
    cells[2].metric("Replaced", f"{counts['replace']:,}", border=True)
    if parent:
        cells[3].metric("Accepted", f"{counts['keep'] + counts['replace']:,}", border=True)
    else:
        cells[3].metric("Rows of the new version", f"{n_rows - counts['drop']:,}", border=True)
    if decided.conflicts:
        st.warning(
            f"Two answers wait on {count_of(len(decided.conflicts), 'row')}. What is in force now is applied; settle the "
            "conflicts first if you want the other.",
            icon=":material/call_split:",
        )
    if not decided.by_row:
        st.info("Nothing is decided yet: decide some rows first.", icon=":material/rate_review:")
        return
    left, right = st.columns(2, gap="medium")
    with left, st.container(border=True, height="stretch"):
        if parent:
            _show_way_to_join(review, parent, counts["keep"] + counts["replace"])
        else:
            _show_version_form(review)
    with right, st.container(border=True, height="stretch"):
        st.subheader("Export", anchor=False)
        st.caption(
            "Write the rows of this dataset with the decisions applied, as a training file. Decisions that you revert "
            "later are out of the next export."
        )
        here = {"dataset": review.dataset_id, "rows": "whole", "decisions": "current"}
        link_to("export_data", "Export with these decisions", query=here)


def _show_way_to_join(review: ReviewContext, parent: str, n_accepted: int) -> None:
    """Written rows are no dataset of their own: they join the one that they were written for."""
    name = dataset_names(review.workspace).get(parent, "a dataset that was deleted")
    st.subheader(f"Join {plain(name)}", anchor=False)
    st.caption(
        f"{count_of(n_accepted, 'accepted row')} can come behind its own, in a new version of it. Undecided rows never enter."
    )
    query = {"dataset": parent, "batch": review.dataset_id}
    link_to("augment", "Join them", icon=":material/fork_right:", query=query)


def _show_version_form(review: ReviewContext) -> None:
    st.subheader("A new version", anchor=False)
    st.caption(
        "A dataset of its own, with its parent and the list of decisions kept in it. This one stays as it is, and so do "
        "its decisions."
    )
    usual = default_version_name(review.workspace, review.dataset_id)
    name = st.text_input("Name", value=usual, key="version_name", max_chars=MOST_NAME_CHARS)
    onward = st.checkbox(
        "Carry vectors, clusters, map and scores over", value=True, key="version_carry",
        **asks(review.workspace, carry_over, words="Rows that did not change keep vector, cluster, place and scores; nothing known is computed again."),
    )  # fmt: skip
    if st.button(
        "Make a new version",
        type="primary",
        icon=":material/fork_right:",
        key="make_version",
        **asks(review.workspace, make_version),
    ):
        with errors_in_place():
            made = make_version(review.workspace, review.dataset_id, name)
            if onward:
                carry_over(review.workspace, review.dataset_id, made.job.dataset_id)
            follow_job(made)
