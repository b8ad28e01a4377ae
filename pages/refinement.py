"""Refinement: reweigh clusters over rounds of training and scoring, and watch what each round makes of them."""

from __future__ import annotations

import streamlit as st

from pages.parts.refinement.detail import show_run
from pages.parts.refinement.form import STEP, show_refine_form
from pages.parts.refinement.picker import (
    NEW,
    choose_view,
    open_run,
    pick_run,
)
from pages.parts.refinement.runs import refine_runs
from pages.shared.address import show_deferred_error
from pages.shared.dataset_context import open_dataset_context
from pages.shared.frame import open_page
from pages.shared.navigation import link_to
from pages.shared.runs.job_watch import followed_job, show_jobs_in_place

with open_page("Refinement", activity=False) as dataset:
    followed = followed_job(dataset.workspace, STEP, dataset.dataset_id)
    if followed is not None:
        # A refinement has one address from its first second on, whatever becomes of its job.
        open_run(followed.artifact_id)
    show_deferred_error()
    context = open_dataset_context(dataset)
    runs = refine_runs(dataset.workspace, dataset.dataset_id)
    if not runs:
        st.caption(
            "Rounds of select, fine-tune, answer, score and reweigh: clusters whose given answers beat the model's own gain "
            "budget. No refinement yet; the cheap mode trains nothing and shows in minutes where weights would go."
        )
        if context.view.clustering is None:
            link_to("overview", "Embed and cluster the dataset first", query={"dataset": dataset.dataset_id})
    view = choose_view(runs)
    if view == NEW:
        show_jobs_in_place(dataset.workspace, None)
        show_refine_form(context)
    else:
        show_run(context, pick_run(context, runs))
