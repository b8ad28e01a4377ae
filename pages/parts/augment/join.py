"""Joining: a new version of a dataset with the accepted rows of its batches behind its own; undecided rows never enter."""

from __future__ import annotations

import streamlit as st

from pages.shared.dataset_context import DatasetContext
from pages.shared.frame import errors_in_place
from pages.shared.identity import asks
from pages.shared.navigation import go_to, link_to
from pages.shared.plain_text import count_of, plain
from pages.shared.runs.job_watch import FOLLOWED, say_submitted, stop_following
from tamis.actions.augmenting import BatchFunnel, list_batches
from tamis.actions.datasets import dataset_names
from tamis.actions.jobs import Job, JobState
from tamis.actions.versions import MOST_NAME_CHARS, default_version_name, make_version
from tamis.store.workspace import Workspace


def offer_join(workspace: Workspace, funnel: BatchFunnel) -> None:
    """The form that makes a version of the accepted rows of this batch, and of others of the same dataset."""
    names = dataset_names(workspace)
    with st.container(border=True):
        st.markdown("**Join into a version**")
        if funnel.adds_to not in names:
            st.warning(
                f"The dataset that this batch adds to was deleted: restore it on the overview, or by tamis datasets restore "
                f"{plain(funnel.adds_to)}. The batch and its decisions are as they were.", icon=":material/link_off:",
            )  # fmt: skip
            return
        able = {one.dataset_id: one for one in list_batches(workspace, funnel.adds_to) if one.n_accepted}
        if not able:
            st.caption(
                "No row is accepted yet: review some, or accept all that passed. Undecided rows never enter a version."
            )
            return
        _show_form(workspace, funnel.adds_to, able, opened=funnel.dataset_id)


def _show_form(workspace: Workspace, parent: str, able: dict[str, BatchFunnel], *, opened: str) -> None:
    names = dataset_names(workspace)
    left, right = st.columns([3, 2], gap="small", vertical_alignment="bottom")
    chosen = left.multiselect(
        "Batches", list(able), default=list(able), key=f"join_batches_{parent}",
        format_func=lambda one: f"{names.get(one, one)} · {able[one].n_accepted:,} accepted",
    )  # fmt: skip
    usual = default_version_name(workspace, parent, with_additions=True)
    name = right.text_input("Name", value=usual, key=f"join_name_{parent}", max_chars=MOST_NAME_CHARS)
    n_rows = sum(able[one].n_accepted for one in chosen)
    waiting = sum(able[one].n_waiting for one in chosen)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        pressed = st.button(
            f"Make a version with {count_of(n_rows, 'new row')}", icon=":material/fork_right:", key="join_version",
            type="secondary" if waiting else "primary", **asks(workspace, make_version, disabled=not chosen),
        )  # fmt: skip
        if waiting:
            st.caption(f"{count_of(waiting, 'addition')} still undecided would stay out.", width="content")
    if pressed:
        with errors_in_place():
            done = make_version(workspace, parent, name, additions=chosen)
            say_submitted(done)
            go_to("augment", {"dataset": parent, "batch": opened, FOLLOWED: done.job.job_id})


def show_joined(context: DatasetContext, job: Job | None) -> None:
    """The version that a job has just made, and where it leads."""
    if job is None or job.step != "curate" or job.state is not JobState.SUCCEEDED:
        return
    summary = context.workspace.artifacts.examples(job.dataset_id).summary
    name = dataset_names(context.workspace).get(job.dataset_id, job.dataset_id)
    added = int(summary.get("n_added", 0))
    with st.container(border=True):
        st.markdown(
            f":green[:material/check:] **{plain(name)}** is there: {count_of(int(summary['n_examples']), 'row')}, "
            f"{added:,} of them new."
        )
        here = {"dataset": job.dataset_id}
        with st.container(horizontal=True, gap="small", vertical_alignment="center"):
            link_to("overview", "Open it", icon=":material/home:", query=here)
            link_to("finetuning", "Train on it", query=here | {"view": "new"})
            if st.button(
                "Examine a model on it", icon=":material/quiz:", type="tertiary", key="examine_joined"
            ):
                go_to("augment", here | {"view": "new"})
            st.button("Dismiss", type="tertiary", key="dismiss_joined", on_click=stop_following)
