"""Fine-tune: train a model on what was selected, watch it, and see what it learned beside its base."""

from __future__ import annotations

import streamlit as st

from pages.parts.finetuning.detail import show_finetune_run
from pages.parts.finetuning.picker import PICKER, pick_finetune_run
from pages.shared.dataset_context import open_dataset_context
from pages.shared.forms.finetune_form import STEP, show_finetune_form
from pages.shared.frame import open_page
from pages.shared.navigation import link_to
from pages.shared.runs.job_box import show_jobs_in_place
from pages.shared.runs.job_watch import followed_job
from pages.shared.runs.picker import asks_for_new, open_run
from tamis.actions.runs import list_runs

with open_page("Fine-tune", activity=False) as dataset:
    followed = followed_job(dataset.workspace, STEP, dataset.dataset_id)
    if followed is not None:
        # A run has one address from its first second on, whatever becomes of its job.
        open_run(PICKER, followed.artifact_id)
    context = open_dataset_context(dataset)
    runs = list_runs(dataset.workspace, dataset.dataset_id, STEP)
    if not runs:
        said = "No run yet: choose rows and a model, see what it will take, and start it."
        st.caption(said)
        if not context.view.selections:
            with st.container(horizontal=True, gap="small", vertical_alignment="center"):
                st.caption(
                    "Nothing is selected yet, so the whole dataset would be trained on.", width="content"
                )
                link_to("selection", "Select rows first", query={"dataset": dataset.dataset_id})
    if asks_for_new(PICKER, have_runs=bool(runs)):
        show_jobs_in_place(dataset.workspace, None)
        show_finetune_form(context)
    else:
        show_finetune_run(context, pick_finetune_run(context, runs))
