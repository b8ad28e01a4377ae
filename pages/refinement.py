"""Refinement: reweigh clusters over rounds of training and scoring, and watch what each round makes of them."""

from __future__ import annotations

import streamlit as st

from pages.parts.refinement.detail import show_refinement
from pages.parts.refinement.form import show_refine_form
from pages.parts.refinement.picker import PICKER, pick_refinement
from pages.shared.address import show_deferred_error
from pages.shared.dataset_context import open_dataset_context
from pages.shared.frame import open_page
from pages.shared.runs.job_box import show_jobs_in_place
from pages.shared.runs.job_watch import followed_job
from pages.shared.runs.picker import asks_for_new, open_run
from tamis.actions.refinements import STEP
from tamis.actions.runs import list_runs

with open_page("Refinement", activity=False) as dataset:
    followed = followed_job(dataset.workspace, STEP, dataset.dataset_id)
    if followed is not None:
        # A refinement has one address from its first second on, whatever becomes of its job.
        open_run(PICKER, followed.artifact_id)
    show_deferred_error()
    context = open_dataset_context(dataset)
    runs = list_runs(dataset.workspace, dataset.dataset_id, STEP)
    if not runs:
        st.caption(
            "Rounds of select, fine-tune, answer, score and reweigh: clusters whose given answers beat the model's own gain "
            "budget. No refinement yet; the cheap mode trains nothing and shows in minutes where weights would go."
        )
    if asks_for_new(PICKER, have_runs=bool(runs)):
        show_jobs_in_place(dataset.workspace, None)
        show_refine_form(context)
    else:
        show_refinement(context, pick_refinement(context, runs))
