"""Augment: a model writes new rows for a dataset; they are tried first, filtered with reasons, and decided about by people."""

from __future__ import annotations

from pages.parts.augment.batch import show_batch
from pages.parts.augment.form import show_augment_form
from pages.parts.augment.join import show_joined
from pages.parts.augment.picker import PICKER, funnels_of, pick_batch
from pages.parts.augment.runs import followed_run, take_result
from pages.shared.dataset_context import open_dataset_context
from pages.shared.forms.campaigns import show_campaigns
from pages.shared.frame import open_page
from pages.shared.runs.job_box import show_jobs_in_place
from pages.shared.runs.picker import asks_for_new
from tamis.actions.augmenting import batch_funnel, batch_of

with open_page("Augment", activity=False) as dataset:
    context = open_dataset_context(dataset)
    followed = take_result(followed_run(dataset.workspace, dataset.dataset_id))
    if batch_of(context.view.examples):
        # A link to a batch opens the batch, wherever it came from.
        show_jobs_in_place(dataset.workspace, followed)
        show_batch(dataset.workspace, batch_funnel(dataset.workspace, dataset.dataset_id))
    else:
        made = funnels_of(context)
        new = asks_for_new(PICKER, have_runs=bool(made))
        show_jobs_in_place(dataset.workspace, followed)
        show_joined(context, followed)
        show_campaigns(dataset.workspace, dataset.dataset_id)
        if new:
            show_augment_form(context, have_batches=bool(made))
        else:
            show_batch(dataset.workspace, pick_batch(context, made))
